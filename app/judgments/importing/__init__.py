"""Votes collected elsewhere: a file of records becomes judgments of people who were not asked here, all or nothing."""
