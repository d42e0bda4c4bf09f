"""Ranks of items with intervals, from how surely each pair of them can be told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.inference.comparisons import Floats, Ints
from app.inference.errors import InvalidSetting
from app.inference.intervals import critical
from app.inference.strengths import StrengthFit

Joint = Literal["item", "all", "none"]
MOST_SIMULATED = 300
"""Up to this many items of a component the joint distribution of its differences is simulated."""
MOST_COMPONENTS = 50
"""With more components than this, Bonferroni's bound takes the place of simulation in each."""


@dataclass(frozen=True)
class Ranking:
    """Ranks of items, 1 = strongest, within each component.

    rank: int64 (n_items,), items of equal strength share the better rank; 0 where an item was compared with nothing.
    best, worst: int64 (n_items,), ends of the interval, or None where the fit has no intervals; ``why`` then says why.
    component: int64 (n_items,), as in the fit.  joint: what the level is promised for.  n: votes of the fit.
    """

    method: Literal["pairwise_bounds"]
    rank: Ints
    best: Ints | None
    worst: Ints | None
    component: Ints
    joint: Joint
    level: float
    why: str | None
    n: float
    seed: int
    draws: int
    converged: bool
    iterations: int


def rank(
    fit: StrengthFit, *, level: float = 0.95, joint: Joint = "item", draws: int = 2000, seed: int = 0
) -> Ranking:
    """The rank of each item, and the ranks that the data do not rule out.

    Model: item i ranks below j for sure where s_j - s_i > c * sd(s_j - s_i), with the covariance of the fit (clustered by
    annotator where the fit is). Its best rank is one more than the number of items it is surely below, its worst rank the number
    of items less those it is surely above. c is the ``level`` quantile of max |z| over the item's comparisons with all others
    (``joint`` = ``item``: the interval of each item holds with probability ``level``), over all pairs (``all``: all intervals
    hold at once), or of one comparison (``none``: too short where items are many).

    Args:
        fit: From ``bradley_terry`` or ``davidson``.
        level: In (0, 1).
        joint: As above.
        draws: >= 100, of the normal (or Student's t) vector from which c is read.
        seed: Of these draws.

    Returns:
        Ranking; ``best`` and ``worst`` are None where the fit knows no covariances.

    Raises:
        InvalidSetting: A level, ``joint`` or number of draws out of range.

    Cost: O(draws * sum over components of size^2). In components over 300 items, or where there are over 50 components, c is
    Bonferroni's, which is wider; over ``blocks.MOST_INVERTED`` items sd(s_j - s_i) is bounded by the sum of the two.
    Randomness: ``seed``; c has a Monte Carlo error of about 1 %.

    Assumes strengths are near normal around the truth. Ranks of people's average are not the ranks of any person.

    Source: Mogstad, Romano, Shaikh and Wilhelm 2024, Inference for ranks.

    Example:
        >>> from app.inference.bradley_terry import bradley_terry
        >>> left, right = [0] * 100 + [1] * 100, [1] * 100 + [2] * 100
        >>> fit = bradley_terry(left, right, ([1] * 80 + [0] * 20) + ([1] * 52 + [0] * 48), n_items=3)
        >>> found = rank(fit)
        >>> found.rank.tolist(), found.best.tolist(), found.worst.tolist()
        ([1, 2, 3], [1, 2, 2], [1, 3, 3])
    """
    if joint not in {"item", "all", "none"}:
        raise InvalidSetting(
            f"Ranks hold for each item, for all or for one comparison; {joint!r} is none of these."
        )
    if draws < 100:
        raise InvalidSetting(f"{draws} draws are too few; take 100 or more.")
    critical(level)
    known = np.isfinite(fit.strength)
    point = np.where(known, _places(fit), 0)
    method: Literal["pairwise_bounds"] = "pairwise_bounds"
    if fit.standard_error is None:
        return Ranking(
            method, point, None, None, fit.component, joint, level, fit.why, fit.n, seed, 0, fit.converged, fit.iterations
        )  # fmt: skip
    best, worst = _bounds(fit, level, joint, draws, seed)
    best, worst = np.where(known, best, 0), np.where(known, worst, 0)
    return Ranking(
        method, point, best, worst, fit.component, joint, level, None, fit.n, seed, draws, fit.converged, fit.iterations
    )  # fmt: skip


def _places(fit: StrengthFit) -> Ints:
    """Each item's rank in its component by strength alone; equal ones share the better rank."""
    strength = np.where(np.isfinite(fit.strength), fit.strength, 0.0)
    order = np.lexsort((-strength, fit.component))
    component, sorted_strength = fit.component[order], strength[order]
    at = np.arange(order.size)
    fresh = np.concatenate([[True], np.diff(component) != 0])
    start = np.maximum.accumulate(np.where(fresh, at, 0))
    new = fresh | np.concatenate([[True], np.abs(np.diff(sorted_strength)) > 1e-9])
    found = np.empty(order.size, np.int64)
    found[order] = np.maximum.accumulate(np.where(new, at, 0)) - start + 1
    return found


