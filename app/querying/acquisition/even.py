"""Pairs with the fewest judgments first, so that counts grow evenly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.querying.protocol import CandidateView, Floats


@dataclass(frozen=True)
class FewestFirst:
    """Score is minus the load; uniform among the least loaded candidates.

    In pools of more than ``candidates`` pairs the least loaded of a uniform sample is taken, which keeps counts within
    about two of each other; in smaller ones within one.
    """

    name: str = "even"
    candidates: int = 64
    temperature: float = 0.0

    def score(self, view: CandidateView) -> Floats:
        """Minus judgments counted and live: float64 (n_candidates,)."""
        return -view.load.astype(np.float64)


ACQUISITION = FewestFirst()
