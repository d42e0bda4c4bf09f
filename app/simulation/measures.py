"""What a study reports of simulated people, held against what is true of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.aggregation.tables import PairFigure
from app.querying import selection
from app.reports import coming, fitting
from app.reports.querying import state_of
from app.simulation.truth import Truth
from app.simulation.world import World
from app.studies.spec import StudySpec
from app.studies.tables import Pair, Response, Study

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stage:
    """The figures after ``votes`` answers, over all pairs.

    accuracy: share of pairs of which the study names the side that most people prefer; half where it names none.
    guessed: share of a next person's choices it would guess.  contested_ap: average precision of its list of pairs by how far
    groups (or people) differ, None where no pair is contested.  contested_found: of as many pairs at the top of that list as
    are contested, how many are.  interval_width: mean width of the ranges of shares, 1 where a pair has none.
    coverage: share of ranges that hold the true share.  clear, clear_right: pairs it calls clear, and how many rightly.
    model_accuracy, model_contested_ap: the same two of a preference model that shares between pairs what their texts have in
    common, None before there is one: what a reward model could learn of the votes.
    spent_on_contested: share of ordinary questions that went to contested pairs.  seconds: people's time.
    """

    votes: int
    accuracy: float
    guessed: float
    contested_ap: float | None
    contested_found: int
    interval_width: float
    coverage: float | None
    clear: int
    clear_right: int
    judged: int
    model_accuracy: float | None
    model_contested_ap: float | None
    spent_on_contested: float | None
    seconds: float
    report: dict[str, Any]


@dataclass(frozen=True)
class Learnt:
    """A preference model of the votes, of each pair of the world: share expected to prefer the first response, and bits by which
    groups (people, where no groups are told apart) are expected to differ.
    """

    share: Floats
    differ: Floats


@dataclass(frozen=True)
class Findings:
    """What the study says of each pair of the world, NaN where nothing: share preferring the pair's first response with its
    range, how far people differ on it, and its state.
    """

    share: Floats
    low: Floats
    high: Floats
    differ: Floats
    state: list[str]


def look(
    session: Session,
    study: Study,
    world: World,
    true: Truth,
    *,
    votes: int,
    seconds: float,
    on_contested: int,
    ordinary: int,
    learnt: Learnt | None,
) -> Stage:
    """Measure a study by its kept figures and its last report."""
    found = findings(session, study.id, world)
    kept = fitting.latest(session, study.id)
    right = named_rightly(found.share, true.share)
    contested = true.contested()
    order = np.argsort(-np.nan_to_num(found.differ, nan=-1.0), kind="stable")
    some = int(contested.sum())
    known = ~np.isnan(found.low)
    inside = (found.low <= true.share) & (true.share <= found.high)
    clear = np.array([s in {"clear_first", "clear_second"} for s in found.state], np.bool_)
    return Stage(
        votes=votes,
        accuracy=float(right.mean()),
        guessed=float(np.where(right == 0.5, 0.5, np.where(right == 1, np.maximum(true.share, 1 - true.share), np.minimum(true.share, 1 - true.share))).mean()),
        contested_ap=average_precision(found.differ, contested),
        contested_found=int(contested[order[:some]].sum()),
        interval_width=float(np.where(known, found.high - found.low, 1.0).mean()),
        coverage=float(inside[known].mean()) if known.any() else None,
        clear=int(clear.sum()),
        clear_right=int((clear & (right == 1)).sum()),
        judged=int((~np.isnan(found.share)).sum()),
        model_accuracy=None if learnt is None else float(named_rightly(learnt.share, true.share).mean()),
        model_contested_ap=None if learnt is None else average_precision(learnt.differ, contested),
        spent_on_contested=on_contested / ordinary if ordinary else None,
        seconds=seconds,
        report=kept.result if kept is not None else {},
    )  # fmt: skip


def findings(session: Session, study_id: int, world: World) -> Findings:
    """Read them from the figures of the last fit. The one place to change where a better model of pairs is kept."""
    one, two = aliased(Response), aliased(Response)
    rows = session.execute(
        select(PairFigure, one.external_id, two.external_id)
        .join(Pair, Pair.id == PairFigure.pair_id)
        .join(one, one.id == Pair.first_id)
        .join(two, two.id == Pair.second_id)
        .where(PairFigure.study_id == study_id)
    ).all()
    n = len(world.pairs)
    share, low, high, differ = (np.full(n, np.nan) for _ in range(4))
    state = ["open"] * n
    told = [
        {k: getattr(r[0], k) for k in ("share", "epistemic", "conflict", "between_groups", "votes")}
        for r in rows
    ]
    for (figure, first, second), now in zip(rows, state_of(told), strict=True):
        i = int(np.searchsorted(world.pairs[:, 0], figure.pair_id))
        if figure.share is None:
            continue
        turned = first > second  # figures are of the response whose id sorts first
        share[i] = 1 - figure.share if turned else figure.share
        if figure.low is not None and figure.high is not None:
            low[i], high[i] = (1 - figure.high, 1 - figure.low) if turned else (figure.low, figure.high)
        known = figure.between_groups if figure.conflict is not None else figure.divided
        differ[i] = np.nan if known is None else known
        state[i] = now
    return Findings(share, low, high, differ, state)


def read_learnt(session: Session, study_id: int, spec: StudySpec, world: World) -> Learnt | None:
    """Read it from the last refresh."""
    kept = coming.chosen_by(session, study_id, spec)
    if kept is None or kept.split is None or not kept.result["votes"]:
        return None
    at = kept.places(world.pairs[:, 0])
    part = "groups" if len(kept.groups) > 1 else "people"
    share, differ = (kept.split[selection.SPLIT.index(name)].astype(np.float64) for name in ("share", part))
    known = at >= 0
    return Learnt(np.where(known, share[at], np.nan), np.where(known, differ[at], np.nan))


def named_rightly(share: Floats, true: Floats) -> Floats:
    """1 where the side that most people prefer is named, 0 where the other one is, 1/2 where none is: float64 (n_pairs,)."""
    said = np.nan_to_num(share, nan=0.5) - 0.5
    return np.where(said == 0, 0.5, (said > 0) == (true > 0.5)).astype(np.float64)


def average_precision(score: Floats, wanted: NDArray[np.bool_]) -> float | None:
    """Average precision of a list by falling score, with ties in any order: its mean over them. None where nothing is wanted.

    Pairs without a score stand last, tied. Of a block of t tied rows that hold w wanted ones after c rows with h wanted, the
    i-th row's expected precision is (h + 1 + (i - 1)(w - 1)/(t - 1)) / (c + i), each with probability w/t.

    Example:
        >>> average_precision(np.array([3.0, 2.0, 1.0]), np.array([True, False, True]))
        0.8333333333333333
    """
    total = int(wanted.sum())
    if not total:
        return None
    filled = np.where(np.isnan(score), -np.inf, score)
    levels, block = np.unique(-filled, return_inverse=True)
    size = np.bincount(block, minlength=levels.size)
    hits = np.bincount(block, wanted, minlength=levels.size)
    before, held, found = 0.0, 0.0, 0.0
    for t, w in zip(size.tolist(), hits.tolist(), strict=True):
        if w:
            i = np.arange(1, t + 1)
            others = (i - 1) * (w - 1) / (t - 1) if t > 1 else np.zeros(1)
            found += float(w / t * ((held + 1 + others) / (before + i)).sum())
        before += t
        held += w
    return found / total
