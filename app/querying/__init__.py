"""What to ask whom next, and why. Promises that every draw's probability is exact and written into the assignment's row, and
that a failing or missing policy costs nobody a question: it draws evenly and says so.
"""
