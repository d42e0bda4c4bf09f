"""A pair as a page in the states after its first showing: not stored and why, answered, to be changed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi import Request, Response
from sqlalchemy.orm import Session

from app.assignments import reads as assignments
from app.assignments.errors import AlreadyAnswered, AssignmentExpired
from app.assignments.tables import Assignment
from app.judgments import reads as judgment_reads
from app.judgments.errors import AnswerIncomplete, ChangedElsewhere, EditWindowClosed
from app.judgments.tables import Judgment
from app.kit.errors import AppError
from app.questions.forms import AnswerError
from app.studies import reads as studies
from app.studies.errors import StudyClosed
from app.studies.spec import StudySpec
from app.web import ballot
from app.web.catalogue import Translator
from app.web.render import Problem, render
from app.web.visits import Visit, see_other

LONGEST_TEXT: Final = 5000
_OF_ONE_PAGE: Final = frozenset({"client_token", "based_on", "code", "late"})
"""Fields that say on which page an answer was given, which no other page carries along."""


@dataclass(frozen=True)
class Answered:
    """A pair as it was answered. ``attempt`` holds the fields of another answer that was sent meanwhile and is not saved."""

    pair: ballot.BallotPage
    language: str
    study_title: str
    slug: str
    attempt: tuple[tuple[str, str], ...]
    attempted: str


def refused(
    request: Request,
    session: Session,
    visit: Visit,
    assignment: Assignment,
    form: dict[str, Any],
    error: AppError,
    *,
    now: datetime,
) -> Response:
    """A page for each reason why an answer was not stored; what was chosen and typed is on it."""
    if isinstance(error, AnswerError | AnswerIncomplete):
        return _again(request, session, visit, assignment, form, error, now=now)
    person = assignments.find_person(session, visit.annotator.id)
    kept = ballot.given_from_form(form)
    if isinstance(error, AssignmentExpired | StudyClosed):
        state = "passed_on" if isinstance(error, AssignmentExpired) else "closed"
        page = ballot.page(session, visit, assignment, person, now=now, state=state, given=kept)
        return render(request, "annotate/ballot.html", page, status=409)
    if isinstance(error, AlreadyAnswered | ChangedElsewhere | EditWindowClosed):
        current = judgment_reads.find_current(session, assignment.id)
        if current is None:
            return see_other(f"/s/{visit.slug}/next")
        return answered(request, session, visit, assignment, current, now=now, form=form, status=409)
    raise error


def _again(
    request: Request,
    session: Session,
    visit: Visit,
    assignment: Assignment,
    form: dict[str, Any],
    error: AppError,
    *,
    now: datetime,
) -> Response:
    """The same page with what is missing said first, and nothing that was typed lost."""
    spec = studies.spec_of(session, visit.study, assignment.protocol_version)
    t = Translator(spec.display.language)
    said = {
        "choice": Problem(choose_words(t, spec), "choice"),
        "rationale": Problem(t("error.write_reason"), "rationale"),
    }
    problems = []
    for one in error.errors:
        field = one["where"].split(".")[0]
        if len(str(form.get(field) or "")) > LONGEST_TEXT and field in {"rationale", "better"}:
            problems.append(Problem(t("error.too_long", n=LONGEST_TEXT), field))
        else:
            problems.append(said.get(field) or Problem(t("error.malformed_title"), "choice"))
    person = assignments.find_person(session, visit.annotator.id)
    based_on = judgment_reads.find_current(session, assignment.id) if form.get("based_on") else None
    page = ballot.page(
        session, visit, assignment, person, now=now,
        state="change" if based_on else "fresh", given=ballot.given_from_form(form),
        problems=tuple(dict.fromkeys(problems)), based_on=based_on,
        client_token=str(form.get("client_token") or secrets.token_urlsafe(16)),
        back_to_answers=form.get("back") == "answers",
    )  # fmt: skip
    return render(request, "annotate/ballot.html", page, status=422)


def choose_words(t: Translator, spec: StudySpec) -> str:
    """What to do where nothing was chosen."""
    return t("error.choose_seven" if spec.question.scale == "graded" else "error.choose_four")


def answered(
    request: Request,
    session: Session,
    visit: Visit,
    assignment: Assignment,
    current: Judgment,
    *,
    now: datetime,
    form: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    spec = studies.spec_of(session, visit.study, assignment.protocol_version)
    pair = ballot.page(
        session, visit, assignment, None, now=now,
        state="answered", given=ballot.given_from_judgment(session, current, spec), based_on=current,
    )  # fmt: skip
    attempt: tuple[tuple[str, str], ...] = ()
    words = ""
    if form and form.get("choice") and pair.may_change:
        tried = ballot.answer_of(session, assignment, spec, form)
        words = ballot.choice_words(Translator(spec.display.language), tried.choice, tried.strength)
        attempt = fields(form)
    page = Answered(pair, pair.language, visit.study.title, visit.slug, attempt, words)
    return render(request, "annotate/answered.html", page, status=status)


def to_change(
    session: Session,
    visit: Visit,
    assignment: Assignment,
    current: Judgment,
    *,
    now: datetime,
    given: ballot.Given | None = None,
    welcome_back: bool = False,
    back_to_answers: bool = False,
) -> ballot.BallotPage:
    spec = studies.spec_of(session, visit.study, assignment.protocol_version)
    stored = ballot.given_from_judgment(session, current, spec)
    return ballot.page(
        session, visit, assignment, None, now=now,
        state="change", given=given or stored, based_on=current,
        welcome_back=welcome_back, back_to_answers=back_to_answers,
    )  # fmt: skip


def fields(form: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """A submitted form as names and values, to be carried along in another."""
    found: list[tuple[str, str]] = []
    for name, value in form.items():
        if name not in _OF_ONE_PAGE:
            found.extend((name, str(one)) for one in (value if isinstance(value, list) else [value]))
    return tuple(found)
