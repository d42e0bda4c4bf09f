"""The design of a study: its question, guidelines, people, rules, protocol versions, items, responses and pairs.

Promises that what an answer was given to can always be found again: a change makes a new version, and an item never changes.
"""
