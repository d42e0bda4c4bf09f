"""Intervals of agreement by drawing people and prompts anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.inference.agreement import AgreementIntervals, agreement_intervals, krippendorff_nominal
from app.inference.errors import InvalidSetting
from app.inference.intervals import critical

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHUNK = 4_000_000
"""Counts of units by categories and draws held at a time: bounds the memory."""


@dataclass(frozen=True)
class _Drawn:
    """The two figures in each draw, float64 (draws,) each; NaN where a draw does not define one."""

    alpha: Floats
    pairwise: Floats


def bootstrap_intervals(
    unit: Ints,
    category: Ints,
    *,
    person: Ints | None = None,
    cluster: Ints | None = None,
    draws: int = 500,
    level: float = 0.95,
    seed: int,
) -> AgreementIntervals:
    """Intervals of nominal alpha and of pairwise agreement from draws of people and of clusters of units.

    Model: each draw takes clusters and, independently, people with replacement; a rating weighs (times its person was drawn), its unit
    (times its cluster was). A person drawn twice is not compared with themselves. Such draws count the noise of single ratings up to
    three times; so they are shrunk about the figure until their spread is that of ``agreement_intervals``: the shape is the
    bootstrap's, the width the right one.

    Args:
        unit, category, person, cluster, level: As for ``agreement_intervals``.
        draws: >= 100.
        seed: Of the draws; the same seed gives the same intervals.

    Returns:
        AgreementIntervals, None where ``agreement_intervals`` is.

    Raises:
        InvalidSetting: Too few draws.

    Cost: O(draws * n_ratings): 500 draws of 1e5 ratings take some 2 s. Randomness: ``seed``.
    Assumes: people and clusters are samples of those meant; one rating a person and unit.
    Source: Owen 2007 (pigeonhole bootstrap); METHOD 4.2.

    Example:
        >>> unit, who = np.divmod(np.arange(144), 12)
        >>> said = (unit + (who * unit) % 3 // 2) % 2
        >>> found = bootstrap_intervals(unit, said, person=who, seed=1)
        >>> found.alpha[0] < krippendorff_nominal(unit, said).alpha < found.alpha[1]
        True
    """
    if draws < 100:
        raise InvalidSetting(f"{draws} draws are too few for the ends of an interval; take 100 or more.")
    critical(level)
    exact = agreement_intervals(unit, category, person=person, cluster=cluster, level=level)
    if exact.pairwise is None:
        return exact
    value = krippendorff_nominal(unit, category)
    found = _draw(unit, category, person if exact.people else None, cluster, draws, seed)
    return AgreementIntervals(
        _shaped(found.alpha, value.alpha, exact.alpha, level, -1.0),
        _shaped(found.pairwise, value.pairwise, exact.pairwise, level, 0.0),
        exact.people,
    )


def _shaped(
    drawn: Floats, value: float | None, exact: tuple[float, float] | None, level: float, least: float
) -> tuple[float, float] | None:
    """The range of the draws about ``value``, as wide as ``exact``, within [``least``, 1]."""
    drawn = drawn[np.isfinite(drawn)]
    if value is None or exact is None or drawn.size < 2:
        return exact
    spread = float(drawn.std(ddof=1))
    if spread == 0:
        return exact
    ends = np.quantile(drawn - drawn.mean(), [(1 - level) / 2, (1 + level) / 2])
    aim = max(value - exact[0], exact[1] - value) / critical(level)
    low, high = (float(value + end * aim / spread) for end in ends)
    return max(least, low), min(1.0, high)


def _draw(
    unit: Ints, category: Ints, person: Ints | None, cluster: Ints | None, draws: int, seed: int
) -> _Drawn:
    from scipy.sparse import csr_array

    rng = np.random.default_rng(seed)
    _, index, ratings = np.unique(unit, return_inverse=True, return_counts=True)
    several = ratings[index] >= 2
    _, index = np.unique(index[several], return_inverse=True)
    _, kind = np.unique(category[several], return_inverse=True)
    _, group = np.unique((unit if cluster is None else cluster)[several], return_inverse=True)
    who = np.arange(index.size)
    if person is not None:
        _, who = np.unique(person[several], return_inverse=True)
    units, kinds = int(index.max()) + 1, int(kind.max()) + 1
    of_unit = np.zeros(units, np.int64)
    of_unit[index] = group
    said = csr_array(
        (np.ones(index.size), (index * kinds + kind, who)), shape=(units * kinds, int(who.max()) + 1)
    )
    alphas, pairs = [], []
    step = max(1, min(64, CHUNK // (units * kinds)))
    for start in range(0, draws, step):
        many = min(step, draws - start)
        times = _multiplicities(rng, int(group.max()) + 1, many)[of_unit]
        people = said.shape[1]
        weight = np.ones((people, many)) if person is None else _multiplicities(rng, people, many)
        counts = (said @ weight).reshape(units, kinds, many)
        own = (said @ weight**2).reshape(units, kinds, many)
        alpha, pairwise = _figures(counts, own, times)
        alphas.append(alpha)
        pairs.append(pairwise)
    return _Drawn(np.concatenate(alphas), np.concatenate(pairs))


def _figures(counts: Floats, own: Floats, times: Floats) -> tuple[Floats, Floats]:
    """Alpha and pairwise agreement of each draw.

    counts, own: float64 (units, kinds, draws), sums of the ratings' weights and of their squares.  times: float64 (units, draws).
    """
    total, alone = counts.sum(axis=1), own.sum(axis=1)
    pairs = total**2 - alone
    same = (counts**2 - own).sum(axis=1)
    kept = np.where(pairs > 0, times, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        pairwise = (kept * same).sum(axis=0) / (kept * pairs).sum(axis=0)
        partners = np.where(pairs > 0, pairs / total, 1.0)
        observed = (kept * same / partners).sum(axis=0)
        n = (kept * total).sum(axis=0)
        self_weight = (kept**2 * alone).sum(axis=0)
        totals = (kept[:, None] * counts).sum(axis=0)
        expected = ((totals**2).sum(axis=0) - self_weight) / (n - self_weight / n)
        alpha = 1 - (n - observed) / (n - expected)
    return alpha, pairwise


def _multiplicities(rng: np.random.Generator, size: int, draws: int) -> Floats:
    """How often each of ``size`` is taken in each of ``draws`` samples with replacement, float64 (size, draws)."""
    taken = rng.integers(0, size, (draws, size)) + np.arange(draws)[:, None] * size
    return np.bincount(taken.ravel(), minlength=draws * size).reshape(draws, size).T.astype(np.float64)
