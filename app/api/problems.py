"""Errors as problem documents (RFC 9457), each malformed place named."""

from __future__ import annotations

from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from app.kit.errors import AppError, TooMany, Unauthorized, Where
from app.studies import reading


class Place(BaseModel):
    """One place in malformed input."""

    where: str = Field(examples=["line 7", "responses.1.text"])
    message: str


class Problem(BaseModel):
    """What went wrong, in words a person can act on."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[Place] | None = None


_WORDS = {
    400: ("bad_request", "This request could not be read"),
    404: ("not_found", "There is nothing here"),
    405: ("method_not_allowed", "This address does not take that method"),
    413: ("too_large", "That is too large"),
    415: ("unsupported_media_type", "This address does not take that kind of content"),
}


_ALTERNATIVES = {
    "str": "a text", "int": "a number", "float": "a number", "bool": "true or false", "list[str]": "a list of texts",
}  # fmt: skip
"""What a value of several kinds may be, by the names in an error's place; of the errors about one value, one is told."""


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem documents a route may answer with, for its OpenAPI description."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {s: {"model": Problem, "content": content, "description": _describe(s)} for s in statuses}


def from_app_error(error: AppError) -> JSONResponse:
    """The document for a refusal."""
    headers: dict[str, str] = {}
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return _document(error.status, error.title, error.detail, error.code, error.errors, headers)


def from_validation(error: RequestValidationError, *, study_file: bool = False) -> JSONResponse:
    """The document for a body, query or path that does not have the expected form; a study file's in the file's own words."""
    errors: list[Where] = []
    for one in error.errors()[:40]:
        place = [str(p) for p in one["loc"]]
        if one["type"] == "json_invalid":
            found = _not_json(one, error.body)
        elif study_file:
            found = reading.describe(one, inside="body")
        elif place[-1] in _ALTERNATIVES:
            found = {"where": ".".join(place[1:-1]), "message": _expected(one["loc"][:-1], error)}
        else:
            inside = place[1:] if place[0] in {"body", "query", "path"} and len(place) > 1 else place
            where = ".".join(part for part in inside if part != "list[str]")
            found = {"where": where, "message": str(one["msg"]).removeprefix("Value error, ")}
        if found not in errors:
            errors.append(found)
    title = "The study file has mistakes" if study_file else "Some of this could not be read"
    code = "study_file" if study_file else "malformed"
    return _document(422, title, _first(errors), code, errors[:20])


def _expected(place: tuple[int | str, ...], error: RequestValidationError) -> str:
    """What the value at ``place`` may be, by the kinds that were tried on it."""
    tried = (str(one["loc"][-1]) for one in error.errors() if one["loc"][:-1] == place)
    kinds = dict.fromkeys(_ALTERNATIVES[name] for name in tried if name in _ALTERNATIVES)
    return f"expected {' or '.join(kinds)}"


def _not_json(error: Any, body: Any) -> Where:
    """Where a body stops being JSON, by line."""
    at = error["loc"][-1]
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    line = text.count("\n", 0, at) + 1 if isinstance(at, int) else 1
    return {
        "where": f"line {line}",
        "message": f"this is not JSON ({error.get('ctx', {}).get('error', 'unreadable')})",
    }


def _first(errors: list[Where]) -> str:
    return f"{errors[0]['where']}: {errors[0]['message']}" if errors else "This could not be read."


def from_http_exception(error: HTTPException) -> JSONResponse:
    """The document for what the framework itself refuses."""
    code, title = _WORDS.get(error.status_code, ("error", "That did not work"))
    return _document(
        error.status_code, title, str(error.detail or title), code, [], dict(error.headers or {})
    )


def unexpected() -> JSONResponse:
    """The document for a fault of ours; what happened is in the log, not here."""
    return _document(500, "Something went wrong", "Nothing was stored. Please try again.", "error", [])


def _describe(status: int) -> str:
    return {
        401: "No token, or a wrong one",
        403: "The right person in the wrong role",
        404: "Unknown, or not yours",
        409: "A conflict with the state; `code` says which",
        413: "Too large",
        422: "Malformed; `errors` names each place",
        429: "Too many; see Retry-After",
        503: "Not ready",
    }.get(status, "Refused")


def _document(
    status: int,
    title: str,
    detail: str,
    code: str,
    errors: list[Where],
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = [{"where": e["where"], "message": e["message"]} for e in errors]
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")
