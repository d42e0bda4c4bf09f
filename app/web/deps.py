"""What page routes are handed: sessions, the browser's cookie, and who is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request, Response
from pydantic import AfterValidator
from sqlalchemy.orm import Session

from app.http.limits import limit_join, limit_sign_in
from app.http.sessions import Config, Now, ReadSession, WriteSession, database
from app.kit.errors import Unauthorized
from app.kit.settings import Settings
from app.people import reads, writes
from app.people.tables import BrowserSession, Researcher

__all__ = [
    "Browser", "BrowserSeen", "Config", "Now", "Number", "PageNumber", "ReadSession", "SignedIn", "WriteSession", "database", "db", "limit_join",
    "limit_sign_in", "row_of", "start_browser_session",
]  # fmt: skip

COOKIE = "soundings"
MOST_PAGES = 1_000_000
Number = Annotated[int, AfterValidator(lambda n: min(max(n, 0), 2**63 - 1))]
"""A number in an address: one larger than a database holds is that of nothing there is."""
PageNumber = Annotated[int, AfterValidator(lambda n: min(max(n, 1), MOST_PAGES))]
"""Which page of a table, from 1."""
db = database


class SignInNeeded(Unauthorized):
    """Answered by a redirect to the sign-in page, which leads back to where the person wanted to go."""

    def __init__(self, next_path: str) -> None:
        super().__init__()
        self.location = f"/sign-in?next={quote(next_path)}"


@dataclass(frozen=True)
class BrowserSeen:
    """What the cookie says: the row's id and, for a signed-in researcher, theirs."""

    token: str | None
    session_id: int | None
    researcher_id: int | None


def browser_seen(request: Request, now: Now) -> BrowserSeen:
    """Look the cookie up, on a reading connection, so that no page waits for a writer to be known."""
    token = request.cookies.get(COOKIE)
    if not token:
        return BrowserSeen(None, None, None)
    with database(request).read() as session:
        row = reads.find_browser_session(session, token, now=now)
        if row is None:
            return BrowserSeen(None, None, None)
        return BrowserSeen(token, row.id, row.researcher_id)


Browser = Annotated[BrowserSeen, Depends(browser_seen)]


def signed_in(request: Request, browser: Browser) -> Researcher:
    """The researcher of this browser. Raises SignInNeeded."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET":
        wanted = "/studies"
    if browser.researcher_id is None:
        raise SignInNeeded(wanted)
    with database(request).read() as session:
        found = session.get(Researcher, browser.researcher_id)
        if found is None or found.disabled_at is not None:
            raise SignInNeeded(wanted)
        session.expunge(found)
        return found


SignedIn = Annotated[Researcher, Depends(signed_in)]


def row_of(session: Session, browser: BrowserSeen, *, now: datetime) -> BrowserSession | None:
    """The browser's row in this session, for writing to it."""
    return reads.find_browser_session(session, browser.token, now=now) if browser.token else None


def start_browser_session(
    session: Session, request: Request, response: Response, now: datetime
) -> BrowserSession:
    """Open a row for this browser and set its cookie on ``response``."""
    config: Settings = request.app.state.settings
    row, token = writes.open_browser_session(session, now=now, days=config.session_days)
    response.set_cookie(
        COOKIE,
        token,
        max_age=config.session_days * 86_400,
        httponly=True,
        samesite="lax",
        secure=config.public_url.startswith("https://"),
        path="/",
    )
    return row
