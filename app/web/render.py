"""Pages and fragments of pages: one environment, undefined names raise, everything is escaped.

A visit gets the whole page, a request by htmx for a named block gets that block; both come from the same template.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.datastructures import URL

from app.kit.clock import iso, utc_now
from app.kit.paths import folder
from app.web import charts, inline_charts, markdown
from app.web.catalogue import FALLBACK, Translator, best_language, load
from app.web.display import Display

FLASH: Final = "soundings_status"
_FLASH_SECONDS: Final = 60
BOOSTED: Final = Markup(
    'hx-boost="true" hx-target="#main" hx-select="#main" hx-select-oob="#top,#status:innerHTML" hx-swap="outerHTML show:window:top"'
)
"""What a form carries to be sent by htmx where there is a script; without one it is an ordinary form."""


@dataclass(frozen=True)
class Problem:
    """One line of an error summary: what to do, and the id of the field where it is done."""

    message: str
    target: str = ""


@dataclass(frozen=True)
class StatusLine:
    """What just happened, said in the page's one status region; ``undo_url`` takes a POST that takes it back."""

    text: str
    undo_url: str | None = None


def render(
    request: Request,
    template: str,
    context: object | None = None,
    block: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    """``template`` with ``context``, a frozen dataclass whose fields are the template's names.

    Where htmx asks for a part and ``block`` is named, that block alone. Three fields of the context are known here when
    they exist: ``language`` (the study's or the person's; else the browser's), ``status_line`` (a StatusLine, shown in
    place of a remembered one) and ``problems`` (the title then starts with "Error:"). Pages are never stored by caches.
    """
    values = _values(context)
    language = _language(request, template, values)
    remembered = _remembered(request, Translator(language))
    values.setdefault("status_line", remembered)
    if values["status_line"] is None:
        values["status_line"] = remembered
    values.setdefault("problems", ())
    names = {**_page_names(request, language), **values}
    if block and _wants_part(request):
        html = _block(template, block, names)
    else:
        html = environment().get_template(template).render(names)
    response = HTMLResponse(html, status_code=status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Cookie, HX-Request, HX-Request-Type"
    response.headers["Content-Language"] = language
    if FLASH in request.cookies:
        response.delete_cookie(FLASH, path="/")
    return response


def flash(response: Response, key: str, *, undo_url: str | None = None, **values: Any) -> None:
    """Remember a status line for the next page: ``key`` is its key in the catalogue, under ``status``."""
    named = key if key.startswith("status.") else f"status.{key}"
    payload = json.dumps({"key": named, "undo": undo_url, "values": values}).encode()
    text = base64.urlsafe_b64encode(payload).decode()
    response.set_cookie(FLASH, text, max_age=_FLASH_SECONDS, httponly=True, samesite="lax", path="/")


@cache
def environment() -> Environment:
    """The one Jinja environment: templates from their folder, autoescape, undefined names raise."""
    made = Environment(
        loader=FileSystemLoader(folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(boosted=BOOSTED, charts=charts, inline_charts=inline_charts, prose=markdown.prose)
    made.filters["iso"] = iso
    return made


def static_url(request: Request, path: str) -> str:
    """The address of a static file, with its content's fingerprint, so that a changed file is fetched anew."""
    file = folder("static") / path
    return (
        f"{request.scope.get('root_path', '')}/static/{path}?v={_fingerprint(file, file.stat().st_mtime_ns)}"
    )


@lru_cache(maxsize=256)
def _fingerprint(file: Path, _changed: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]


def _values(context: object | None) -> dict[str, Any]:
    if context is None:
        return {}
    if isinstance(context, Mapping):
        return dict(context)
    return {"page": context, **{f.name: getattr(context, f.name) for f in fields(context)}}  # type: ignore[arg-type]


def _language(request: Request, template: str, values: Mapping[str, Any]) -> str:
    """Researchers' pages are in English; others in the study's language, else one the browser asks for."""
    if template.startswith("research/"):
        return FALLBACK
    wanted = values.get("language") or getattr(request.state, "language", None)
    return best_language(wanted or request.headers.get("accept-language"))


def _page_names(request: Request, language: str) -> dict[str, Any]:
    t = Translator(language)
    now = utc_now()

    def url_for(name: str, *, query: Mapping[str, Any] | None = None, **path: Any) -> str:
        """The path of the route ``name``; ``query`` becomes its query string, without empty values."""
        address = request.scope.get("root_path", "") + str(request.app.url_path_for(name, **path))
        given = {k: v for k, v in (query or {}).items() if v not in (None, "")}
        return str(URL(address).include_query_params(**given)) if given else address

    def time_ago(moment: datetime) -> Markup:
        """``moment`` in words, with the exact time for machines and on hover."""
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            iso(moment), t.exact(moment), t.ago(moment, now)
        )

    return {
        "request": request,
        "t": t,
        "lang": language,
        "dir": load(language).direction,
        "display": Display.read(request.cookies),
        "now": now,
        "home_url": request.scope.get("root_path", "") + "/",
        "url_for": url_for,
        "static_url": lambda path: static_url(request, path),
        "time_ago": time_ago,
        "number": t.number,
        "percent": t.percent,
        "date": t.date,
    }


def _wants_part(request: Request) -> bool:
    headers = request.headers
    return (
        headers.get("hx-request") == "true"
        and headers.get("hx-request-type") != "full"
        and "hx-history-restore-request" not in headers
    )


def _block(template: str, block: str, names: dict[str, Any]) -> str:
    """One block of a template, wherever in its line of parents it is written."""
    loaded = environment().get_template(template)
    context = loaded.new_context(names)
    # Starting the page sets the names that it imports and gathers its parents' blocks, before anything is written.
    start: Iterator[str] = loaded.root_render_func(context)
    next(start, None)
    if block not in context.blocks:
        raise KeyError(f"{template} has no block {block!r}")
    return "".join(context.blocks[block][0](context))


def _remembered(request: Request, t: Translator) -> StatusLine | None:
    """The status line a redirect left in its cookie. It came from the browser, so it may name only known words."""
    text = request.cookies.get(FLASH)
    if not text:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(text))
        key, undo, values = str(found["key"]), found["undo"], dict(found["values"])
        if not key.startswith("status.") or (undo is not None and not _is_local(str(undo))):
            return None
        return StatusLine(t(key, **values), undo)
    except (ValueError, KeyError, TypeError, LookupError, AttributeError):
        return None


def _is_local(path: str) -> bool:
    return path.startswith("/") and not path.startswith(("//", "/\\"))
