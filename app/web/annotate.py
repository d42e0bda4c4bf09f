"""An annotator at work: comparing two answers, skipping, undoing, changing, and coming back in the middle of a pair."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.assignments import reads as assignments
from app.assignments import writes as assignment_writes
from app.assignments.errors import AlreadyAnswered, AssignmentExpired
from app.assignments.rules import is_expired
from app.assignments.tables import Assignment, PersonLoad
from app.judgments import reads as judgment_reads
from app.judgments import writes as judgments
from app.judgments.storing import Submission
from app.kit.errors import AppError
from app.metapreferences import writes as wishes
from app.querying import writes as querying
from app.questions.answers import ComparisonAnswer
from app.studies import reads as studies
from app.studies.errors import StudyClosed, StudyNotOpen
from app.studies.spec import StudySpec
from app.web import ballot, coming_back, pairs, timing
from app.web.catalogue import Translator
from app.web.deps import Browser, Now, ReadSession, WriteSession
from app.web.display import Display
from app.web.forms import Form
from app.web.render import flash, render
from app.web.visits import (
    Visit,
    find_visit,
    get_visit,
    see_other,
)

router = APIRouter()
BREAK_AFTER_MS = 12 * 60_000
QUICK_IN_A_ROW = 3
SKIPS = ("rather_not", "dont_know", "broken", "rather_not_say")


@dataclass(frozen=True)
class Skipping:
    """Why skip this one; ``chosen`` is preselected only when the person came by "report that something is broken"."""

    language: str
    study_title: str
    slug: str
    serving: str
    options: tuple[tuple[str, str], ...]
    chosen: str | None


@dataclass(frozen=True)
class Guide:
    """What counts as better, on a page of its own for those without a script."""

    language: str
    study_title: str
    slug: str
    guide: Markup


@router.get("/s/{slug}/guide", name="annotate.guide")
def guide(request: Request, slug: str, session: ReadSession, browser: Browser) -> Response:
    """What counts as better."""
    visit = get_visit(session, slug, browser)
    page = Guide(visit.language, visit.study.title, slug, ballot.guide(visit.spec))
    return render(request, "annotate/guide.html", page)


@router.get("/s/{slug}/next", name="annotate.next")
def next_question(slug: str, session: WriteSession, browser: Browser, now: Now) -> Response:
    """Look at whatever is next: the pair held, a break, the end, or a new pair."""
    visit = get_visit(session, slug, browser)
    held = assignments.find_open(session, visit.annotator.id)
    if (
        held is not None
        and not is_expired(held.state, held.expires_at, now)
        and visit.study.state in {"open", "paused"}
    ):
        return see_other(_place(slug, held))
    person = assignment_writes.ensure_person(session, visit.annotator.id)
    if _at_work(person, now=now):
        if person.session_answered >= visit.spec.session.questions:
            person.session_ended_at = now
            return see_other(f"/s/{slug}/done")
        if _break_is_due(visit, person):
            return see_other(f"/s/{slug}/break")
    try:
        assignment = querying.issue_next(session, visit.study, visit.annotator, now=now)
    except StudyNotOpen:
        return see_other(f"/s/{slug}")
    if assignment is None:
        person.session_ended_at = now
        return see_other(f"/s/{slug}/done")
    return see_other(_place(slug, assignment))


def _place(slug: str, assignment: Assignment) -> str:
    """Where a question is answered: a pair, or a question about the person's own choices."""
    kind = "pair" if assignment.kind == "comparison" else "question"
    return f"/s/{slug}/{kind}/{assignment.id}"


