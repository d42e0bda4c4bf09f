"""Intervals of means and ratios over votes that share items and people: resampled by item, by person, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from app.inference.errors import InvalidSetting, InvalidVotes
from app.inference.intervals import FEWEST_CLUSTERS, Floats, Interval, Ints, critical

CHUNK = 64
"""Draws at a time: bounds memory at n_items * CHUNK numbers."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of sums with its interval.

    value: None where the denominator is 0.  interval, standard_error: None where they are not known; ``why`` says why.
    n: votes.  items, annotators: how many there are; None where not told apart.
    """

    method: Literal["two_way_bootstrap", "clustered"]
    value: float | None
    standard_error: float | None
    interval: Interval | None
    why: str | None
    n: int
    items: int | None
    annotators: int | None
    draws: int
    level: float
    seed: int | None
    converged: Literal[True] = True
    iterations: int = 0


def two_way_bootstrap(
    numerator: ArrayLike,
    denominator: ArrayLike,
    *,
    item: ArrayLike,
    annotator: ArrayLike,
    draws: int = 500,
    level: float = 0.95,
    seed: int,
) -> Ratio:
    """A ratio of sums with an interval that allows for votes of one item, and of one person, being alike.

    Model: r = sum(numerator) / sum(denominator). Each draw takes items and, independently, people with replacement; a vote
    counts (times its item was drawn) x (times its person was drawn). Alone this overstates the share of the variance that
    belongs to single votes, up to three times; so the draws are shrunk about r until their variance is that of
    ``_two_way_variance``, and the interval is the range of the shrunk draws: the bootstrap's shape with the right width.

    Args:
        numerator, denominator: float64 (n_votes,), finite; a mean has ones below.
        item, annotator: int64 (n_votes,), any numbers.
        draws: >= 100.
        level: Two-sided, in (0, 1).
        seed: Of the draws; the same seed gives the same interval.

    Returns:
        Ratio; its interval is None with fewer than ten items or people, or a denominator of 0.

    Raises:
        InvalidVotes: Other lengths, or numbers that are not finite.  InvalidSetting: Too few draws.

    Cost: O(draws * n_votes): a million votes and 500 draws take some 10 s, 1e5 votes one.  Randomness: ``seed``.
    Assumes people are alike a sample of people, items of items; nothing of the votes of one person or item.
    Source: Owen 2007 (pigeonhole bootstrap); Cameron, Gelbach and Miller 2011 (variance).

    Example:
        >>> who, what = np.repeat(np.arange(12), 12), np.tile(np.arange(12), 12)
        >>> said = ((who * what) % 3 == 0).astype(float)
        >>> found = two_way_bootstrap(said, np.ones(144), item=what, annotator=who, seed=1)
        >>> round(found.value, 4), found.interval[0] < 0.5 < found.interval[1]
        (0.5556, True)
    """
    if draws < 100:
        raise InvalidSetting(f"{draws} draws are too few for the ends of an interval; take 100 or more.")
    critical(level)
    above, below = _numbers(numerator, denominator)
    items, n_items = _numbered(item, above.size, "item")
    people, n_people = _numbered(annotator, above.size, "annotator")
    value = _divide(above.sum(), below.sum())
    why = _too_few(n_items, n_people) or (None if value is not None else "nothing to divide by")
    if why is not None or value is None:
        return Ratio(
            "two_way_bootstrap", value, None, None, why, above.size, n_items, n_people, draws, level, seed
        )
    influence = (above - value * below) / below.sum()
    aim = _two_way_variance(influence, items, people, n_items, n_people)
    ratios = _draw(above, below, items, people, n_items, n_people, draws, seed)
    spread = ratios.std(ddof=1)
    if spread > 0:
        ratios = value + (ratios - value) * (np.sqrt(aim) / spread)
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return Ratio(
        "two_way_bootstrap", value, float(np.sqrt(aim)), (float(low), float(high)), None,
        above.size, n_items, n_people, draws, level, seed,
    )  # fmt: skip


def clustered_ratio(
    numerator: ArrayLike,
    denominator: ArrayLike,
    *,
    annotator: ArrayLike,
    item: ArrayLike | None = None,
    level: float = 0.95,
) -> Ratio:
    """A ratio of sums with a closed-form interval clustered by person, or by person and item: fast, and without chance.

    Model: r = sum(numerator) / sum(denominator); influences e = (numerator - r denominator) / sum(denominator); the variance
    is the sum over people of their squared total influence, times G/(G-1); with items the same by item is added and that by
    (item, person) taken off, but it is never less than either alone. The interval is r plus and minus Student's t with as many
    degrees of freedom as the smaller number of clusters less one.

    Args, Returns, Raises: As for ``two_way_bootstrap``.
    Cost: O(n_votes).  Randomness: none.
    Assumes the ratio is near linear in the sums; use the bootstrap for shares near 0 or 1.
    Source: Cameron, Gelbach and Miller 2011.

    Example:
        >>> found = clustered_ratio([1.0, 0.0] * 20, np.ones(40), annotator=np.arange(40) // 2)
        >>> found.value, found.interval == (0.5, 0.5)  # each person is as the mean
        (0.5, True)
    """
    above, below = _numbers(numerator, denominator)
    people, n_people = _numbered(annotator, above.size, "annotator")
    items, n_items = (None, None) if item is None else _numbered(item, above.size, "item")
    value = _divide(above.sum(), below.sum())
    reach = 0.0
    why = _too_few(n_items, n_people) or (None if value is not None else "nothing to divide by")
    if why is None:
        reach = critical(level, min(n_people, n_items or n_people) - 1)
    if why is not None or value is None:
        return Ratio("clustered", value, None, None, why, above.size, n_items, n_people, 0, level, None)
    influence = (above - value * below) / below.sum()
    if items is None or n_items is None:
        variance = _one_way_variance(influence, people, n_people)
    else:
        variance = _two_way_variance(influence, items, people, n_items, n_people)
    error = float(np.sqrt(variance))
    interval = (value - reach * error, value + reach * error)
    return Ratio("clustered", value, error, interval, None, above.size, n_items, n_people, 0, level, None)


def multiplicities(rng: np.random.Generator, size: int, draws: int) -> Floats:
    """How often each of ``size`` clusters is taken in each of ``draws`` samples with replacement, float64 (size, draws)."""
    taken = rng.integers(0, size, (draws, size)) + np.arange(draws)[:, None] * size
    flat = np.bincount(taken.ravel(), minlength=draws * size)
    return np.ascontiguousarray(flat.reshape(draws, size).T, np.float64)


def _draw(
    above: Floats,
    below: Floats,
    items: Ints,
    people: Ints,
    n_items: int,
    n_people: int,
    draws: int,
    seed: int,
) -> Floats:
    from scipy.sparse import csr_array

    rng = np.random.default_rng(seed)
    shape = (n_items, n_people)
    over = csr_array((above, (items, people)), shape=shape)
    under = csr_array((below, (items, people)), shape=shape)
    found = []
    for start in range(0, draws, CHUNK):
        many = min(CHUNK, draws - start)
        of_people, of_items = multiplicities(rng, n_people, many), multiplicities(rng, n_items, many)
        top = np.einsum("id,id->d", over @ of_people, of_items)
        bottom = np.einsum("id,id->d", under @ of_people, of_items)
        found.append(top[bottom != 0] / bottom[bottom != 0])
    return np.concatenate(found)


def _one_way_variance(influence: Floats, cluster: Ints, n: int) -> float:
    total = np.bincount(cluster, influence, n)
    return float(total @ total) * n / (n - 1)


def _two_way_variance(influence: Floats, items: Ints, people: Ints, n_items: int, n_people: int) -> float:
    by_item = _one_way_variance(influence, items, n_items)
    by_person = _one_way_variance(influence, people, n_people)
    _, both = np.unique(items * n_people + people, return_inverse=True)
    together = np.bincount(both, influence)
    return max(by_item + by_person - float(together @ together), by_item, by_person)


def _divide(above: float, below: float) -> float | None:
    return float(above / below) if below != 0 else None


def _too_few(n_items: int | None, n_people: int) -> str | None:
    if n_people < FEWEST_CLUSTERS:
        return f"{n_people} people: an interval that allows for how people differ needs {FEWEST_CLUSTERS}"
    if n_items is not None and n_items < FEWEST_CLUSTERS:
        return f"{n_items} items: an interval that allows for how items differ needs {FEWEST_CLUSTERS}"
    return None


def _numbers(numerator: ArrayLike, denominator: ArrayLike) -> tuple[Floats, Floats]:
    above, below = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    if above.shape != below.shape or above.ndim != 1:
        raise InvalidVotes(f"numerator and denominator need one length, got {above.shape} and {below.shape}.")
    if not (np.isfinite(above).all() and np.isfinite(below).all()):
        raise InvalidVotes("A numerator or denominator is not a finite number.")
    return above, below


def _numbered(labels: ArrayLike, n: int, name: str) -> tuple[Ints, int]:
    found = np.asarray(labels)
    if found.shape != (n,):
        raise InvalidVotes(f"{name} needs {n} entries, got {found.shape}.")
    names, index = np.unique(found, return_inverse=True)
    return index.astype(np.int64), int(names.size)
