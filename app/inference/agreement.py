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


def krippendorff_ordinal(unit: Ints, category: Ints) -> float | None:
    """Krippendorff's alpha for ordered categories, for scales with steps.

    Model: ``alpha = 1 - D_o / D_e`` with the squared distance of categories c < k being that of ranks: half the ratings in c, all in
    between, half in k.

    Args, None, Cost, Assumes: as for ``krippendorff_nominal``; categories are integers in their order, from any start.
    Source: Krippendorff, Content Analysis (4th ed.), chapter 12.

    Example:
        >>> krippendorff_ordinal(np.array([0, 0, 1, 1, 2, 2]), np.array([1, 1, 2, 2, 3, 3]))
        1.0
    """
    if unit.shape != category.shape or unit.ndim != 1:
        raise ValueError(f"unit and category need one shape, got {unit.shape} and {category.shape}")
    if unit.size == 0:
        return None
    _, index = np.unique(unit, return_inverse=True)
    _, rank = np.unique(category, return_inverse=True)
    width = int(rank.max()) + 1
    counts = np.bincount(index * width + rank, minlength=(int(index.max()) + 1) * width).reshape(-1, width)
    counts = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    ratings, totals = counts.sum(axis=1), counts.sum(axis=0)
    n = float(totals.sum())
    if n == 0 or (totals > 0).sum() < 2:
        return None
    upto = np.cumsum(totals) - totals / 2
    distance = (upto[:, None] - upto) ** 2
    together = (counts / (ratings - 1)[:, None]).T @ counts - np.diag(
        (counts / (ratings - 1)[:, None]).sum(axis=0)
    )
    observed = float((together * distance).sum()) / n
    expected = float((np.outer(totals, totals) * distance).sum()) / (n * (n - 1))
    return 1 - observed / expected


def cohen_kappa(one: Ints, two: Ints) -> float | None:
    """Agreement of two people on the same units beyond that of their own habits: (p_o - p_e) / (1 - p_e).

    Args: one, two: int64 (n_units,), categories, each >= 0.  Returns None where there are no units, or both always say one thing.
    Source: Cohen 1960.

    Example:
        >>> cohen_kappa(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
        0.5
    """
    if one.shape != two.shape or one.ndim != 1:
        raise ValueError(f"both need one shape, got {one.shape} and {two.shape}")
    if one.size == 0:
        return None
    width = int(max(one.max(), two.max())) + 1
    shares = [np.bincount(v, minlength=width) / v.size for v in (one, two)]
    chance = float(shares[0] @ shares[1])
    return None if chance >= 1 else (float((one == two).mean()) - chance) / (1 - chance)


@dataclass(frozen=True)
class Fleiss:
    """kappa: None where it is not defined. raters: of each unit it is over, the most common number. units: how many."""

    kappa: float | None
    raters: int
    units: int


def fleiss_kappa(unit: Ints, category: Ints) -> Fleiss:
    """Agreement of many people beyond chance, over the units that have the most common number of ratings (the larger of equals).

    Model: kappa = (P - P_e) / (1 - P_e), P the mean over units of the share of agreeing pairs, P_e the sum of squared shares of
    categories. It takes one number of ratings a unit; alpha does not.

    Args: unit, category: As for ``krippendorff_nominal``.  Source: Fleiss 1971.

    Example:
        >>> fleiss_kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])).kappa
        1.0
    """
    if unit.size == 0:
        return Fleiss(None, 0, 0)
    _, index = np.unique(unit, return_inverse=True)
    width = int(category.max()) + 1
    counts = np.bincount(index * width + category, minlength=(int(index.max()) + 1) * width).reshape(
        -1, width
    )
    ratings = counts.sum(axis=1)
    sizes = np.bincount(ratings[ratings >= 2])
    if not sizes.size:
        return Fleiss(None, 0, 0)
    raters = int(sizes.size - 1 - np.argmax(sizes[::-1]))
    kept = counts[ratings == raters].astype(np.float64)
    agreeing = float(((kept * (kept - 1)).sum(axis=1) / (raters * (raters - 1))).mean())
    shares = kept.sum(axis=0) / kept.sum()
    chance = float(shares @ shares)
    return Fleiss(None if chance >= 1 else (agreeing - chance) / (1 - chance), raters, int(kept.shape[0]))


@dataclass(frozen=True)
class AgreementIntervals:
    """Of alpha and of the share of agreeing pairs; None where they are not known. people: whether people are drawn anew too."""

    alpha: tuple[float, float] | None
    pairwise: tuple[float, float] | None
    people: bool


