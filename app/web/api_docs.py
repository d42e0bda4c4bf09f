"""The API's own description as a page: every call with what it takes and answers, from the same document that clients read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from app.web.render import render

router = APIRouter()
TITLES = {
    "studies": "Studies", "items": "Items", "judgments": "Votes from elsewhere", "annotators": "Annotators", "answering": "Answering",
    "report": "The report", "exports": "Exports",
}  # fmt: skip
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Parameter:
    name: str
    where: str
    kind: str
    required: bool
    about: str


@dataclass(frozen=True)
class Answer:
    status: str
    about: str
    shape: str


@dataclass(frozen=True)
class Call:
    """One call: ``anchor`` is its id on the page, ``curl`` a line to paste."""

    anchor: str
    method: str
    path: str
    title: str
    about: str
    parameters: tuple[Parameter, ...]
    bodies: tuple[tuple[str, str], ...]
    answers: tuple[Answer, ...]
    curl: str


@dataclass(frozen=True)
class ApiDocs:
    version: str
    groups: tuple[tuple[str, tuple[Call, ...]], ...]
    schemas: tuple[tuple[str, str], ...]


@router.get("/api/docs", name="api_docs.show")
def show(request: Request) -> Response:
    """All calls, grouped."""
    document = request.app.openapi()
    groups: dict[str, list[Call]] = {}
    base = str(request.base_url).rstrip("/")
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                tag = (methods[method].get("tags") or ["other"])[0]
                groups.setdefault(TITLES.get(tag, tag.capitalize()), []).append(
                    _call(base, method, path, methods[method])
                )
    order = [*TITLES.values()]
    named = sorted(groups.items(), key=lambda g: (order.index(g[0]) if g[0] in order else len(order), g[0]))
    schemas = document.get("components", {}).get("schemas", {})
    page = ApiDocs(
        document["info"]["version"],
        tuple((name, tuple(calls)) for name, calls in named),
        tuple((name, _pretty(schema)) for name, schema in sorted(schemas.items())),
    )
    return render(request, "help/api_docs.html", page)


def _call(base: str, method: str, path: str, told: dict[str, Any]) -> Call:
    body = told.get("requestBody", {}).get("content", {})
    return Call(
        anchor=f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}",
        method=method.upper(),
        path=path,
        title=told.get("summary", ""),
        about=told.get("description", ""),
        parameters=tuple(
            Parameter(
                p["name"],
                p["in"],
                _kind(p.get("schema", {})),
                bool(p.get("required")),
                str(p.get("description", "")),
            )
            for p in told.get("parameters", ())
        ),
        bodies=tuple((kind, _pretty(one.get("schema", {}))) for kind, one in body.items()),
        answers=tuple(
            Answer(status, one.get("description", ""), _shape(one))
            for status, one in sorted(told["responses"].items())
        ),
        curl=_curl(base, method, path, body),
    )


def _curl(base: str, method: str, path: str, body: dict[str, Any]) -> str:
    verb = "" if method == "get" else f"-X {method.upper()} "
    data = ""
    if body:
        kind = next(iter(body))
        data = f' -H "Content-Type: {kind}" --data-binary @file'
    return f'curl {verb}-H "Authorization: Bearer $TOKEN"{data} "{base}{path}"'


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "enum" in schema:
        return ", ".join(str(v) for v in schema["enum"])
    return str(schema.get("type", "anything"))


def _shape(answer: dict[str, Any]) -> str:
    content = answer.get("content", {})
    return ", ".join(f"{_kind(one.get('schema', {}))} ({kind})" for kind, one in content.items())


def _pretty(schema: dict[str, Any]) -> str:
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode()
