"""How much people differ over a whole dataset, and from what it comes: unbiased, without a model, in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.inference.decomposition.differences import compared
from app.inference.decomposition.shuffled import null_between
from app.inference.decomposition.terms import Clusters, Term, combine, sums
from app.inference.decomposition.votes import Repeats, Units, Votes, repeats, units
from app.inference.intervals import FEWEST_CLUSTERS

Part = Literal["total", "between_groups", "between_people", "within_person", "position"]
PARTS: tuple[Part, ...] = ("total", "between_groups", "between_people", "within_person", "position")

WIDEST = 0.02
"""Half-width of the interval of the within-person part above which the split is not to be relied on."""
FEWEST_REPEATS = 20


@dataclass(frozen=True)
class Decomposition:
    """Disagreement of a dataset, as variances of one vote in 0..1.

    values: each part, None where it is not known.  intervals: two-sided, clustered by person and prompt, where known.
    null: of ``between_groups``, the middle 95 % when labels are shuffled among people.  unknown: why a part is None.
    position: a piece of ``within_person``, not beside it.  reliable: the within-person part is known to within WIDEST; ``why``
    says what is missing.
    """

    values: Mapping[Part, float | None]
    intervals: Mapping[Part, tuple[float, float]]
    null: Mapping[Part, tuple[float, float]]
    unknown: Mapping[Part, str]
    reliable: bool
    why: str | None
    votes: int
    people: int
    pairs: int
    repeats: int
    level: float
    seed: int
    permutations: int
    method: Literal["pairwise_differences"] = "pairwise_differences"
    converged: Literal[True] = True
    iterations: int = 0


def decompose(votes: Votes, *, level: float = 0.95, permutations: int = 200, seed: int = 0) -> Decomposition:
    """Disagreement between two people drawn at random, split by groups, persons and inconsistency.

    Model: y in {0, 1/2, 1}; every part is half a mean squared difference, averaged over pairs alike. total = E(y - y')^2 / 2
    over two people drawn by the group weights; between_people + within_person = the same over two people of one group;
    within_person = E(y - y')^2 / 2 over two answers of one person to one pair, sides alike and swapped in equal parts;
    between_groups = total less the two; position = a quarter of how much more often swapped sides flip a choice. Without ties
    these are the identity p(1 - p) = B + P + W. Each is an unbiased U-statistic; between_groups can come out below 0.

    With ``votes.weight`` (adaptive drawing) pairs of votes count by the product of their inverse propensities in a ratio of
    totals, which estimates the same over all pairs that could be drawn.

    Args:
        votes: From ``read_votes``. Several votes of a person on a pair are one unit, with their mean.
        level: Of the intervals, two-sided.
        permutations: Shuffles behind the null of ``between_groups``; 0 for none.
        seed: Of these shuffles.

    Returns:
        Decomposition. Without groups, between_people holds what would be between groups, and ``unknown`` says so.

    Cost: O(n log n), and O(permutations * min(n, MOST_PERMUTED)).  Randomness: ``seed``, the null alone.

    Assumes people and prompts are a sample of those meant; that answers to a pair asked again are as independent as answers
    of two people (a memory of the first makes within_person too small). Intervals are linearised two-way cluster-robust ones,
    with Student's t of the smaller number of clusters; None below ten people.

    Source: Hoeffding 1948 (U-statistics); Cameron, Gelbach and Miller 2011 (two-way clustering).

    Example:
        >>> import numpy as np
        >>> from app.inference.decomposition.votes import read_votes
        >>> seen = read_votes([0, 1, 2, 3], [0, 0, 0, 0], [1, 1, 0, 0])
        >>> round(decompose(seen).values["total"], 4)  # four of the six couples differ: 4/6 / 2
        0.3333
    """
    rows = units(votes)
    again = repeats(votes, rows)
    same = compared(votes, rows)
    values: dict[Part, Term] = dict.fromkeys(PARTS, Term(None))
    unknown: dict[Part, str] = {}
    within, position = _within(votes, rows, again)
    if same is None:
        unknown |= dict.fromkeys(
            ("total", "between_groups", "between_people"), "no pair was answered by two people"
        )
    else:
        inside, across = same
        values["total"] = inside if across is None else across
        if across is None:
            unknown["between_groups"] = votes.why_no_groups or "no pair was answered by people of two groups"
        else:
            values["between_groups"] = combine((across, 1.0), (inside, -1.0))
        if within.value is None:
            unknown["between_people"] = "it is told apart from the within-person part by repeats alone"
        else:
            values["between_people"] = combine((inside, 1.0), (within, -1.0))
    values["within_person"], values["position"] = within, position
    if within.value is None:
        unknown["within_person"] = (
            "nobody answered a pair twice"
            if not again.person.size
            else (f"{again.person.size} repeats are fewer than {FEWEST_REPEATS}")
        )
    if position.value is None:
        unknown["position"] = "too few repeats with the sides alike and swapped"
    clusters = Clusters(votes, rows)
    people = clusters.people
    found = {
        part: clusters.interval(term, level)
        for part, term in values.items()
        if term.value is not None and people >= FEWEST_CLUSTERS
    }
    intervals = {part: interval for part, interval in found.items() if interval is not None}
    by_chance = (
        null_between(votes, rows, permutations, seed) if values["between_groups"].value is not None else None
    )
    null: dict[Part, tuple[float, float]] = {} if by_chance is None else {"between_groups": by_chance}
    reliable, why = _reliable(intervals, unknown, people, again.person.size)
    return Decomposition(
        {part: term.value for part, term in values.items()}, intervals, null, unknown, reliable, why, int(votes.y.size),
        people, clusters.pairs, int(again.person.size), level, seed, permutations if null else 0,
    )  # fmt: skip


def _reliable(
    intervals: Mapping[Part, tuple[float, float]], unknown: Mapping[Part, str], people: int, n_repeats: int
) -> tuple[bool, str | None]:
    if people < FEWEST_CLUSTERS:
        return False, f"{people} people: ranges need {FEWEST_CLUSTERS} or more"
    if "within_person" in unknown:
        return False, unknown["within_person"]
    if "within_person" not in intervals:
        return False, "the range of the within-person part is not known"
    low, high = intervals["within_person"]
    if (high - low) / 2 > WIDEST:
        return (
            False,
            f"{n_repeats} repeats: the range of the within-person part is wider than {2 * WIDEST:.2f}",
        )
    return True, None


def _within(votes: Votes, rows: Units, again: Repeats) -> tuple[Term, Term]:
    """The within-person part and the piece of it that is position."""
    if again.person.size < FEWEST_REPEATS:
        return Term(None), Term(None)
    alike, swapped = _flips(votes, rows, again, ~again.swapped), _flips(votes, rows, again, again.swapped)
    if alike.value is None or swapped.value is None:
        either = _flips(votes, rows, again, np.ones(again.person.size, np.bool_))
        return combine((either, 0.5)), Term(None)
    return combine((alike, 0.25), (swapped, 0.25)), combine((swapped, 0.25), (alike, -0.25))


def _flips(votes: Votes, rows: Units, again: Repeats, chosen: NDArray[np.bool_]) -> Term:
    """E(y - y')^2 over repeats, groups by their weights where each has some."""
    groups = votes.groups
    at = np.flatnonzero(chosen)
    if not at.size:
        return Term(None)
    factor = np.ones(at.size)
    if groups is not None:
        of = groups.of[again.person[at]]
        sizes = np.bincount(of[of >= 0], again.weight[at][of >= 0], len(groups.names))
        if (sizes > 0).all():
            factor = np.where(of >= 0, groups.weights[np.maximum(of, 0)] / sizes[np.maximum(of, 0)], 0.0)
    w = again.weight[at] * factor
    w = w / w.sum()
    value = float(w @ again.difference[at])
    error = w * (again.difference[at] - value)
    by_unit, by_pair = (
        sums(again.unit[at], error, rows.pair.size),
        sums(again.pair[at], error, votes.n_pairs),
    )
    return Term(value, by_unit, sums(votes.prompt, by_pair))
