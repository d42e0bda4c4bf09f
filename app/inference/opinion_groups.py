"""Groups of people who choose alike, found in their votes: how many, who is in which, and whether they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.inference.errors import InvalidSetting, InvalidVotes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_PEOPLE = 20
"""People with enough votes below which nobody is put into a group."""
FEWEST_VOTES, FEWEST_ON_PAIR = 8, 3
MOST_GROUPS, SMALLEST = 5, 8
"""Two to so many groups, each of so many people or more."""
SPLITS = 4
LEAST_STABLE = 0.2
"""Agreement of two halves of the pairs about who belongs with whom, below which there are no groups; 0 is chance."""
STICKY = 0.05
"""The number of groups found before stays unless another is so much more stable."""


@dataclass(frozen=True)
class OpinionGroups:
    """Who chooses alike.

    of: int64 (n_people,), 0-based group, -1 for people in none (too few votes, or no groups found).  count: how many groups, 0
    for none.  stability: adjusted Rand index between groups found in two halves of the pairs, averaged over ``splits`` halvings;
    None where it was not worked out.  by_count: the same for each number of groups tried.  why: what is missing, None where
    groups were found.  n, people: votes and people they rest on.
    """

    of: Ints = field(repr=False)
    count: int
    stability: float | None
    by_count: tuple[tuple[int, float], ...]
    why: str | None
    n: int
    people: int
    seed: int
    splits: int = SPLITS
    method: Literal["hollow_gram_k_means"] = "hollow_gram_k_means"
    converged: Literal[True] = True
    iterations: int = 0


def opinion_groups(
    person: ArrayLike,
    pair: ArrayLike,
    y: ArrayLike,
    *,
    n_people: int,
    previous: ArrayLike | None = None,
    seed: int = 0,
) -> OpinionGroups:
    """Two to five groups of people by how they chose on all pairs, where such groups hold.

    Model: a vote less its pair's mean, r_ui, is a low-rank signal (which side of what splits people u stands on, how strongly
    pair i splits them) and noise. The signal's directions are the leading eigenvectors of R R' with its diagonal taken out, R the
    people's rows scaled to one length; without the diagonal, how much someone voted does not count as alike. k groups are k-means
    in k - 1 directions. k is the one whose groups, found in two halves of the pairs apart, agree best about who belongs together.

    Args:
        person: int64 (n,), in [0, n_people), one vote a person and pair.
        pair: int64 (n,), >= 0.
        y: float64 (n,), 1 = first preferred, 0 = second, 1/2 = tie.
        n_people: Length of the answer.
        previous: int64 (n_people,), groups found before, -1 where there was none: numbers are kept where most of a group stays,
            and so is the number of groups unless another is clearly more stable.
        seed: Of the halves and the k-means.

    Returns:
        OpinionGroups; ``count`` 0 and ``why`` where people are too few, or fall into no groups that hold.

    Raises:
        InvalidVotes: The arrays do not fit together.  InvalidSetting: ``n_people`` too small.

    Cost: O(splits * n * iterations of the eigensolver).  Randomness: ``seed``.

    Assumes pairs were put to people without regard to the groups. The groups are found in the votes they describe: that they
    differ on those is how they were found, so differences between them are shown and never tested.

    Source: Small, Bjorkegren, Erkkila, Shaw and Megill 2021 (opinion groups); Zhang, Cai and Wu 2022 (the diagonal); Hubert and
    Arabie 1985 (agreement of groupings); Lange, Roth, Braun and Buhmann 2004 (choosing k by stability).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> person, pair = np.divmod(np.arange(40 * 60), 60)
        >>> y = (rng.random(2400) < np.where((person < 20) == (pair < 30), 0.85, 0.15)).astype(float)
        >>> found = opinion_groups(person, pair, y, n_people=40)
        >>> found.count, len(set(found.of[:20].tolist())), bool(found.stability > 0.9)
        (2, 1, True)
    """
    who, at, said = np.asarray(person, np.int64), np.asarray(pair, np.int64), np.asarray(y, np.float64)
    if not who.shape == at.shape == said.shape or who.ndim != 1:
        raise InvalidVotes("person, pair and y need one number for each vote.")
    if not np.isin(said, (0.0, 0.5, 1.0)).all():
        raise InvalidVotes("y is 1, 0 or 1/2; leave out what is neither a choice nor a tie.")
    if who.size and (who.min() < 0 or int(who.max()) >= n_people or at.min() < 0):
        raise InvalidSetting(f"person lies in 0 to {n_people - 1}, pair is not negative.")
    nobody = np.full(n_people, -1)
    kept = _enough(who, at)
    people = np.unique(who[kept])
    if people.size < FEWEST_PEOPLE:
        why = (
            f"{people.size} people have {FEWEST_VOTES} or more answers to pairs that {FEWEST_ON_PAIR} people answered; "
            f"groups are looked for from {FEWEST_PEOPLE} on"
        )
        return OpinionGroups(nobody, 0, None, (), why, int(kept.sum()), int(people.size), seed)
    votes = _Residuals(np.searchsorted(people, who[kept]), at[kept], said[kept], people.size)
    before = nobody if previous is None else np.asarray(previous, np.int64)
    rng = np.random.default_rng(seed)
    by_count = _stabilities(votes, rng)
    chosen = _choose(votes, by_count, int(np.unique(before[before >= 0]).size), seed)
    if chosen is None:
        best = max(by_count.values(), default=0.0)
        why = f"groups found in one half of the pairs are not those of the other half (agreement {best:.2f}, {LEAST_STABLE} is needed)"
        return OpinionGroups(nobody, 0, best, tuple(by_count.items()), why, votes.n, int(people.size), seed)
    count, labels = chosen
    found = nobody.copy()
    found[people] = _same_numbers(labels, before[people], count)
    return OpinionGroups(
        found, count, by_count[count], tuple(by_count.items()), None, votes.n, int(people.size), seed
    )


def _enough(person: Ints, pair: Ints) -> NDArray[np.bool_]:
    """Votes on pairs that several people answered, of people with several such votes."""
    if not person.size:
        return np.zeros(0, np.bool_)
    on_pair = np.bincount(pair)[pair] >= FEWEST_ON_PAIR
    return np.asarray(
        on_pair & (np.bincount(person[on_pair], minlength=int(person.max()) + 1)[person] >= FEWEST_VOTES)
    )


class _Residuals:
    """Votes less the mean of their pair, as a sparse matrix of people by pairs, each person's row of length one."""

    def __init__(self, person: Ints, pair: Ints, y: Floats, n_people: int) -> None:
        _, self.pair = np.unique(pair, return_inverse=True)
        self.person, self.n_people, self.n = person, n_people, int(y.size)
        self.pairs = int(self.pair.max()) + 1 if y.size else 0
        count = np.bincount(self.pair, minlength=self.pairs)
        self.residual = y - (np.bincount(self.pair, y, self.pairs) / np.maximum(count, 1))[self.pair]

    def rows(self, chosen: NDArray[np.bool_] | None = None) -> tuple[Any, Floats, Ints]:
        """The matrix of the chosen votes, the squared length of each row, and how many votes each person has in it."""
        from scipy.sparse import csr_array

        take = slice(None) if chosen is None else chosen
        person, value = self.person[take], self.residual[take]
        votes = np.bincount(person, minlength=self.n_people)
        scaled = value / np.sqrt(np.maximum(votes, 1))[person]
        matrix = csr_array((scaled, (person, self.pair[take])), shape=(self.n_people, self.pairs))
        own = np.bincount(person, scaled**2, self.n_people).astype(np.float64, copy=False)
        return matrix, own, votes.astype(np.int64, copy=False)

    def positions(self, rng: np.random.Generator, chosen: NDArray[np.bool_] | None = None) -> Floats:
        """Where each person stands in the leading directions, float64 (n_people, MOST_GROUPS - 1); 0 where one has no strength."""
        from scipy.sparse.linalg import LinearOperator, eigsh

        matrix, own, votes = self.rows(chosen)
        back = matrix.T.tocsr()

        def alike(x: Floats) -> Floats:
            column = np.asarray(x).reshape(self.n_people)
            return np.asarray(matrix @ (back @ column) - own * column)

        size = min(MOST_GROUPS - 1, self.n_people - 2)
        operator = LinearOperator((self.n_people, self.n_people), matvec=alike, dtype=np.float64)
        values, vectors = eigsh(
            operator,
            k=size,
            which="LA",
            v0=rng.standard_normal(self.n_people),
            tol=1e-4,
            maxiter=50 * self.n_people,
        )
        order = np.argsort(-values)
        middle = max(float(np.median(votes[votes > 0])), 1.0) if votes.any() else 1.0
        steady = np.sqrt(votes) * np.sqrt(middle) / (votes + middle)
        return np.asarray(vectors[:, order] * np.sqrt(np.maximum(values[order], 0.0)) * steady[:, None])


