"""An annotator at work: practice, comparing two answers, skipping, undoing, breaks, the end of a session."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.assignments import reads as assignments
from app.assignments import writes as assignment_writes
from app.assignments.errors import AlreadyAnswered, AssignmentExpired
from app.assignments.rules import is_expired
from app.assignments.tables import Assignment
from app.judgments import reads as judgment_reads
from app.judgments import writes as judgments
from app.judgments.errors import AnswerIncomplete, ChangedElsewhere, EditWindowClosed
from app.judgments.tables import Judgment
from app.kit.errors import AppError
from app.people import writes as people
from app.querying import writes as querying
from app.questions import registry
from app.questions.answers import ComparisonAnswer
from app.questions.forms import AnswerError
from app.studies import reads as studies
from app.studies.errors import StudyNotOpen
from app.web import ballot
from app.web.catalogue import Translator
from app.web.deps import Browser, Now, ReadSession, WriteSession
from app.web.forms import Form
from app.web.markdown import prose
from app.web.render import Problem, flash, render
from app.web.visits import Visit, get_visit, keep_code, kept_code, see_other

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
    reasons: tuple[str, ...]
    chosen: str | None


@dataclass(frozen=True)
class Pause:
    """A break, the end of a session, or nothing left."""

    language: str
    study_title: str
    slug: str
    answered: int
    code: str | None
    state: str
    completion_code: str | None
    completion_url: str | None
    limit: int


@dataclass(frozen=True)
class Practised:
    """After the practice pair."""

    language: str
    study_title: str
    slug: str
    code: str | None


@router.get("/s/{slug}/practice", name="annotate.practice")
def practice(request: Request, slug: str, session: ReadSession, browser: Browser) -> Response:
    """One made-up pair; feedback on the controls, never on the choice."""
    return render(request, "annotate/practice.html", _practice(get_visit(session, slug, browser)))


@router.post("/s/{slug}/practice", name="annotate.practised")
def practised(
    request: Request, slug: str, session: WriteSession, browser: Browser, now: Now, form: Form
) -> Response:
    """Practice is over; what was chosen is not kept."""
    visit = get_visit(session, slug, browser)
    t = Translator(visit.language)
    if form.get("go") != "skip" and not form.get("choice"):
        problems = (Problem(_choose(t, visit.spec.question.scale), "choice"),)
        return render(request, "annotate/practice.html", _practice(visit, form, problems), status=422)
    visit.annotator.practised_at = visit.annotator.practised_at or now
    page = Practised(visit.language, visit.study.title, slug, kept_code(request, slug))
    return render(request, "annotate/practised.html", page)


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
    words = prose(visit.spec.guidelines, links="live") if visit.spec.guidelines.strip() else Markup()
    return render(request, "annotate/guide.html", Guide(visit.language, visit.study.title, slug, words))


@router.get("/s/{slug}/next", name="annotate.next")
def next_question(slug: str, session: WriteSession, browser: Browser, now: Now) -> Response:
    """Look at whatever is next: the pair held, a break, the end, or a new pair."""
    visit = get_visit(session, slug, browser)
    held = assignments.find_open(session, visit.annotator.id)
    holds = (
        held is not None and not is_expired(held.state, held.expires_at, now) and held.kind == "comparison"
    )
    if holds and held is not None and visit.study.state in {"open", "paused"}:
        return see_other(f"/s/{slug}/pair/{held.id}")
    person = assignment_writes.ensure_person(session, visit.annotator.id)
    if person.session_ended_at is None and person.session_answered:
        if person.session_answered >= visit.spec.session.questions:
            person.session_ended_at = now
            return see_other(f"/s/{slug}/done")
        if _break_is_due(visit, person):
            return see_other(f"/s/{slug}/break")
    try:
        assignment = querying.issue_next(session, visit.study, visit.annotator, now=now)
    except StudyNotOpen:
        return see_other(f"/s/{slug}")
    return see_other(f"/s/{slug}/done" if assignment is None else f"/s/{slug}/pair/{assignment.id}")


@router.get("/s/{slug}/pair/{serving}", name="annotate.ballot")
def show(
    request: Request, slug: str, serving: str, session: ReadSession, browser: Browser, now: Now
) -> Response:
    """The pair: to be answered, answered already, or passed on."""
    visit = get_visit(session, slug, browser)
    assignment = assignments.get_assignment(session, serving, annotator_id=visit.annotator.id)
    current = judgment_reads.find_current(session, assignment.id)
    person = assignments.find_person(session, visit.annotator.id)
    if current is not None:
        return _answered(request, session, visit, assignment, current, now=now)
    if visit.study.state == "closed":
        return see_other(f"/s/{slug}")
    if is_expired(assignment.state, assignment.expires_at, now):
        page = ballot.page(session, visit, assignment, person, now=now, state="passed_on")
        return render(request, "annotate/ballot.html", page, block="content", status=409)
    quick = person is not None and person.quick_run >= QUICK_IN_A_ROW and not person.quick_noted
    page = ballot.page(session, visit, assignment, person, now=now, quick_note=quick)
    return render(request, "annotate/ballot.html", page)


@router.post("/s/{slug}/pair/{serving}", name="annotate.answer")
def answer(
    request: Request, slug: str, serving: str, session: WriteSession, browser: Browser, now: Now, form: Form
) -> Response:
    """Save a choice, or a change of one. Thanked only when stored."""
    visit = get_visit(session, slug, browser)
    assignment = assignments.get_assignment(session, serving, annotator_id=visit.annotator.id)
    spec = studies.spec_of(session, visit.study, assignment.protocol_version)
    changing = str(form.get("based_on") or "")
    try:
        given = registry.kinds()[spec.question.scale].parse(form)
        sent = judgments.Submission("page", _timing(form), allow_late=form.get("late") == "yes")
        if changing:
            done = judgments.revise(
                session,
                visit.study,
                visit.annotator,
                serving,
                given,
                now=now,
                based_on=changing,
                submission=sent,
            )
        else:
            done = judgments.record(
                session, visit.study, visit.annotator, serving, given, now=now, submission=sent
            )
    except (AnswerError, AnswerIncomplete) as error:
        return _again(request, session, visit, assignment, form, error, now=now)
    except (AlreadyAnswered, ChangedElsewhere, EditWindowClosed):
        current = judgment_reads.find_current(session, assignment.id)
        if current is None:
            return see_other(f"/s/{slug}/next")
        return _answered(request, session, visit, assignment, current, now=now, status=409)
    except AssignmentExpired:
        person = assignments.find_person(session, visit.annotator.id)
        kept = ballot.given_from_form(form)
        page = ballot.page(session, visit, assignment, person, now=now, state="passed_on", given=kept)
        return render(request, "annotate/ballot.html", page, status=409)
    person = assignment_writes.ensure_person(session, visit.annotator.id)
    if form.get("quick_noted") == "yes":
        person.quick_noted = True
    response = see_other(
        f"/s/{slug}/answers" if changing and form.get("back") == "answers" else f"/s/{slug}/next"
    )
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
    request: Request, slug: str, serving: str, session: ReadSession, browser: Browser, now: Now
) -> Response:
    """An answered pair, to be changed."""
    visit = get_visit(session, slug, browser)
    assignment = assignments.get_assignment(session, serving, annotator_id=visit.annotator.id)
    current = judgment_reads.find_current(session, assignment.id)
    if current is None:
        return see_other(f"/s/{slug}/pair/{serving}")
    if current.choice == "retracted" or not judgments.may_change(session, visit.study, current, now=now):
        return _answered(request, session, visit, assignment, current, now=now)
    return render(request, "annotate/ballot.html", _to_change(session, visit, assignment, current, now=now))


@router.get("/s/{slug}/pair/{serving}/skip", name="annotate.skipping")
def skipping(
    request: Request, slug: str, serving: str, session: ReadSession, browser: Browser, broken: bool = False
) -> Response:
    """Why skip this one? Nothing is preselected, and no reason is needed."""
    visit = get_visit(session, slug, browser)
    assignments.get_assignment(session, serving, annotator_id=visit.annotator.id)
    page = Skipping(visit.language, visit.study.title, slug, serving, SKIPS, "broken" if broken else None)
    return render(request, "annotate/skip.html", page)


@router.post("/s/{slug}/pair/{serving}/skip", name="annotate.skip")
def skip(slug: str, serving: str, session: WriteSession, browser: Browser, now: Now, form: Form) -> Response:
    """Skip: as often as a person likes, without any effect on them."""
    visit = get_visit(session, slug, browser)
    reason = form.get("skip_reason")
    given = ComparisonAnswer(choice="skip", skip_reason=reason if reason in SKIPS else None)
    sent = judgments.Submission("page", _timing(form), allow_late=True)
    try:
        judgments.record(session, visit.study, visit.annotator, serving, given, now=now, submission=sent)
    except AlreadyAnswered:
        return see_other(f"/s/{slug}/pair/{serving}")
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


@router.get("/s/{slug}/break", name="annotate.pause")
def pause(request: Request, slug: str, session: ReadSession, browser: Browser) -> Response:
    """A good place to pause; going on and stopping weigh the same."""
    visit = get_visit(session, slug, browser)
    return render(request, "annotate/break.html", _pause(request, session, visit, "break"))


@router.post("/s/{slug}/break", name="annotate.after_pause")
def after_pause(
    request: Request, slug: str, session: WriteSession, browser: Browser, now: Now, form: Form
) -> Response:
    """Carry on, or stop for today."""
    visit = get_visit(session, slug, browser)
    person = assignment_writes.ensure_person(session, visit.annotator.id)
    person.break_offered_at = person.session_answered
    person.session_active_ms = 0
    if form.get("go") == "on":
        return see_other(f"/s/{slug}/next")
    person.session_ended_at = now
    return _with_code(request, session, visit, see_other(f"/s/{slug}/stopped"))


@router.get("/s/{slug}/stopped", name="annotate.stopped")
def stopped(request: Request, slug: str, session: ReadSession, browser: Browser) -> Response:
    """Stopped for today: how to come back."""
    visit = get_visit(session, slug, browser)
    return render(request, "annotate/stopped.html", _pause(request, session, visit, "stopped"))


@router.get("/s/{slug}/done", name="annotate.done")
def done(request: Request, slug: str, session: ReadSession, browser: Browser) -> Response:
    """The end of a session, or of what there is for this person."""
    visit = get_visit(session, slug, browser)
    person = assignments.find_person(session, visit.annotator.id)
    full = person is not None and person.answered >= visit.spec.collection.per_annotator
    ended = person is not None and person.session_answered >= visit.spec.session.questions
    state = "limit" if full else "session" if ended else "all" if person and person.answered else "nothing"
    return render(request, "annotate/done.html", _pause(request, session, visit, state))


@router.post("/s/{slug}/more", name="annotate.more")
def more(slug: str, session: WriteSession, browser: Browser, now: Now) -> Response:
    """Do some more: a new session."""
    visit = get_visit(session, slug, browser)
    person = assignment_writes.ensure_person(session, visit.annotator.id)
    person.session_ended_at = person.session_ended_at or now
    assignment_writes.begin_work(person, now=now)
    return see_other(f"/s/{slug}/next")


@router.post("/s/{slug}/code", name="annotate.new_code")
def new_code(request: Request, slug: str, session: WriteSession, browser: Browser) -> Response:
    """A new resume code; the one before stops working."""
    visit = get_visit(session, slug, browser)
    response = see_other(f"/s/{slug}/stopped")
    keep_code(request, response, slug, people.renew_resume_code(session, visit.annotator))
    return response


def _break_is_due(visit: Visit, person: Any) -> bool:
    since = person.session_answered - person.break_offered_at
    after = visit.spec.session.break_after
    return bool(after) and (since >= after or (person.session_active_ms >= BREAK_AFTER_MS and since > 0))


def _with_code(request: Request, session: Session, visit: Visit, response: Response) -> Response:
    if kept_code(request, visit.slug) is None:
        keep_code(request, response, visit.slug, people.renew_resume_code(session, visit.annotator))
    return response


def _pause(request: Request, session: Session, visit: Visit, state: str) -> Pause:
    person = assignments.find_person(session, visit.annotator.id)
    paid = visit.annotator.panel_session is not None or visit.spec.people.join == "prolific"
    code = visit.spec.prolific.completed if paid else None
    url = f"https://app.prolific.com/submissions/complete?cc={code}" if code else None
    answered = person.session_answered if person else 0
    limit = visit.spec.collection.per_annotator
    return Pause(
        visit.language,
        visit.study.title,
        visit.slug,
        answered,
        kept_code(request, visit.slug),
        state,
        code,
        url,
        limit,
    )


def _timing(form: dict[str, Any]) -> dict[str, Any]:
    """What the page measured, as far as it is plausible; without a script only what the server saw."""
    timing: dict[str, Any] = {}
    raw = form.get("timing")
    if raw:
        try:
            sent = orjson.loads(str(raw)[:4000])
        except orjson.JSONDecodeError:
            sent = {}
        for name in ("active_ms", "first_choice_ms", "changes", "left_page"):
            value = sent.get(name) if isinstance(sent, dict) else None
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 86_400_000:
                timing[name] = value
        if isinstance(sent, dict):
            timing |= {n: bool(sent[n]) for n in ("end_left", "end_right") if n in sent}
            timing |= {n: str(sent[n])[:10] for n in ("device", "first_panel") if sent.get(n)}
            dwell = sent.get("dwell")
            if isinstance(dwell, dict):
                timing["dwell"] = {
                    k: int(v) for k, v in dwell.items() if k in {"a", "b"} and isinstance(v, int)
                }
    timing["server_timed"] = "active_ms" not in timing
    for name in ("words", "render_mode"):
        if form.get(name):
            value = str(form[name])
            timing[name] = int(value) if name == "words" and value.isdigit() else value[:10]
    return timing


def _choose(t: Translator, scale: str) -> str:
    return str(t("error.choose_seven" if scale == "graded" else "error.choose_four"))


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
    t = Translator(visit.language)
    problems = []
    for one in error.errors:
        if one["where"] == "choice":
            problems.append(Problem(_choose(t, visit.spec.question.scale), "choice"))
        elif one["where"] == "rationale":
            problems.append(Problem(t("error.write_reason"), "rationale"))
        else:
            problems.append(Problem(one["message"], "choice"))
    person = assignments.find_person(session, visit.annotator.id)
    based_on = judgment_reads.find_current(session, assignment.id) if form.get("based_on") else None
    page = ballot.page(
        session, visit, assignment, person, now=now,
        state="change" if based_on else "fresh", given=ballot.given_from_form(form), problems=tuple(problems),
        based_on=based_on, client_token=str(form.get("client_token") or secrets.token_urlsafe(16)),
    )  # fmt: skip
    return render(request, "annotate/ballot.html", page, status=422)


def _answered(
    request: Request,
    session: Session,
    visit: Visit,
    assignment: Assignment,
    current: Judgment,
    *,
    now: datetime,
    status: int = 200,
) -> Response:
    scale = studies.spec_of(session, visit.study, assignment.protocol_version).question.scale
    page = ballot.page(
        session, visit, assignment, None, now=now,
        state="answered", given=ballot.given_from_judgment(current, scale), based_on=current,
    )  # fmt: skip
    return render(request, "annotate/answered.html", page, status=status)


def _to_change(
    session: Session, visit: Visit, assignment: Assignment, current: Judgment, *, now: datetime
) -> ballot.BallotPage:
    scale = studies.spec_of(session, visit.study, assignment.protocol_version).question.scale
    return ballot.page(
        session, visit, assignment, None, now=now,
        state="change", given=ballot.given_from_judgment(current, scale), based_on=current,
    )  # fmt: skip


def _practice(
    visit: Visit, form: dict[str, Any] | None = None, problems: tuple[Problem, ...] = ()
) -> ballot.BallotPage:
    t = Translator(visit.language)
    question = visit.spec.question
    return ballot.BallotPage(
        language=visit.language,
        study_title=visit.study.title,
        slug=visit.slug,
        serving="practice",
        state="practice",
        turns=(("user", prose(t("practice.example_request"))),),
        left=prose(t("practice.example_a")),
        right=prose(t("practice.example_b")),
        question=question.text,
        scale=question.scale,
        template=registry.kinds()[question.scale].template,
        options=registry.kinds()[question.scale].options(),
        asked=ballot.Asked(
            tuple(question.reasons),
            "optional" if question.rationale != "off" else "off",
            "off",
            "off",
            view=False,
        ),
        given=ballot.given_from_form(form) if form else ballot.Given(),
        aspect_rows=(),
        highlights="off",
        sentences=(),
        guide=Markup(),
        stance_note=None,
        action=f"/s/{visit.slug}/practice",
        skip_url=None,
        client_token="",
        first_panel="a",
        hold_url=None,
        hold_seconds=0,
        words=0,
        render_mode="markdown",
        progress=None,
        break_url=None,
        problems=problems,
    )
