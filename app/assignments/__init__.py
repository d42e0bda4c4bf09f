"""One question put to one annotator: the order shown, why it was chosen, with which probability, until when it is held.

Promises that no pair is held or judged more often than its cap allows, and that an abandoned one returns.
"""
