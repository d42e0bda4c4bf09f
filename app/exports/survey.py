"""What a study holds at a moment, in as few readings as possible: how much, since when, and which optional fields are filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, cast, func, select
from sqlalchemy.orm import Session

from app.assignments.tables import Assignment
from app.exports import collecting
from app.exports.people import may_be_released
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.studies.tables import Item, Pair, Response

_ANSWERS = (
    "strength", "confidence", "rationale", "better", "stance", "view", "predicted_share", "skip_reason", "tie_reason",
    "answered_at", "assignment_id",
)  # fmt: skip
_LISTS = ("reason_tags", "aspects", "spans")


@dataclass(frozen=True)
class Survey:
    """has: optional fields that at least one row bears, as ``protocol.Facts`` names them.

    Days are those of the first and the last answer of the people whose answers may be released.
    """

    items: int
    pairs: int
    responses: int
    has: frozenset[str]
    first_day: str | None
    last_day: str | None


def survey(session: Session, study_id: int, *, as_of: datetime) -> Survey:
    """Read it, once over the answers, once over the items."""
    answers = _answers(session, study_id, as_of=as_of)
    items = _items(session, study_id, as_of=as_of)
    later = (session.scalar(_count(Item, study_id)) or 0) > items["items"]
    has = {name for name, n in {**answers, **items}.items() if n and name not in {"first", "last", "items"}}
    tests = {"source": Response.model.is_not(None), "variants": Response.variant.is_not(None)}
    for name, test in tests.items():
        query = select(Response.id).where(Response.study_id == study_id, test)
        if session.scalar((_by_then(query, Response, as_of) if later else query).limit(1)) is not None:
            has.add(name)
    asked = (
        select(Assignment.id)
        .join(Annotator, Annotator.id == Assignment.annotator_id)
        .where(
            Assignment.study_id == study_id,
            Assignment.pair_id.is_not(None),
            Assignment.shown_at <= as_of,
            may_be_released(),
        )
    )
    if session.scalar(asked.limit(1)) is not None:
        has.add("assignments")
    pairs, responses = (
        session.scalar(_by_then(_count(table, study_id), table, as_of) if later else _count(table, study_id))
        or 0
        for table in (Pair, Response)
    )
    first, last = (None if answers[k] is None else answers[k].date().isoformat() for k in ("first", "last"))
    return Survey(items["items"], pairs, responses, frozenset(has), first, last)


def _answers(session: Session, study_id: int, *, as_of: datetime) -> Mapping[str, Any]:
    """How many answers bear each field, and when the first and the last were given."""
    given = func.coalesce(Judgment.answered_at, Judgment.created_at)
    counts: dict[str, Any] = {
        **{name: func.count(getattr(Judgment, name)) for name in _ANSWERS},
        **{name: func.count(case((_filled(getattr(Judgment, name)), 1))) for name in _LISTS},
        "response_ms": func.count(Judgment.elapsed_ms),
        "superseded": func.count(Judgment.supersedes),
        "retests": func.count(Judgment.retest_of),
        "gold": func.count(case((Judgment.is_gold, 1))),
        "first": func.min(given),
        "last": func.max(given),
    }
    query = (
        select(*(count.label(name) for name, count in counts.items()))
        .select_from(Judgment)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .where(collecting.in_scope(study_id, as_of))
    )
    return dict(zip(counts, session.execute(query).one(), strict=True))


def _items(session: Session, study_id: int, *, as_of: datetime) -> Mapping[str, Any]:
    counts = {
        "items": func.count(),
        "topics": func.count(Item.topic),
        "checks": func.count(Item.gold),
        "given_splits": func.count(Item.given_split),
    }
    query = select(*(count.label(name) for name, count in counts.items())).where(
        and_(Item.study_id == study_id, Item.added_at <= as_of)
    )
    return dict(zip(counts, session.execute(query).one(), strict=True))


def _count(table: Any, study_id: int) -> Any:
    return select(func.count()).select_from(table).where(table.study_id == study_id)


def _by_then(query: Any, table: Any, as_of: datetime) -> Any:
    return query.join(Item, Item.id == table.item_id).where(Item.added_at <= as_of)


def _filled(column: Any) -> ColumnElement[bool]:
    """Whether a JSON column holds something: neither SQL's nor JSON's null, and nothing empty."""
    return cast(column, String).not_in(("null", "[]", "{}"))