def _stabilities(votes: _Residuals, rng: np.random.Generator) -> dict[int, float]:
    """For each number of groups, how far two halves of the pairs agree about who belongs with whom."""
    found: dict[int, list[float]] = {k: [] for k in range(2, MOST_GROUPS + 1)}
    for _ in range(SPLITS):
        half = rng.random(votes.pairs) < 0.5
        chosen = half[votes.pair]
        ones, twos = votes.positions(rng, chosen), votes.positions(rng, ~chosen)
        in_both = (np.bincount(votes.person[chosen], minlength=votes.n_people) >= FEWEST_VOTES // 2) & (
            np.bincount(votes.person[~chosen], minlength=votes.n_people) >= FEWEST_VOTES // 2
        )
        for k, each in found.items():
            one, two = (_grouped(p[in_both], k, rng) for p in (ones, twos))
            each.append(agreement_of_groupings(one, two))
    return {k: float(np.mean(each)) for k, each in found.items()}


def _grouped(positions: Floats, k: int, rng: np.random.Generator) -> Ints:
    """k-means in k - 1 directions: the best of a few starts."""
    data = positions[:, : k - 1]
    if data.shape[0] < k:
        return np.zeros(data.shape[0], np.int64)
    best, least = np.zeros(data.shape[0], np.int64), np.inf
    for _ in range(4):
        start = data[rng.choice(data.shape[0], k, replace=False)]
        centres, labels = _lloyd(data, start)
        loss = float(((data - centres[labels]) ** 2).sum())
        if loss < least:
            best, least = labels, loss
    return best


