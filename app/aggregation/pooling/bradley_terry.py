"""Bradley-Terry: one strength for each response of an item, so that its pairs inform each other; with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.aggregation.protocol import Floats, Pooled, Votes
from app.inference.bradley_terry import bradley_terry
from app.inference.comparisons import Unidentified
from app.inference.strengths import StrengthFit

PRIOR_SD = 1.28
"""Logits. The difference of two strengths then has the spread of a logistic, which makes all shares about equally likely."""
Z = 1.959963984540054
"""Standard normal, 97.5 %."""


@dataclass(frozen=True)
class BradleyTerry:
    """Probability that the first response is preferred, from strengths of an item's responses on one scale.

    Model: P(i over j) = 1 / (1 + exp(-(s_i - s_j))) within an item, s_i ~ Normal(0, 1.28^2); a tie is half a win for each.
    p_first at the posterior mode; low and high from the curvature there, on the scale of logits.
    Returns p_first, low, high, weight = the votes' total weight, parameters ``prior_sd``, ``responses``.
    Cost: O(n_votes + iterations * n_pairs + sum over items of responses^3).  Randomness: none.
    Assumes one scale an item: a cycle (a over b over c over a) is taken for noise, and votes are independent, so that intervals
    are too narrow where one person gave several of an item's votes. A pair that was voted on little borrows from its item.
    Source: Bradley and Terry 1952; posterior mode as in Caron and Doucet 2012.
    """

    name: str = "bradley_terry"
    title: str = "What one scale of quality an item says, with its range"
    formula: str = (
        "p = 1 / (1 + exp(-(s_i - s_j))); strengths of an item's responses by posterior mode, prior Normal(0, 1.28); range "
        "from the curvature"
    )
    source: str = "Bradley and Terry 1952, with a prior"
    assumes: str = (
        "Right where an item's responses differ along one line and some of its pairs were asked little. Wrong where people "
        "judge each pair on other grounds: cycles are read as noise."
    )
    uses_groups: bool = False
    tells: frozenset[str] = frozenset({"interval"})

    def pool(self, votes: Votes) -> Pooled:
        judged = votes.total > 0
        nothing = np.full(votes.n_pairs, np.nan)
        if not judged.any():
            return Pooled.decided(self.name, nothing, votes.total, low=nothing, high=nothing)
        _, first, second = votes.responses()
        names, number = np.unique(np.concatenate([first, second]), return_inverse=True)
        one, other = number[: votes.n_pairs], number[votes.n_pairs :]
        wins = np.concatenate([votes.for_first[judged], (votes.total - votes.for_first)[judged]])
        fit = bradley_terry(
            np.concatenate([one[judged], other[judged]]),
            np.concatenate([other[judged], one[judged]]),
            np.ones(2 * int(judged.sum())),
            n_items=names.size,
            weight=wins,
            prior_sd=PRIOR_SD,
            uncertainty="model",
        )
        if isinstance(fit, Unidentified):  # pragma: no cover - a prior identifies every strength
            raise TypeError(fit.reason)
        ahead = fit.strength[one] - fit.strength[other]
        reach = Z * _spread(fit, one, other)
        p, low, high = (
            np.where(judged, 1.0 / (1.0 + np.exp(-x)), np.nan) for x in (ahead, ahead - reach, ahead + reach)
        )
        told = {"prior_sd": PRIOR_SD, "responses": int(names.size)}
        return Pooled.decided(self.name, p, votes.total, told, low=low, high=high)


def _spread(fit: StrengthFit, one: np.ndarray, other: np.ndarray) -> Floats:
    """Standard deviation of each difference of two strengths, logits, float64 (n_pairs,)."""
    n = fit.strength.size
    block, row = np.zeros(n, np.int64), np.zeros(n, np.int64)
    spread = np.full(one.size, np.nan)
    for number, part in enumerate(fit.covariance_blocks, start=1):
        items = np.asarray(part.items)
        block[items] = number
        row[items] = np.arange(items.shape[0])[:, None]
        place = np.zeros(n, np.int64)
        place[items] = np.arange(items.shape[1])[None, :]
        here = (block[one] == number) & (block[other] == number)
        i, a, b = row[one[here]], place[one[here]], place[other[here]]
        c = np.asarray(part.covariance)
        spread[here] = np.sqrt(np.maximum(c[i, a, a] + c[i, b, b] - 2.0 * c[i, a, b], 0.0))
    return spread


POOL = BradleyTerry()
