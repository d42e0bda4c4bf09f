"""What groups would seem to differ by if their labels meant nothing: the same figure with labels shuffled among people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.inference.decomposition.terms import Floats, Ints
from app.inference.decomposition.votes import Units, Votes

MOST_PERMUTED = 50_000
"""Rows on which the permutation null is worked out; beyond, it is that of a random part, which is wider and so cautious."""


def null_between(votes: Votes, rows: Units, permutations: int, seed: int) -> tuple[float, float] | None:
    """The middle 95 % of ``between_groups`` with the labels shuffled among people who have one; None where it cannot be told."""
    groups = votes.groups
    if groups is None or permutations < 1:
        return None
    rng = np.random.default_rng(seed)
    take = groups.of[rows.person] >= 0
    if rows.pair.size > MOST_PERMUTED:
        kept = rng.random(votes.n_pairs) < MOST_PERMUTED / rows.pair.size
        take &= kept[rows.pair]
    shuffled = _Shuffled(votes, rows, take)
    labelled = np.flatnonzero(groups.of >= 0)
    found = []
    for _ in range(permutations):
        of = groups.of.copy()
        of[labelled] = rng.permutation(of[labelled])
        value = shuffled.between(of, groups.weights)
        if value is not None:
            found.append(value)
    if len(found) < permutations / 2:
        return None
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


class _Shuffled:
    """``between_groups`` alone, without its error, for many ways to label the same people."""

    def __init__(self, votes: Votes, rows: Units, take: NDArray[np.bool_]) -> None:
        self.person = rows.person[take]
        _, self.pair = np.unique(rows.pair[take], return_inverse=True)
        self.n_pairs = int(self.pair.max()) + 1 if self.pair.size else 0
        mean, square = rows.mean[take], rows.square[take]
        self.weighted = votes.weight is not None
        w = rows.weight[take]
        self.sums = (
            (w, w * w, w * mean, (w * mean) ** 2, w * square, w * w * square)
            if self.weighted
            else (mean, mean * mean, square)
        )

    def between(self, of: Ints, weights: Floats) -> float | None:
        """With these labels of people: int64 (n_people,), >= 0 for all whose units were taken."""
        size = weights.size
        at = self.pair * size + of[self.person]

        def by_group(values: Floats | None) -> Floats:
            return (
                np.bincount(at, values, self.n_pairs * size).reshape(-1, size).astype(np.float64, copy=False)
            )

        n = by_group(None)
        if self.weighted:
            m, m2, s, s2, q, q2 = (by_group(v) for v in self.sums)
        else:
            s, s2, q = (by_group(v) for v in self.sums)
            m, m2, q2 = n, n, q
        table = np.zeros((size, size))
        for g in range(size):
            for h in range(g, size):
                if g == h:
                    ok = n[:, g] >= 2
                    top, under = (q * m - q2 - s * s + s2)[ok, g], (m * m - m2)[ok, g]
                else:
                    ok = (n[:, g] > 0) & (n[:, h] > 0)
                    top = ((q[:, g] * m[:, h] + q[:, h] * m[:, g]) / 2 - s[:, g] * s[:, h])[ok]
                    under = (m[:, g] * m[:, h])[ok]
                if not ok.any():
                    return None
                ratio = top.sum() / under.sum() if self.weighted else (top / under).mean()
                table[g, h] = table[h, g] = ratio
        return float(weights @ table @ weights - weights @ np.diag(table))
