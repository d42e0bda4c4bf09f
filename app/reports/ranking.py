"""The models of a study ranked by how often their answers are preferred."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.aggregation.observations import Observations
from app.inference.bradley_terry import bradley_terry
from app.inference.comparisons import Unidentified
from app.inference.davidson import davidson
from app.inference.errors import NotConverged
from app.inference.ranking import rank
from app.inference.strengths import StrengthFit

MOST_RANKED = 1000
"""Beyond this many models intervals of ranks are left out: they cost the square of it."""


@dataclass(frozen=True)
class Ranked:
    """One model. strength in logits, 0 in the middle; interval and rank range are None where they are not known."""

    model: str
    strength: float | None
    interval: tuple[float, float] | None
    rank: tuple[int, int] | None
    judgments: int
    set: int = 0
    """Models of different sets were never compared, not even through others: strengths and ranks hold within a set."""


@dataclass(frozen=True)
class ModelRanking:
    """All models, strongest first; ``why`` says what is missing. ``method`` is davidson where there are ties."""

    rows: tuple[Ranked, ...]
    method: str | None
    why: str | None


def ranking(seen: Observations, *, seed: int) -> ModelRanking:
    """Strengths from the first answers of people to pairs of two different models, clustered by annotator."""
    pairs = seen.pairs
    a, b = pairs.first_model[seen.pair], pairs.second_model[seen.pair]
    used = seen.decided() & ~seen.repeat & (a >= 0) & (b >= 0) & (a != b)
    if not used.any():
        return ModelRanking((), None, "no pair compares two named models")
    names = pairs.models
    counts = np.bincount(a[used], minlength=len(names)) + np.bincount(b[used], minlength=len(names))
    present = np.flatnonzero(counts)
    dense = np.full(len(names), -1)
    dense[present] = np.arange(present.size)
    fit = _fit(seen, dense[a[used]], dense[b[used]], used, present.size)
    if isinstance(fit, Unidentified):
        rows = tuple(Ranked(names[m], None, None, None, int(counts[m])) for m in present)
        return ModelRanking(rows, fit.method, fit.why)
    ranks = rank(fit, seed=seed) if present.size <= MOST_RANKED and fit.standard_error is not None else None
    found = []
    for i in np.lexsort((-fit.strength, fit.component)).tolist():
        between = None
        if ranks is not None and ranks.best is not None and ranks.worst is not None:
            between = (int(ranks.best[i]), int(ranks.worst[i]))
        low_high = fit.interval_logits
        interval = None if low_high is None else (float(low_high[i, 0]), float(low_high[i, 1]))
        name, component = names[present[i]], int(fit.component[i])
        found.append(
            Ranked(name, float(fit.strength[i]), interval, between, int(counts[present[i]]), component)
        )
    sets = int(fit.component.max()) + 1
    why = (
        fit.why
        if sets == 1
        else f"The models fall into {sets} sets that were never compared with each other; figures hold within a set."
    )
    return ModelRanking(tuple(found), fit.method, why)


def _fit(
    seen: Observations, left: np.ndarray, right: np.ndarray, used: np.ndarray, n: int
) -> StrengthFit | Unidentified:
    """Davidson where people tie, else Bradley-Terry; where a win is missing on the way, a wide prior stands in for it."""
    y, who = seen.y[used], seen.person[used]
    model = davidson if (y == 0.5).any() else bradley_terry
    try:
        fit = model(left, right, y, n_items=n, annotator=who, within_components=True)
        if isinstance(fit, Unidentified) and fit.reason in {"one_sided", "ties_unbounded"}:
            fit = model(left, right, y, n_items=n, annotator=who, prior_sd=2.0)
    except NotConverged:
        fit = model(left, right, y, n_items=n, annotator=who, prior_sd=2.0)
    return fit
