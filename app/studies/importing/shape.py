"""What a format offers, and the few things several formats do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from app.studies.importing.errors import RowError
from app.studies.importing.rows import named, turns

Record = Mapping[str, Any]


class Format(Protocol):
    """A shape of record. ``name`` is the file's name and what ``--format`` takes."""

    name: str

    def mapping(self, columns: Sequence[str]) -> dict[str, str] | None:
        """Which column plays which part, or None where these columns are not this format's."""
        ...

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        """The record in the soundings shape. Raises RowError."""
        ...


def conversation(value: Any, at: str) -> list[dict[str, str]]:
    """Messages as turns. Raises RowError."""
    try:
        return turns(value)
    except RowError as error:
        raise RowError("", str(error).replace("prompt", at, 1)) from None


def split_conversations(
    first: Any, second: Any, names: tuple[str, str]
) -> tuple[list[dict[str, str]], str, str]:
    """Two whole conversations that differ in the last answer alone: (prompt, answer, answer). Raises RowError."""
    a, b = conversation(first, names[0]), conversation(second, names[1])
    for turns_of, name in ((a, names[0]), (b, names[1])):
        if turns_of[-1]["role"] != "assistant":
            raise RowError(name, "the last turn must be the assistant's")
    if a[:-1] != b[:-1]:
        raise RowError(names[1], f"{names[0]} and {names[1]} do not share the turns before the last")
    if not a[:-1]:
        raise RowError(names[0], "there is no request before the answer")
    return a[:-1], a[-1]["content"], b[-1]["content"]


def blind(record: Record, first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    """The two in an order that follows from the content, so that their place does not tell which one a source preferred."""
    digest = hashlib.sha256(
        repr((sorted(map(str, (first["text"], second["text"]))), str(record.get("prompt")))).encode()
    )
    low, high = sorted((first, second), key=lambda r: str(r["text"]))
    return [low, high] if digest.digest()[0] % 2 else [high, low]


def rest(record: Record, used: Sequence[str]) -> dict[str, Any]:
    """What of the record plays no part, to be kept as the item's metadata."""
    return {
        k: v
        for k, v in record.items()
        if k not in used and v is not None and k not in {"topic", "kind", "split", "id"}
    }


def common(record: Record) -> dict[str, Any]:
    """Keys that mean the same in every format."""
    return {k: record[k] for k in ("id", "topic", "kind", "split") if record.get(k) not in (None, "")}


def answer_text(value: Any, at: str) -> str:
    """A response as text: a text, or a list of messages whose last is the assistant's. Raises RowError."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and isinstance(value[-1], Mapping):
        return conversation(value, at)[-1]["content"]
    raise RowError(at, f"expected text, got {named(value)}")
