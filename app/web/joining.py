"""The way in: the front page, consent, joining, coming back by a resume code."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.people import reads as people_reads
from app.people import rules as people_rules
from app.people import writes as people
from app.people.errors import InviteUsedUp, StudyFull, UnknownResumeCode
from app.people.tables import Annotator, Invite
from app.studies import reads as studies
from app.studies.spec import ProfileField, StudySpec
from app.studies.tables import Study
from app.web.catalogue import Translator, best_language
from app.web.deps import Browser, BrowserSeen, Now, ReadSession, WriteSession, limit_join, limit_sign_in
from app.web.forms import Form
from app.web.markdown import prose
from app.web.render import Problem, render
from app.web.visits import find_visit, get_study, keep_code, let_in, see_other

router = APIRouter()
PANEL_COOKIE = "soundings_panel"
SECONDS_A_PAIR = 60


@dataclass(frozen=True)
class Welcome:
    """The front page: studies that anyone with the link may join, and the way back for those who did."""

    studies: tuple[Study, ...]
    problems: tuple[Problem, ...] = ()
    code: str = ""


@router.get("/", name="joining.welcome")
def welcome(request: Request, session: ReadSession) -> Response:
    """The front page."""
    return _welcome(request, session)


def _welcome(
    request: Request, session: Session, *, problem: str = "", code: str = "", status: int = 200
) -> Response:
    found = [
        s for s in studies.list_open_studies(session) if studies.spec_of(session, s).people.join == "link"
    ]
    problems = (Problem(problem, "code"),) if problem else ()
    return render(request, "joining/welcome.html", Welcome(tuple(found), problems, code), status=status)


@router.post("/resume", name="joining.resume")
def resume(request: Request, session: WriteSession, browser: Browser, now: Now, form: Form) -> Response:
    """Come back with a resume code, on any device."""
    limit_sign_in(request)
    t = Translator(best_language(request.headers.get("accept-language")))
    code = str(form.get("code", "")).strip()
    if not code:
        return _welcome(request, session, problem=t("error.code_needed"), status=422)
    try:
        annotator = people.resume(session, code)
    except UnknownResumeCode:
        return _welcome(request, session, problem=t("error.code_unknown"), code=code, status=422)
    study = studies.get_study_by_id(session, annotator.study_id)
    response = see_other(_onward(study.slug, annotator))
    let_in(session, request, response, browser, annotator, now)
    keep_code(request, response, study.slug, people_reads.normal_resume_code(code))
    return response


@dataclass(frozen=True)
class Consent:
    """What a person reads before anything is recorded, and what they are asked."""

    study: Study
    study_title: str
    language: str
    minutes: int
    pairs: int
    consent: Any
    topics: tuple[str, ...]
    licence: str
    withdraw_until: datetime | None
    profile: tuple[ProfileField, ...]
    opt_out: bool
    checks: bool
    action: str
    given: dict[str, Any]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Stop:
    """A page that ends here: full, closed, paused, declined. ``title`` and ``body`` are catalogue keys."""

    language: str
    study_title: str
    title: str
    body: str
    values: dict[str, Any]
    my_data_url: str | None = None


@router.get("/s/{slug}", name="joining.consent")
def consent(
    request: Request,
    slug: str,
    session: ReadSession,
    browser: Browser,
    PROLIFIC_PID: str = "",
    STUDY_ID: str = "",
    SESSION_ID: str = "",
) -> Response:
    """Before you start. A panel's three parameters are read once and dropped from the address."""
    study = get_study(session, slug)
    if PROLIFIC_PID:
        return _with_panel(f"/s/{slug}", slug, PROLIFIC_PID, STUDY_ID, SESSION_ID)
    visit = find_visit(session, slug, browser)
    if visit is not None and study.state == "open":
        return see_other(_onward(slug, visit.annotator))
    spec = studies.spec_of(session, study)
    stop = _stop(session, study, spec, request, joined=visit is not None)
    if stop is not None:
        return render(request, "joining/stop.html", stop)
    return _consent(request, session, study, spec, action=f"/s/{slug}/join")