def agreement_intervals(
    unit: Ints,
    category: Ints,
    *,
    person: Ints | None = None,
    cluster: Ints | None = None,
    level: float = 0.95,
) -> AgreementIntervals:
    """Intervals of nominal alpha and of pairwise agreement, by linearisation.

    Model: both are smooth functions of how much each rating weighs. Their variance is that of the sum of what each person and each
    cluster of units adds to first order: by person, plus by cluster, less by both. Without people it is what a bootstrap of prompts
    gives; a bootstrap of both counts the noise of single ratings three times, this does not.

    Args:
        unit, category: As for ``krippendorff_nominal``.
        person: int64 (n_ratings,), who gave each; with under ten people, or none given, people are taken as they are.
        cluster: int64 (n_ratings,), which cluster of units (a prompt) each rating belongs to; each unit its own where not given.
        level: Two-sided, in (0, 1).

    Returns:
        AgreementIntervals, within the figures' own range, by Student's t of the fewer clusters; None where a figure is not defined
        or there are fewer than ten clusters of units.

    Cost: O(n_ratings log n_ratings). Randomness: none.
    Assumes: people and clusters are samples of those meant.
    Source: the delta method; Cameron, Gelbach and Miller 2011; Owen 2007 (the bootstrap it stands for).
    """
    found = krippendorff_nominal(unit, category)
    if found.pairwise is None:
        return AgreementIntervals(None, None, False)
    _, index = np.unique(unit, return_inverse=True)
    width = int(category.max()) + 1
    counts = np.bincount(index * width + category, minlength=(int(index.max()) + 1) * width).reshape(
        -1, width
    )
    several = (counts.sum(axis=1) >= 2)[index]
    index, category = index[several], category[several]
    m, k = counts.sum(axis=1)[index].astype(np.float64), counts[index, category].astype(np.float64)
    pairs = (counts * (counts - 1)).sum(axis=1)[index]
    agreeing = pairs / (m * (m - 1))
    clusters = (unit if cluster is None else cluster)[several]
    who = None if person is None else person[several]
    if who is not None and np.unique(who).size < FEWEST_CLUSTERS:
        who = None
    every = float((m - 1).sum())
    of_pair = (k - 1 - found.pairwise * (m - 1)) / every
    pairwise = _reach(2 * of_pair, of_pair, who, clusters, level)
    alpha = None
    if found.alpha is not None:
        totals, n = np.bincount(category, minlength=width).astype(np.float64), float(m.size)
        chance = float((totals * (totals - 1)).sum()) / (n - 1)
        ratio, under = 1 - found.alpha, n - chance
        d_same = 2 * (k - 1) / (m - 1) - agreeing
        d_chance = (2 * totals[category] - 1 - chance) / (n - 1)
        scores = -((1 - d_same) - ratio * (1 - d_chance)) / under
        alpha = _reach(scores, scores, who, clusters, level)
    return AgreementIntervals(
        None
        if alpha is None or found.alpha is None
        else (max(-1.0, found.alpha - alpha), min(1.0, found.alpha + alpha)),
        None
        if pairwise is None
        else (max(0.0, found.pairwise - pairwise), min(1.0, found.pairwise + pairwise)),
        who is not None,
    )


def _reach(
    of_rating: NDArray[np.float64],
    of_unit: NDArray[np.float64],
    person: Ints | None,
    cluster: Ints,
    level: float,
) -> float | None:
    """Half the width of an interval; None below ten clusters. of_rating: what weighing each rating more would add to the figure; of_unit:
    its part in what weighing its unit more would (half of that where ratings enter in pairs).
    """
    _, at = np.unique(cluster, return_inverse=True)
    size = int(at.max()) + 1
    if size < FEWEST_CLUSTERS:
        return None
    by_cluster = np.bincount(at, of_unit)
    spread = size / (size - 1) * float(((by_cluster - by_cluster.mean()) ** 2).sum())
    fewest = size
    if person is not None:
        _, who = np.unique(person, return_inverse=True)
        people = int(who.max()) + 1
        by_person = np.bincount(who, of_rating)
        _, both = np.unique(at * people + who, return_inverse=True)
        by_both = np.bincount(both, of_rating)
        own = people / (people - 1) * float(((by_person - by_person.mean()) ** 2).sum())
        spread = max(own, spread, own + spread - float(by_both @ by_both))
        fewest = min(size, people)
    return critical(level, fewest - 1) * math.sqrt(spread)


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
