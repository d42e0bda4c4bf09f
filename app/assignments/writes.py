"""The verbs about assignments: put a question, renew its hold, let it go when its time has run out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app.assignments import pool, reads, rules
from app.assignments.errors import AlreadyAnswered, AssignmentExpired
from app.assignments.pool import Deltas
from app.assignments.tables import Assignment, PersonLoad
from app.db.base import stored, table_of
from app.db.chain import Chain
from app.kit.ids import new_id
from app.people.tables import Annotator
from app.studies.reads import PairIds
from app.studies.spec import StudySpec
from app.studies.tables import Study

NEW_SESSION_AFTER = timedelta(hours=2)
_PUT = insert(table_of(Assignment))
_COMPARISON = (
    "id", "study_id", "annotator_id", "kind", "item_id", "pair_id", "left_id", "right_id", "protocol_version", "slot",
    "work_session", "state", "shown_at", "expires_at", "retest_of", "is_gold", "policy", "score", "propensity", "seed", "draw",
)  # fmt: skip
_ISSUE = Chain(pool.TAKE_LEAVING_ROOM, (table_of(Assignment), _COMPARISON), pool.SEEN_MORE, pool.SPEND)
CLOSE = (
    update(table_of(Assignment))
    .where(Assignment.id == bindparam("which"))
    .values(state=bindparam("becomes"), closed_at=bindparam("closed"))
)


def ensure_person(session: Session, annotator_id: int) -> PersonLoad:
    """The person's counters, made when first needed."""
    return reads.find_person(session, annotator_id) or new_person(session, annotator_id)


def new_person(session: Session, annotator_id: int) -> PersonLoad:
    """Counters for someone who has none yet."""
    made = PersonLoad(annotator_id=annotator_id)
    session.add(made)
    session.flush()
    return made


@dataclass(frozen=True)
class Opened:
    """A question about to be answered, and its holder's counters; both theirs alone until the transaction ends."""

    assignment: Assignment
    person: PersonLoad


def open_to_answer(
    session: Session, assignment_id: str, annotator_id: int, *, locked: bool = False
) -> Opened:
    """Let one request of this person through at a time, and take their question; ``locked`` where the first was done already.

    Raises:
        NotFound: It is unknown, or not theirs.
    """
    if not locked:
        pool.lock_person(session, annotator_id)
    assignment, person = reads.get_to_answer(session, assignment_id, annotator_id=annotator_id)
    return Opened(assignment, person or new_person(session, annotator_id))


def begin_work(person: PersonLoad, *, now: datetime) -> None:
    """Start a new working session where the last one was ended or lies two hours back."""
    idle = person.last_active_at is not None and now - person.last_active_at > NEW_SESSION_AFTER
    if person.session_started_at is None:
        person.session_started_at = now
    elif person.session_ended_at is not None or idle:
        person.work_session += 1
        person.session_started_at, person.session_ended_at = now, None
        person.session_answered = person.break_offered_at = 0
        person.session_active_ms, person.quick_run, person.quick_noted = 0, 0, False


