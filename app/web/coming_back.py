"""Back in the middle of a pair, after this browser was forgotten: with a resume code, and nothing typed is lost."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.assignments import reads as assignments
from app.assignments.rules import is_expired
from app.judgments import reads as judgment_reads
from app.judgments import writes as judgments
from app.kit.errors import NotFound
from app.people import reads as people_reads
from app.people import writes as people
from app.people.errors import UnknownResumeCode
from app.studies import reads as studies
from app.web import ballot, pairs
from app.web.catalogue import Translator
from app.web.deps import Browser, Now, WriteSession, limit_sign_in
from app.web.forms import Form
from app.web.render import Problem, render
from app.web.visits import ComeBack, Visit, get_study, keep_code, let_in, see_other

router = APIRouter()


@router.post("/s/{slug}/pair/{serving}/back", name="coming_back.come_back")
def come_back(
    request: Request, slug: str, serving: str, session: WriteSession, browser: Browser, now: Now, form: Form
) -> Response:
    """In again with a resume code, with what had been chosen and typed still there."""
    limit_sign_in(request)
    study = get_study(session, slug)
    t = Translator(studies.spec_of(session, study).display.language)
    code = str(form.get("code") or "").strip()
    try:
        annotator = people.resume(session, code)
        if annotator.study_id != study.id:
            raise UnknownResumeCode
    except UnknownResumeCode:
        problem = t("error.code_unknown" if code else "error.code_needed")
        return signed_out(request, session, slug, serving, form, problem=problem)
    visit = Visit(study, studies.spec_of(session, study), annotator)
    response = _reopened(request, session, visit, serving, form, now=now)
    let_in(session, request, response, browser, annotator, now)
    keep_code(request, response, slug, people_reads.normal_resume_code(code))
    return response


def signed_out(
    request: Request,
    session: Session,
    slug: str,
    serving: str,
    form: dict[str, Any],
    *,
    problem: str = "",
) -> Response:
    """Signed out in the middle of a pair: a way back in that carries along what was chosen and typed."""
    study = get_study(session, slug)
    page = ComeBack(
        language=studies.spec_of(session, study).display.language,
        study_title=study.title,
        slug=slug,
        action=f"/s/{slug}/pair/{serving}/back",
        fields=pairs.fields(form),
        kept=bool(form.get("choice") or form.get("rationale") or form.get("better")),
        problems=(Problem(problem, "code"),) if problem else (),
    )
    return render(request, "joining/come_back.html", page, status=422 if problem else 401)


def _reopened(
    request: Request, session: Session, visit: Visit, serving: str, form: dict[str, Any], *, now: datetime
) -> Response:
    """The pair as it was left, for a person who has just come back in."""
    try:
        assignment = assignments.get_assignment(session, serving, annotator_id=visit.annotator.id)
    except NotFound:
        return see_other(f"/s/{visit.slug}/next")
    current = judgment_reads.find_current(session, assignment.id)
    given = ballot.given_from_form(form)
    if current is not None:
        if current.choice == "retracted" or not judgments.may_change(session, visit.study, current, now=now):
            return pairs.answered(request, session, visit, assignment, current, now=now)
        page = pairs.to_change(session, visit, assignment, current, now=now, given=given, welcome_back=True)
        return render(request, "annotate/ballot.html", page)
    if visit.study.state == "closed":
        return see_other(f"/s/{visit.slug}")
    expired = is_expired(assignment.state, assignment.expires_at, now)
    person = assignments.find_person(session, visit.annotator.id)
    page = ballot.page(
        session, visit, assignment, person, now=now,
        state="passed_on" if expired else "fresh", given=given, welcome_back=True,
    )  # fmt: skip
    return render(request, "annotate/ballot.html", page)
