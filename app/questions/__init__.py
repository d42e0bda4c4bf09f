"""What a question is and what may be answered to it, without database or web.

Two seams: ``kinds`` (ways to compare) and ``meta`` (questions about how judgments should be read). A new one is one file.
"""
