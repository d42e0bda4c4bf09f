"""What a study will ask next and why: counts by reason, and the pairs that stand first, from what is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.aggregation.tables import PairFigure
from app.assignments import reads as assignments
from app.assignments.tables import PairLoad
from app.inference.stopping import value_looking_ahead
from app.querying import registry, selection
from app.querying.protocol import Learns
from app.reports.querying import state_of
from app.studies.spec import StudySpec
from app.studies.tables import Item, Pair

SHOWN = 8
WEIGHED = 2000
"""Pairs of which it is worked out what the next vote is worth."""


@dataclass(frozen=True)
class Reason:
    """So many pairs wait for one reason, named by ``key``: a next step of the disagreement report, ``unasked`` or ``open``."""

    key: str
    count: int


@dataclass(frozen=True)
class Next:
    """A pair that is likely to be asked. parts: what its place rests on, in the order of PARTS, None where not known."""

    item_id: str
    request: str
    pair_id: int
    votes: int
    step: str
    why: str
    parts: tuple[float | None, ...]
    worth: float | None = None
    """What a vote on it is worth to the policy, beside the first pair; None where the policy keeps no scores."""


def reasons(session: Session, study_id: int, spec: StudySpec) -> list[Reason]:
    """Open pairs by why they would be asked, most first; then repeats and how many could still be asked."""
    open_ = PairLoad.position.is_not(None)
    count = (
        select(PairFigure.next_step, func.count())
        .join(PairLoad, PairLoad.pair_id == PairFigure.pair_id)
        .where(PairFigure.study_id == study_id, PairFigure.next_step.is_not(None), open_)
        .group_by(PairFigure.next_step)
    )
    found: dict[str, int] = {}
    for step, n in session.execute(count):
        key = str(step).partition(":")[0]
        found[key] = found.get(key, 0) + int(n)
    few = session.scalar(
        select(func.count())
        .select_from(PairLoad)
        .where(PairLoad.study_id == study_id, open_, PairLoad.counted < max(1, spec.collection.per_pair.min))
    )
    size = assignments.pool_size(session, study_id)
    rows = [Reason(key, n) for key, n in found.items() if key != "stop"]
    rows.sort(key=lambda r: (-r.count, r.key))
    if few:
        rows.insert(0, Reason("unasked", int(few)))
    if found.get("stop"):
        rows.append(Reason("stop", found["stop"]))
    if not rows and size.open_pairs:
        rows.append(Reason("open", size.open_pairs))
    return rows


def likeliest(
    session: Session, study_id: int, *, limit: int = SHOWN, offset: int = 0, step: str = ""
) -> tuple[list[Next], int]:
    """The open pairs by what the next vote on each is worth, with the parts of what is kept; and how many there are. Of the
    WEIGHED pairs least is known of; later ones follow by how little that is.

    step: only pairs with this next step.
    """
    query = (
        select(PairFigure, Item.external_id, Item.search_text)
        .join(PairLoad, PairLoad.pair_id == PairFigure.pair_id)
        .join(Pair, Pair.id == PairFigure.pair_id)
        .join(Item, Item.id == Pair.item_id)
        .where(
            PairFigure.study_id == study_id, PairLoad.position.is_not(None), PairFigure.epistemic.is_not(None)
        )
    )
    if step:
        query = query.where(
            (PairFigure.next_step == step) | PairFigure.next_step.startswith(f"{step}:", autoescape=True)
        )
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(PairFigure.epistemic.desc(), PairFigure.pair_id)
    if offset >= WEIGHED:
        rows = session.execute(ordered.limit(limit).offset(offset)).all()
        return [_next(r, None) for r in rows], int(total)
    rows = session.execute(ordered.limit(max(WEIGHED, offset + limit))).all()
    value = _values([r.PairFigure for r in rows])
    order = np.argsort(-value, kind="stable")[offset : offset + limit].tolist()
    best = float(value.max(initial=0.0)) or 1.0
    return [_next(rows[i], float(value[i]) / best) for i in order], int(total)


def _values(figures: list[Any]) -> NDArray[np.float64]:
    """What the next vote on each pair is worth for naming the preferred side, looking a few votes ahead, logits: (n,).

    The share's mean and variance are carried to the logit by the delta method; a vote carries p (1 - p) there.
    """
    p = np.clip(np.array([f.share for f in figures], np.float64), 0.02, 0.98)
    w = p * (1 - p)
    variance = np.array([f.epistemic for f in figures], np.float64) / w**2
    return value_looking_ahead(np.log(p / (1 - p)), variance, w)


def _next(row: Any, worth: float | None) -> Next:
    figure = row.PairFigure
    step = str(figure.next_step or "").partition(":")[0]
    return Next(
        row.external_id,
        row.search_text,
        figure.pair_id,
        figure.votes,
        step,
        figure.why or "",
        _parts(figure),
        worth,
    )


PARTS = ("epistemic", "between_groups", "between_people", "within_person")


def _parts(figure: Any) -> tuple[float | None, ...]:
    return tuple(getattr(figure, name) for name in PARTS)


STATE_WORDS = {
    "clear_first": "clear", "clear_second": "clear", "contested": "people differ", "tie": "tie", "open": "open",
}  # fmt: skip


def states_of_items(session: Session, items: list[int]) -> dict[int, str]:
    """The states of each item's pairs, as "2 clear, 1 open"; items without figures are left out."""
    rows: list[Any] = []
    for start in range(0, len(items), 500):
        rows += session.execute(
            select(PairFigure, Pair.item_id)
            .join(Pair, Pair.id == PairFigure.pair_id)
            .where(Pair.item_id.in_(items[start : start + 500]))
        ).all()
    names = ("share", "epistemic", "conflict", "between_groups", "votes")
    found = state_of([{name: getattr(r.PairFigure, name) for name in names} for r in rows])
    counts: dict[int, Counter[str]] = {}
    for row, state in zip(rows, found, strict=True):
        counts.setdefault(row.item_id, Counter())[STATE_WORDS[state]] += 1
    order = list(dict.fromkeys(STATE_WORDS.values()))
    return {
        item: ", ".join(f"{n[word]} {word}" for word in order if n[word]) if n.total() > 1 else next(iter(n))
        for item, n in counts.items()
    }


