"""Soft label: the share of votes, drawn towards one half as far as the study's own agreement says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.aggregation.protocol import Floats, Pooled, Votes

LEAST, MOST, START = 0.05, 50.0, 1.0
_STEPS = 60
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Soft:
    """Probability that a new vote prefers the first response, as a posterior mean under a prior fitted to the study.

    Model: k | n, q ~ Binomial(n, q); q ~ Beta(a, a); p = (k + a) / (n + 2a), k with ties counted half. The prior is the same
    for both responses, because which of them is listed first is arbitrary; a maximises the marginal likelihood
    sum_i log B(k_i + a, n_i - k_i + a) - log B(a, a) over [0.05, 50], on the pairs with at least two votes.
    Returns p_first in (0, 1), weight = the votes' total weight, parameters ``prior`` (a, in votes) and ``prior_from``.
    Cost: O(n_votes + 60 * different (k, n)).  Randomness: none.
    Assumes votes on a pair are independent given q; dependent ones (one person often) make it too sure.
    Source: Casella 1985 (empirical Bayes); Uma et al. 2021 (soft labels for disagreement).
    Example: with a = 1, three votes of three give p = 4/5.
    """

    name: str = "soft"
    title: str = "How likely the next person is to choose it"
    formula: str = "p = (k + a) / (n + 2a); a fitted to the study by marginal likelihood of a beta-binomial"
    source: str = "empirical Bayes, beta-binomial"
    assumes: str = (
        "Right where values differ and the trainer can use shares. It keeps disagreement as it is, carelessness "
        "included."
    )
    uses_groups: bool = False
    tells: frozenset[str] = frozenset()

    def pool(self, votes: Votes) -> Pooled:
        total, k = votes.total, votes.for_first
        a, told = prior(k, total, votes.n_judgments >= 2)
        p = np.where(total > 0, (k + a) / (total + 2 * a), np.nan)
        return Pooled.decided(self.name, p, total, {"prior": a, "prior_from": told})


def prior(k: Floats, n: Floats, informative: np.ndarray) -> tuple[float, str]:
    """The prior strength ``a`` in votes for each side, and where it comes from.

    Args:
        k: float64 (n_pairs,), weight for the first response.
        n: float64 (n_pairs,), weight in all.
        informative: bool (n_pairs,), pairs with two votes or more; a single vote says nothing about agreement.
    """
    if not informative.any():
        return START, "one vote for each side: no pair has two votes to fit it on"
    rows, counts = np.unique(np.stack([k[informative], n[informative]], axis=1), axis=0, return_counts=True)
    return _maximum(rows[:, 0], rows[:, 1], counts.astype(np.float64)), "fitted to the study"


def _maximum(k: Floats, n: Floats, counts: Floats) -> float:
    from scipy.special import betaln

    def gain(log_a: float) -> float:
        a = float(np.exp(log_a))
        return float(counts @ (betaln(k + a, n - k + a) - betaln(a, a)))

    low, high = float(np.log(LEAST)), float(np.log(MOST))
    for _ in range(_STEPS):
        step = _GOLDEN * (high - low)
        if gain(high - step) < gain(low + step):
            low = high - step
        else:
            high = low + step
    return round(float(np.exp((low + high) / 2)), 6)


POOL = Soft()
