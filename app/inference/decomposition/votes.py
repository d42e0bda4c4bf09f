"""Votes as the decomposition takes them: checked once, brought together to one row for each person and pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.inference.errors import InvalidVotes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FEWEST_IN_GROUPS = 20
"""People in groups, over all, below which groups are not told apart."""


@dataclass(frozen=True)
class Groups:
    """of: int64 (n_people,), index into ``names``, -1 where it is not known.  weights: float64 (n_groups,), sum 1."""

    of: Ints
    names: tuple[str, ...]
    weights: Floats


@dataclass(frozen=True)
class Votes:
    """Votes of people on pairs.

    person, pair: int64 (n,), dense.  y: float64 (n,), 1 = the pair's first response was preferred, 0 = its second, 1/2 = a tie.
    first_left: bool (n,), the first response stood on the left.  weight: float64 (n,), inverse propensity, or None where pairs
    were drawn alike.  prompt: int64 (n_pairs,), which prompt each pair is of.  groups: None where none can be told apart;
    ``why_no_groups`` then says why.
    """

    person: Ints
    pair: Ints
    y: Floats
    first_left: Flags
    weight: Floats | None
    prompt: Ints
    n_people: int
    groups: Groups | None
    why_no_groups: str | None

    @property
    def n_pairs(self) -> int:
        """How many pairs there are, voted on or not."""
        return int(self.prompt.size)


def read_votes(
    person: ArrayLike,
    pair: ArrayLike,
    y: ArrayLike,
    *,
    first_left: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    prompt: ArrayLike | None = None,
    group: ArrayLike | None = None,
    names: tuple[str, ...] = (),
    weights: ArrayLike | None = None,
) -> Votes:
    """Check votes and the groups of the people who gave them.

    Args:
        person: int64 (n,), >= 0.
        pair: int64 (n,), >= 0.
        y: float64 (n,), each 0, 1/2 or 1; anything else is refused.
        first_left: bool (n,), all True where it is not known.
        weight: float64 (n,), > 0, one over the probability that this person was given this pair.
        prompt: int64 (n_pairs,); pairs of one prompt are resampled together. Each pair its own where it is not given.
        group: int64 (n_people,), index into ``names`` or -1.
        names: Of the groups.
        weights: float64 (n_groups,), >= 0: how much each group counts; shares of the people where it is not given.

    Raises:
        InvalidVotes: The arrays do not fit together, or hold what is no vote.
    """
    person_, pair_, y_ = np.asarray(person, np.int64), np.asarray(pair, np.int64), np.asarray(y, np.float64)
    if not person_.shape == pair_.shape == y_.shape or y_.ndim != 1:
        raise InvalidVotes("person, pair and y need one number for each vote.")
    if not np.isin(y_, (0.0, 0.5, 1.0)).all():
        raise InvalidVotes("y is 1, 0 or 1/2; leave out what is neither a choice nor a tie.")
    if y_.size and min(person_.min(), pair_.min()) < 0:
        raise InvalidVotes("person and pair are numbers from 0.")
    n_pairs = int(pair_.max()) + 1 if y_.size else 0
    prompt_ = np.arange(n_pairs) if prompt is None else np.asarray(prompt, np.int64)
    if prompt_.size < n_pairs:
        raise InvalidVotes(f"There are {n_pairs} pairs and prompts for {prompt_.size} of them.")
    weight_ = None if weight is None else np.asarray(weight, np.float64)
    if weight_ is not None and (
        weight_.shape != y_.shape or not (np.isfinite(weight_) & (weight_ > 0)).all()
    ):
        raise InvalidVotes("weight is a positive number for each vote.")
    left = np.ones(y_.size, np.bool_) if first_left is None else np.asarray(first_left, np.bool_)
    if left.shape != y_.shape:
        raise InvalidVotes("first_left needs one value for each vote.")
    n_people = int(person_.max()) + 1 if y_.size else 0
    groups, why = _groups(person_, n_people, group, names, weights)
    return Votes(person_, pair_, y_, left, weight_, prompt_, n_people, groups, why)


def _groups(
    person: Ints, n_people: int, group: ArrayLike | None, names: tuple[str, ...], weights: ArrayLike | None
) -> tuple[Groups | None, str | None]:
    if group is None or len(names) < 2:
        return None, "no groups are defined"
    of = np.asarray(group, np.int64)
    if of.size < n_people or (of.size and (of.min() < -1 or of.max() >= len(names))):
        raise InvalidVotes("group is an index into names, or -1, for each person.")
    voted = np.zeros(of.size, np.bool_)
    voted[person] = True
    sizes = np.bincount(of[voted & (of >= 0)], minlength=len(names))
    if sizes.sum() < FEWEST_IN_GROUPS:
        return (
            None,
            f"{sizes.sum()} people have a known group; groups are told apart from {FEWEST_IN_GROUPS} on",
        )
    given = sizes.astype(np.float64) if weights is None else np.asarray(weights, np.float64)
    if given.shape != (len(names),) or not (np.isfinite(given) & (given >= 0)).all():
        raise InvalidVotes("weights is a number >= 0 for each group.")
    kept = (sizes >= 2) & (given > 0)
    if kept.sum() < 2:
        return None, "fewer than two groups have two people or more"
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    shares = given[kept] / given[kept].sum()
    found = np.where(of >= 0, number[np.maximum(of, 0)], -1)
    return Groups(found, tuple(n for n, k in zip(names, kept, strict=True) if k), shares), None


@dataclass(frozen=True)
class Units:
    """One row for each person and pair, in order of pair.

    mean, square: float64 (n_units,), mean of y and of y^2 over the person's votes on the pair.  weight: of the first of them.
    count: int64 (n_units,), how many votes that was.  unit: int64 (n,), the row of each vote.
    """

    person: Ints
    pair: Ints
    mean: Floats
    square: Floats
    weight: Floats
    count: Ints
    unit: Ints


def units(votes: Votes) -> Units:
    """Bring each person's votes on a pair together. Cost: O(n log n)."""
    key = votes.pair * max(votes.n_people, 1) + votes.person
    keys, first, index, count = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    mean = np.bincount(index, votes.y, keys.size) / count
    square = np.bincount(index, votes.y**2, keys.size) / count
    weight = np.ones(keys.size) if votes.weight is None else votes.weight[first]
    return Units(votes.person[first], votes.pair[first], mean, square, weight, count, index)