def _bounds(fit: StrengthFit, level: float, joint: Joint, draws: int, seed: int) -> tuple[Ints, Ints]:
    rng = np.random.default_rng(seed)
    best = np.ones(fit.n_items, np.int64)
    worst = np.bincount(fit.component)[fit.component].astype(np.int64)
    many = sum(block.items.shape[0] for block in fit.covariance_blocks)
    if fit.prior_sd is not None and many != 1:
        return _bounds_on_one_scale(fit, level, joint)
    seen = np.zeros(fit.n_items, bool)
    for block in fit.covariance_blocks:
        size = block.items.shape[1]
        seen[block.items] = True
        if size == 1:
            continue
        for items, covariance in zip(block.items, block.covariance, strict=True):
            spread = _pair_spread(covariance)
            if joint == "none" or size > MOST_SIMULATED or many > MOST_COMPONENTS:
                reach = np.full(size, _bonferroni(level, joint, size, fit.degrees))
            else:
                reach = _simulated(covariance, spread, level, joint, draws, fit.degrees, rng)
            surely = _surely_below(fit.strength[items], spread, reach)
            best[items] = 1 + surely.sum(axis=1)
            worst[items] = size - _surely_below(-fit.strength[items], spread, reach).sum(axis=1)
    for component in np.unique(fit.component[~seen]):
        items = np.flatnonzero((fit.component == component) & ~seen)
        best[items], worst[items] = _loose(fit, items, _bonferroni(level, joint, items.size, fit.degrees))
    return best, worst


def _pair_spread(covariance: Floats) -> Floats:
    """Standard deviations of all differences, float64 (size, size)."""
    variance = np.diag(covariance)
    squared = variance[:, None] + variance[None, :] - covariance - covariance.T
    return np.sqrt(np.maximum(squared, 0.0))


def _surely_below(
    strength: Floats, spread: Floats, reach: Floats
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Whether item i (row) is surely below item j (column)."""
    ahead = strength[None, :] - strength[:, None]
    found: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = ahead > reach[:, None] * spread + 1e-12
    return found


def _bonferroni(level: float, joint: Joint, size: int, degrees: float | None) -> float:
    comparisons = {"none": 1, "item": size - 1, "all": size * (size - 1) // 2}[joint]
    return critical(1 - (1 - level) / max(comparisons, 1), degrees)


def _simulated(
    covariance: Floats,
    spread: Floats,
    level: float,
    joint: Joint,
    draws: int,
    degrees: float | None,
    rng: np.random.Generator,
) -> Floats:
    """Quantiles of max |z| over each item's comparisons, or over all, float64 (size,)."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    noise = rng.standard_normal((draws, values.size)) * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    if degrees is not None:
        noise *= np.sqrt(degrees / rng.chisquare(degrees, draws))[:, None]
    size = values.size
    largest = np.zeros((draws, size))
    for i in range(size):
        z = np.abs(noise - noise[:, [i]])
        largest[:, i] = np.divide(z, spread[i], out=np.zeros_like(z), where=spread[i] > 1e-12).max(axis=1)
    if joint == "all":
        return np.full(size, np.quantile(largest.max(axis=1), level))
    return np.asarray(np.quantile(largest, level, axis=0), np.float64)


def _loose(fit: StrengthFit, items: Ints, reach: float) -> tuple[Ints, Ints]:
    """Bounds from standard errors alone: the difference's is at most the sum of the two."""
    if fit.standard_error is None:
        raise AssertionError("bounds ask for standard errors")
    strength, error = fit.strength[items], fit.standard_error[items]
    low, high = strength - reach * error, strength + reach * error
    below = low.size - np.searchsorted(np.sort(low), high, side="right")
    above = np.searchsorted(np.sort(high), low, side="left")
    return 1 + below.astype(np.int64), (low.size - above).astype(np.int64)


def _bounds_on_one_scale(fit: StrengthFit, level: float, joint: Joint) -> tuple[Ints, Ints]:
    """With a prior all items share a scale, also those never compared: bounds over all of them."""
    reach = _bonferroni(level, joint, fit.n_items, fit.degrees)
    covariance = fit.covariance() if fit.n_items <= 10 * MOST_SIMULATED else None
    if covariance is None or np.isnan(covariance).any():
        return _loose(fit, np.arange(fit.n_items), reach)
    spread, wide = _pair_spread(covariance), np.full(fit.n_items, reach)
    below = _surely_below(fit.strength, spread, wide).sum(axis=1)
    above = _surely_below(-fit.strength, spread, wide).sum(axis=1)
    return 1 + below, fit.n_items - above
