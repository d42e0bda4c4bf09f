"""Shapes that files of model outputs come in, one file each: a module here offers ``FORMAT`` (see ``importing.shape``).

A format says how sure it is that records are its own (0 to 1) and turns one record into the soundings shape, or raises RowError.
"""
