"""Numbered, frozen, reproducible datasets. Promises that the same state and options give the same bytes, that every row left
out is counted with its reason, and that a withdrawn person is in no later file.
"""
