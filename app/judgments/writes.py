"""The verbs about judgments: record, revise, retract. Each is one row and, in the same transaction, the counters it moves.

The caller commits before anyone is thanked. Nothing given is altered: a change of mind is a new revision.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app.assignments import pool
from app.assignments import reads as assignments
from app.assignments.errors import AlreadyAnswered, AssignmentExpired
from app.assignments.pool import Deltas
from app.assignments.rules import is_expired
from app.assignments.tables import Assignment, PairLoad, PersonLoad
from app.assignments.writes import CLOSE, Opened, close, let_go, note_closed, open_to_answer
from app.db.base import stored, table_of
from app.db.chain import Chain
from app.judgments import reads, refits, rules
from app.judgments.errors import AnswerIncomplete, ChangedElsewhere, EditWindowClosed, TokenReused
from app.judgments.tables import Judgment
from app.kit.ids import new_id
from app.people.tables import Annotator
from app.questions.answers import ComparisonAnswer
from app.studies import reads as studies
from app.studies.errors import StudyClosed
from app.studies.tables import Response, Study

_JUDGMENTS, _PERSONS = table_of(Judgment), table_of(PersonLoad)
_INSERT = insert(_JUDGMENTS)
_COUNTERS = (
    "last_active_at",
    "answered",
    "session_answered",
    "slot",
    "voided",
    "session_active_ms",
    "quick_run",
)
_MOVE = (
    update(_PERSONS)
    .where(_PERSONS.c.annotator_id == bindparam("who"))
    .values({name: bindparam(f"to_{name}") for name in _COUNTERS})
)
_ROW = (
    "id", "study_id", "annotator_id", "assignment_id", "item_id", "pair_id", "left_id", "right_id", "choice", "strength", "aspects",
    "rationale", "reason_tags", "skip_reason", "tie_reason", "better", "stance", "spans", "predicted_share", "confidence", "view",
    "client_token", "elapsed_ms", "timing", "is_gold", "work_session", "protocol_version", "source", "created_at",
    "answered_at", "revision", "late", "counts",
)  # fmt: skip
"""Columns of an answer that fills a place; it is no repeat, and supersedes none."""
_STORE = Chain((_JUDGMENTS, _ROW), CLOSE, pool.SETTLE, _MOVE, pool.SPEND)
QUICK_MS_PER_WORD = 125
"""Eight words a second: faster than anybody reads both answers."""


@dataclass(frozen=True)
class Recorded:
    """The stored judgment; ``created`` is False when the same submit had arrived before."""

    judgment: Judgment
    created: bool


@dataclass(frozen=True)
class Submission:
    """What came beside the answer: through which door, and what the page measured."""

    source: str = "page"
    timing: dict[str, Any] | None = None
    allow_late: bool = False


def record(
    session: Session,
    study: Study,
    annotator: Annotator,
    asked: str | Opened,
    answer: ComparisonAnswer,
    *,
    now: datetime,
    submission: Submission = Submission(),
) -> Recorded:
    """Store the answer to an assignment, once.

    Args:
        asked: The assignment's id, or the assignment as ``assignments.writes.open_to_answer`` gave it.

    Raises:
        NotFound: The assignment is unknown or another person's.
        AlreadyAnswered: It has an answer and this is not the same submit again.
        AssignmentExpired: Its hold ended and ``submission.allow_late`` is not set.
        StudyClosed: The study was closed in the meantime.
        AnswerIncomplete: The study's question does not allow this answer.
        TokenReused: The client token belongs to another answer.
    """
    opened = open_to_answer(session, asked, annotator.id) if isinstance(asked, str) else asked
    assignment = opened.assignment
    if assignment.kind != "comparison":
        raise AnswerIncomplete("This is a question about your choices, not a comparison.")
    same = _same_submit(session, annotator.id, assignment.id, answer.client_token)
    if same is not None:
        return Recorded(same, created=False)
    if assignment.state == "answered":
        raise AlreadyAnswered
    if study.state == "closed":
        raise StudyClosed
    late = is_expired(assignment.state, assignment.expires_at, now)
    if late and not submission.allow_late:
        raise AssignmentExpired
    _check(session, study, assignment, answer)
    deltas = Deltas()
    if late:
        _admit_late(session, assignment, deltas, now=now)
    counts = rules.fills_a_place(
        answer.choice, late=late, retest=assignment.retest_of is not None, gold=assignment.is_gold
    )
    row = _row(assignment, annotator, answer, now=now, submission=submission)
    row |= {"revision": 1, "supersedes": None, "late": late, "counts": counts}
    _store(session, opened, row, deltas, now=now)
    if refits.is_time(opened.person.answered):
        refits.ask_for_fit(session, study.id, now=now)
    return Recorded(stored(session, Judgment, row), created=True)


def _store(session: Session, opened: Opened, row: dict[str, Any], deltas: Deltas, *, now: datetime) -> None:
    """A first answer with the counters it moves. One that fills the place its question held, as nearly all do, goes in one go."""
    who, person = row["annotator_id"], opened.person
    moved = _moved(person, row, now=now)
    if row["counts"] and not deltas and person not in session.dirty:
        values = {f"new_{name}": value for name, value in row.items()}
        values |= {
            "which": row["assignment_id"],
            "becomes": "answered",
            "closed": now,
            "pair": row["pair_id"],
        }
        values |= moved | {
            "who": who,
            "study": row["study_id"],
            "at": pool.shard_of(who),
            "lives": -1,
            "given": 1,
        }
        if not _STORE.run(session, values):
            raise RuntimeError("the assignment, its pair or the person's counters are not there")
        note_closed(opened.assignment, "answered", now=now)
    else:
        session.execute(_INSERT, row)
        close(session, opened.assignment, "answered", now=now)
        if not row["late"]:
            _settle(session, row, deltas)
        if row["choice"] != "skip":
            deltas.judgments[pool.shard_of(who)] += 1
        session.flush()
        session.execute(_MOVE, moved | {"who": who})
        deltas.apply(session, row["study_id"])
    for name, value in moved.items():
        set_committed_value(person, name.removeprefix("to_"), value)


def revise(
    session: Session,
    study: Study,
    annotator: Annotator,
    assignment_id: str,
    answer: ComparisonAnswer,
    *,
    now: datetime,
    based_on: str | None = None,
    submission: Submission = Submission(),
) -> Recorded:
    """Replace an answer by a new revision while its window is open. The last one counts; all are kept.

    Args:
        based_on: The judgment the person saw when they began to change it; another one being current is a conflict.

    Raises:
        NotFound, EditWindowClosed, ChangedElsewhere, StudyClosed, AnswerIncomplete, TokenReused.
    """
    pool.lock_person(session, annotator.id)
    assignment = assignments.get_assignment(session, assignment_id, annotator_id=annotator.id, lock=True)
    same = _same_submit(session, annotator.id, assignment.id, answer.client_token)
    if same is not None:
        return Recorded(same, created=False)
    before = _changeable(session, study, assignment, based_on=based_on, now=now)
    _check(session, study, assignment, answer)
    row = _row(assignment, annotator, answer, now=now, submission=submission)
    return Recorded(_supersede(session, study, assignment, before, row), created=True)


def retract(
    session: Session, study: Study, annotator: Annotator, judgment_id: str, *, now: datetime
) -> Judgment:
    """Take an answer back while its window is open; taking it back twice is taking it back once.

    Raises:
        NotFound, EditWindowClosed, StudyClosed; ChangedElsewhere when a later answer stands.
    """
    pool.lock_person(session, annotator.id)
    judgment = reads.get_judgment(session, judgment_id, annotator_id=annotator.id)
    if judgment.assignment_id is None:
        raise EditWindowClosed("An answer given elsewhere cannot be taken back here.")
    assignment = assignments.get_assignment(
        session, judgment.assignment_id, annotator_id=annotator.id, lock=True
    )
    current = reads.find_current(session, assignment.id)
    if (
        current is not None
        and current.choice == "retracted"
        and judgment_id in {current.id, current.supersedes}
    ):
        return current
    before = _changeable(session, study, assignment, based_on=judgment_id, now=now)
    row = _row(
        assignment, annotator, ComparisonAnswer(choice="skip"), now=now, submission=Submission(before.source)
    )
    row["choice"] = "retracted"
    return _supersede(session, study, assignment, before, row)


def may_change(session: Session, study: Study, judgment: Judgment, *, now: datetime) -> bool:
    """Whether the window in which this answer can be changed is open."""
    if study.state == "closed" or judgment.assignment_id is None:
        return False
    spec = studies.spec_of(session, study, judgment.protocol_version)
    end = rules.edit_window_end(
        reads.last_activity(session, judgment.annotator_id, judgment.work_session), spec.collection.edit_hours
    )
    return now <= end


def erase(session: Session, annotator: Annotator, *, now: datetime) -> int:
    """Blank what a withdrawn person wrote and how they worked; the rows stay for the counts. Returns how many."""
    refits.ask_for_fit(session, annotator.study_id, now=now, delay_s=0)
    done = session.execute(
        update(Judgment)
        .where(Judgment.annotator_id == annotator.id)
        .values(
            rationale=None, better=None, spans=None, aspects=None, reason_tags=None, skip_reason=None, tie_reason=None,
            stance=None, view=None, confidence=None, predicted_share=None, timing=None, elapsed_ms=None, extra=None,
            client_token=None, import_key=None,
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    return int(done.rowcount)  # type: ignore[attr-defined]


def _same_submit(
    session: Session, annotator_id: int, assignment_id: str, token: str | None
) -> Judgment | None:
    if token is None:
        return None
    found = reads.find_by_client_token(session, annotator_id, token)
    if found is not None and found.assignment_id != assignment_id:
        raise TokenReused
    return found


def _check(session: Session, study: Study, assignment: Assignment, answer: ComparisonAnswer) -> None:
    spec = studies.spec_of(session, study, assignment.protocol_version)
    lengths: dict[str, int] = {}
    if answer.spans:
        texts = studies.responses_by_id(session, [_known(assignment.left_id), _known(assignment.right_id)])
        lengths = {
            "left": len(texts[_known(assignment.left_id)].text),
            "right": len(texts[_known(assignment.right_id)].text),
        }
    rules.check_answer(spec, answer, lengths)


def _known(value: int | None) -> int:
    if value is None:
        raise ValueError("a comparison has two sides")
    return value


def _admit_late(session: Session, assignment: Assignment, deltas: Deltas, *, now: datetime) -> None:
    """Let a late answer in: its place has gone back to the pool, or goes now; a newer answer to the pair forbids it."""
    first = assignment.retest_of is None and not assignment.is_gold
    if first:
        newer = session.scalar(
            select(Assignment.id).where(
                Assignment.id != assignment.id,
                Assignment.annotator_id == assignment.annotator_id,
                Assignment.pair_id == assignment.pair_id,
                Assignment.retest_of.is_(None),
                Assignment.state.in_(("open", "answered")),
            )
        )
        if newer is not None:
            raise AlreadyAnswered("You have met this pair again in the meantime.")
    if assignment.state == "open":
        let_go(session, [assignment], deltas, now=now)
    if first:
        position = session.scalar(select(PairLoad.position).where(PairLoad.pair_id == assignment.pair_id))
        if position is not None:
            deltas.seen_open[assignment.annotator_id] += 1


def _settle(session: Session, row: dict[str, Any], deltas: Deltas) -> None:
    """The hold ends: its place is filled by the judgment, or goes back."""
    deltas.live[pool.shard_of(row["annotator_id"])] -= 1
    if row["retest_of"] is not None or row["is_gold"]:
        return
    if row["counts"]:
        pool.settle(session, row["pair_id"])
    else:
        pool.release(session, row["study_id"], row["pair_id"], deltas, reserved=1)


def _changeable(
    session: Session,
    study: Study,
    assignment: Assignment,
    *,
    based_on: str | None,
    now: datetime,
) -> Judgment:
    current = reads.find_current(session, assignment.id)
    if current is None or current.choice == "retracted":
        raise ChangedElsewhere("There is no answer here to change.")
    if study.state == "closed":
        raise StudyClosed
    if not may_change(session, study, current, now=now):
        raise EditWindowClosed
    if based_on is not None and based_on != current.id:
        raise ChangedElsewhere
    return current


def _supersede(
    session: Session,
    study: Study,
    assignment: Assignment,
    before: Judgment,
    row: dict[str, Any],
) -> Judgment:
    """Insert a revision and move the pair's count where the change made or freed a place."""
    deltas = Deltas()
    wanted = rules.fills_a_place(
        row["choice"], late=before.late, retest=assignment.retest_of is not None, gold=assignment.is_gold
    )
    counts = wanted
    if before.counts and not wanted:
        pool.release(session, study.id, before.pair_id, deltas, counted=1)
    elif wanted and not before.counts:
        counts = pool.count_again(session, study.id, before.pair_id, deltas)
    row |= {"revision": before.revision + 1, "supersedes": before.id, "late": before.late, "counts": counts}
    row["work_session"] = before.work_session
    session.execute(_INSERT, row)
    given, gives = before.choice not in {"skip", "retracted"}, row["choice"] not in {"skip", "retracted"}
    shard = pool.shard_of(before.annotator_id)
    deltas.judgments[shard] += int(gives) - int(given)
    if given != gives:
        session.execute(
            update(PersonLoad)
            .where(PersonLoad.annotator_id == before.annotator_id)
            .values(voided=PersonLoad.voided + 1)
            .execution_options(synchronize_session="fetch")
        )
    deltas.apply(session, study.id)
    return stored(session, Judgment, row)


