"""How much people differ over a whole dataset, and from what it comes: unbiased, without a model, in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.inference.decomposition.votes import Groups, Repeats, Units, Votes, repeats, units
from app.inference.intervals import FEWEST_CLUSTERS, critical

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Part = Literal["total", "between_groups", "between_people", "within_person", "position"]
PARTS: tuple[Part, ...] = ("total", "between_groups", "between_people", "within_person", "position")

WIDEST = 0.02
"""Half-width of the interval of the within-person part above which the split is not to be relied on."""
FEWEST_REPEATS = 20
MOST_PERMUTED = 50_000
"""Rows on which the permutation null is worked out; beyond, it is that of a random part, which is wider and so cautious."""


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


@dataclass(frozen=True)
class _Term:
    """One estimate with what each person-and-prompt adds to its error. value: None where nothing was compared."""

    value: float | None
    person: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    prompt: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    by_unit: Floats = field(default_factory=lambda: np.zeros(0))
    prompts: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    by_pair: Floats = field(default_factory=lambda: np.zeros(0))


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
    rows, again = units(votes), repeats(votes)
    groups = votes.groups
    same = _same_groups(votes, rows, groups)
    values: dict[Part, _Term] = dict.fromkeys(PARTS, _Term(None))
    unknown: dict[Part, str] = {}
    within, position = _within(votes, again, groups)
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
            values["between_groups"] = _combine((across, 1.0), (inside, -1.0))
        if within.value is None:
            unknown["between_people"] = "it is told apart from the within-person part by repeats alone"
        else:
            values["between_people"] = _combine((inside, 1.0), (within, -1.0))
    values["within_person"], values["position"] = within, position
    if within.value is None:
        unknown["within_person"] = (
            "nobody answered a pair twice"
            if not again.person.size
            else (f"{again.person.size} repeats are fewer than {FEWEST_REPEATS}")
        )
    if position.value is None:
        unknown["position"] = "too few repeats with the sides alike and swapped"
    people, prompts = (
        np.unique(rows.person).size,
        np.unique(votes.prompt[rows.pair]).size if rows.pair.size else 0,
    )
    found = {
        part: _interval(term, level, people, prompts)
        for part, term in values.items()
        if term.value is not None and people >= FEWEST_CLUSTERS
    }
    intervals = {part: interval for part, interval in found.items() if interval is not None}
    null = _null(votes, rows, permutations, seed) if values["between_groups"].value is not None else {}
    reliable, why = _reliable(intervals, unknown, people, again.person.size)
    return Decomposition(
        {part: term.value for part, term in values.items()}, intervals, null, unknown, reliable, why, int(votes.y.size),
        int(people), int(np.unique(rows.pair).size), int(again.person.size), level, seed, permutations if null else 0,
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


def _moments(rows: Units, n_pairs: int, chosen: NDArray[np.bool_]) -> tuple[Floats, ...]:
    """By pair, over the chosen rows: sums of w, w^2, w mean, w^2 mean^2, w square, w^2 square."""
    w, at = rows.weight[chosen], rows.pair[chosen]
    mean, square = rows.mean[chosen], rows.square[chosen]
    return tuple(
        np.bincount(at, v, n_pairs).astype(np.float64, copy=False)
        for v in (w, w * w, w * mean, (w * mean) ** 2, w * square, w * w * square)
    )


def _same_groups(votes: Votes, rows: Units, groups: Groups | None) -> tuple[_Term, _Term | None] | None:
    """Half the mean squared difference of two people of one group, and of two people drawn by the group weights."""
    if groups is None:
        alone = _inside(votes, rows, np.ones(rows.pair.size, np.bool_))
        return None if alone.value is None else (alone, None)
    of = groups.of[rows.person]
    size = len(groups.names)
    inside = [_inside(votes, rows, of == g) for g in range(size)]
    if any(term.value is None for term in inside):
        alone = _inside(votes, rows, np.ones(rows.pair.size, np.bool_))
        return None if alone.value is None else (alone, None)
    w = groups.weights
    together = _combine(*((term, float(w[g])) for g, term in enumerate(inside)))
    parts = [(term, float(w[g] ** 2)) for g, term in enumerate(inside)]
    for g in range(size):
        for h in range(g + 1, size):
            term = _between(votes, rows, of == g, of == h)
            if term.value is None:
                return together, None
            parts.append((term, float(2 * w[g] * w[h])))
    return together, _combine(*parts)


def _inside(votes: Votes, rows: Units, chosen: NDArray[np.bool_]) -> _Term:
    """E(y_u - y_v)^2 / 2 over two of the chosen people, averaged over pairs."""
    m, m2, s, s2, q, q2 = _moments(rows, votes.n_pairs, chosen)
    top = (q * m - q2) - (s * s - s2)
    under = m * m - m2
    ok = np.bincount(rows.pair[chosen], minlength=votes.n_pairs) >= 2
    at = np.flatnonzero(chosen & ok[rows.pair])
    pair, w = rows.pair[at], rows.weight[at]
    mean, square = rows.mean[at], rows.square[at]
    d_top = w * (square * m[pair] + q[pair] - 2 * w * square) - 2 * w * (s[pair] * mean - w * mean * mean)
    d_under = 2 * w * (m[pair] - w)
    return _averaged(votes, rows, at, ok, top, under, d_top, d_under)


def _between(votes: Votes, rows: Units, one: NDArray[np.bool_], two: NDArray[np.bool_]) -> _Term:
    """E(y_u - y_v)^2 / 2 with u of the first people and v of the second."""
    m, _, s, _, q, _ = _moments(rows, votes.n_pairs, one)
    n, _, t, _, r, _ = _moments(rows, votes.n_pairs, two)
    top, under = (q * n + r * m) / 2 - s * t, m * n
    ok = under > 0
    at = np.flatnonzero((one | two) & ok[rows.pair])
    pair, w = rows.pair[at], rows.weight[at]
    first = one[at]
    others_n, others_s = np.where(first, n[pair], m[pair]), np.where(first, t[pair], s[pair])
    others_q = np.where(first, r[pair], q[pair])
    d_top = w * ((rows.square[at] * others_n + others_q) / 2 - rows.mean[at] * others_s)
    return _averaged(votes, rows, at, ok, top, under, d_top, w * others_n)


def _averaged(
    votes: Votes,
    rows: Units,
    at: Ints,
    ok: NDArray[np.bool_],
    top: Floats,
    under: Floats,
    d_top: Floats,
    d_under: Floats,
) -> _Term:
    """The mean over pairs of top/under (or the ratio of their sums where votes are weighted), with its linearisation."""
    if not ok.any():
        return _Term(None)
    pair, pairs = rows.pair[at], np.flatnonzero(ok)
    if votes.weight is None:
        each = top[ok] / under[ok]
        value = float(each.mean())
        by_unit = (d_top - d_under * (top[pair] / under[pair])) / under[pair] / each.size
        by_pair = (each - value) / each.size
    else:
        whole = float(under[ok].sum())
        value = float(top[ok].sum()) / whole
        by_unit = (d_top - value * d_under) / whole
        by_pair = (top[ok] - value * under[ok]) / whole
    return _Term(value, rows.person[at], votes.prompt[pair], by_unit, votes.prompt[pairs], by_pair)


def _within(votes: Votes, again: Repeats, groups: Groups | None) -> tuple[_Term, _Term]:
    """The within-person part and the piece of it that is position."""
    if again.person.size < FEWEST_REPEATS:
        return _Term(None), _Term(None)
    alike, swapped = _flips(votes, again, ~again.swapped, groups), _flips(votes, again, again.swapped, groups)
    if alike.value is None or swapped.value is None:
        return _combine((_flips(votes, again, np.ones(again.person.size, np.bool_), groups), 0.5)), _Term(
            None
        )
    return _combine((alike, 0.25), (swapped, 0.25)), _combine((swapped, 0.25), (alike, -0.25))


def _flips(votes: Votes, again: Repeats, chosen: NDArray[np.bool_], groups: Groups | None) -> _Term:
    """E(y - y')^2 over repeats, groups by their weights where each has some."""
    at = np.flatnonzero(chosen)
    if not at.size:
        return _Term(None)
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
    prompt = votes.prompt[again.pair[at]]
    return _Term(value, again.person[at], prompt, error, prompt, error)


def _combine(*parts: tuple[_Term, float]) -> _Term:
    """A weighted sum of estimates. An estimate that is not known makes the sum so."""
    if any(term.value is None for term, _ in parts):
        return _Term(None)
    return _Term(
        sum(factor * term.value for term, factor in parts if term.value is not None),
        np.concatenate([t.person for t, _ in parts]),
        np.concatenate([t.prompt for t, _ in parts]),
        np.concatenate([f * t.by_unit for t, f in parts]),
        np.concatenate([t.prompts for t, _ in parts]),
        np.concatenate([f * t.by_pair for t, f in parts]),
    )


def _interval(term: _Term, level: float, people: int, prompts: int) -> tuple[float, float] | None:
    """Two-way clustered: the spread by person, plus that by prompt, less that by both."""
    if term.value is None:
        return None
    by_person = np.bincount(term.person, term.by_unit)
    by_prompt = np.bincount(term.prompts, term.by_pair)
    key = term.prompt * (int(term.person.max()) + 1) + term.person
    _, index = np.unique(key, return_inverse=True)
    by_both = np.bincount(index, term.by_unit)
    grown = people / max(people - 1, 1)
    spread = grown * float(by_person @ by_person)
    if prompts >= FEWEST_CLUSTERS:
        spread += prompts / (prompts - 1) * float(by_prompt @ by_prompt) - float(by_both @ by_both)
    spread = max(spread, grown * float(by_person @ by_person) if prompts < FEWEST_CLUSTERS else 0.0)
    if spread <= 0:
        spread = max(float(by_person @ by_person), float(by_prompt @ by_prompt))
    clusters = min(people, prompts) if prompts >= FEWEST_CLUSTERS else people
    reach = critical(level, clusters - 1) * float(np.sqrt(spread))
    return term.value - reach, term.value + reach


def _null(votes: Votes, rows: Units, permutations: int, seed: int) -> dict[Part, tuple[float, float]]:
    """The middle 95 % of ``between_groups`` with the labels shuffled among people who have one."""
    groups = votes.groups
    if groups is None or permutations < 1:
        return {}
    rng = np.random.default_rng(seed)
    if rows.pair.size > MOST_PERMUTED:
        share = MOST_PERMUTED / rows.pair.size
        kept = rng.random(votes.n_pairs) < share
        take = kept[rows.pair]
        rows = Units(
            rows.person[take], rows.pair[take], rows.mean[take], rows.square[take], rows.weight[take]
        )
    labelled = np.flatnonzero(groups.of >= 0)
    found = []
    for _ in range(permutations):
        of = groups.of.copy()
        of[labelled] = rng.permutation(of[labelled])
        value = _between_value(votes, rows, of, groups.weights)
        if value is not None:
            found.append(value)
    if len(found) < permutations / 2:
        return {}
    low, high = np.quantile(found, (0.025, 0.975))
    return {"between_groups": (float(low), float(high))}


def _between_value(votes: Votes, rows: Units, of: Ints, weights: Floats) -> float | None:
    """``between_groups`` alone, without its error: what a shuffle needs."""
    label = of[rows.person]
    size = weights.size
    known = label >= 0
    at = rows.pair[known] * size + label[known]
    w, mean, square = rows.weight[known], rows.mean[known], rows.square[known]
    m, m2, s, s2, q, q2, n = (
        np.bincount(at, v, votes.n_pairs * size).reshape(-1, size)
        for v in (w, w * w, w * mean, (w * mean) ** 2, w * square, w * w * square, np.ones(w.size))
    )
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
            ratio = (top / under).mean() if votes.weight is None else top.sum() / under.sum()
            table[g, h] = table[h, g] = ratio
    return float(weights @ table @ weights - weights @ np.diag(table))
