"""The door through which answers to meta-questions come: once, for good, with their effect in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any

from sqlalchemy.orm import Session

from app.assignments import pool
from app.assignments import reads as assignments
from app.assignments import writes as assignment_writes
from app.assignments.errors import AlreadyAnswered, AssignmentExpired
from app.assignments.pool import Deltas
from app.assignments.rules import is_expired
from app.assignments.tables import Assignment
from app.judgments import refits
from app.judgments.errors import EditWindowClosed, TokenReused
from app.judgments.rules import edit_window_end
from app.kit.errors import Malformed, Where
from app.kit.text import flaw
from app.metapreferences import reads, writes
from app.metapreferences.errors import NotOffered
from app.metapreferences.tables import MetaEvent
from app.metapreferences.writes import Asked
from app.people.tables import Annotator
from app.questions import registry
from app.questions.asking import LAST, Asks
from app.questions.protocol import MetaAnswer, MetaView, PatchDraft
from app.studies import reads as studies
from app.studies.errors import StudyClosed
from app.studies.tables import Study

LONGEST_TEXT = 10_000
REVIEW = "M9"
"""The kind that shows people what the study has learned of them: what they choose after it is told apart."""


@dataclass(frozen=True)
class Answered:
    """The stored answer; ``created`` is False when the same submit had arrived before."""

    event: MetaEvent
    created: bool


def read_answer(payload: Mapping[str, Any], given: Mapping[str, Any]) -> MetaAnswer:
    """What was sent, as an answer to this very question.

    Args:
        payload: The question as it was put.
        given: choice, text, ranking (values, best first), points (by value), stands (by judgment of a case, true or false).

    Raises:
        NotOffered: An answer, or part of one, that the question does not offer; each error names its field.
    """
    values = [o["value"] for o in payload["options"]]
    errors: list[Where] = []
    ranking = _texts(given.get("ranking"), "ranking", errors)
    choice = given.get("choice")
    if choice is None and ranking:
        choice = ranking[0]
    if not isinstance(choice, str) or choice not in values:
        errors.append({"where": "choice", "message": f"choose one of {', '.join(values)}"})
    for place, value in enumerate(ranking):
        if value not in values:
            errors.append(
                {"where": f"ranking.{place}", "message": f"{value!r} is not one of {', '.join(values)}"}
            )
    if len(set(ranking)) != len(ranking):
        errors.append({"where": "ranking", "message": "one answer is named twice"})
    text = given.get("text")
    if text is not None and (not isinstance(text, str) or len(text) > LONGEST_TEXT):
        errors.append({"where": "text", "message": f"a text of at most {LONGEST_TEXT} characters"})
    elif text is not None and (wrong := flaw(text)):
        errors.append({"where": "text", "message": wrong})
    points = _points(given.get("points"), values, errors)
    stands = _stands(given.get("stands"), [c["judgment_id"] for c in payload.get("cases", [])], errors)
    if errors:
        raise NotOffered(errors[0]["message"], errors=errors)
    return MetaAnswer(str(choice), text or None, tuple(ranking), points, stands)


def answer(
    session: Session,
    study: Study,
    annotator: Annotator,
    assignment_id: str,
    given: Mapping[str, Any],
    *,
    now: datetime,
    source: str = "page",
    allow_late: bool = False,
) -> Answered:
    """Keep an answer and give it effect, once.

    Raises:
        NotFound: The assignment is unknown or another person's.
        AlreadyAnswered: It has an answer, and this is not the same submit again.
        AssignmentExpired: Its hold ended and ``allow_late`` is not set.
        StudyClosed: The study was closed in the meantime.
        NotOffered, TokenReused: The answer does not go with the question.
    """
    pool.lock_person(session, annotator.id)
    assignment = assignments.get_assignment(session, assignment_id, annotator_id=annotator.id, lock=True)
    token = given.get("client_token")
    same = _same_submit(session, annotator.id, assignment.id, token)
    if same is not None:
        return Answered(same, created=False)
    if assignment.state == "answered":
        raise AlreadyAnswered
    if study.state == "closed":
        raise StudyClosed
    if is_expired(assignment.state, assignment.expires_at, now) and not allow_late:
        raise AssignmentExpired
    said = read_answer(assignment.payload or {}, given)
    event = _keep(session, study, annotator, assignment, said, given, now=now, source=source)
    deltas = Deltas()
    assignment_writes.close_meta(session, assignment, deltas, now=now)
    counted = _move_person(session, annotator, said, event, now=now)
    session.flush()
    deltas.apply(session, study.id)
    if counted:
        refits.ask_for_fit(session, study.id, now=now)
    return Answered(event, created=True)


def revise(
    session: Session,
    study: Study,
    annotator: Annotator,
    assignment_id: str,
    given: Mapping[str, Any],
    *,
    now: datetime,
    source: str = "page",
) -> Answered:
    """Replace an answer while it can be changed; the earlier one's effect ends with it.

    Raises:
        NotFound, EditWindowClosed, StudyClosed, NotOffered, TokenReused.
    """
    pool.lock_person(session, annotator.id)
    assignment = assignments.get_assignment(session, assignment_id, annotator_id=annotator.id, lock=True)
    same = _same_submit(session, annotator.id, assignment.id, given.get("client_token"))
    if same is not None:
        return Answered(same, created=False)
    if study.state == "closed":
        raise StudyClosed
    before = reads.find_event_of(session, assignment.id)
    if before is None or not may_change(session, study, before, now=now):
        raise EditWindowClosed
    said = read_answer(assignment.payload or {}, given)
    event = _keep(
        session, study, annotator, assignment, said, given, now=now, source=source, supersedes=before
    )
    return Answered(event, created=True)


def may_change(session: Session, study: Study, event: MetaEvent, *, now: datetime) -> bool:
    """Whether the window in which this answer can be changed is open."""
    if study.state == "closed":
        return False
    spec = studies.spec_of(session, study)
    first = event
    while first.supersedes is not None:
        first = session.get_one(MetaEvent, first.supersedes)
    return now <= edit_window_end(first.answered_at, spec.collection.edit_hours)


def effects(payload: Mapping[str, Any], kind_code: str, said: MetaAnswer, person: int) -> list[PatchDraft]:
    """What an answer to a question as it was put does. A researcher's own question has its kind's effect where its options are
    the kind's and it says what it is about.
    """
    kind = registry.by_code().get(kind_code)
    if kind is None or said.choice in LAST:
        return []
    about = payload.get("about", {})
    if "own" in about:
        known = said.choice in {o.value for o in kind.options()}
        placed = {"M1": "influence", "M9": "influence", "M5": "class"}.get(kind_code)
        if not known or placed is None or placed not in about:
            return []
    cases = tuple(c["judgment_id"] for c in payload.get("cases", ()))
    view = MetaView(str(person), evidence=tuple(payload.get("evidence", ())), about=about, cases=cases)
    return kind.effects(said, view)


def needs_cases(kind_code: str, payload: Mapping[str, Any], choice: str) -> bool:
    """Whether this answer has an effect that the person is first shown on their own choices."""
    kind = registry.by_code().get(kind_code)
    return isinstance(kind, Asks) and choice in kind.needs_cases and bool(payload.get("cases"))


def _keep(
    session: Session,
    study: Study,
    annotator: Annotator,
    assignment: Assignment,
    said: MetaAnswer,
    given: Mapping[str, Any],
    *,
    now: datetime,
    source: str,
    supersedes: MetaEvent | None = None,
) -> MetaEvent:
    payload = assignment.payload or {}
    trigger = dict(payload["trigger"])
    if needs_cases(assignment.kind, payload, said.choice):
        trigger["cases"] = [c["judgment_id"] for c in payload["cases"]]
    asked = Asked(
        assignment.kind, payload["template"], payload["version"], f"{payload['lead']} {payload['text']}".strip(),
        tuple(o["value"] for o in payload["options"]), payload["form"], tuple(payload["evidence"]), trigger,
        payload.get("preview"), assignment.id, None, assignment.work_session,
    )  # fmt: skip
    elapsed = given.get("elapsed_ms")
    return writes.record(
        session, study.id, annotator, asked, said, effects(payload, assignment.kind, said, annotator.id), now=now,
        shown_at=assignment.shown_at, supersedes=supersedes, source=source, client_token=given.get("client_token"),
        elapsed_ms=elapsed if isinstance(elapsed, int) and 0 <= elapsed <= 86_400_000 else None,
    )  # fmt: skip


def _move_person(
    session: Session, annotator: Annotator, said: MetaAnswer, event: MetaEvent, *, now: datetime
) -> bool:
    """It counts like any other question, towards the session and towards pay; "rather not" is a skip like any other.

    Returns whether it counted.
    """
    person = assignment_writes.ensure_person(session, annotator.id)
    person.last_active_at = now
    person.session_active_ms += min(event.elapsed_ms or 0, 120_000)
    if event.kind == REVIEW:
        person.reviewed_slot = person.slot
    if said.choice == "rather_not":
        return False
    person.answered += 1
    person.session_answered += 1
    return True


def _same_submit(session: Session, annotator_id: int, assignment_id: str, token: Any) -> MetaEvent | None:
    if token is None:
        return None
    if not isinstance(token, str) or len(token) > 80:
        raise Malformed(
            "client_token", errors=[{"where": "client_token", "message": "a text of up to 80 characters"}]
        )
    found = reads.find_event_by_token(session, annotator_id, token)
    if found is not None and found.assignment_id != assignment_id:
        raise TokenReused
    return found


def _texts(value: Any, where: str, errors: list[Where]) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return list(value)
    errors.append({"where": where, "message": "a list of answers, best first"})
    return []


def _points(value: Any, values: list[str], errors: list[Where]) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        errors.append({"where": "points", "message": "points by answer"})
        return {}
    for key, share in value.items():
        number = isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share < inf
        if key not in values or not number:
            errors.append(
                {"where": f"points.{key}", "message": "a number of points from 0 for one of the answers"}
            )
    return dict(value)


def _stands(value: Any, cases: list[str], errors: list[Where]) -> dict[str, bool]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        errors.append({"where": "stands", "message": "true or false by case"})
        return {}
    for key, stands in value.items():
        if key not in cases or not isinstance(stands, bool):
            errors.append({"where": f"stands.{key}", "message": "true or false for one of the cases shown"})
    return dict(value)
