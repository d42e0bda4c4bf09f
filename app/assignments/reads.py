"""Every SELECT about assignments: the open one, leases that ran out, candidates to draw from, what a person can be asked again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import JSON, BindParameter, ColumnElement, Select, any_, bindparam, func, literal, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from app.assignments.tables import Assignment, PairLoad, PersonLoad, Pool, Spending
from app.db.base import Part, table_of
from app.db.prepared import Prepared
from app.kit.errors import NotFound
from app.studies.tables import Item

_SEEN = ("open", "answered")
_ASKED, _LOADS, _PERSONS = table_of(Assignment), table_of(PairLoad), table_of(PersonLoad)

# Statements of the way of one vote are built once: building one costs more than SQLite's work on it.
_OPEN = select(Assignment).where(Assignment.annotator_id == bindparam("who"), Assignment.state == "open")
_ONE = select(Assignment).where(Assignment.id == bindparam("id"), Assignment.annotator_id == bindparam("who"))
_ONE_LOCKED = _ONE.with_for_update()
_COUNTERS = Part(PersonLoad)
_QUESTION = Part(
    Assignment, "id", "study_id", "annotator_id", "kind", "item_id", "pair_id", "left_id", "right_id", "protocol_version",
    "retest_of", "is_gold", "work_session", "state", "shown_at", "expires_at",
)  # fmt: skip
_TO_ANSWER = Prepared(
    select(*_QUESTION.columns, *_COUNTERS.columns)
    .outerjoin(_PERSONS, _PERSONS.c.annotator_id == _ASKED.c.annotator_id)
    .where(_ASKED.c.id == bindparam("id"), _ASKED.c.annotator_id == bindparam("who"))
    .select_from(_ASKED)
    .with_for_update(of=_ASKED)
)
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


def get_to_answer(
    session: Session, assignment_id: str, *, annotator_id: int
) -> tuple[Assignment, PersonLoad | None]:
    """One of this person's assignments, locked, and their counters, in one read. Raises NotFound when unknown or not theirs."""
    row = _TO_ANSWER.find(session, {"id": assignment_id, "who": annotator_id})
    found = None if row is None else _QUESTION.of(session, row)
    if row is None or found is None:
        raise NotFound
    return found, _COUNTERS.of(session, row, start=_QUESTION.size)


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
class Standing:
    """Where a person stands in a study: what is looked at before anything is asked.

    held: the question they hold, whether or not its time has run out.  run_out: whether anybody's has.  person: their counters,
    None before their first question.  late_repeats: of the repeats put to them, those in the last few places of their sequence.
    """

    held: Assignment | None
    run_out: bool
    person: PersonLoad | None
    pool: PoolSize
    late_repeats: int


def as_standing(session: Session, row: Any, annotator_id: int) -> Standing:
    """A row of ``standing``; another read where the person holds a question."""
    held = None if row.held is None else session.scalar(_ONE, {"id": row.held, "who": annotator_id})
    size = PoolSize(row.open_pairs or 0, int(row.spent))
    return Standing(held, bool(row.run_out), _COUNTERS.of(session, row), size, row.late_repeats)


def standing() -> Select[Any]:
    """All of it in one row. Parameters: study, who, now, and gap, how many places of the sequence count as the last few."""
    held, anyone, repeat = _ASKED.alias().c, _ASKED.alias().c, _ASKED.alias().c
    pool, spending = table_of(Pool).c, table_of(Spending).c
    who: BindParameter[int] = bindparam("who")
    study: BindParameter[int] = bindparam("study")
    late = (
        (repeat.annotator_id == who)
        & repeat.retest_of.is_not(None)
        & repeat.state.in_(_SEEN)
        & (repeat.slot >= _PERSONS.c.slot - bindparam("gap"))
    )
    spent = func.coalesce(func.sum(spending.judgments + spending.live), 0)
    run_out = (anyone.study_id == study) & (anyone.state == "open") & (anyone.expires_at <= bindparam("now"))
    nothing = select(literal(1).label("n")).subquery()
    return (
        select(
            *_COUNTERS.columns,
            select(held.id)
            .where(held.annotator_id == who, held.state == "open")
            .scalar_subquery()
            .label("held"),
            select(pool.open_pairs).where(pool.study_id == study).scalar_subquery().label("open_pairs"),
            select(spent).where(spending.study_id == study).scalar_subquery().label("spent"),
            select(anyone.id).where(run_out).exists().label("run_out"),
            select(func.count(repeat.id)).where(late).scalar_subquery().label("late_repeats"),
        )
        .select_from(nothing)
        .outerjoin(_PERSONS, _PERSONS.c.annotator_id == who)
    )