@router.get("/s/{slug}/pair/{serving}", name="annotate.ballot")
def show(
    request: Request,
    slug: str,
    serving: str,
    session: ReadSession,
    browser: Browser,
    now: Now,
    view: str = "",
) -> Response:
    """The pair: to be answered, answered already, or passed on. ``view=plain`` shows the texts as they are."""
    visit = get_visit(session, slug, browser)
    assignment = assignments.get_assignment(session, serving, annotator_id=visit.annotator.id)
    if assignment.kind != "comparison":
        return see_other(_place(slug, assignment))
    current = judgment_reads.find_current(session, assignment.id)
    person = assignments.find_person(session, visit.annotator.id)
    if current is not None:
        return pairs.answered(request, session, visit, assignment, current, now=now)
    if visit.study.state == "closed":
        return see_other(f"/s/{slug}")
    passed_on = is_expired(assignment.state, assignment.expires_at, now)
    page = ballot.page(
        session,
        visit,
        assignment,
        person,
        now=now,
        state="passed_on" if passed_on else "fresh",
        raw=view == "plain",
        quick_note=_quick_note_is_due(person),
    )
    return render(request, "annotate/ballot.html", page, status=409 if passed_on else 200)


@router.post("/s/{slug}/pair/{serving}", name="annotate.answer")
def answer(
    request: Request, slug: str, serving: str, session: WriteSession, browser: Browser, now: Now, form: Form
) -> Response:
    """Save a choice, or a change of one. Thanked only when stored."""
    visit = find_visit(session, slug, browser)
    if visit is None:
        return coming_back.signed_out(request, session, slug, serving, form)
    assignment = assignments.get_assignment(session, serving, annotator_id=visit.annotator.id)
    spec = studies.spec_of(session, visit.study, assignment.protocol_version)
    person = assignment_writes.ensure_person(session, visit.annotator.id)
    noted = _quick_note_is_due(person)
    sent = _submission(request, spec, assignment, form, quick_note=noted)
    try:
        given = ballot.answer_of(session, assignment, spec, form)
        done = _store(session, visit, serving, given, str(form.get("based_on") or ""), sent, now=now)
    except AppError as error:
        return pairs.refused(request, session, visit, assignment, form, error, now=now)
    person.quick_noted = person.quick_noted or noted
    response = see_other(f"/s/{slug}/answers" if form.get("back") == "answers" else f"/s/{slug}/next")
    key = "saved_late" if done.judgment.late else f"saved_{given.choice}"
    flash(response, key, undo_url=f"/s/{slug}/pair/{serving}/undo")
    return response


@router.post("/s/{slug}/pair/{serving}/undo", name="annotate.undo")
def undo(slug: str, serving: str, session: ReadSession, browser: Browser) -> Response:
    """Open an answered pair again, with everything filled in; the answer stands until another is saved."""
    visit = get_visit(session, slug, browser)
    assignments.get_assignment(session, serving, annotator_id=visit.annotator.id)
    response = see_other(f"/s/{slug}/pair/{serving}/change")
    flash(response, "undone")
    return response


@router.get("/s/{slug}/pair/{serving}/change", name="annotate.change")
def change(
    request: Request,
    slug: str,
    serving: str,
    session: ReadSession,
    browser: Browser,
    now: Now,
    back: str = "",
) -> Response:
    """An answered pair, to be changed; ``back=answers`` leads to the list of answers afterwards."""
    visit = get_visit(session, slug, browser)
    assignment = assignments.get_assignment(session, serving, annotator_id=visit.annotator.id)
    current = judgment_reads.find_current(session, assignment.id)
    if current is None:
        return see_other(f"/s/{slug}/pair/{serving}")
    if current.choice == "retracted" or not judgments.may_change(session, visit.study, current, now=now):
        return pairs.answered(request, session, visit, assignment, current, now=now)
    page = pairs.to_change(session, visit, assignment, current, now=now, back_to_answers=back == "answers")
    return render(request, "annotate/ballot.html", page)


