"""Statistics as pure functions of arrays: no database, no clock, no hidden randomness.

Promises that nothing is filled in silently: what cannot be known is None or a named error, never a number.
"""
