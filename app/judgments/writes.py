"""The verbs about judgments: record, revise, retract. Each is one row and, in the same transaction, the counters it moves.

The caller commits before anyone is thanked. Nothing given is altered: a change of mind is a new revision.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.assignments import pool
from app.assignments import reads as assignments
from app.assignments.errors import AlreadyAnswered, AssignmentExpired
from app.assignments.pool import Deltas
from app.assignments.rules import is_expired
from app.assignments.tables import Assignment, PairLoad, PersonLoad
from app.assignments.writes import Opened, let_go, open_to_answer
from app.db.base import stored
from app.judgments import reads, refits, rules
from app.judgments.errors import AnswerIncomplete, ChangedElsewhere, EditWindowClosed, TokenReused
from app.judgments.storing import INSERT, Submission, row_of, store
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.questions.answers import ComparisonAnswer
from app.studies import reads as studies
from app.studies.errors import StudyClosed
from app.studies.tables import Response, Study


@dataclass(frozen=True)
class Recorded:
    """The stored judgment; ``created`` is False when the same submit had arrived before."""

    judgment: Judgment
    created: bool


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
    row = row_of(assignment, annotator, answer, now=now, submission=submission)
    row |= {"revision": 1, "supersedes": None, "late": late, "counts": counts}
    store(session, opened, row, deltas, now=now)
    if refits.is_time(opened.person.answered):
        refits.ask_for_fit(session, study.id, now=now)
    return Recorded(stored(session, Judgment, row), created=True)


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
    row = row_of(assignment, annotator, answer, now=now, submission=submission)
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
    row = row_of(
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
    session.execute(INSERT, row)
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


def response_texts(session: Session, assignment: Assignment) -> tuple[Response, Response]:
    """The two responses as shown, left first."""
    found = studies.responses_by_id(session, [_known(assignment.left_id), _known(assignment.right_id)])
    return found[_known(assignment.left_id)], found[_known(assignment.right_id)]
