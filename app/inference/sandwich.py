"""How far strengths could be off: covariances from the likelihood, from single votes, or from whole people's votes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from app.inference.blocks import MOST_INVERTED, Batch
from app.inference.comparisons import Cells, Comparisons, Floats, Ints
from app.inference.paired_newton import Maximum, outcomes

Uncertainty = Literal["clustered", "per_vote", "model", "none"]
MOST_TABLE = 20_000_000
"""Up to this many (person, item) cells people's scores stand in a full table; beyond, only those that are there."""
COLUMNS = 256


@dataclass(frozen=True)
class CovarianceBlock:
    """Covariances of the strengths within components of one size.

    items: int64 (n_components, size).  covariance: float64 (n_components, size, size), logits^2.
    """

    items: Ints
    covariance: Floats


@dataclass(frozen=True)
class Spread:
    """Covariances of a fit. blocks: of the components of up to ``blocks.MOST_INVERTED`` items.  variance: float64
    (n_items,), logits^2, of each strength.  other: float64 (q, q), of covariate effects, then log tie strength.
    """

    blocks: tuple[CovarianceBlock, ...]
    variance: Floats
    other: Floats


@dataclass(frozen=True)
class _Scores:
    """Derivatives of the log-likelihood by cluster: of the strengths as entries (cluster, item, value), which may repeat;
    of the other parameters as float64 (n_clusters, q). ``square`` is how often a cluster counts in the sum of squares.
    Where clusters are single votes ``by_cell`` is the sum of squares of the strength scores in each cell of comparisons.
    """

    n_clusters: int
    n_items: int
    cluster: Ints
    item: Ints
    value: Floats
    other: Floats
    square: Floats
    by_cell: Floats | None = None

    @cached_property
    def table(self) -> Floats | None:
        """float64 (n_clusters, n_items), or None where it would be too large or is not needed."""
        if self.by_cell is not None or self.n_clusters * self.n_items > MOST_TABLE:
            return None
        cell = self.cluster * self.n_items + self.item
        flat = np.bincount(cell, self.value, self.n_clusters * self.n_items)
        return np.asarray(flat, np.float64).reshape(self.n_clusters, self.n_items)

    def times(self, vectors: Floats) -> Floats:
        """Strength scores times float64 (n_items, q): float64 (n_clusters, q)."""
        if self.table is not None:
            return np.asarray(self.table @ vectors, np.float64)
        columns = [np.bincount(self.cluster, self.value * v[self.item], self.n_clusters) for v in vectors.T]
        return np.stack(columns, axis=1) if columns else np.zeros((self.n_clusters, 0))

    def gathered(self, weights: Floats) -> Floats:
        """The transpose times float64 (n_clusters, q): float64 (n_items, q)."""
        if self.table is not None:
            return np.asarray(self.table.T @ weights, np.float64)
        columns = [np.bincount(self.item, self.value * w[self.cluster], self.n_items) for w in weights.T]
        return np.stack(columns, axis=1) if columns else np.zeros((self.n_items, 0))


def spread_of(fit: Maximum, cells: Cells, votes: Comparisons, uncertainty: Uncertainty) -> Spread:
    """The covariance of a fit.

    Model: H^-1 (M + ridge I) H^-1, with H the information at the maximum and M the sum of squared scores, of single votes
    (``per_vote``) or of all votes of a person together, times G/(G-1) (``clustered``); H^-1 for ``model``. A prior counts
    as one observation at 0 of each strength, so that an item nobody compared keeps the prior's spread. The other
    parameters' uncertainty is part of the strengths'. Where there is a ridge the strengths sum to 0 over all items.

    Cost: O(n_votes + G * n_items + sum over components of size^3); in components over ``blocks.MOST_INVERTED`` items one
    system for each person, or for each item where ``uncertainty`` is not ``clustered``.
    """
    ridge = fit.information.ridge
    solved = fit.information.solve(fit.cross)
    other_inverse = np.asarray(np.linalg.inv(fit.schur), np.float64) if fit.schur.size else fit.schur
    if uncertainty == "model":
        meat, other = None, other_inverse
    else:
        scores = _by_person(fit, votes) if uncertainty == "clustered" else _by_vote(fit, cells)
        bent = (scores.other - scores.times(solved)) @ other_inverse
        other = np.asarray(bent.T @ (bent * scores.square[:, None]), np.float64)
        meat = _Meat(scores, bent, other, fit.cross, ridge)
    variance = np.full(fit.strength.size, np.nan)
    blocks = []
    for batch in fit.information.layout.batches:
        if batch.items.shape[1] > MOST_INVERTED:
            for items in batch.items:
                variance[items] = _each_item(fit, items, meat, solved, other)
            continue
        inverse = fit.information.inverse(batch)
        if meat is None:
            v = solved[batch.items]
            covariance = inverse + v @ other_inverse @ v.transpose(0, 2, 1)
        else:
            covariance = inverse @ meat.of(batch, fit) @ inverse
        if ridge > 0:
            covariance = covariance - 1.0 / (ridge * fit.strength.size)
        blocks.append(CovarianceBlock(batch.items, covariance))
        variance[batch.items] = np.diagonal(covariance, axis1=1, axis2=2)
    return Spread(tuple(blocks), np.maximum(variance, 0.0), other)