def _row(
    assignment: Assignment,
    annotator: Annotator,
    answer: ComparisonAnswer,
    *,
    now: datetime,
    submission: Submission,
) -> dict[str, Any]:
    by_side = {"left": assignment.left_id, "right": assignment.right_id}
    spans = [
        {"response_id": by_side[s.side], "start": s.start, "end": s.end, "tag": s.tag}
        for s in answer.spans or []
    ]
    server_ms = int((now - assignment.shown_at).total_seconds() * 1000)
    timing = dict(submission.timing or {})
    timing["server_ms"] = server_ms
    return {
        "id": new_id(now),
        "study_id": assignment.study_id,
        "annotator_id": annotator.id,
        "assignment_id": assignment.id,
        "item_id": assignment.item_id,
        "pair_id": assignment.pair_id,
        "left_id": assignment.left_id,
        "right_id": assignment.right_id,
        "choice": answer.choice,
        "strength": answer.strength,
        "aspects": answer.aspects or None,
        "rationale": answer.rationale or None,
        "reason_tags": answer.reason_tags or None,
        "skip_reason": answer.skip_reason,
        "tie_reason": answer.tie_reason,
        "better": answer.better or None,
        "stance": answer.stance,
        "spans": spans or None,
        "predicted_share": answer.predicted_share,
        "confidence": answer.confidence,
        "view": answer.view,
        "client_token": answer.client_token,
        "elapsed_ms": answer.elapsed_ms if answer.elapsed_ms is not None else min(server_ms, 86_400_000),
        "timing": timing,
        "retest_of": assignment.retest_of,
        "is_gold": assignment.is_gold,
        "work_session": assignment.work_session,
        "protocol_version": assignment.protocol_version,
        "source": submission.source,
        "created_at": now,
        "answered_at": now,
    }