@router.get("/s/{slug}/pair/{serving}/skip", name="annotate.skipping")
def skipping(
    request: Request, slug: str, serving: str, session: ReadSession, browser: Browser, broken: bool = False
) -> Response:
    """Why skip this one? Nothing is preselected, and no reason is needed."""
    visit = get_visit(session, slug, browser)
    assignments.get_assignment(session, serving, annotator_id=visit.annotator.id)
    t = Translator(visit.language)
    options = tuple((reason, t(f"skip.{reason}")) for reason in SKIPS)
    page = Skipping(visit.language, visit.study.title, slug, serving, options, "broken" if broken else None)
    return render(request, "annotate/skip.html", page)


@router.post("/s/{slug}/pair/{serving}/skip", name="annotate.skip")
def skip(slug: str, serving: str, session: WriteSession, browser: Browser, now: Now, form: Form) -> Response:
    """Skip: as often as a person likes, without any effect on them."""
    visit = get_visit(session, slug, browser)
    reason = form.get("skip_reason")
    given = ComparisonAnswer(choice="skip", skip_reason=reason if reason in SKIPS else None)
    sent = Submission("page", timing.measured(form), allow_late=True)
    try:
        judgments.record(session, visit.study, visit.annotator, serving, given, now=now, submission=sent)
    except AlreadyAnswered:
        return see_other(f"/s/{slug}/pair/{serving}")
    except StudyClosed:
        return see_other(f"/s/{slug}")
    response = see_other(f"/s/{slug}/next")
    flash(response, "saved_skip", undo_url=f"/s/{slug}/pair/{serving}/undo")
    return response


@router.post("/s/{slug}/pair/{serving}/renew", name="annotate.renew")
def renew(slug: str, serving: str, session: WriteSession, browser: Browser, now: Now) -> Response:
    """The person is still reading: hold the pair longer."""
    visit = get_visit(session, slug, browser)
    assignment = assignments.get_assignment(session, serving, annotator_id=visit.annotator.id, lock=True)
    try:
        until = assignment_writes.renew(session, assignment, visit.spec, now=now)
    except (AlreadyAnswered, AssignmentExpired) as error:
        return JSONResponse({"code": error.code}, 409)
    return JSONResponse({"seconds_left": int((until - now).total_seconds())})


def _at_work(person: PersonLoad, *, now: datetime) -> bool:
    """Whether the person is in the middle of a working session."""
    if person.session_ended_at is not None or not person.session_answered or person.last_active_at is None:
        return False
    return now - person.last_active_at <= assignment_writes.NEW_SESSION_AFTER


def _break_is_due(visit: Visit, person: PersonLoad) -> bool:
    since = person.session_answered - person.break_offered_at
    after = visit.spec.session.break_after
    return bool(after) and (since >= after or (person.session_active_ms >= BREAK_AFTER_MS and since > 0))


def _quick_note_is_due(person: PersonLoad | None) -> bool:
    """Whether the last few answers came faster than anybody reads, and nothing was said about it this session."""
    return person is not None and person.quick_run >= QUICK_IN_A_ROW and not person.quick_noted


def _submission(
    request: Request, spec: StudySpec, assignment: Assignment, form: dict[str, Any], *, quick_note: bool
) -> Submission:
    """What came beside the answer: what the page measured, and how the page was shown."""
    display = Display.read(request.cookies)
    facts = timing.measured(form) | {
        "render_mode": ballot.render_mode(spec, assignment),
        "layout": display.layout,
        "theme": display.theme,
    }
    if form.get("raw") == "yes":
        facts["raw_view"] = True
    if quick_note:
        facts["quick_note"] = True
    return Submission("page", facts, allow_late=form.get("late") == "yes")


def _store(
    session: Session,
    visit: Visit,
    serving: str,
    given: ComparisonAnswer,
    based_on: str,
    sent: Submission,
    *,
    now: datetime,
) -> judgments.Recorded:
    who = (visit.study, visit.annotator, serving, given)
    if based_on:
        done = judgments.revise(session, *who, now=now, based_on=based_on, submission=sent)
    else:
        done = judgments.record(session, *who, now=now, submission=sent)
    wishes.note_view(session, visit.annotator, done.judgment, now=now)
    return done
