"""How much two people differ on a pair, by their groups: half the mean squared difference, with its error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.inference.decomposition.terms import Floats, Ints, Term, sums
from app.inference.decomposition.votes import Units, Votes


class _Tables:
    """Sums by pair and group, from which every mean squared difference of two people and its error are read.

    of: int64 (n_units,), each unit's group, -1 to leave it out.  ``ratio[g][h]``: half the mean squared difference of two people
    of groups g and h on each pair; ``mean[g, h]``: over pairs, NaN where nothing was compared.
    """

    def __init__(self, votes: Votes, rows: Units, of: Ints, size: int) -> None:
        self.rows, self.size, self.weighted = rows, size, votes.weight is not None
        self.every = bool((of >= 0).all())
        self.kept = slice(None) if self.every else np.flatnonzero(of >= 0)
        self.at = rows.pair[self.kept] * size + of[self.kept]
        mean, square = rows.mean[self.kept], rows.square[self.kept]
        self.n = self._sum(None, votes.n_pairs)
        if self.weighted:
            w = rows.weight[self.kept]
            self.m, m2 = self._sum(w, votes.n_pairs), self._sum(w * w, votes.n_pairs)
            self.s, self.q = self._sum(w * mean, votes.n_pairs), self._sum(w * square, votes.n_pairs)
            s2, q2 = self._sum((w * mean) ** 2, votes.n_pairs), self._sum(w * w * square, votes.n_pairs)
        else:
            self.m, self.s, self.q = self.n, self._sum(mean, votes.n_pairs), self._sum(square, votes.n_pairs)
            s2, m2, q2 = self._sum(mean * mean, votes.n_pairs), self.m, self.q
        self.top: dict[tuple[int, int], Floats] = {}
        self.under: dict[tuple[int, int], Floats] = {}
        self.ok: dict[tuple[int, int], NDArray[np.bool_]] = {}
        self.mean = np.full((size, size), np.nan)
        for g in range(size):
            for h in range(g, size):
                self._compare(g, h, m2, s2, q2)

    def _sum(self, values: Floats | None, n_pairs: int) -> Floats:
        flat = np.bincount(self.at, values, n_pairs * self.size)
        return flat.reshape(-1, self.size).astype(np.float64, copy=False)

    def _compare(self, g: int, h: int, m2: Floats, s2: Floats, q2: Floats) -> None:
        m, s, q = self.m, self.s, self.q
        if g == h:
            ok = self.n[:, g] >= 2
            top = q[:, g] * m[:, g] - q2[:, g] - s[:, g] ** 2 + s2[:, g]
            under = m[:, g] ** 2 - m2[:, g]
        else:
            ok = (self.n[:, g] > 0) & (self.n[:, h] > 0)
            top = (q[:, g] * m[:, h] + q[:, h] * m[:, g]) / 2 - s[:, g] * s[:, h]
            under = m[:, g] * m[:, h]
        self.top[g, h], self.under[g, h], self.ok[g, h] = top, under, ok
        if ok.any():
            each = top[ok].sum() / under[ok].sum() if self.weighted else (top[ok] / under[ok]).mean()
            self.mean[g, h] = self.mean[h, g] = float(each)

    def combined(self, votes: Votes, factor: Floats) -> Term:
        """The sum of factor[g, h] mean[g, h] over g <= h, with its linearisation: what one more unit of weight would change."""
        size, pairs = self.size, votes.n_pairs
        upper = [(g, h) for g in range(size) for h in range(g, size) if factor[g, h]]
        if any(np.isnan(self.mean[g, h]) for g, h in upper):
            return Term(None)
        by_square, by_mean, constant, own, own_base = (np.zeros((pairs, size)) for _ in range(5))
        by_pair = np.zeros(pairs)
        for g, h in upper:
            top, under, ok = self.top[g, h], self.under[g, h], self.ok[g, h]
            safe = np.where(ok, under, 1.0)
            if self.weighted:
                scale, base = factor[g, h] * ok / under[ok].sum(), np.full(pairs, self.mean[g, h])
                by_pair += scale * (top - base * under)
            else:
                base = top / safe
                scale = factor[g, h] * ok / (safe * int(ok.sum()))
                by_pair += factor[g, h] * ok * (base - self.mean[g, h]) / int(ok.sum())
            if g == h:
                own[:, g], own_base[:, g] = scale, scale * base
                by_square[:, g] += scale * self.m[:, g]
                constant[:, g] += scale * (self.q[:, g] - 2 * base * self.m[:, g])
                by_mean[:, g] += 2 * scale * self.s[:, g]
                continue
            for one, two in ((g, h), (h, g)):
                by_square[:, one] += scale * self.m[:, two] / 2
                constant[:, one] += scale * (self.q[:, two] / 2 - base * self.m[:, two])
                by_mean[:, one] += scale * self.s[:, two]
        by_unit = self._of_units(by_square, by_mean, constant, own, own_base)
        value = float(sum(factor[g, h] * self.mean[g, h] for g, h in upper))
        return Term(value, by_unit, sums(votes.prompt, by_pair))

    def _of_units(
        self, by_square: Floats, by_mean: Floats, constant: Floats, own: Floats, own_base: Floats
    ) -> Floats:
        """What each unit adds, from tables by pair and group."""
        mean, square = self.rows.mean[self.kept], self.rows.square[self.kept]
        if self.weighted:
            w = self.rows.weight[self.kept]
            self_part = 2 * w * (own.ravel()[self.at] * (mean * mean - square) + own_base.ravel()[self.at])
        else:
            w = np.ones(1)
            constant = constant + 2 * own_base
            self_part = (
                2 * own.ravel()[self.at] * (mean * mean - square) if (self.rows.count > 1).any() else 0.0
            )
        error = w * (
            by_square.ravel()[self.at] * square
            + constant.ravel()[self.at]
            - by_mean.ravel()[self.at] * mean
            + self_part
        )
        if self.every:
            return np.asarray(error)
        found = np.zeros(self.rows.pair.size)
        found[self.kept] = error
        return found


def compared(votes: Votes, rows: Units) -> tuple[Term, Term | None] | None:
    """Half the mean squared difference of two people of one group, and of two people drawn by the group weights."""
    groups = votes.groups
    if groups is not None:
        of, w = groups.of[rows.person], groups.weights
        tables = _Tables(votes, rows, of, w.size)
        if not np.isnan(np.diag(tables.mean)).any():
            across = np.outer(w, w) * (2 - np.eye(w.size))
            together, drawn = tables.combined(votes, np.diag(w)), tables.combined(votes, across)
            return together, (None if drawn.value is None else drawn)
    alone = _Tables(votes, rows, np.zeros(rows.pair.size, np.int64), 1).combined(votes, np.ones((1, 1)))
    return None if alone.value is None else (alone, None)