def _lloyd(data: Floats, centres: Floats) -> tuple[Floats, Ints]:
    """Lloyd's steps until nobody moves; a centre that loses everyone stays where it is."""
    labels = np.full(data.shape[0], -1)
    for _ in range(100):
        nearest = np.argmin(((data[:, None, :] - centres) ** 2).sum(axis=2), axis=1)
        if (nearest == labels).all():
            break
        labels = nearest
        size = np.bincount(labels, minlength=centres.shape[0])
        for axis in range(data.shape[1]):
            moved = np.bincount(labels, data[:, axis], centres.shape[0]) / np.maximum(size, 1)
            centres[:, axis] = np.where(size > 0, moved, centres[:, axis])
    return centres, labels.astype(np.int64)


def _choose(
    votes: _Residuals, stability: dict[int, float], before: int, seed: int
) -> tuple[int, Ints] | None:
    """The number of groups that holds best and leaves none too small, and everybody's group; None where none holds."""
    rng = np.random.default_rng(seed + 1)
    positions = votes.positions(rng)
    allowed: dict[int, Ints] = {}
    for k, stable in stability.items():
        labels = _grouped(positions, k, rng)
        if stable >= LEAST_STABLE and np.bincount(labels, minlength=k).min() >= SMALLEST:
            allowed[k] = labels
    if not allowed:
        return None
    best = max(allowed, key=lambda k: (stability[k], -k))
    if before in allowed and stability[before] >= stability[best] - STICKY:
        best = before
    return best, allowed[best]


def _same_numbers(labels: Ints, before: Ints, count: int) -> Ints:
    """The labels renumbered: a group keeps the number most of its people had; without earlier ones, the largest is 0."""
    from scipy.optimize import linear_sum_assignment

    known = before >= 0
    if not known.any():
        order = np.argsort(-np.bincount(labels, minlength=count), kind="stable")
        number = np.empty(count, np.int64)
        number[order] = np.arange(count)
        return number[labels]
    width = max(count, int(before.max()) + 1)
    shared = np.bincount(labels[known] * width + before[known], minlength=count * width).reshape(count, width)
    groups, numbers = linear_sum_assignment(-shared)
    number = np.empty(count, np.int64)
    number[groups] = numbers
    free = iter(sorted(set(range(count)) - set(numbers[numbers < count].tolist())))
    for group in range(count):
        if number[group] >= count:
            number[group] = next(free)
    return number[labels]


def agreement_of_groupings(one: ArrayLike, two: ArrayLike) -> float:
    """The adjusted Rand index: 1 where two groupings put the same together, 0 on average where they have nothing to do with each other.

    Args: one, two: int64 (n,), >= 0.  Source: Hubert and Arabie 1985.

    Example:
        >>> agreement_of_groupings([0, 0, 1, 1], [5, 5, 2, 2])
        1.0
    """
    a, b = np.asarray(one, np.int64), np.asarray(two, np.int64)
    if a.size < 2:
        return 0.0
    width = int(b.max()) + 1
    both = np.bincount(a * width + b).astype(np.float64)

    def couples(sizes: Floats) -> float:
        return float((sizes * (sizes - 1) / 2).sum())

    together = couples(both)
    ones, twos = couples(np.bincount(a).astype(np.float64)), couples(np.bincount(b).astype(np.float64))
    chance, most = ones * twos / (a.size * (a.size - 1) / 2), (ones + twos) / 2
    return 1.0 if most == chance else float((together - chance) / (most - chance))