class Candidate(NamedTuple):
    """A pair that could be drawn, with its place in the open pool and how full it is: judgments counted and live assignments, of how
    many at most.
    """

    position: int
    pair_id: int
    load: int
    cap: int


def candidates_at(
    session: Session,
    study_id: int,
    annotator_id: int,
    positions: Sequence[int],
    *,
    without_topics: Sequence[str] = (),
) -> dict[int, Candidate]:
    """By place in the open pool, the pairs at these places that the person has not seen."""
    query = _at_positions(session.get_bind().dialect.name, bool(without_topics))
    at = {"who": annotator_id, "study": study_id, "positions": list(positions), "topics": without_topics}
    return {row.position: row for row in query.rows(session, at)}


def all_candidates(
    session: Session, study_id: int, annotator_id: int, *, without_topics: Sequence[str] = ()
) -> list[Candidate]:
    """Every open pair the person has not seen, in the order of pair ids: for small pools and for the last few pairs."""
    query = _all_open(session.get_bind().dialect.name, bool(without_topics))
    at = {"who": annotator_id, "study": study_id, "topics": without_topics}
    return query.rows(session, at)


def still_open(session: Session, pair_ids: Sequence[int]) -> set[int]:
    """Those of the pairs that are in the pool at this moment."""
    return set(session.scalars(_STILL, {"pairs": list(pair_ids)}))


@cache
def _all_open(dialect: str, less_topics: bool) -> Prepared:
    query = _unseen().where(_LOADS.c.position.is_not(None)).order_by(_LOADS.c.pair_id)
    return Prepared(_without_topics(query, dialect) if less_topics else query, row=Candidate)


@cache
def _at_positions(dialect: str, less_topics: bool) -> Prepared:
    query = _unseen().where(_among(_LOADS.c.position, "positions", dialect))
    return Prepared(_without_topics(query, dialect) if less_topics else query, row=Candidate)


def _without_topics(query: Select[Any], dialect: str) -> Select[Any]:
    return query.where(_LOADS.c.topic.is_(None) | ~_among(_LOADS.c.topic, "topics", dialect))


def _among(column: ColumnElement[Any], name: str, dialect: str) -> ColumnElement[bool]:
    """Whether the column has one of the values of a list that is given as one parameter: with a parameter for each, a list of
    another length would be another statement.
    """
    if dialect == "postgresql":
        return column == any_(bindparam(name, type_=postgresql.ARRAY(column.type)))
    each = func.json_each(bindparam(name, type_=JSON)).table_valued("value")
    return column.in_(select(each.c.value))


def _unseen() -> Select[Any]:
    """As in ``Candidate``, of tables rather than classes: dozens of rows are read with every question."""
    mine = (
        select(_ASKED.c.id)
        .where(
            _ASKED.c.annotator_id == bindparam("who"),
            _ASKED.c.pair_id == _LOADS.c.pair_id,
            _ASKED.c.retest_of.is_(None),
            _ASKED.c.state.in_(_SEEN),
        )
        .correlate(_LOADS)
    )
    load = _LOADS.c.counted + _LOADS.c.reserved
    return select(_LOADS.c.position, _LOADS.c.pair_id, load.label("load"), _LOADS.c.cap).where(
        _LOADS.c.study_id == bindparam("study"), ~mine.exists()
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
