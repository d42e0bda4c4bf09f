"""How far people agree on pairs, and people with themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.inference.intervals import FEWEST_CLUSTERS, critical

Ints = NDArray[np.int64]
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Agreement:
    """Nominal agreement: ``alpha`` (1 is perfect, 0 chance), ``pairwise`` share of agreeing pairs of ratings; None where
    they are not defined. ``units`` with two ratings or more, ``ratings`` in them.
    """

    alpha: float | None
    pairwise: float | None
    units: int
    ratings: int


def krippendorff_nominal(unit: Ints, category: Ints) -> Agreement:
    """Krippendorff's alpha for nominal categories, and the observed share of agreeing pairs.

    Model: ``alpha = 1 - D_o / D_e`` with the coincidences of Krippendorff: a unit with m ratings contributes each ordered pair
    of its ratings with weight 1/(m - 1); D_e is the disagreement of ratings paired at random over all units.

    Args:
        unit: int64 (n_ratings,), which unit each rating is of; any labels.
        category: int64 (n_ratings,), in [0, n_categories).

    Returns:
        Agreement; ``alpha`` is None where no unit has two ratings or all ratings are one category.

    Cost: O(n_ratings log n_ratings). Randomness: none.
    Assumes: ratings of a unit are exchangeable; one rating a person and unit, which the caller sees to.
    Source: Krippendorff, Content Analysis (4th ed.), chapter 12.

    Example:
        >>> krippendorff_nominal(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])).alpha
        1.0
    """
    if unit.shape != category.shape or unit.ndim != 1:
        raise ValueError(f"unit and category need one shape, got {unit.shape} and {category.shape}")
    if unit.size == 0:
        return Agreement(None, None, 0, 0)
    _, index = np.unique(unit, return_inverse=True)
    width = int(category.max()) + 1
    counts = np.bincount(index * width + category, minlength=(int(index.max()) + 1) * width).reshape(
        -1, width
    )
    ratings = counts.sum(axis=1)
    counts, ratings = counts[ratings >= 2].astype(np.float64), ratings[ratings >= 2].astype(np.float64)
    n = float(ratings.sum())
    if n == 0:
        return Agreement(None, None, 0, 0)
    same_ordered = (counts * (counts - 1)).sum(axis=1)
    pairwise = float(same_ordered.sum() / (ratings * (ratings - 1)).sum())
    observed = float((same_ordered / (ratings - 1)).sum())
    totals = counts.sum(axis=0)
    expected = float((totals * (totals - 1)).sum()) / (n - 1)
    alpha = None if expected == n else 1 - (n - observed) / (n - expected)
    return Agreement(alpha, pairwise, int(ratings.size), int(n))


def alpha_interval(
    unit: Ints, category: Ints, *, cluster: Ints | None = None, level: float = 0.95
) -> tuple[float, float] | None:
    """The interval of nominal alpha over units drawn anew, by linearisation.

    Model: alpha is a smooth function of sums over units (ratings, agreeing ratings, ratings in each category); its variance is that
    of the sum of what each unit, or cluster of units, adds to it to first order.

    Args:
        unit, category: As for ``krippendorff_nominal``.
        cluster: int64 (n_ratings,), which cluster of units (a prompt) each rating belongs to; each unit its own where not given.
        level: Two-sided, in (0, 1).

    Returns:
        (low, high) within -1 and 1, by Student's t; None where alpha is not defined or there are fewer than ten clusters.

    Cost: O(n_ratings log n_ratings). Randomness: none.
    Assumes: clusters are a sample of those meant; people are taken as given.
    Source: the delta method; Hayes and Krippendorff 2007 resample units for the same purpose.
    """
    found = krippendorff_nominal(unit, category)
    if found.alpha is None:
        return None
    units, index = np.unique(unit, return_inverse=True)
    width = int(category.max()) + 1
    counts = (
        np.bincount(index * width + category, minlength=units.size * width)
        .reshape(-1, width)
        .astype(np.float64)
    )
    ratings = counts.sum(axis=1)
    used = ratings >= 2
    counts, ratings = counts[used], ratings[used]
    agreeing = (counts * (counts - 1)).sum(axis=1) / (ratings - 1)
    n, same, totals = ratings.sum(), agreeing.sum(), counts.sum(axis=0)
    chance = (totals * (totals - 1)).sum() / (n - 1)
    under = n - chance
    ratio = (n - same) / under
    d_chance = ratio / under
    d_n = (ratio - 1) / under + d_chance * chance / (n - 1)
    by_unit = agreeing / under - counts @ (d_chance * (2 * totals - 1) / (n - 1)) + ratings * d_n
    groups = np.arange(by_unit.size) if cluster is None else _first_of(cluster, index, units.size)[used]
    _, at = np.unique(groups, return_inverse=True)
    added = np.bincount(at, by_unit)
    k = added.size
    if k < FEWEST_CLUSTERS:
        return None
    spread = k / (k - 1) * float(((added - added.mean()) ** 2).sum())
    reach = critical(level, k - 1) * math.sqrt(spread)
    return max(-1.0, found.alpha - reach), min(1.0, found.alpha + reach)


def _first_of(values: Ints, index: Ints, size: int) -> Ints:
    """The value of each unit's last row."""
    out = np.zeros(size, np.int64)
    out[index] = values
    return out


@dataclass(frozen=True)
class Share:
    """A share with its 95 % Wilson interval; ``value`` and ``interval`` are None where nothing was counted."""

    n: int
    value: float | None
    interval: tuple[float, float] | None


def share(successes: int, n: int) -> Share:
    """A share and its Wilson score interval.

    Model: binomial; the interval inverts the score test (Wilson 1927), so it stays in 0..1 and holds at the ends.

    Example:
        >>> share(0, 0).value is None
        True
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a share")
    if n == 0:
        return Share(0, None, None)
    p, z2 = successes / n, Z_95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Share(n, p, (max(0.0, centre - half), min(1.0, centre + half)))
