"""How much people differ over a whole dataset, and from what it comes: unbiased, without a model, in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.inference.decomposition.votes import Repeats, Units, Votes, repeats, units
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
    """One estimate with what each unit (a person on a pair) and each prompt adds to its error. value: None where nothing was compared."""

    value: float | None
    by_unit: Floats = field(default_factory=lambda: np.zeros(0))
    by_prompt: Floats = field(default_factory=lambda: np.zeros(0))


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
    same = _compared(votes, rows)
    values: dict[Part, _Term] = dict.fromkeys(PARTS, _Term(None))
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
    clusters = _Clusters(votes, rows)
    people = clusters.people
    found = {
        part: clusters.interval(term, level)
        for part, term in values.items()
        if term.value is not None and people >= FEWEST_CLUSTERS
    }
    intervals = {part: interval for part, interval in found.items() if interval is not None}
    null = _null(votes, rows, permutations, seed) if values["between_groups"].value is not None else {}
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


def _sums(at: Ints, values: Floats, size: int = 0) -> Floats:
    return np.bincount(at, values, size).astype(np.float64, copy=False)


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

    def combined(self, votes: Votes, factor: Floats) -> _Term:
        """The sum of factor[g, h] mean[g, h] over g <= h, with its linearisation: what one more unit of weight would change."""
        size, pairs = self.size, votes.n_pairs
        upper = [(g, h) for g in range(size) for h in range(g, size) if factor[g, h]]
        if any(np.isnan(self.mean[g, h]) for g, h in upper):
            return _Term(None)
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
        return _Term(value, by_unit, _sums(votes.prompt, by_pair))

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


def _compared(votes: Votes, rows: Units) -> tuple[_Term, _Term | None] | None:
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


def _within(votes: Votes, rows: Units, again: Repeats) -> tuple[_Term, _Term]:
    """The within-person part and the piece of it that is position."""
    if again.person.size < FEWEST_REPEATS:
        return _Term(None), _Term(None)
    alike, swapped = _flips(votes, rows, again, ~again.swapped), _flips(votes, rows, again, again.swapped)
    if alike.value is None or swapped.value is None:
        either = _flips(votes, rows, again, np.ones(again.person.size, np.bool_))
        return _combine((either, 0.5)), _Term(None)
    return _combine((alike, 0.25), (swapped, 0.25)), _combine((swapped, 0.25), (alike, -0.25))


def _flips(votes: Votes, rows: Units, again: Repeats, chosen: NDArray[np.bool_]) -> _Term:
    """E(y - y')^2 over repeats, groups by their weights where each has some."""
    groups = votes.groups
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
    by_unit, by_pair = (
        _sums(again.unit[at], error, rows.pair.size),
        _sums(again.pair[at], error, votes.n_pairs),
    )
    return _Term(value, by_unit, _sums(votes.prompt, by_pair))


def _combine(*parts: tuple[_Term, float]) -> _Term:
    """A weighted sum of estimates. An estimate that is not known makes the sum so."""
    if any(term.value is None for term, _ in parts):
        return _Term(None)
    return _Term(
        sum(factor * term.value for term, factor in parts if term.value is not None),
        np.sum([f * t.by_unit for t, f in parts], axis=0),
        np.sum([f * t.by_prompt for t, f in parts], axis=0),
    )


class _Clusters:
    """People and prompts that answers come in, and intervals clustered by both."""

    def __init__(self, votes: Votes, rows: Units) -> None:
        self.person = rows.person
        self.people = int((np.bincount(rows.person) > 0).sum()) if rows.person.size else 0
        seen = np.bincount(rows.pair, minlength=votes.n_pairs) > 0
        self.pairs = int(seen.sum())
        in_prompt = np.bincount(votes.prompt[seen]) if self.pairs else np.zeros(0, np.int64)
        self.prompts = int((in_prompt > 0).sum())
        self.both: Ints | None = None
        if in_prompt.max(initial=0) > 1:
            key = votes.prompt[rows.pair] * votes.n_people + rows.person
            _, self.both = np.unique(key, return_inverse=True)

    def interval(self, term: _Term, level: float) -> tuple[float, float] | None:
        """The spread by person, plus that by prompt, less that by both."""
        if term.value is None:
            return None
        by_person, by_prompt = np.bincount(self.person, term.by_unit), term.by_prompt
        by_both = term.by_unit if self.both is None else np.bincount(self.both, term.by_unit)
        people, prompts = self.people, self.prompts
        own = people / max(people - 1, 1) * float(by_person @ by_person)
        spread = own
        if prompts >= FEWEST_CLUSTERS:
            spread += prompts / (prompts - 1) * float(by_prompt @ by_prompt) - float(by_both @ by_both)
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
        return {}
    low, high = np.quantile(found, (0.025, 0.975))
    return {"between_groups": (float(low), float(high))}


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