def comparison(
    study: Study,
    annotator: Annotator,
    person: PersonLoad,
    *,
    pair: PairIds,
    spec: StudySpec,
    drawn: dict[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """The row of a comparison that was drawn. ``drawn`` holds policy, score, propensity, seed, draw, retest_of, is_gold."""
    left, right = pair.first_id, pair.second_id
    if not rules.first_on_left(annotator.side_seed, person.slot):
        left, right = right, left
    return {
        "id": new_id(now),
        "study_id": study.id,
        "annotator_id": annotator.id,
        "kind": "comparison",
        "item_id": pair.item_id,
        "pair_id": pair.id,
        "left_id": left,
        "right_id": right,
        "protocol_version": study.version,
        "slot": person.slot,
        "work_session": person.work_session,
        "state": "open",
        "shown_at": now,
        "expires_at": rules.lease_end(now, spec.collection.reservation_minutes),
        **drawn,
    }


def put(session: Session, row: dict[str, Any], deltas: Deltas) -> Assignment:
    """Store a comparison whose place is taken, or that needs none."""
    session.execute(_PUT, row)
    deltas.live[pool.shard_of(row["annotator_id"])] += 1
    if row["retest_of"] is not None:
        deltas.repeats[row["annotator_id"]] += 1
    return stored(session, Assignment, row)


def put_leaving_room(session: Session, row: dict[str, Any]) -> Assignment | None:
    """Take a place of the comparison's pair and store it, in one go; None, and nothing done, where that would fill the pair.

    The way nearly all questions are put. Nothing of this transaction may be waiting to be written: persons and spending are
    locked here, and after them nothing else may be.
    """
    who = row["annotator_id"]
    values = {f"new_{name}": value for name, value in row.items()}
    values |= {"pair": row["pair_id"], "who": who, "change": 1}
    values |= {"study": row["study_id"], "at": pool.shard_of(who), "lives": 1, "given": 0}
    return stored(session, Assignment, row) if _ISSUE.run(session, values) else None


def put_meta(
    session: Session,
    study: Study,
    annotator: Annotator,
    person: PersonLoad,
    *,
    kind: str,
    payload: dict[str, Any],
    spec: StudySpec,
    drawn: dict[str, Any],
    deltas: Deltas,
    now: datetime,
) -> Assignment:
    """Store a question about the person's choices that was drawn. ``drawn`` holds policy, score, propensity, seed, draw."""
    row = {
        "id": new_id(now),
        "study_id": study.id,
        "annotator_id": annotator.id,
        "kind": kind,
        "protocol_version": study.version,
        "payload": payload,
        "slot": person.slot,
        "work_session": person.work_session,
        "state": "open",
        "shown_at": now,
        "expires_at": rules.lease_end(now, spec.collection.reservation_minutes),
        **drawn,
    }
    session.execute(insert(Assignment), [row])
    deltas.live[pool.shard_of(annotator.id)] += 1
    return session.get_one(Assignment, row["id"])


def close_meta(session: Session, assignment: Assignment, deltas: Deltas, *, now: datetime) -> None:
    """A question about the person's choices was answered; its hold may have ended before that."""
    if assignment.state == "open":
        deltas.live[pool.shard_of(assignment.annotator_id)] -= 1
    close(session, assignment, "answered", now=now)
    session.expire(assignment)


def renew(session: Session, assignment: Assignment, spec: StudySpec, *, now: datetime) -> datetime:
    """Hold the question longer, because the person is active. Raises AssignmentExpired, AlreadyAnswered."""
    if assignment.state == "answered":
        raise AlreadyAnswered
    if rules.is_expired(assignment.state, assignment.expires_at, now):
        raise AssignmentExpired
    assignment.expires_at = max(
        assignment.expires_at, rules.lease_end(now, spec.collection.reservation_minutes)
    )
    session.flush()
    return assignment.expires_at


def close(session: Session, assignment: Assignment, state: str, *, now: datetime) -> None:
    """The assignment is open no more: it was answered, or its hold ran out."""
    session.execute(CLOSE, {"which": assignment.id, "becomes": state, "closed": now})
    note_closed(assignment, state, now=now)


def note_closed(assignment: Assignment, state: str, *, now: datetime) -> None:
    """Let the object in memory say what was written of its row."""
    set_committed_value(assignment, "state", state)
    set_committed_value(assignment, "closed_at", now)


def let_go(session: Session, assignments: list[Assignment], deltas: Deltas, *, now: datetime) -> None:
    """End holds that ran out (or were given back): each place returns, and the person may draw that pair again.

    One at a time: of two people who held the same full pair, the second still counts as having seen it when the first one's
    place reopens it, and stops to with their own.
    """
    for one in assignments:
        close(session, one, "expired", now=now)
        deltas.live[pool.shard_of(one.annotator_id)] -= 1
        if one.retest_of is not None:
            deltas.repeats[one.annotator_id] -= 1
        if one.pair_id is None or one.retest_of is not None or one.is_gold:
            continue
        row = pool.release(session, one.study_id, one.pair_id, deltas, reserved=1)
        if row.position is not None:
            deltas.seen_open[one.annotator_id] -= 1


def sweep(session: Session, study_id: int, deltas: Deltas, *, now: datetime) -> int:
    """Return abandoned pairs to the pool; called whenever someone asks. Returns how many."""
    gone = list(reads.list_run_out(session, study_id, now=now))
    if gone:
        let_go(session, gone, deltas, now=now)
    return len(gone)