def by_policy(
    session: Session, study_id: int, kept: selection.Selection, *, limit: int, offset: int = 0
) -> tuple[list[Next], int]:
    """The open pairs that the policy is likeliest to draw, by the mean over groups of what a vote is worth; parts in bits."""
    score = np.log(kept.weights @ np.exp(kept.score.astype(np.float64)) + 1e-300)
    order = np.argsort(-score, kind="stable")
    wanted, found = offset + limit, []
    for start in range(0, order.size, BATCH):
        some = kept.pair_id[order[start : start + BATCH]].tolist()
        there = set(
            session.scalars(
                select(PairLoad.pair_id).where(PairLoad.pair_id.in_(some), PairLoad.position.is_not(None))
            )
        )
        found += [key for key in some if key in there]
        if len(found) >= wanted:
            break
    page = found[offset:wanted]
    rows = session.execute(
        select(
            Pair.id,
            Item.external_id,
            Item.search_text,
            PairLoad.counted,
            PairFigure.next_step,
            PairFigure.why,
        )
        .join(Item, Item.id == Pair.item_id)
        .join(PairLoad, PairLoad.pair_id == Pair.id)
        .outerjoin(PairFigure, PairFigure.pair_id == Pair.id)
        .where(Pair.id.in_(page))
    )
    named = {r.id: r for r in rows}
    at = dict(zip(page, kept.places(np.array(page, np.int64)).tolist(), strict=True))
    first = kept.places(np.array(found[:1], np.int64))
    best = float(score[first[0]]) if found else 0.0
    listed = []
    for key in page:
        row, told = named[key], kept.told(key) or {}
        listed.append(
            Next(
                row.external_id, row.search_text, key, row.counted, str(row.next_step or "").partition(":")[0], row.why or "",
                tuple(told.get(name) for name in BITS), float(np.exp(score[at[key]] - best)),
            )
        )  # fmt: skip
    return listed, assignments.pool_size(session, study_id).open_pairs


BITS = ("epistemic", "groups", "people", "noise")
BATCH = 500


def chosen_by(session: Session, study_id: int, spec: StudySpec) -> selection.Selection | None:
    """What the study's policy goes by at present; None where it goes by no model, or has not yet."""
    policy, _ = registry.policy_for(spec.querying.policy)
    if not isinstance(policy, Learns):
        return None
    return selection.current(session, study_id, policy.name, policy.version)


def differences(session: Session, study_id: int, spec: StudySpec) -> dict[int, float] | None:
    """How far groups are expected to differ on every pair, bits; people, where no groups are told apart. None without a model."""
    kept = chosen_by(session, study_id, spec)
    if kept is None or kept.split is None or not kept.result["votes"]:
        return None
    part = "groups" if len(kept.groups) > 1 else "people"
    bits = kept.split[selection.SPLIT.index(part)].astype(float)
    return dict(zip(kept.pair_id.tolist(), bits.tolist(), strict=True))
