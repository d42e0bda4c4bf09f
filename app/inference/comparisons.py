"""Paired comparisons as arrays: checked once, counted by pair, and the named result for counts that settle nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.inference.errors import InvalidSetting, InvalidVotes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_CELLS = 4_000_000
"""Up to this many (left, right, outcome) cells votes are counted in a full table, which needs no sorting."""

Reason = Literal[
    "no_comparisons", "disconnected", "one_sided", "all_ties", "ties_unbounded", "collinear", "separated"
]


@dataclass(frozen=True)
class Unidentified:
    """Why the data do not determine the strengths; returned in place of numbers.

    reason: ``no_comparisons``; ``disconnected``: items in different ``components`` were never compared, not even through
    others; ``one_sided``: all choices between two ``components`` went one way, so that the distance has no upper end;
    ``all_ties``: nothing was ever preferred; ``ties_unbounded``: ties and wins alternate so regularly that Davidson's
    likelihood has no maximum; ``collinear``: a covariate says the same as the items or another covariate; ``separated``:
    a covariate foretells every choice.
    why: one sentence for a researcher.  components: for each the items in it, int64 (n_in_component,).
    n: total weight of the comparisons.
    """

    method: str
    reason: Reason
    why: str
    components: tuple[Ints, ...]
    n: float
    seed: None = None
    converged: Literal[False] = False
    iterations: int = 0


@dataclass(frozen=True)
class Comparisons:
    """Votes on pairs of items, checked.

    left, right: int64 (n_votes,), each in [0, n_items), different in each vote.  said: int8 (n_votes,), 2 = left was
    preferred, 1 = tie, 0 = right was preferred.  weight: float64 (n_votes,), > 0, 1 = one vote.
    annotator: int64 (n_votes,), in [0, n_annotators), or None where the votes are not told apart by person.
    x: float64 (n_votes, n_covariates), each covariate as left minus right.
    """

    n_items: int
    left: Ints
    right: Ints
    said: NDArray[np.int8]
    weight: Floats | None
    annotator: Ints | None
    n_annotators: int
    x: Floats

    @property
    def n(self) -> float:
        """Total weight of the votes."""
        return float(self.said.size if self.weight is None else self.weight.sum())


@dataclass(frozen=True)
class Cells:
    """Comparisons alike in everything but the outcome, counted.

    first, second: int64 (n_cells,).  first_wins, second_wins, ties: float64 (n_cells,), total weight of each outcome.
    x: float64 (n_cells, n_covariates), first minus second.
    """

    n_items: int
    first: Ints
    second: Ints
    first_wins: Floats
    second_wins: Floats
    ties: Floats
    x: Floats

    @property
    def n(self) -> Floats:
        """Total weight of each cell, float64 (n_cells,)."""
        return self.first_wins + self.second_wins + self.ties


def read(
    left: ArrayLike,
    right: ArrayLike,
    outcome: ArrayLike,
    *,
    n_items: int,
    weight: ArrayLike | None = None,
    annotator: ArrayLike | None = None,
    x: ArrayLike | None = None,
) -> Comparisons:
    """Check arrays of votes and bring them into one shape; votes of weight 0 are left out.

    Args:
        left: int64 (n_votes,), each in [0, n_items).
        right: int64 (n_votes,), each in [0, n_items), never equal to ``left``.
        outcome: float64 (n_votes,), 1 = left preferred, 0 = right preferred, 1/2 = tie; nothing else, no NaN.
        n_items: How many items there are, compared or not.
        weight: float64 (n_votes,), >= 0 and finite, 1 = one vote.
        annotator: int64 (n_votes,), any numbers; who gave the vote.
        x: float64 (n_votes, n_covariates), finite, left minus right.

    Raises:
        InvalidVotes: One of these does not hold; the sentence says which.
    """
    one, two = _indices(left, "left", n_items), _indices(right, "right", n_items)
    said = _said(outcome)
    if not one.shape == two.shape == said.shape:
        raise InvalidVotes(
            f"left, right and outcome need one length, got {one.size}, {two.size} and {said.size}."
        )
    if (one == two).any():
        raise InvalidVotes("An item cannot be compared with itself.")
    weights = _weights(weight, one.size)
    people, n_people = _people(annotator, one.size)
    votes = Comparisons(n_items, one, two, said, weights, people, n_people, _covariates(x, one.size))
    return votes if weights is None or weights.all() else _only(votes, weights > 0)


def decided(votes: Comparisons) -> Comparisons:
    """The same votes with every tie left out."""
    return _only(votes, votes.said != 1)


def _only(votes: Comparisons, kept: NDArray[np.bool_]) -> Comparisons:
    weight = None if votes.weight is None else votes.weight[kept]
    people, n_people = _people(None if votes.annotator is None else votes.annotator[kept], int(kept.sum()))
    return Comparisons(
        votes.n_items, votes.left[kept], votes.right[kept], votes.said[kept], weight, people, n_people, votes.x[kept]
    )  # fmt: skip


def count(votes: Comparisons) -> Cells:
    """Votes counted by pair and, where there are covariates, by their values.

    Covariates of signs only (-1, 0, 1: a side, a flag) are counted together with the pair; any other values keep each vote
    a cell of its own. Cost: O(n_votes), with a sort where ``n_items`` is in the thousands.
    """
    if votes.x.shape[1] == 0:
        return _count_pairs(votes)
    signs = votes.x.astype(np.int8, casting="unsafe") if np.abs(votes.x).max(initial=0.0) <= 1 else None
    if signs is None or votes.x.shape[1] > 8 or not (signs == votes.x).all():
        return _one_cell_a_vote(votes)
    digits = 3 ** np.arange(votes.x.shape[1], dtype=np.int64)
    kind = (signs.astype(np.int64) + 1) @ digits
    code = (votes.left * votes.n_items + votes.right) * int(3 ** votes.x.shape[1]) + kind
    found, at, index = np.unique(code, return_index=True, return_inverse=True)
    table = np.bincount(index * 3 + votes.said, votes.weight, found.size * 3).reshape(-1, 3)
    right_wins, ties, left_wins = np.ascontiguousarray(table.T, np.float64)
    return Cells(
        votes.n_items, votes.left[at], votes.right[at], left_wins, right_wins, ties, np.ascontiguousarray(votes.x[at])
    )  # fmt: skip


def _count_pairs(votes: Comparisons) -> Cells:
    k = votes.n_items
    if 3 * k * k <= max(MOST_CELLS, votes.said.size):
        code = votes.left * k
        code += votes.right
        code *= 3
        code += votes.said
        cube = np.bincount(code, votes.weight, 3 * k * k).reshape(k, k, 3)
        wins = cube[:, :, 2] + cube[:, :, 0].T
        ties = cube[:, :, 1] + cube[:, :, 1].T
        first, second = np.nonzero(np.triu(wins + wins.T + ties, 1))
        counted = wins[first, second], wins[second, first], ties[first, second]
    else:
        turned = votes.left > votes.right
        code = np.minimum(votes.left, votes.right) * k + np.maximum(votes.left, votes.right)
        found, index = np.unique(code, return_inverse=True)
        first, second = found // k, found % k
        said = np.where(turned, 2 - votes.said, votes.said)
        table = np.bincount(index * 3 + said, votes.weight, found.size * 3).reshape(-1, 3)
        counted = table[:, 2], table[:, 0], table[:, 1]
    first_wins, second_wins, tied = (np.asarray(c, np.float64) for c in counted)
    return Cells(k, first, second, first_wins, second_wins, tied, np.zeros((first.size, 0)))


def _one_cell_a_vote(votes: Comparisons) -> Cells:
    weight = np.ones(votes.said.size) if votes.weight is None else votes.weight
    wins = [weight * (votes.said == outcome) for outcome in (2, 0, 1)]
    return Cells(votes.n_items, votes.left, votes.right, wins[0], wins[1], wins[2], votes.x)


def _indices(values: ArrayLike, name: str, n_items: int) -> Ints:
    if n_items < 1:
        raise InvalidSetting(f"There must be at least one item, not {n_items}.")
    found = np.asarray(values)
    if found.size == 0:
        return np.zeros(0, np.int64)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise InvalidVotes(f"{name} needs whole numbers in one row, not {found.dtype} {found.shape}.")
    if found.min() < 0 or found.max() >= n_items:
        raise InvalidVotes(f"{name} names an item outside 0..{n_items - 1}.")
    return found.astype(np.int64, copy=False)


def _said(outcome: ArrayLike) -> NDArray[np.int8]:
    found = np.asarray(outcome, np.float64)
    if found.ndim != 1:
        raise InvalidVotes(f"outcome needs one row, not {found.shape}.")
    doubled = found * 2
    if found.size and not (doubled.min() >= 0 and doubled.max() <= 2):
        raise InvalidVotes("An outcome is 1 (left), 0 (right) or 1/2 (tie); an unknown one is never a tie.")
    said = doubled.astype(np.int8)
    if not (said == doubled).all():
        raise InvalidVotes("An outcome is 1 (left), 0 (right) or 1/2 (tie); an unknown one is never a tie.")
    return said


def _weights(weight: ArrayLike | None, n: int) -> Floats | None:
    if weight is None:
        return None
    found = np.asarray(weight, np.float64)
    if found.shape != (n,):
        raise InvalidVotes(f"weight needs {n} numbers, got shape {found.shape}.")
    if n and not (found.min() >= 0 and np.isfinite(found).all()):
        raise InvalidVotes("A weight is a finite number of at least 0.")
    return found


def _people(annotator: ArrayLike | None, n: int) -> tuple[Ints | None, int]:
    if annotator is None:
        return None, 0
    found = np.asarray(annotator)
    if found.shape != (n,) or (n and found.dtype.kind not in "iu"):
        raise InvalidVotes(f"annotator needs {n} whole numbers, got {found.dtype} {found.shape}.")
    if n and found.min() >= 0 and found.max() < 4 * n + 1000:
        there = np.bincount(found) > 0
        return (np.cumsum(there) - 1)[found], int(there.sum())
    names, index = np.unique(found, return_inverse=True)
    return index.astype(np.int64), int(names.size)


def _covariates(x: ArrayLike | None, n: int) -> Floats:
    if x is None:
        return np.zeros((n, 0))
    found = np.asarray(x, np.float64)
    if found.ndim != 2 or found.shape[0] != n:
        raise InvalidVotes(f"Covariates need shape ({n}, n_covariates), got {found.shape}.")
    if not np.isfinite(found).all():
        raise InvalidVotes("A covariate is not a finite number; leave such votes out and say how many.")
    return found
