"""Every SELECT about assignments: the open one, leases that ran out, candidates to draw from, what a person can be asked again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from app.assignments.tables import Assignment, PairLoad, PersonLoad, Pool, Spending
from app.kit.errors import NotFound
from app.studies.tables import Item

_SEEN = ("open", "answered")


def find_open(session: Session, annotator_id: int) -> Assignment | None:
    """The question this person holds, whether or not its time has run out."""
    return session.scalar(
        select(Assignment).where(Assignment.annotator_id == annotator_id, Assignment.state == "open")
    )


def get_assignment(
    session: Session, assignment_id: str, *, annotator_id: int, lock: bool = False
) -> Assignment:
    """One of this person's assignments. Raises NotFound when unknown or not theirs."""
    query = select(Assignment).where(Assignment.id == assignment_id, Assignment.annotator_id == annotator_id)
    found = session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NotFound
    return found


def list_run_out(session: Session, study_id: int, *, now: datetime, limit: int = 20) -> Sequence[Assignment]:
    """Open assignments whose hold has ended; on PostgreSQL, those nobody else is sweeping."""
    return session.scalars(
        select(Assignment)
        .where(Assignment.study_id == study_id, Assignment.state == "open", Assignment.expires_at <= now)
        .order_by(Assignment.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def find_person(session: Session, annotator_id: int) -> PersonLoad | None:
    return session.get(PersonLoad, annotator_id)


@dataclass(frozen=True)
class PoolSize:
    """Open pairs, and judgments given plus assignments live."""

    open_pairs: int
    spent: int


def pool_size(session: Session, study_id: int) -> PoolSize:
    spent = select(func.coalesce(func.sum(Spending.judgments + Spending.live), 0)).where(
        Spending.study_id == study_id
    )
    row = session.execute(
        select(Pool.open_pairs, spent.scalar_subquery().label("spent")).where(Pool.study_id == study_id)
    ).one_or_none()
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
    query = _candidates(annotator_id).where(PairLoad.study_id == study_id, PairLoad.position.in_(positions))
    return [Candidate(*row) for row in session.execute(query)]


def all_candidates(
    session: Session, study_id: int, annotator_id: int, *, without_topics: Sequence[str] = ()
) -> list[Candidate]:
    """Every open pair the person has not seen, in the order of pair ids: for small pools and for the last few pairs."""
    mine = aliased(Assignment)
    query = (
        _columns(False)
        .outerjoin(
            mine,
            (mine.pair_id == PairLoad.pair_id)
            & (mine.annotator_id == annotator_id)
            & mine.retest_of.is_(None)
            & mine.state.in_(_SEEN),
        )
        .where(PairLoad.study_id == study_id, PairLoad.position.is_not(None), mine.id.is_(None))
        .order_by(PairLoad.pair_id)
    )
    if without_topics:
        query = query.where(PairLoad.topic.is_(None) | PairLoad.topic.not_in(without_topics))
    return [Candidate(*row) for row in session.execute(query)]


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
    row = session.execute(
        select(
            func.count().filter((Assignment.slot < below_slot) & (Assignment.state == "answered")),
            func.count(),
        ).where(
            Assignment.annotator_id == annotator_id,
            Assignment.retest_of.is_not(None),
            Assignment.state.in_(_SEEN),
        )
    ).one()
    return int(row[0]), int(row[1])


def _candidates(annotator_id: int) -> Select[Any]:
    seen = (
        select(Assignment.id)
        .where(
            Assignment.annotator_id == annotator_id,
            Assignment.pair_id == PairLoad.pair_id,
            Assignment.retest_of.is_(None),
            Assignment.state.in_(_SEEN),
        )
        .exists()
    )
    return _columns(seen)


def _columns(seen: Any) -> Select[Any]:
    from sqlalchemy import literal

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
