"""What a format offers, and the few things several formats do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import orjson

from app.studies.importing.errors import RowError
from app.studies.importing.rows import KINDS
from app.studies.importing.texts import named, turns

Record = Mapping[str, Any]
Turns = list[dict[str, str]]
PROMPTS = ("prompt", "messages", "instruction", "question", "request", "input", "query")
_OBJECTS = ("metadata", "meta")
_LISTS = ("responses", "pairs")
_TALK = (
    "prompt", "chosen", "rejected", "context", "conversation_a", "conversation_b", "response_a", "response_b",
    "response1", "response2",
)  # fmt: skip
_SHARED = ("id", "topic", "kind", "split")


@dataclass(frozen=True)
class Fit:
    """How sure a format is that a file is its own (0 to 1), and which column plays which part."""

    confidence: float
    mapping: dict[str, str]


class Format(Protocol):
    """A shape of record. ``name`` is the file's name and what ``--format`` takes."""

    @property
    def name(self) -> str: ...

    def fit(self, columns: Sequence[str], sample: Sequence[Record]) -> Fit | None:
        """How well these columns and first records suit it; None where they cannot."""
        ...

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        """The record in the soundings shape. Raises RowError."""
        ...


@runtime_checkable
class Grouped(Protocol):
    """A format in which several records make one item; ``group_by`` is the part that brings them together."""

    group_by: str


def exact(
    columns: Sequence[str], needed: Sequence[str], also: Sequence[str], confidence: float
) -> Fit | None:
    """The fit of a format whose columns have fixed names."""
    if not set(needed) <= set(columns):
        return None
    return Fit(confidence, {c: c for c in (*needed, *also) if c in columns})


def first_of(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """The first of the names that is a column."""
    return next((n for n in names if n in columns), None)


def opened(record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
    """A row of a sheet with lists and objects taken out of its cells, and empty cells left out where they mean nothing."""
    parts = {column: part for part, column in mapping.items()}
    return {
        k: _opened(v, parts.get(k, k)) if isinstance(v, str) else v
        for k, v in record.items()
        if v not in ("", None) or k in parts
    }


def _opened(cell: str, part: str) -> Any:
    """What the cell holds as JSON where this part is made of that, else the cell: a request may itself look like JSON."""
    if cell.lstrip()[:1] not in {"[", "{"}:
        return cell
    try:
        found = orjson.loads(cell)
    except orjson.JSONDecodeError:
        return cell
    if isinstance(found, dict):
        return found if part in _OBJECTS else cell
    messages = all(isinstance(x, dict) and ("role" in x or "from" in x) for x in found)
    return found if found and (part in _LISTS or (part in _TALK and messages)) else cell


def conversation(value: Any, at: str) -> Turns:
    """Messages as turns. Raises RowError."""
    if not isinstance(value, list):
        raise RowError(at, f"expected a list of messages, got {named(value)}")
    return turns(value, at)


def split_conversations(first: Any, second: Any, names: tuple[str, str]) -> tuple[Turns, str, str]:
    """Two whole conversations that differ in the last answer alone: (turns they share, answer, answer). Raises RowError."""
    a, b = conversation(first, names[0]), conversation(second, names[1])
    for said, name in ((a, names[0]), (b, names[1])):
        if said[-1]["role"] != "assistant":
            raise RowError(name, "the last turn must be the assistant's")
    if a[:-1] != b[:-1]:
        raise RowError(names[1], f"{names[0]} and {names[1]} do not share every turn before the last")
    return a[:-1], a[-1]["content"], b[-1]["content"]


def needs_request(prompt: Turns, at: str) -> Turns:
    """The prompt, if there is one. Raises RowError."""
    if not prompt:
        raise RowError(at, "there is no request before the answer")
    return prompt


def blind(prompt: Any, first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    """The two in an order that follows from the content, so that their place does not tell which one a source preferred."""
    low, high = sorted((first, second), key=lambda r: (str(r["text"]), str(r.get("model"))))
    seen = orjson.dumps([str(prompt), str(low["text"]), str(high["text"])])
    return [low, high] if hashlib.sha256(seen).digest()[0] % 2 else [high, low]


def preferred(
    record: Record, prompt: Any, good: dict[str, Any], bad: dict[str, Any], used: Sequence[str]
) -> dict[str, Any]:
    """An item of two responses in a blind order; which one the source preferred is kept as ``source_label``."""
    models = good.get("model"), bad.get("model")
    named_apart = all(isinstance(m, str) and m for m in models) and models[0] != models[1]
    responses = blind(prompt, good, bad)
    made = [
        {**r, "id": str(r["model"]) if named_apart else str(position)} for position, r in enumerate(responses)
    ]
    label = next(m["id"] for m, r in zip(made, responses, strict=True) if r is good)
    return {
        **shared(record),
        "prompt": prompt,
        "responses": made,
        "metadata": rest(record, used) | {"source_label": label},
    }


def shared(record: Record) -> dict[str, Any]:
    """What means the same in every format: id, topic, split, and kind where it is one of ours."""
    return {k: record[k] for k in _SHARED if _ours(k, record.get(k))}


def rest(record: Record, used: Sequence[str]) -> dict[str, Any]:
    """What of the record plays no part, to be kept as metadata."""
    return {
        k: v
        for k, v in record.items()
        if k not in used and v is not None and not (k in _SHARED and _ours(k, v))
    }


def _ours(key: str, value: Any) -> bool:
    if value is None or value == "":
        return False
    if key in {"id", "kind"}:
        return key == "id" or value in KINDS
    return isinstance(value, str) and len(value) <= {"topic": 200, "split": 32}[key]


def answer_text(value: Any, at: str) -> str:
    """A response as text: a text, or a list of messages whose last is the assistant's. Raises RowError."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and isinstance(value[-1], Mapping):
        return conversation(value, at)[-1]["content"]
    raise RowError(at, f"expected text, got {named(value)}")
