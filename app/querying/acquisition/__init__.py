"""Policies that score candidate pairs, one file each: a module here offers ``ACQUISITION`` (see ``app.querying.protocol``)."""
