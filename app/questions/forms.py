"""The fields that every comparison form shares, read the same way for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from app.kit.errors import Malformed, Where
from app.questions.answers import ComparisonAnswer

_TEXTS = ("rationale", "better")
_CHOICES = ("skip_reason", "tie_reason", "stance", "view", "client_token")
_NUMBERS = ("confidence", "predicted_share", "elapsed_ms")


class AnswerError(Malformed):
    """An answer that cannot be stored as it is; each error names its field."""

    code, title = "answer", "There is a problem"


def shared_fields(form: Mapping[str, Any]) -> dict[str, Any]:
    """Everything but the choice itself, from a submitted form; empty fields are left out.

    Lists come as lists (``reason_tags``), aspects as ``aspect.KEY``, spans as one JSON field or as ``span`` tick boxes
    ``side:start:end:tag``. Line ends are normalised, because browsers send CRLF.
    """
    found: dict[str, Any] = {}
    for name in _TEXTS:
        text = str(form.get(name) or "").replace("\r\n", "\n").strip()
        if text:
            found[name] = text
    for name in (*_CHOICES, *_NUMBERS):
        value = form.get(name)
        if value not in (None, ""):
            found[name] = value
    tags = [t for t in form.get("reason_tags") or [] if t]
    if tags:
        found["reason_tags"] = tags
    aspects = {k.removeprefix("aspect."): v for k, v in form.items() if k.startswith("aspect.") and v}
    if aspects:
        found["aspects"] = aspects
    spans = _spans(form)
    if spans:
        found["spans"] = spans
    return found


def build(fields: dict[str, Any]) -> ComparisonAnswer:
    """A checked answer, or AnswerError naming each field that does not fit."""
    try:
        return ComparisonAnswer.model_validate(fields)
    except ValidationError as error:
        errors: list[Where] = [
            {"where": ".".join(str(p) for p in e["loc"]), "message": e["msg"]}
            for e in error.errors(include_url=False)
        ]
        raise AnswerError(f"{errors[0]['where']}: {errors[0]['message']}", errors=errors) from None


def missing_choice() -> AnswerError:
    """The refusal of a form in which nothing was chosen."""
    return AnswerError(
        "Choose one of the options.", errors=[{"where": "choice", "message": "Choose one of the options."}]
    )


def _spans(form: Mapping[str, Any]) -> list[dict[str, Any]]:
    spans: list[dict[str, Any]] = []
    raw = form.get("spans")
    if raw:
        try:
            loaded = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise AnswerError(
                "The marks could not be read.", errors=[{"where": "spans", "message": "not JSON"}]
            ) from None
        spans.extend(loaded if isinstance(loaded, list) else [loaded])
    for tick in filter(None, form.get("span") or []):
        parts = str(tick).split(":", 3)
        if len(parts) != 4:
            raise AnswerError(
                "A mark could not be read.",
                errors=[{"where": "span", "message": "expected side:start:end:tag"}],
            )
        spans.append({"side": parts[0], "start": parts[1], "end": parts[2], "tag": parts[3]})
    return spans
