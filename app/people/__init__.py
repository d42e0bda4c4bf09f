"""Who takes part and who runs studies: annotators, researchers, browser sessions, tokens, invitations and consent.

Promises that secrets are stored as hashes only and that a person's history of consent and attributes is kept as events.
"""