@router.get("/i/{code}", name="joining.invited")
def invited(
    request: Request,
    code: str,
    session: ReadSession,
    browser: Browser,
    now: Now,
    PROLIFIC_PID: str = "",
    STUDY_ID: str = "",
    SESSION_ID: str = "",
) -> Response:
    """The same page behind an invitation."""
    invite, study, spec = _invite(session, code, now)
    if PROLIFIC_PID:
        return _with_panel(f"/i/{code}", study.slug, PROLIFIC_PID, STUDY_ID, SESSION_ID)
    visit = find_visit(session, study.slug, browser) if study.state == "open" else None
    if visit is not None and invite.annotator_id in {None, visit.annotator.id}:
        return see_other(_onward(study.slug, visit.annotator))
    stop = _stop(session, study, spec, request, joined=invite.annotator_id is not None, invited=True)
    if stop is not None:
        return render(request, "joining/stop.html", stop)
    return _consent(request, session, study, spec, action=f"/i/{code}/join")


@router.post("/s/{slug}/join", name="joining.join")
def join(
    request: Request, slug: str, session: WriteSession, browser: Browser, now: Now, form: Form
) -> Response:
    """Take part."""
    limit_join(request)
    study = get_study(session, slug)
    return _join(request, session, browser, study, form, now=now, invite=None, action=f"/s/{slug}/join")


@router.post("/i/{code}/join", name="joining.join_invited")
def join_invited(
    request: Request, code: str, session: WriteSession, browser: Browser, now: Now, form: Form
) -> Response:
    """Take part by invitation; a personal link that belongs to a known person lets that person in again."""
    limit_join(request)
    invite, study, _ = _invite(session, code, now)
    return _join(request, session, browser, study, form, now=now, invite=invite, action=f"/i/{code}/join")


@router.get("/s/{slug}/declined", name="joining.declined")
def declined(request: Request, slug: str, session: ReadSession) -> Response:
    """No thanks: a real page, and nothing kept."""
    study = get_study(session, slug)
    language = studies.spec_of(session, study).display.language
    stop = Stop(language, study.title, "consent.declined_title", "consent.declined_body", {})
    response = render(request, "joining/stop.html", stop)
    response.delete_cookie(PANEL_COOKIE, path="/")
    return response


def _invite(session: Session, code: str, now: datetime) -> tuple[Invite, Study, StudySpec]:
    invite = people_reads.find_invite(session, code)
    if invite is None or invite.revoked_at is not None:
        raise InviteUsedUp
    if invite.expires_at is not None and invite.expires_at <= now:
        raise InviteUsedUp
    if invite.annotator_id is None and invite.max_uses is not None and invite.used >= invite.max_uses:
        raise InviteUsedUp
    study = studies.get_study_by_id(session, invite.study_id)
    return invite, study, studies.spec_of(session, study)


def _onward(slug: str, annotator: Annotator) -> str:
    """Where someone who has joined goes on: practice comes once, before the first pair."""
    return f"/s/{slug}/{'next' if annotator.practised_at else 'practice'}"


def _with_panel(path: str, slug: str, person: str, study: str, panel_session: str) -> Response:
    """To the same page without a panel's parameters in its address; a cookie keeps them for a day."""
    panel = {"slug": slug, "person": person[:200], "study": study[:200], "session": panel_session[:200]}
    value = base64.urlsafe_b64encode(orjson.dumps(panel)).decode()
    response = see_other(path)
    response.set_cookie(PANEL_COOKIE, value, max_age=86_400, httponly=True, samesite="lax", path="/")
    return response


def _panel(request: Request, slug: str) -> dict[str, str] | None:
    raw = request.cookies.get(PANEL_COOKIE)
    if not raw:
        return None
    try:
        found = orjson.loads(base64.urlsafe_b64decode(raw))
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("slug") == slug else None


def _stop(
    session: Session, study: Study, spec: StudySpec, request: Request, *, joined: bool, invited: bool = False
) -> Stop | None:
    """Why nobody can join just now, or None when they can."""
    mine = f"/s/{study.slug}/my-data" if joined else None
    language = spec.display.language

    def stop(name: str, **values: Any) -> Stop:
        return Stop(language, study.title, f"consent.{name}_title", f"consent.{name}_body", values, mine)

    if study.state == "draft":
        return stop("not_open")
    if study.state == "paused":
        return stop("paused")
    if study.state == "closed":
        return stop("closed")
    if joined:
        return None
    if (
        spec.people.limit is not None
        and people_reads.count_annotators(session, study.id) >= spec.people.limit
    ):
        return stop("full")
    if spec.people.join == "prolific" and not invited and _panel(request, study.slug) is None:
        return stop("prolific_missing")
    if spec.people.join == "invited" and not invited:
        return Stop(language, study.title, "error.gone_title", "error.gone_body", {})
    return None


