"""Kinds of features of responses, one file each: a module here offers ``FEATURES`` (see ``app.inference.feature``)."""