@dataclass(frozen=True)
class Repeats:
    """Every two votes of one person on one pair.

    unit: int64 (n_repeats,), the row of ``Units``.  difference: (y - y')^2.  swapped: bool, the sides were.  weight: sums to 1 for
    each person, pair and kind, so that no one counts more for having been asked more often; times the inverse propensity of the
    person's first vote on the pair where votes have one, so that pairs asked often do not weigh more for it.
    """

    person: Ints
    pair: Ints
    unit: Ints
    difference: Floats
    swapped: Flags
    weight: Floats


def repeats(votes: Votes, rows: Units | None = None) -> Repeats:
    """All of them. ``rows``: from ``units``, where they are there already. Cost: O(n + repeats * log of them)."""
    rows = units(votes) if rows is None else rows
    order = np.flatnonzero((rows.count > 1)[rows.unit])
    order = order[np.argsort(rows.unit[order], kind="stable")]
    ones: list[Ints] = []
    twos: list[Ints] = []
    step = 1
    while order.size > step:
        a, b = order[:-step], order[step:]
        same = rows.unit[a] == rows.unit[b]
        if not same.any():
            break
        ones.append(a[same])
        twos.append(b[same])
        step += 1
    none = np.zeros(0, np.int64)
    one, two = np.concatenate([none, *ones]), np.concatenate([none, *twos])
    swapped, unit = votes.first_left[one] != votes.first_left[two], rows.unit[one]
    _, index, count = np.unique(unit * 2 + swapped, return_inverse=True, return_counts=True)
    return Repeats(
        rows.person[unit], rows.pair[unit], unit, (votes.y[one] - votes.y[two]) ** 2, swapped, rows.weight[unit] / count[index]
    )  # fmt: skip
