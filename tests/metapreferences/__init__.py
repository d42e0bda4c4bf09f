"""Meta-answers, patches, and the labels that follow."""
