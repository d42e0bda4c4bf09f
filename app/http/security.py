"""Middleware that every response and every write passes: security headers, same-origin writes, body limits, host names."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.errors import NotFound

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

TOO_LARGE = (
    b'{"type":"about:blank","title":"That is too large","status":413,'
    b'"detail":"This is larger than the site takes in one request.","code":"too_large"}'
)


async def plain_address(request: Request) -> None:
    """Raises NotFound where an address holds a NUL: nothing can bear such a name, and PostgreSQL cannot be asked for it."""
    if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
        raise NotFound


class SecurityHeaders:
    """Adds a strict content policy and its companions to every response."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app, self._https = app, https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
                if self._https:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        await self._app(scope, receive, with_headers)


class SameOriginWrites:
    """Refuses writes that another site's page could have caused.

    A browser says where a request comes from (Sec-Fetch-Site, else Origin). A client that says neither is let through only
    when it brings no cookie, so that it has nothing of a visitor's to abuse; a bearer token without a cookie is its own proof.
    """

    def __init__(self, app: ASGIApp, *, trusted: Iterable[str] = ()) -> None:
        self._app, self._trusted = app, frozenset(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["method"] not in SAFE_METHODS
            and not self._allowed(Headers(scope=scope))
        ):
            if scope["path"].startswith("/api/"):
                refusal = JSONResponse(
                    {
                        "type": "about:blank",
                        "title": "Cross-origin request refused",
                        "status": 403,
                        "detail": "Send this from the same origin, or with a bearer token and no cookie.",
                        "code": "cross_origin",
                    },
                    status_code=403,
                    media_type="application/problem+json",
                )
                await refusal(scope, receive, send)
                return
            await PlainTextResponse("This came from another site and was refused.", 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allowed(self, headers: Headers) -> bool:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if headers.get("authorization", "").lower().startswith("bearer ") and "cookie" not in headers:
            return True
        if origin is not None and origin in self._trusted:
            return True
        if site is not None:
            return site in {"same-origin", "none"}
        if origin is None:
            return "cookie" not in headers
        return urlsplit(origin).netloc == headers.get("host")


class TooLargeAsProblem:
    """A ``send`` that tells the API's clients in a problem document what the framework's limit of bodies says in plain text.

    It stands outside all middleware, because that limit does.
    """

    def __init__(self, send: Send) -> None:
        self._send, self._instead = send, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 413:
            headers = MutableHeaders(scope=message)
            self._instead = headers.get("content-type", "").startswith("text/plain")
            if self._instead:
                headers["content-type"] = "application/problem+json"
                headers["content-length"] = str(len(TOO_LARGE))
        elif self._instead and message["type"] == "http.response.body":
            message = {"type": "http.response.body", "body": TOO_LARGE}
        await self._send(message)


class Hosts:
    """Refuses requests for a host name that is not this site's; health checks may use any."""

    def __init__(self, app: ASGIApp, *, allowed: Iterable[str]) -> None:
        self._app, self._allowed = app, frozenset(h.lower() for h in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._allowed and scope["path"] not in {"/healthz", "/readyz"}:
            host = Headers(scope=scope).get("host", "").rsplit(":", 1)[0].lower().strip("[]")
            if host not in self._allowed:
                await PlainTextResponse("This site does not answer to that name.", 400)(scope, receive, send)
                return
        await self._app(scope, receive, send)
