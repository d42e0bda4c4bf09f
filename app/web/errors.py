"""Refusals as pages: the same status as the error, in words, with a way on."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from app.kit.errors import AppError, TooMany
from app.web.deps import SignInNeeded
from app.web.render import render
from app.web.visits import NotJoined


@dataclass(frozen=True)
class ErrorPage:
    """What an error page shows."""

    status: int
    title: str
    detail: str
    code: str
    errors: list[dict[str, str]]


def refused(request: Request, error: AppError) -> Response:
    """A named refusal; one that asks for a sign-in leads there."""
    if isinstance(error, SignInNeeded):
        return RedirectResponse(error.location, 303)
    if isinstance(error, NotJoined):
        return render(request, "joining/come_back.html", error.page, status=error.status)
    page = ErrorPage(error.status, error.title, error.detail, error.code, [dict(e) for e in error.errors])  # type: ignore[arg-type]
    response = _page(request, page)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def malformed(request: Request) -> Response:
    """A form or address that does not have the expected shape."""
    return _page(request, ErrorPage(422, "This could not be read", "Go back and try again.", "malformed", []))


def framework(request: Request, error: HTTPException) -> Response:
    """What the framework refuses: unknown addresses, methods, bodies that are too large."""
    words = {
        404: ("There is nothing here", "The address may be mistyped, or the page may have moved."),
        405: ("This address does not take that", "Go back and try again."),
        413: ("That is too large", "Try something smaller."),
    }
    title, detail = words.get(error.status_code, ("That did not work", "Go back and try again."))
    return _page(request, ErrorPage(error.status_code, title, detail, "http", []))


def unexpected(request: Request) -> Response:
    """A fault of ours; of a page that was only looked at, nothing was to be saved."""
    if request.method in {"GET", "HEAD"}:
        detail = "The fault is ours. Try again in a moment. Nothing you saved is lost."
        return _page(request, ErrorPage(500, "That didn't work", detail, "error", []))
    detail = "What you wrote is still on the page before: go back and try again."
    return _page(request, ErrorPage(500, "That didn't save", detail, "error", []))


def _page(request: Request, page: ErrorPage) -> Response:
    return render(request, "errors/error.html", page, status=page.status)
