"""What policies that go by a model have in common: from worth to a score, and what to do where there is no model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.inference.preference_outlook import expected_information
from app.querying.protocol import CandidateView, Expected, Floats, Stored

FAINT = 1e-12
"""Worth below this share of the largest counts as this much: such a pair keeps a score, and is hardly ever drawn."""
CANDIDATES = 256
"""Of the pairs a person can be asked, so many are looked at; more tell no better (100 to 4000 were measured alike)."""
TEMPERATURE = 0.05
"""Drawn in proportion to worth ** 20: mostly among the best, never the best alone."""


def log_worth(worth: Floats) -> Floats:
    """Logarithm of worth as a share of the largest: at most 0, finite; all 0 where nothing is worth anything.

    Raises:
        ValueError: A worth is not finite, or below 0.
    """
    if not (np.isfinite(worth).all() and (worth >= 0).all()):
        raise ValueError("a worth is not finite, or below 0")
    best = float(worth.max(initial=0.0))
    if best == 0:
        return np.zeros(worth.shape)
    return np.asarray(np.log(np.maximum(worth / best, FAINT)), np.float64)


def reach(expected: Expected) -> Floats:
    """By how much the vote is expected to take the squared error of shares down: float64 (n_candidates,).

    w reach / (1 + w v), with w the information of a vote by a person of the group: summed over the pairs of the pool, each as
    far as it is open which response most prefer. A pair may be well known itself and yet teach most about others.
    """
    information = expected_information(expected.mean, expected.variance + expected.people)
    return information * expected.reach / (1 + information * expected.variance)


def looked_up(stored: Stored) -> Floats:
    """Scores as kept, less what was asked since; a pair that is new is worth as much as the best one at hand."""
    score = stored.score - np.log1p(np.maximum(stored.since, 0) * np.maximum(stored.fades, 0.0))
    new = np.isnan(score)
    if new.any():
        score = np.where(new, 0.0 if new.all() else np.nanmax(score), score)
    return np.asarray(score, np.float64)


@dataclass(frozen=True)
class ByPreference:
    """A policy that goes by the preference model; an entry names it and hands in what a vote is worth.

    Score is the logarithm of the worth beside the best. With ``steady`` it counts half at so many votes, and not at all before the
    first. Without a model, pairs with the fewest judgments come first, and ``note`` says so.
    """

    name: str
    worth: Callable[[Expected], Floats]
    model: Literal["preference"] = "preference"
    version: int = 1
    candidates: int = CANDIDATES
    temperature: float = TEMPERATURE
    steady: int = 0

    def score(self, view: CandidateView) -> Floats:
        """At most 0 by the model, else minus the load: float64 (n_candidates,). Raises ValueError where a worth is none."""
        if view.stored is not None:
            return looked_up(view.stored)
        if view.expected is not None:
            n = view.expected.votes
            carried = n / (n + self.steady) if self.steady else 1.0
            return log_worth(self.worth(view.expected)) * carried
        return -view.load.astype(np.float64)

    def note(self, view: CandidateView) -> str | None:
        """That there is no model to go by; None where there is one."""
        if view.stored is None and view.expected is None:
            return f"{self.name} has no model yet; drew evenly"
        return None
