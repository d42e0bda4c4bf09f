"""Every SELECT about assignments: the open one, leases that ran out, candidates to draw from, what a person can be asked again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, literal, select
from sqlalchemy.orm import Session, aliased

from app.assignments.tables import Assignment, PairLoad, PersonLoad, Pool, Spending
from app.kit.errors import NotFound
from app.studies.tables import Item

_SEEN = ("open", "answered")

# Statements of the way of one vote are built once: building one costs more than SQLite's work on it.
_OPEN = select(Assignment).where(Assignment.annotator_id == bindparam("who"), Assignment.state == "open")
_ONE = select(Assignment).where(Assignment.id == bindparam("id"), Assignment.annotator_id == bindparam("who"))
_ONE_LOCKED = _ONE.with_for_update()
_RUN_OUT = (
    select(Assignment)
    .where(
        Assignment.study_id == bindparam("study"),
        Assignment.state == "open",
        Assignment.expires_at <= bindparam("now"),
    )
    .order_by(Assignment.expires_at)
    .limit(20)
    .with_for_update(skip_locked=True)
)
_PERSON = select(PersonLoad).where(PersonLoad.annotator_id == bindparam("who"))
_POOL = select(
    Pool.open_pairs,
    select(func.coalesce(func.sum(Spending.judgments + Spending.live), 0))
    .where(Spending.study_id == bindparam("study"))
    .scalar_subquery()
    .label("spent"),
).where(Pool.study_id == bindparam("study"))
_RETESTS = select(
    func.count().filter((Assignment.slot < bindparam("below")) & (Assignment.state == "answered")),
    func.count(),
).where(
    Assignment.annotator_id == bindparam("who"),
    Assignment.retest_of.is_not(None),
    Assignment.state.in_(_SEEN),
)
_STILL = select(PairLoad.pair_id).where(
    PairLoad.pair_id.in_(bindparam("pairs", expanding=True)), PairLoad.position.is_not(None)
)


def find_open(session: Session, annotator_id: int) -> Assignment | None:
    """The question this person holds, whether or not its time has run out."""
    return session.scalar(_OPEN, {"who": annotator_id})


def get_assignment(
    session: Session, assignment_id: str, *, annotator_id: int, lock: bool = False
) -> Assignment:
    """One of this person's assignments. Raises NotFound when unknown or not theirs."""
    found = session.scalar(_ONE_LOCKED if lock else _ONE, {"id": assignment_id, "who": annotator_id})
    if found is None:
        raise NotFound
    return found


def list_run_out(session: Session, study_id: int, *, now: datetime) -> Sequence[Assignment]:
    """Twenty open assignments whose hold has ended; on PostgreSQL, those nobody else is sweeping."""
    return session.scalars(_RUN_OUT, {"study": study_id, "now": now}).all()


def find_person(session: Session, annotator_id: int) -> PersonLoad | None:
    """The person's counters, or None before their first question."""
    return session.scalar(_PERSON, {"who": annotator_id})


@dataclass(frozen=True)
class PoolSize:
    """Open pairs, and judgments given plus assignments live."""

    open_pairs: int
    spent: int


def pool_size(session: Session, study_id: int) -> PoolSize:
    """Zeros where the study has no pool yet."""
    row = session.execute(_POOL, {"study": study_id}).one_or_none()
    return PoolSize(0, 0) if row is None else PoolSize(row.open_pairs, int(row.spent))


@dataclass(frozen=True)
class Candidate:
    """A pair that could be drawn, with how full it is."""

    pair_id: int
    item_id: int
    position: int
    counted: int
    reserved: int
    cap: int
    topic: str | None
    seen: bool


def candidates_at(
    session: Session, study_id: int, annotator_id: int, positions: Sequence[int]
) -> list[Candidate]:
    """The pairs at these places of the open pool, each with whether the person has seen it."""
    at = {"who": annotator_id, "study": study_id, "positions": list(positions)}
    return [Candidate(*row) for row in session.execute(_at_positions(), at)]


