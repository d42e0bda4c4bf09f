"""Who a browser is in a study: the person of the cookie, their study and the specification that holds for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.kit.errors import AppError, NotFound
from app.people import reads as people_reads
from app.people import writes as people
from app.people.tables import Annotator
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Study
from app.web.deps import BrowserSeen, row_of, start_browser_session
from app.web.render import Problem

CODE_COOKIE = "soundings_code_"


@dataclass(frozen=True)
class ComeBack:
    """A way back in with a resume code. ``fields`` are carried along; ``kept`` says that they hold something written."""

    language: str
    study_title: str
    slug: str
    action: str = "/resume"
    fields: tuple[tuple[str, str], ...] = ()
    kept: bool = False
    problems: tuple[Problem, ...] = ()


class NotJoined(AppError):
    """Answered by a page where a person can say who they are, or go to the study's first page."""

    status, code, title = 401, "not_joined", "Please come back in"

    def __init__(self, page: ComeBack) -> None:
        super().__init__()
        self.page = page


@dataclass(frozen=True)
class Visit:
    """A person in their study."""

    study: Study
    spec: StudySpec
    annotator: Annotator

    @property
    def slug(self) -> str:
        return self.study.slug

    @property
    def language(self) -> str:
        return self.spec.display.language


def get_study(session: Session, slug: str) -> Study:
    """The study at this address, as annotators may see it: a draft is not there yet. Raises NotFound."""
    study = studies.find_study(session, slug)
    if study is None:
        raise NotFound
    return study


def find_visit(session: Session, slug: str, browser: BrowserSeen) -> Visit | None:
    """The person this browser is in the study, or None."""
    study = get_study(session, slug)
    if browser.session_id is None:
        return None
    annotator = people_reads.find_annotator_of_session(session, browser.session_id, study.id)
    if annotator is None:
        return None
    return Visit(study, studies.spec_of(session, study), annotator)


def get_visit(session: Session, slug: str, browser: BrowserSeen) -> Visit:
    """The person this browser is in the study. Raises NotFound, NotJoined."""
    visit = find_visit(session, slug, browser)
    if visit is None:
        study = get_study(session, slug)
        language = studies.spec_of(session, study).display.language
        raise NotJoined(ComeBack(language, study.title, slug))
    return visit


def let_in(
    session: Session,
    request: Request,
    response: Response,
    browser: BrowserSeen,
    annotator: Annotator,
    now: datetime,
) -> None:
    """From now on this browser is that person; a browser without a session gets one."""
    row = row_of(session, browser, now=now) or start_browser_session(session, request, response, now)
    people.attach(session, row, annotator)


def keep_code(request: Request, response: Response, slug: str, code: str) -> None:
    """Let this browser show the resume code again; only its hash is in the database."""
    response.set_cookie(
        CODE_COOKIE + slug,
        code,
        max_age=365 * 86_400,
        httponly=True,
        samesite="lax",
        secure=request.app.state.settings.public_url.startswith("https://"),
        path=f"/s/{slug}",
    )


def kept_code(request: Request, slug: str) -> str | None:
    """The resume code as this browser was told it."""
    return request.cookies.get(CODE_COOKIE + slug)


def see_other(path: str) -> RedirectResponse:
    """303: look there next."""
    return RedirectResponse(path, 303)
