"""The pairs of a study by how far people differ on them, as rows for lists, charts and the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.aggregation.tables import PairFigure, PersonFigure
from app.inference.decomposition.votes import FEWEST_IN_GROUPS
from app.judgments.tables import Judgment
from app.kit.text import number
from app.people.tables import Annotator
from app.reports import fitting
from app.reports.report import VERSION, Analysis
from app.studies.tables import Item, Pair, Response, Study

CORNERS = ("people_differ", "unclear_question", "agree_but_unsure", "settled")
FIGURES = (
    "votes", "people", "first", "second", "ties", "neither", "share", "low", "high", "epistemic", "between_groups",
    "between_people", "within_person", "conflict", "influence_shift", "divided", "corner", "next_step", "why",
)  # fmt: skip


def of_now(session: Session, study: Study, *, now: datetime, limit: int) -> list[dict[str, Any]]:
    """The API's rows of the judgments there are at this moment: kept ones where nothing has changed since."""
    kept = fitting.latest(session, study.id)
    if kept is not None and kept.version == VERSION and kept.state == Analysis.state_of(session, study):
        rows, _ = listed(session, study.id, limit=limit)
        return [_told(r) for r in rows]
    figures = sorted(
        Analysis(session, study, now=now).disagreement.rows,
        key=lambda r: (-(r.get("divided") or 0), r["pair_id"]),
    )[:limit]
    names = named_pairs(session, [r["pair_id"] for r in figures])
    return [_told({**dict.fromkeys(FIGURES), **r, **names[r["pair_id"]]}) for r in figures]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "pair": (row["first_id"], row["second_id"])}


@dataclass(frozen=True)
class Filter:
    """Which pairs are wanted; empty for all.

    only: a corner, ``judged`` (anybody chose something, neither among it) or ``shared`` (two people decided).  group: ``group:LABEL`` of a
    declared group or ``learned:NUMBER`` (from 1, as shown) of a learned one: pairs that people of it answered.
    """

    only: str = ""
    topic: str = ""
    model: str = ""
    group: str = ""


def in_group(group: str) -> ColumnElement[bool] | None:
    """A condition on ``Annotator`` and an outer-joined ``PersonFigure``; None for a group that nobody can be in."""
    kind, _, value = group.partition(":")
    if kind == "group":
        return Annotator.group_label == value
    if kind == "learned" and (told := number(value)) is not None:
        return PersonFigure.learned == told - 1
    return None


def _wanted(query: Any, wanted: Filter, one: Any, two: Any) -> Any:
    decided = PairFigure.first + PairFigure.second + PairFigure.ties
    if wanted.only == "judged":
        query = query.where(PairFigure.people > 0)
    elif wanted.only == "shared":
        query = query.where(decided >= 2)
    elif wanted.only:
        query = query.where(PairFigure.corner == wanted.only)
    if wanted.topic:
        query = query.where(Item.topic == wanted.topic)
    if wanted.model:
        query = query.where(or_(one.model == wanted.model, two.model == wanted.model))
    if wanted.group:
        who = in_group(wanted.group)
        answered = (
            select(Judgment.id)
            .join(Annotator, Annotator.id == Judgment.annotator_id)
            .outerjoin(PersonFigure, PersonFigure.annotator_id == Annotator.id)
            .where(
                Judgment.pair_id == PairFigure.pair_id,
                Judgment.choice.in_(("left", "right", "tie", "neither")),
                Annotator.withdrawn_at.is_(None),
                false() if who is None else who,
            )
        )
        query = query.where(exists(answered))
    return query


