"""Between pairs: a break, stopping for today, the end of a session, and the code that leads back."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.assignments import reads as assignments
from app.assignments import writes as assignment_writes
from app.people import writes as people
from app.web.deps import Browser, Now, ReadSession, WriteSession
from app.web.forms import Form
from app.web.render import render
from app.web.visits import Visit, get_visit, keep_code, kept_code, see_other

router = APIRouter()
PROLIFIC = "https://app.prolific.com/submissions/complete?cc="


@dataclass(frozen=True)
class Pause:
    """A break, the end of a session, or nothing left. ``answered`` counts this session."""

    language: str
    study_title: str
    slug: str
    state: str
    answered: int
    limit: int
    code: str | None
    completion_code: str | None
    completion_url: str | None


@router.get("/s/{slug}/break", name="pauses.pause")
def pause(request: Request, slug: str, session: ReadSession, browser: Browser) -> Response:
    """A good place to pause; going on and stopping weigh the same."""
    visit = get_visit(session, slug, browser)
    return render(request, "annotate/break.html", _page(request, session, visit, "break"))


@router.post("/s/{slug}/break", name="pauses.after")
def after(
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
    response = see_other(f"/s/{slug}/stopped")
    if kept_code(request, slug) is None:
        keep_code(request, response, slug, people.renew_resume_code(session, visit.annotator))
    return response


@router.get("/s/{slug}/stopped", name="pauses.stopped")
def stopped(request: Request, slug: str, session: ReadSession, browser: Browser) -> Response:
    """Stopped for today: how to come back."""
    visit = get_visit(session, slug, browser)
    return render(request, "annotate/stopped.html", _page(request, session, visit, "stopped"))


@router.get("/s/{slug}/done", name="pauses.done")
def done(request: Request, slug: str, session: ReadSession, browser: Browser) -> Response:
    """The end of a session, or of what there is for this person."""
    visit = get_visit(session, slug, browser)
    person = assignments.find_person(session, visit.annotator.id)
    if person is None or person.session_ended_at is None:
        return see_other(f"/s/{slug}/next")
    full = person.answered >= visit.spec.collection.per_annotator
    ended = person.session_answered >= visit.spec.session.questions
    state = "limit" if full else "session" if ended else "all" if person.answered else "nothing"
    return render(request, "annotate/done.html", _page(request, session, visit, state))


@router.post("/s/{slug}/more", name="pauses.more")
def more(slug: str, session: WriteSession, browser: Browser, now: Now) -> Response:
    """Do some more: a new session."""
    visit = get_visit(session, slug, browser)
    person = assignment_writes.ensure_person(session, visit.annotator.id)
    person.session_ended_at = person.session_ended_at or now
    assignment_writes.begin_work(person, now=now)
    return see_other(f"/s/{slug}/next")


@router.post("/s/{slug}/code", name="pauses.new_code")
def new_code(request: Request, slug: str, session: WriteSession, browser: Browser) -> Response:
    """A new resume code; the one before stops working."""
    visit = get_visit(session, slug, browser)
    response = see_other(f"/s/{slug}/stopped")
    keep_code(request, response, slug, people.renew_resume_code(session, visit.annotator))
    return response


def _page(request: Request, session: Session, visit: Visit, state: str) -> Pause:
    person = assignments.find_person(session, visit.annotator.id)
    paid = visit.annotator.panel_session is not None or visit.spec.people.join == "prolific"
    code = visit.spec.prolific.completed if paid else None
    return Pause(
        language=visit.language,
        study_title=visit.study.title,
        slug=visit.slug,
        state=state,
        answered=person.session_answered if person else 0,
        limit=visit.spec.collection.per_annotator,
        code=kept_code(request, visit.slug),
        completion_code=code,
        completion_url=PROLIFIC + quote(code, safe="") if code else None,
    )