def _moved(person: PersonLoad, row: dict[str, Any], *, now: datetime) -> dict[str, Any]:
    """The person's counters after an answer, by parameter of ``_MOVE``: their place in the sequence of sides, their session, quick
    answers in a row.
    """
    skipped = row["choice"] == "skip"
    given, timing = int(not skipped), row["timing"]
    words = timing.get("words")
    spent = timing.get("active_ms") or timing["server_ms"]
    quick = words is not None and not skipped and spent < words * QUICK_MS_PER_WORD
    return {
        "to_last_active_at": now,
        "to_answered": person.answered + given,
        "to_session_answered": person.session_answered + given,
        "to_slot": person.slot + given,
        "to_voided": person.voided + int(row["late"] or (skipped and row["retest_of"] is not None)),
        "to_session_active_ms": person.session_active_ms
        + int(timing.get("active_ms") or min(timing["server_ms"], 120_000)),
        "to_quick_run": person.quick_run + 1 if quick else 0,
    }


def response_texts(session: Session, assignment: Assignment) -> tuple[Response, Response]:
    """The two responses as shown, left first."""
    found = studies.responses_by_id(session, [_known(assignment.left_id), _known(assignment.right_id)])
    return found[_known(assignment.left_id)], found[_known(assignment.right_id)]