def listed(
    session: Session, study_id: int, wanted: Filter | None = None, *, limit: int = 50, offset: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """Kept figures with the names of what they are about, most contested first, and how many there are in all."""
    one, two = aliased(Response), aliased(Response)
    query = _wanted(_query(one, two).where(PairFigure.study_id == study_id), wanted or Filter(), one, two)
    total = int(session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0)
    cut = query.order_by(PairFigure.divided.desc(), PairFigure.pair_id).offset(offset).limit(limit)
    return [_row(r) for r in session.execute(cut)], total


def spread(session: Session, study_id: int, *, most: int) -> tuple[list[dict[str, Any]], int]:
    """Pairs that three people decided, or an even part of them from the most divided to the least, and how many there are in all."""
    place = func.row_number().over(order_by=(PairFigure.divided.desc(), PairFigure.pair_id))
    told = (
        select(PairFigure.pair_id, place.label("place"))
        .where(PairFigure.study_id == study_id, PairFigure.share.is_not(None), PairFigure.votes >= 3)
        .subquery()
    )
    total = int(session.scalar(select(func.count()).select_from(told)) or 0)
    every = max(1, -(-total // most))
    query = (
        _query()
        .join(told, told.c.pair_id == PairFigure.pair_id)
        .where((told.c.place - 1) % every == 0)
        .order_by(told.c.place)
    )
    return [_row(r) for r in session.execute(query)], total


def of_item(session: Session, item_key: int) -> dict[int, dict[str, Any]]:
    """Kept figures of an item's pairs, by pair."""
    return {r.pair_id: _row(r) for r in session.execute(_query().where(Pair.item_id == item_key))}


def corners(session: Session, study_id: int) -> dict[str, int]:
    """How many pairs stand in each corner."""
    found = session.execute(
        select(PairFigure.corner, func.count())
        .where(PairFigure.study_id == study_id, PairFigure.corner.is_not(None))
        .group_by(PairFigure.corner)
    )
    return {str(corner): int(n) for corner, n in found}


def models(session: Session, study_id: int) -> list[str]:
    """Models that responses of the study name."""
    found = session.scalars(
        select(Response.model).where(Response.study_id == study_id, Response.model.is_not(None)).distinct()
    )
    return sorted(map(str, found))


def declared_groups(session: Session, study_id: int) -> list[str]:
    """Labels of the groups that people of the study say they belong to, where twenty people in all do."""
    found = session.execute(
        select(Annotator.group_label, func.count())
        .where(
            Annotator.study_id == study_id,
            Annotator.group_label.is_not(None),
            Annotator.withdrawn_at.is_(None),
        )
        .group_by(Annotator.group_label)
    ).all()
    return sorted(str(label) for label, _ in found) if sum(n for _, n in found) >= FEWEST_IN_GROUPS else []


def _query(one: Any = None, two: Any = None) -> Any:
    one, two = one or aliased(Response), two or aliased(Response)
    return (
        select(
            PairFigure.pair_id,
            *[getattr(PairFigure, name) for name in FIGURES],
            Item.external_id.label("item_id"), Item.search_text.label("request"), Item.topic,
            one.external_id.label("one_id"), one.model.label("one_model"), two.external_id.label("two_id"),
            two.model.label("two_model"),
        )
        .join(Pair, Pair.id == PairFigure.pair_id)
        .join(Item, Item.id == Pair.item_id)
        .join(one, one.id == Pair.first_id)
        .join(two, two.id == Pair.second_id)
    )  # fmt: skip


def named_pairs(session: Session, pair_ids: list[int]) -> dict[int, dict[str, Any]]:
    """What each of these pairs is about, by database key."""
    one, two = aliased(Response), aliased(Response)
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(pair_ids), 500):
        rows = session.execute(
            select(
                Pair.id, Item.external_id.label("item_id"), Item.search_text.label("request"), Item.topic,
                one.external_id.label("one_id"), one.model.label("one_model"), two.external_id.label("two_id"),
                two.model.label("two_model"),
            )
            .join(Item, Item.id == Pair.item_id)
            .join(one, one.id == Pair.first_id)
            .join(two, two.id == Pair.second_id)
            .where(Pair.id.in_(pair_ids[start : start + 500]))
        )  # fmt: skip
        found |= {r.id: _named(r) for r in rows}
    return found


def _row(row: Any) -> dict[str, Any]:
    return {"pair_id": row.pair_id, **{name: getattr(row, name) for name in FIGURES}, **_named(row)}


def _named(row: Any) -> dict[str, Any]:
    """What a pair is about; its first response is the one whose id sorts first as text."""
    sides = sorted([(row.one_id, row.one_model), (row.two_id, row.two_model)], key=lambda side: str(side[0]))
    return {
        "item_id": row.item_id,
        "request": row.request,
        "topic": row.topic,
        "first_id": sides[0][0],
        "first_model": sides[0][1],
        "second_id": sides[1][0],
        "second_model": sides[1][1],
    }


def find(session: Session, study_id: int, pair_id: int) -> dict[str, Any] | None:
    """The kept figures of one pair, or None."""
    found = session.execute(
        _query().where(PairFigure.study_id == study_id, PairFigure.pair_id == pair_id)
    ).first()
    return None if found is None else _row(found)