def all_candidates(
    session: Session, study_id: int, annotator_id: int, *, without_topics: Sequence[str] = ()
) -> list[Candidate]:
    """Every open pair the person has not seen, in the order of pair ids: for small pools and for the last few pairs."""
    query = _all_open()
    if without_topics:
        query = query.where(PairLoad.topic.is_(None) | PairLoad.topic.not_in(without_topics))
    return [Candidate(*row) for row in session.execute(query, {"who": annotator_id, "study": study_id})]


def still_open(session: Session, pair_ids: Sequence[int]) -> set[int]:
    """Those of the pairs that are in the pool at this moment."""
    return set(session.scalars(_STILL, {"pairs": list(pair_ids)}))


@cache
def _all_open() -> Select[Any]:
    mine = aliased(Assignment)
    return (
        _columns(False)
        .outerjoin(
            mine,
            (mine.pair_id == PairLoad.pair_id)
            & (mine.annotator_id == bindparam("who"))
            & mine.retest_of.is_(None)
            & mine.state.in_(_SEEN),
        )
        .where(PairLoad.study_id == bindparam("study"), PairLoad.position.is_not(None), mine.id.is_(None))
        .order_by(PairLoad.pair_id)
    )


def count_topic_excluded(session: Session, study_id: int, annotator_id: int, topics: Sequence[str]) -> int:
    """Open pairs of topics the person opted out of and has not seen: what to subtract from what they can draw."""
    seen = select(Assignment.pair_id).where(
        Assignment.annotator_id == annotator_id,
        Assignment.retest_of.is_(None),
        Assignment.state.in_(_SEEN),
        Assignment.pair_id.is_not(None),
    )
    return (
        session.scalar(
            select(func.count())
            .select_from(PairLoad)
            .where(
                PairLoad.study_id == study_id,
                PairLoad.position.is_not(None),
                PairLoad.topic.in_(topics),
                PairLoad.pair_id.not_in(seen),
            )
        )
        or 0
    )


def gold_candidates(session: Session, study_id: int, annotator_id: int) -> Sequence[Any]:
    """Checks this person has not met: ``pair_id, item_id`` of pairs that hold the expected response."""
    seen = select(Assignment.pair_id).where(
        Assignment.annotator_id == annotator_id, Assignment.pair_id.is_not(None), Assignment.state.in_(_SEEN)
    )
    return session.execute(
        select(PairLoad.pair_id, PairLoad.item_id)
        .join(Item, Item.id == PairLoad.item_id)
        .where(
            PairLoad.study_id == study_id,
            PairLoad.gold.is_(True),
            PairLoad.retired.is_(False),
            Item.retired_at.is_(None),
            PairLoad.pair_id.not_in(seen),
        )
        .order_by(PairLoad.pair_id)
    ).all()


def count_gold_in_session(session: Session, annotator_id: int, work_session: int) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(Assignment)
            .where(
                Assignment.annotator_id == annotator_id,
                Assignment.is_gold.is_(True),
                Assignment.work_session == work_session,
            )
        )
        or 0
    )


def retests_of_person(session: Session, annotator_id: int, *, below_slot: int) -> tuple[int, int]:
    """(retests answered at a slot below ``below_slot``, retests given and not expired): both from the retest index."""
    row = session.execute(_RETESTS, {"who": annotator_id, "below": below_slot}).one()
    return int(row[0]), int(row[1])


@cache
def _at_positions() -> Select[Any]:
    seen = (
        select(Assignment.id)
        .where(
            Assignment.annotator_id == bindparam("who"),
            Assignment.pair_id == PairLoad.pair_id,
            Assignment.retest_of.is_(None),
            Assignment.state.in_(_SEEN),
        )
        .exists()
    )
    return _columns(seen).where(
        PairLoad.study_id == bindparam("study"), PairLoad.position.in_(bindparam("positions", expanding=True))
    )


def _columns(seen: Any) -> Select[Any]:
    return select(
        PairLoad.pair_id,
        PairLoad.item_id,
        PairLoad.position,
        PairLoad.counted,
        PairLoad.reserved,
        PairLoad.cap,
        PairLoad.topic,
        literal(False) if seen is False else seen,
    )