@dataclass(frozen=True)
class _Meat:
    """The middle of the sandwich, with the other parameters' share taken in: (s - C dphi)(s - C dphi)' + ridge I."""

    scores: _Scores
    bent: Floats
    other: Floats
    cross: Floats
    ridge: float

    @cached_property
    def joint(self) -> Floats:
        """Sum over clusters of strength scores times the other parameters' influence, float64 (n_items, q)."""
        return self.scores.gathered(self.bent * self.scores.square[:, None])

    def of(self, batch: Batch, fit: Maximum) -> Floats:
        """Of each component of a batch, float64 (n_components, size, size)."""
        many, size = batch.items.shape
        table = self.scores.table
        if self.scores.by_cell is not None:
            found = batch.laplacian(self.scores.by_cell)
        elif table is not None:
            here = table[:, batch.items.ravel()].reshape(-1, many, size).transpose(1, 0, 2)
            found = here.transpose(0, 2, 1) @ (here * self.scores.square[:, None])
        else:
            found = self._sparse(batch, fit.information.layout.component)
        if self.cross.shape[1]:
            c, x = self.cross[batch.items], self.joint[batch.items]
            turned = x @ c.transpose(0, 2, 1)
            found = found - turned - turned.transpose(0, 2, 1) + c @ self.other @ c.transpose(0, 2, 1)
        diagonal = np.arange(size)
        found[:, diagonal, diagonal] += self.ridge
        return np.asarray(found, np.float64)

    def _sparse(self, batch: Batch, component: Ints) -> Floats:
        """As in ``of`` from the entries alone: a row for each person and component, so that the product stays in blocks."""
        from scipy.sparse import coo_array

        many, size = batch.items.shape
        place = np.full(component.size, -1, np.int64)
        place[batch.items.ravel()] = np.arange(many * size)
        at = place[self.scores.item]
        kept = at >= 0
        at, cluster = at[kept], self.scores.cluster[kept]
        keys, row = np.unique(cluster * many + at // size, return_inverse=True)
        value = self.scores.value[kept] * np.sqrt(self.scores.square[cluster])
        rows = coo_array((value, (row, at)), shape=(keys.size, many * size)).tocsr()
        product = (rows.T @ rows).tocoo()
        one, two = product.coords
        flat = (one // size) * size * size + (one % size) * size + two % size
        found = np.bincount(flat, product.data, many * size * size)
        return np.asarray(found, np.float64).reshape(many, size, size)


def _each_item(fit: Maximum, items: Ints, meat: _Meat | None, solved: Floats, other: Floats) -> Floats:
    """Variances in a component too large to invert: of each item alone, some columns of the system at a time."""
    ridge, n_items = fit.information.ridge, fit.strength.size
    found = np.zeros(items.size)
    clustered = meat is not None and meat.scores.by_cell is None
    count = meat.scores.n_clusters if clustered and meat is not None else items.size
    for start in range(0, count, COLUMNS):
        chunk = np.arange(start, min(start + COLUMNS, count))
        unit = np.zeros((n_items, chunk.size))
        if clustered and meat is not None:
            unit[items] = _columns(meat.scores, chunk)[items]
            influence = fit.information.solve(unit)[items] - solved[items] @ meat.bent[chunk].T
            found += (influence**2) @ meat.scores.square[chunk]
            continue
        unit[items[chunk], np.arange(chunk.size)] = 1.0
        if ridge == 0:
            unit[items] -= 1.0 / items.size
        rows = fit.information.solve(unit)
        if meat is None:
            v = solved[items[chunk]]
            found[chunk] = rows[items[chunk], np.arange(chunk.size)] + np.einsum("iq,qr,ir->i", v, other, v)
            continue
        influence = meat.scores.times(rows) - meat.bent @ solved[items[chunk]].T
        found[chunk] = meat.scores.square @ influence**2 + ridge * (rows**2).sum(axis=0)
    if clustered and ridge > 0:
        for start in range(0, items.size, COLUMNS):
            chunk = items[start : start + COLUMNS]
            unit = np.zeros((n_items, chunk.size))
            unit[chunk, np.arange(chunk.size)] = 1.0
            found[start : start + chunk.size] += ridge * (fit.information.solve(unit) ** 2).sum(axis=0)
    return found - (1.0 / (ridge * n_items) if ridge > 0 else 0.0)


def _columns(scores: _Scores, clusters: Ints) -> Floats:
    """Strength scores of some clusters, float64 (n_items, n_these)."""
    if scores.table is not None:
        return scores.table[clusters].T
    here = (scores.cluster >= clusters[0]) & (scores.cluster <= clusters[-1])
    flat = scores.item[here] * clusters.size + scores.cluster[here] - clusters[0]
    found = np.bincount(flat, scores.value[here], scores.n_items * clusters.size)
    return np.asarray(found, np.float64).reshape(scores.n_items, -1)


def _by_person(fit: Maximum, votes: Comparisons) -> _Scores:
    """A cluster for each person."""
    if votes.annotator is None:
        raise AssertionError("clustering asks for annotators")
    people, groups = votes.annotator, votes.n_annotators
    lean, tie = _chances(fit, votes)
    value = (votes.said - 1.0 - lean) / 2
    if votes.weight is not None:
        value = value * votes.weight
    columns = [np.bincount(people, value * votes.x[:, k], groups) for k in range(votes.x.shape[1])]
    if fit.log_tie is not None:
        tied = (votes.said == 1) - tie
        columns.append(np.bincount(people, tied if votes.weight is None else tied * votes.weight, groups))
    other = np.stack(columns, axis=1).astype(np.float64) if columns else np.zeros((groups, 0))
    return _Scores(
        groups,
        votes.n_items,
        np.concatenate([people, people]),
        np.concatenate([votes.left, votes.right]),
        np.concatenate([value, -value]),
        other,
        np.full(groups, groups / (groups - 1)),
    )


def _chances(fit: Maximum, votes: Comparisons) -> tuple[Floats, Floats]:
    """Of each vote the expected lean to the left and the probability of a tie; looked up where items are few."""
    k = votes.n_items
    if fit.effect.size == 0 and k * k <= votes.said.size:
        table = outcomes(np.subtract.outer(fit.strength, fit.strength).ravel(), fit.tie_strength)
        pair = votes.left * k + votes.right
        return table.lean[pair], table.tie[pair]
    difference = fit.strength[votes.left] - fit.strength[votes.right]
    if fit.effect.size:
        difference = difference + votes.x @ fit.effect
    chance = outcomes(difference, fit.tie_strength)
    return chance.lean, chance.tie


def _by_vote(fit: Maximum, cells: Cells) -> _Scores:
    """A cluster for each vote; votes alike in everything have the same scores and are counted, not repeated."""
    difference = fit.strength[cells.first] - fit.strength[cells.second]
    if fit.effect.size:
        difference = difference + cells.x @ fit.effect
    chance = outcomes(difference, fit.tie_strength)
    values, others, squares, at = [], [], [], []
    by_cell = np.zeros(cells.first.size)
    for sign, counted in ((1.0, cells.first_wins), (-1.0, cells.second_wins), (0.0, cells.ties)):
        there = np.flatnonzero(counted > 0)
        value = (sign - chance.lean[there]) / 2
        columns = [value * cells.x[there, k] for k in range(cells.x.shape[1])]
        if fit.log_tie is not None:
            columns.append((sign == 0.0) - chance.tie[there])
        values.append(value)
        others.append(np.stack(columns, axis=1) if columns else np.zeros((there.size, 0)))
        squares.append(counted[there])
        at.append(there)
        by_cell[there] += counted[there] * value**2
    value, cell = np.concatenate(values), np.concatenate(at)
    cluster = np.arange(value.size)
    return _Scores(
        value.size,
        cells.n_items,
        np.concatenate([cluster, cluster]),
        np.concatenate([cells.first[cell], cells.second[cell]]),
        np.concatenate([value, -value]),
        np.concatenate(others),
        np.concatenate(squares),
        by_cell,
    )
