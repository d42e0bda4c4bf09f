"""The result of a fit of strengths, and the way from checked votes to it that Bradley-Terry and Davidson share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from app.inference import comparisons, connectivity
from app.inference.comparisons import Cells, Comparisons, Floats, Ints, Reason, Unidentified
from app.inference.errors import InvalidSetting, InvalidVotes
from app.inference.intervals import critical
from app.inference.paired_newton import Collinear, Maximum, Separated, maximise
from app.inference.sandwich import CovarianceBlock, Spread, Uncertainty, spread_of

FEWEST_PEOPLE = 10
"""Below this many people intervals clustered by person are not given: too few to see how people differ."""


@dataclass(frozen=True)
class Effect:
    """What a covariate does, in logits for one unit of (left minus right); the interval is None where it is not known."""

    name: str
    logits: float
    standard_error: float | None
    interval_logits: tuple[float, float] | None


@dataclass(frozen=True)
class StrengthFit:
    """Strengths of items from paired comparisons.

    strength: float64 (n_items,), logits, sum 0 in each component; NaN where an item was compared with nothing.
    component: int64 (n_items,), 0-based; strengths of different components stand on different scales and must not be
    compared. All 0 unless the fit was asked to stay within components.
    standard_error: float64 (n_items,), logits, and interval_logits: float64 (n_items, 2), or None where they are not known;
    ``why`` then says why. covariance_blocks: by size of component, logits^2.
    effects: of the covariates.  tie_strength: Davidson's nu (0 = no ties), or None where ties are not modelled.
    comparisons: float64 (n_items,), total weight of the comparisons of each item.  n: total weight of all comparisons used.
    annotators: how many people gave them, None where that was not told.  degrees: of freedom of the intervals' t.
    log_likelihood: at the maximum, without the prior.
    """

    method: Literal["bradley_terry", "davidson"]
    strength: Floats
    component: Ints
    uncertainty: Uncertainty
    standard_error: Floats | None
    interval_logits: Floats | None
    covariance_blocks: tuple[CovarianceBlock, ...] = field(repr=False)
    why: str | None
    effects: tuple[Effect, ...]
    tie_strength: float | None
    prior_sd: float | None
    comparisons: Floats
    n: float
    annotators: int | None
    level: float
    degrees: float | None
    log_likelihood: float
    converged: bool
    iterations: int
    seed: None = None

    @property
    def n_items(self) -> int:
        """How many items there are, compared or not."""
        return int(self.strength.size)

    def covariance(self) -> Floats | None:
        """float64 (n_items, n_items), logits^2; None where it is not known. NaN between components."""
        if not self.covariance_blocks:
            return None
        full = np.full((self.n_items, self.n_items), np.nan)
        if self.prior_sd is not None:
            full[:] = -(self.prior_sd**2) / self.n_items
        for block in self.covariance_blocks:
            for items, covariance in zip(block.items, block.covariance, strict=True):
                full[np.ix_(items, items)] = covariance
        return full


@dataclass(frozen=True)
class Asked:
    """What a fit was asked for. See ``bradley_terry`` for the meaning of each."""

    method: Literal["bradley_terry", "davidson"]
    model_ties: bool
    ties: Literal["half", "leave_out"]
    prior_sd: float | None
    within_components: bool
    uncertainty: Uncertainty | None
    level: float

    def check(self) -> None:
        """Raise InvalidSetting for a prior or a level out of range."""
        if self.prior_sd is not None and not 0 < self.prior_sd < np.inf:
            raise InvalidSetting(f"A prior's spread is a positive number of logits, not {self.prior_sd}.")
        if not 0 < self.level < 1:
            raise InvalidSetting(f"A level lies between 0 and 1, {self.level} does not.")
        if self.ties not in {"half", "leave_out"}:
            raise InvalidSetting(f"Ties count as half a win or are left out; {self.ties!r} is neither.")


def fit_strengths(
    asked: Asked,
    left: ArrayLike,
    right: ArrayLike,
    outcome: ArrayLike,
    *,
    n_items: int,
    weight: ArrayLike | None,
    annotator: ArrayLike | None,
    covariates: Mapping[str, ArrayLike] | None,
) -> StrengthFit | Unidentified:
    """Check, count, see whether the counts settle the strengths, maximise, and say how far off they could be."""
    asked.check()
    names, x, scale = _columns(covariates)
    votes = comparisons.read(left, right, outcome, n_items=n_items, weight=weight, annotator=annotator, x=x)
    if asked.ties == "leave_out":
        votes = comparisons.decided(votes)
    cells = comparisons.count(votes)
    linked = connectivity.linked(cells) if cells.first.size else np.zeros(n_items, np.int64)
    refused = _refuse(asked, cells, linked)
    if refused is not None:
        return refused
    ridge = 0.0 if asked.prior_sd is None else asked.prior_sd**-2
    model_ties = asked.model_ties and bool(cells.ties.any())
    try:
        best = maximise(cells, linked, ridge=ridge, model_ties=model_ties)
    except Collinear:
        return _unidentified(asked, cells, "collinear", linked)
    except Separated:
        return _unidentified(asked, cells, "separated", linked)
    return _result(asked, best, cells, votes, linked, names, scale)


def _columns(covariates: Mapping[str, ArrayLike] | None) -> tuple[tuple[str, ...], Floats | None, Floats]:
    """Names, columns brought to unit size, and the sizes."""
    if not covariates:
        return (), None, np.zeros(0)
    columns = [np.asarray(c, np.float64) for c in covariates.values()]
    if any(c.shape != columns[0].shape or c.ndim != 1 for c in columns):
        raise InvalidVotes("Each covariate needs one number for each vote.")
    x = np.stack(columns, axis=1)
    if not np.isfinite(x).all():
        raise InvalidVotes("A covariate is not a finite number; leave such votes out and say how many.")
    scale = np.sqrt((x**2).mean(axis=0)) if x.shape[0] else np.ones(x.shape[1])
    scale = np.where(scale > 0, scale, 1.0)
    signs = np.isin(x, (-1.0, 0.0, 1.0)).all(axis=0)
    scale = np.where(signs, 1.0, scale)
    return tuple(covariates), x / scale, scale


def _refuse(asked: Asked, cells: Cells, linked: Ints) -> Unidentified | None:
    if not cells.first.size:
        return _unidentified(asked, cells, "no_comparisons", np.arange(cells.n_items))
    if not (cells.first_wins.any() or cells.second_wins.any()):
        return _unidentified(asked, cells, "all_ties", linked)
    if asked.prior_sd is not None:
        return None
    if not asked.within_components and linked.max() > 0:
        return _unidentified(asked, cells, "disconnected", linked)
    strong = connectivity.beaten(cells, ties_link=True)
    if strong.max() > linked.max():
        return _unidentified(asked, cells, "one_sided", strong)
    if asked.model_ties and cells.ties.any() and not connectivity.ties_are_bounded(cells):
        return _unidentified(asked, cells, "ties_unbounded", linked)
    return None


def _unidentified(asked: Asked, cells: Cells, reason: Reason, label: Ints) -> Unidentified:
    return Unidentified(
        asked.method, reason, connectivity.WHY[reason], connectivity.members(label), float(cells.n.sum())
    )


def _result(
    asked: Asked,
    best: Maximum,
    cells: Cells,
    votes: Comparisons,
    linked: Ints,
    names: tuple[str, ...],
    scale: Floats,
) -> StrengthFit:
    uncertainty, why = _uncertainty(asked, votes)
    found = None if why is not None or uncertainty == "none" else spread_of(best, cells, votes, uncertainty)
    degrees = float(votes.n_annotators - 1) if uncertainty == "clustered" else None
    reach = critical(asked.level, degrees) if found is not None else np.nan
    n = cells.n
    per_item = np.bincount(cells.first, n, cells.n_items) + np.bincount(cells.second, n, cells.n_items)
    one_scale = asked.prior_sd is not None
    known = np.full(cells.n_items, True) if one_scale else per_item > 0
    strength = np.where(known, best.strength, np.nan)
    error = None if found is None else np.where(known, np.sqrt(found.variance), np.nan)
    tie_strength = best.tie_strength if asked.model_ties else None
    prior = 0.0 if asked.prior_sd is None else best.strength @ best.strength / asked.prior_sd**2 / 2
    return StrengthFit(
        method=asked.method,
        strength=strength,
        component=np.zeros(cells.n_items, np.int64) if one_scale else linked,
        uncertainty=uncertainty,
        standard_error=error,
        interval_logits=None if error is None else strength[:, None] + reach * np.outer(error, (-1.0, 1.0)),
        covariance_blocks=() if found is None else found.blocks,
        why=why,
        effects=_effects(best, found, names, scale, reach),
        tie_strength=tie_strength,
        prior_sd=asked.prior_sd,
        comparisons=per_item.astype(np.float64),
        n=float(n.sum()),
        annotators=None if votes.annotator is None else votes.n_annotators,
        level=asked.level,
        degrees=degrees if found is not None else None,
        log_likelihood=best.log_likelihood + float(prior),
        converged=True,
        iterations=best.iterations,
    )


def _uncertainty(asked: Asked, votes: Comparisons) -> tuple[Uncertainty, str | None]:
    """Which intervals to give, and why none where there are none."""
    wanted = asked.uncertainty
    if wanted is None:
        wanted = "per_vote" if votes.annotator is None else "clustered"
    if wanted == "clustered":
        if votes.annotator is None:
            raise InvalidVotes("Intervals clustered by person need to know who gave each vote.")
        if votes.n_annotators < FEWEST_PEOPLE:
            people = "person" if votes.n_annotators == 1 else "people"
            return wanted, (
                f"{votes.n_annotators} {people}: intervals that allow for how people differ need at least "
                f"{FEWEST_PEOPLE}"
            )
    if wanted == "none":
        return wanted, "not asked for"
    return wanted, None


def _effects(
    best: Maximum, found: Spread | None, names: tuple[str, ...], scale: Floats, reach: float
) -> tuple[Effect, ...]:
    made = []
    for k, name in enumerate(names):
        logits = float(best.effect[k] / scale[k])
        if found is None:
            made.append(Effect(name, logits, None, None))
            continue
        error = float(np.sqrt(max(found.other[k, k], 0.0)) / scale[k])
        made.append(Effect(name, logits, error, (logits - reach * error, logits + reach * error)))
    return tuple(made)
