"""The append-only record of answers. Promises that an acknowledged answer is stored once, and that nothing given is lost:
a change of mind is a new row that names the one it supersedes.
"""
