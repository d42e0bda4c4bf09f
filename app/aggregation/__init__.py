"""From judgments to labels. Promises that a rule is a pure function of votes, and that a rule is one file in ``pooling``."""