def _consent(
    request: Request,
    session: Session,
    study: Study,
    spec: StudySpec,
    *,
    action: str,
    given: dict[str, Any] | None = None,
    problems: tuple[Problem, ...] = (),
) -> Response:
    until = spec.release.withdraw_until
    page = Consent(
        study=study,
        study_title=study.title,
        language=spec.display.language,
        minutes=max(1, round(spec.session.questions * SECONDS_A_PAIR / 60)),
        pairs=spec.session.questions,
        consent=prose(spec.people.consent, links="live"),
        topics=tuple(studies.list_topics(session, study.id)),
        licence=spec.release.licence,
        withdraw_until=datetime.fromisoformat(until).astimezone() if until else None,
        profile=tuple(spec.people.profile),
        opt_out=spec.people.opt_out_topics,
        checks=spec.gold.share > 0,
        action=action,
        given=given or {},
        problems=problems,
    )
    return render(request, "joining/consent.html", page, status=422 if problems else 200)


def _join(
    request: Request,
    session: Session,
    browser: BrowserSeen,
    study: Study,
    form: dict[str, Any],
    *,
    now: datetime,
    invite: Invite | None,
    action: str,
) -> Response:
    spec = studies.spec_of(session, study)
    known = invite is not None and invite.annotator_id is not None
    stop = _stop(session, study, spec, request, joined=known, invited=invite is not None)
    if stop is not None:
        return render(request, "joining/stop.html", stop, status=409)
    problems = _problems(spec, form)
    if problems:
        return _consent(request, session, study, spec, action=action, given=form, problems=problems)
    if invite is not None and invite.annotator_id is not None:
        annotator, code = people_reads.get_annotator(session, invite.annotator_id), None
        people.note(session, annotator, "consent", now=now, version=study.version)
    else:
        joined = _create(session, request, study, spec, form, now=now, invite=invite)
        annotator, code = joined.annotator, joined.resume_code
    response = see_other(_onward(study.slug, annotator))
    let_in(session, request, response, browser, annotator, now)
    keep_code(request, response, study.slug, code or people.renew_resume_code(session, annotator))
    response.delete_cookie(PANEL_COOKIE, path="/")
    return response


def _create(
    session: Session,
    request: Request,
    study: Study,
    spec: StudySpec,
    form: dict[str, Any],
    *,
    now: datetime,
    invite: Invite | None,
) -> people.Joined:
    panel = _panel(request, study.slug)
    if spec.people.limit is not None:
        session.refresh(study, with_for_update=True)
        if people_reads.count_annotators(session, study.id) >= spec.people.limit:
            raise StudyFull
    attributes = {
        f.key: form[f"profile.{f.key}"] for f in spec.people.profile if form.get(f"profile.{f.key}")
    }
    topics = (
        [t for t in form["topics"] if t in studies.list_topics(session, study.id)]
        if spec.people.opt_out_topics
        else []
    )
    return people.join(
        session,
        study.id,
        now=now,
        source="page",
        external_id=panel["person"] if panel else (invite.label if invite else None),
        attributes=attributes,
        group_key=spec.people.groups.key if spec.people.groups else None,
        consent_version=study.version,
        invite=invite,
        panel_session=panel["session"] if panel else None,
        opted_out_topics=topics,
    )


def _problems(spec: StudySpec, form: dict[str, Any]) -> tuple[Problem, ...]:
    t = Translator(spec.display.language)
    problems = []
    answers = {f.key: str(form.get(f"profile.{f.key}") or "") for f in spec.people.profile}
    labels = {f.key: f.label for f in spec.people.profile}
    for error in people_rules.profile_errors(list(spec.people.profile), answers):
        key = error["where"]
        problems.append(Problem(t("error.field_needed", what=labels[key]), f"profile.{key}"))
    if form.get("agree") != "yes":
        problems.append(Problem(t("error.consent_needed"), "agree"))
    return tuple(problems)
