"""Researchers' accounts: sign in, sign out, password and API tokens."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from app.kit.errors import Malformed
from app.people import reads, writes
from app.people.errors import WrongSignIn
from app.people.tables import ApiToken
from app.web.deps import (
    COOKIE,
    Browser,
    Now,
    Number,
    ReadSession,
    SignedIn,
    WriteSession,
    limit_sign_in,
    start_browser_session,
)
from app.web.forms import Form
from app.web.render import Problem, flash, render
from app.web.visits import see_other

router = APIRouter()


@dataclass(frozen=True)
class SignIn:
    email: str
    next: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Account:
    signed_in_as: str
    sign_out_url: str
    new_study_url: str
    tokens: tuple[ApiToken, ...]
    new_token: str | None
    problems: tuple[Problem, ...] = ()


def local(path: str) -> str:
    """Where to go after signing in: a path of this site, never another one's."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/studies"


@router.get("/sign-in", name="accounts.sign_in")
def sign_in(request: Request, next: str = "/studies") -> Response:
    """The sign-in page."""
    return render(request, "accounts/sign_in.html", SignIn("", local(next)))


@router.post("/sign-in", name="accounts.check")
def check(request: Request, session: WriteSession, browser: Browser, now: Now, form: Form) -> Response:
    """Sign in; which of the two was wrong is not said."""
    limit_sign_in(request)
    email, onward = str(form.get("email") or ""), local(str(form.get("next") or "/studies"))
    try:
        researcher = writes.check_sign_in(session, email, str(form.get("password") or ""))
    except WrongSignIn as error:
        page = SignIn(email, onward, (Problem(error.detail, "email"),))
        return render(request, "accounts/sign_in.html", page, status=422)
    if browser.token and browser.researcher_id:
        writes.end_browser_session(session, browser.token)
    writes.sweep_browser_sessions(session, now=now)
    response = see_other(onward)
    row = start_browser_session(session, request, response, now)
    row.researcher_id = researcher.id
    if browser.session_id is not None:
        writes.carry_over(session, browser.session_id, row.id)
    return response


@router.post("/sign-out", name="accounts.sign_out")
def sign_out(session: WriteSession, browser: Browser) -> Response:
    """Sign out of this browser."""
    response = see_other("/")
    if browser.token:
        writes.end_browser_session(session, browser.token)
    response.delete_cookie(COOKIE, path="/")
    return response


@router.get("/account", name="accounts.account")
def account(request: Request, session: ReadSession, who: SignedIn) -> Response:
    """API tokens and the password."""
    return render(request, "accounts/account.html", _account(session, who.id, who.email))


@router.post("/account/tokens", name="accounts.create_token")
def create_token(request: Request, session: WriteSession, who: SignedIn, now: Now, form: Form) -> Response:
    """A new token, shown this once."""
    token = writes.issue_token(
        session, researcher_id=who.id, name=str(form.get("name") or "")[:100] or None, now=now
    )
    return render(request, "accounts/account.html", _account(session, who.id, who.email, token=token))


@router.post("/account/tokens/{token_id}/revoke", name="accounts.revoke_token")
def revoke_token(token_id: Number, session: WriteSession, who: SignedIn, now: Now) -> Response:
    """End a token."""
    writes.revoke_token(session, researcher_id=who.id, token_id=token_id, now=now)
    return see_other("/account")


@router.post("/account/password", name="accounts.password")
def password(request: Request, session: WriteSession, who: SignedIn, form: Form) -> Response:
    """Change the password; every browser is signed out."""
    researcher = reads.get_researcher(session, who.id)
    try:
        writes.check_sign_in(session, who.email, str(form.get("old") or ""))
        writes.set_password(session, researcher, str(form.get("new") or ""))
    except (WrongSignIn, Malformed) as error:
        target = "old" if isinstance(error, WrongSignIn) else "new"
        words = "The present password is not right" if target == "old" else error.detail
        page = _account(session, who.id, who.email, problems=(Problem(words, target),))
        return render(request, "accounts/account.html", page, status=422)
    response = see_other("/sign-in")
    flash(response, "saved")
    return response


def _account(
    session: ReadSession,
    who: int,
    email: str,
    *,
    token: str | None = None,
    problems: tuple[Problem, ...] = (),
) -> Account:
    return Account(
        email, "/sign-out", "/studies/new", tuple(reads.list_tokens(session, who)), token, problems
    )
