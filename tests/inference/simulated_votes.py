"""Votes of simulated people whose strengths are known."""

from __future__ import annotations

import numpy as np


def chances(difference, tie_strength):
    """P(left), P(tie), P(right)."""
    up, down = np.exp(difference / 2), np.exp(-difference / 2)
    total = up + down + tie_strength
    return up / total, tie_strength / total, down / total


def vote(rng, difference, tie_strength=0.0):
    """One outcome for each difference: 1, 1/2 or 0."""
    left, tie, _ = chances(difference, tie_strength)
    u = rng.random(np.shape(difference))
    return np.where(u < left, 1.0, np.where(u < left + tie, 0.5, 0.0))


def pairs(rng, n, n_items):
    """Random pairs of different items."""
    left = rng.integers(0, n_items, n)
    return left, (left + rng.integers(1, n_items, n)) % n_items
