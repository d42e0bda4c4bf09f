"""One item as a file brings it, checked to the letter of CONTRACT 5."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from app.kit.errors import Malformed, Where


@dataclass(frozen=True)
class ResponseRow:
    id: str
    text: str
    model: str | None = None
    embedding: list[float] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    variant_of: str | None = None
    variant: str | None = None


@dataclass(frozen=True)
class ItemRow:
    id: str
    prompt: list[dict[str, str]]
    responses: list[ResponseRow]
    pairs: list[tuple[str, str]] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    topic: str | None = None
    kind: str | None = None
    split: str | None = None
    gold: str | None = None
    line: int = 0


def read_items(records: list[dict[str, Any]]) -> list[ItemRow]:
    return [_item(r, n) for n, r in enumerate(records, start=1)]


def _item(record: dict[str, Any], n: int) -> ItemRow:
    prompt = record["prompt"]
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    taken: set[str] = set()
    responses = []
    for position, one in enumerate(record["responses"]):
        wanted = str(one.get("id") or one.get("model") or position)
        name, count = wanted, 1
        while name in taken:
            count += 1
            name = f"{wanted}#{count}"
        taken.add(name)
        responses.append(
            ResponseRow(
                name,
                one["text"],
                one.get("model"),
                one.get("embedding"),
                one.get("metadata") or {},
                one.get("variant_of"),
                one.get("variant"),
            )
        )
    return ItemRow(
        str(record.get("id") or n),
        turns,
        responses,
        record.get("pairs"),
        record.get("metadata") or record.get("meta") or {},
        record.get("topic"),
        record.get("kind"),
        record.get("split"),
        record.get("gold"),
        n,
    )


def read_body(body: bytes, *, content_type: str) -> list[ItemRow]:
    try:
        records = (
            orjson.loads(body)
            if "json" in content_type and "ndjson" not in content_type
            else [orjson.loads(line) for line in body.splitlines() if line.strip()]
        )
        return read_items(records)
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        errors: list[Where] = [{"where": "line 1", "message": str(error)}]
        raise Malformed("line 1: not an item", errors=errors) from None
