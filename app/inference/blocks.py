"""Linear systems of paired comparisons, solved component by component: small ones at once, huge ones step by step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.inference.comparisons import Floats, Ints
from app.inference.errors import NotConverged

MOST_DENSE = 600
"""Components up to this many items are solved directly; larger ones by conjugate gradients."""
MOST_INVERTED = 3000
"""Components up to this many items get a full covariance; in larger ones each item has a standard error only."""
CLOSE, MOST_STEPS = 1e-10, 5000


@dataclass(frozen=True)
class Batch:
    """All components of one size.

    items: int64 (n_components, size), the items of each.  pair: int64 (n_pairs_here,), which pairs of the layout lie in
    them.  block, one, two: int64 (n_pairs_here,), for each such pair its component here and its two places in it.
    """

    items: Ints
    pair: Ints
    block: Ints
    one: Ints
    two: Ints

    def laplacian(self, weight: Floats) -> Floats:
        """The weighted Laplacian of each component, float64 (n_components, size, size)."""
        many, size = self.items.shape
        here = weight[self.pair]
        base = self.block * size
        flat = np.bincount((base + self.one) * size + self.two, here, many * size * size)
        across = flat.reshape(many, size, size)
        across = across + across.transpose(0, 2, 1)
        found = -across
        diagonal = np.arange(size)
        found[:, diagonal, diagonal] += across.sum(axis=2)
        return np.asarray(found, np.float64)


@dataclass(frozen=True)
class Layout:
    """Items by component, components of one size side by side; a pair never crosses components.

    component: int64 (n_items,), 0-based.  first, second: int64 (n_pairs,), the items of each pair; pairs may repeat.
    """

    component: Ints
    first: Ints
    second: Ints

    @cached_property
    def batches(self) -> tuple[Batch, ...]:
        """One for each size of component, smallest first."""
        size_of = np.bincount(self.component)
        order = np.argsort(self.component, kind="stable")
        starts = np.cumsum(size_of) - size_of
        place = np.empty(order.size, np.int64)
        place[order] = np.arange(order.size) - np.repeat(starts, size_of)
        pair_component = self.component[self.first]
        made = []
        for size in np.unique(size_of):
            here = np.flatnonzero(size_of == size)
            items = order[starts[here][:, None] + np.arange(size)]
            if here.size == size_of.size:
                pair = np.arange(self.first.size)
            else:
                pair = np.flatnonzero(size_of[pair_component] == size)
            number = np.zeros(size_of.size, np.int64)
            number[here] = np.arange(here.size)
            made.append(
                Batch(
                    items.astype(np.int64),
                    pair,
                    number[pair_component[pair]],
                    place[self.first[pair]],
                    place[self.second[pair]],
                )
            )
        return tuple(made)


@dataclass(frozen=True)
class Information:
    """The matrix L(weight) + ridge I on the items, where L is the Laplacian of the pairs' weights.

    Without ridge the constant of each component is its null direction: ``solve`` then expects right-hand sides that sum to
    0 in each component and gives solutions that do; ``inverses`` gives pseudo-inverses.
    """

    layout: Layout
    weight: Floats
    ridge: float

    @cached_property
    def _matrices(self) -> tuple[Floats | None, ...]:
        """Per batch the matrices with their null direction lifted; None where the components are too large."""
        found: list[Floats | None] = []
        for batch in self.layout.batches:
            size = batch.items.shape[1]
            if size > MOST_DENSE:
                found.append(None)
                continue
            found.append(self._lifted(batch))
        return tuple(found)

    def _lifted(self, batch: Batch) -> Floats:
        matrix = batch.laplacian(self.weight)
        size = batch.items.shape[1]
        diagonal = np.arange(size)
        if self.ridge > 0:
            matrix[:, diagonal, diagonal] += self.ridge
        else:
            matrix += _lift(matrix)[:, None, None] / size
        return matrix

    def solve(self, right: Floats) -> Floats:
        """The x of (L + ridge I) x = right; right: float64 (n_items, n_columns)."""
        found = np.zeros_like(right)
        for batch, matrix in zip(self.layout.batches, self._matrices, strict=True):
            if matrix is not None:
                found[batch.items] = np.linalg.solve(matrix, right[batch.items])
            else:
                for block in range(batch.items.shape[0]):
                    items = batch.items[block]
                    found[items] = self._step_by_step(batch, block, right[items])
        return found

    def inverse(self, batch: Batch) -> Floats:
        """The (pseudo-)inverse of each component of a batch, float64 (n_components, size, size)."""
        matrix = self._lifted(batch)
        size = batch.items.shape[1]
        inverse = np.linalg.inv(matrix)
        if self.ridge == 0:
            inverse -= 1.0 / (_lift(batch.laplacian(self.weight))[:, None, None] * size)
        return np.asarray(inverse, np.float64)

    def _step_by_step(self, batch: Batch, block: int, right: Floats) -> Floats:
        """Conjugate gradients with the diagonal as preconditioner, all columns at once."""
        from scipy.sparse import coo_array

        mine = batch.block == block
        one, two, weight = batch.one[mine], batch.two[mine], self.weight[batch.pair[mine]]
        size = batch.items.shape[1]
        links = coo_array((weight, (one, two)), shape=(size, size)).tocsr()
        links = links + links.T
        diagonal = (np.asarray(links.sum(axis=1)).ravel() + self.ridge)[:, None]
        singular = self.ridge <= 0
        if singular:  # only what sums to zero can be reached; a rest from rounding would stay for ever
            right = right - right.mean(axis=0)
        x, rest = np.zeros_like(right), right.copy()
        aim = CLOSE * np.sqrt((right * right).sum(axis=0))
        scaled = rest / diagonal
        direction, size_now = scaled.copy(), (rest * scaled).sum(axis=0)
        for _ in range(MOST_STEPS):
            if (np.sqrt((rest * rest).sum(axis=0)) <= aim).all():
                return np.asarray(x - x.mean(axis=0), np.float64) if singular else x
            turned = diagonal * direction - links @ direction
            along = (direction * turned).sum(axis=0)
            step = np.divide(size_now, along, out=np.zeros_like(along), where=along > 0)
            x += step * direction
            rest -= step * turned
            if singular:
                rest -= rest.mean(axis=0)
            scaled = rest / diagonal
            after = (rest * scaled).sum(axis=0)
            turn = np.divide(after, size_now, out=np.zeros_like(after), where=size_now > 0)
            direction = scaled + turn * direction
            size_now = after
        raise NotConverged(
            f"A component of {size} items is too loosely linked to be solved in {MOST_STEPS} steps.",
            last=x,
            iterations=MOST_STEPS,
        )


def _lift(matrix: Floats) -> Floats:
    """The mean of each matrix's diagonal, 1 where it is 0: what the null direction is lifted to."""
    mean = np.trace(matrix, axis1=1, axis2=2) / matrix.shape[1]
    return np.asarray(np.where(mean > 0, mean, 1.0), np.float64)
