"""Columns declared once, for the JSON Schema, the card's features and the Parquet writer alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scalar:
    """A plain value: ``name`` is Arrow's and the card's word for it, ``json`` JSON Schema's."""

    name: str
    json: str
    format: str | None = None


@dataclass(frozen=True)
class Many:
    """A list of values of one kind; never null inside."""

    of: Scalar | Struct


@dataclass(frozen=True)
class Struct:
    """Named fields, all of them present in every value and in this order."""

    fields: tuple[Column, ...]


Kind = Scalar | Many | Struct

TEXT = Scalar("string", "string")
WHOLE = Scalar("int64", "integer")
NUMBER = Scalar("float64", "number")
FLAG = Scalar("bool", "boolean")
MOMENT = Scalar("timestamp[ms, tz=UTC]", "string", "date-time")
TEXTS = Many(TEXT)


@dataclass(frozen=True)
class Column:
    """One column: what it is called, what it holds, and in words what it means; ``nullable`` where a row may not know."""

    name: str
    kind: Kind
    words: str
    nullable: bool = False


MESSAGES = Many(
    Struct(
        (
            Column("role", TEXT, "who speaks: system, user or assistant"),
            Column("content", TEXT, "what is said"),
        )
    )
)
"""A conversation. Every message has exactly these two keys, because trainers fail on a third."""

Schema = tuple[Column, ...]


def json_schema(name: str, title: str, columns: Schema) -> dict[str, Any]:
    """The JSON Schema of one row."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        "description": title,
        **_json_object(columns),
    }


def features(columns: Schema) -> list[dict[str, Any]]:
    """The columns as a dataset card's ``features`` declares them."""
    return [{"name": c.name, **_feature(c.kind)} for c in columns]


def _json_object(columns: Schema) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {c.name: _json_kind(c.kind, nullable=c.nullable, words=c.words) for c in columns},
        "required": [c.name for c in columns],
        "additionalProperties": False,
    }


def _json_kind(kind: Kind, *, nullable: bool = False, words: str = "") -> dict[str, Any]:
    if isinstance(kind, Scalar):
        found: dict[str, Any] = {"type": kind.json}
        if kind.format:
            found["format"] = kind.format
    elif isinstance(kind, Many):
        found = {"type": "array", "items": _json_kind(kind.of)}
    else:
        found = _json_object(kind.fields)
    if nullable:
        found["type"] = [found["type"], "null"]
    if words:
        found["description"] = words
    return found


def _feature(kind: Kind) -> dict[str, Any]:
    if isinstance(kind, Scalar):
        return {"dtype": kind.name}
    if isinstance(kind, Many):
        if isinstance(kind.of, Struct):
            return {"list": [{"name": f.name, **_feature(f.kind)} for f in kind.of.fields]}
        return {"list": kind.of.name}
    return {"struct": [{"name": f.name, **_feature(f.kind)} for f in kind.fields]}
