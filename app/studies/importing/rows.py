"""One item as a file brings it, checked to the letter of CONTRACT section 5."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from app.kit.errors import Where
from app.studies.importing.errors import BadRows, RowError, UnreadableFile
from app.studies.importing.sources import json_lines
from app.studies.importing.texts import identifier, label, mapping, named, numbers, one_of, text, turns

ITEM_KEYS = ("id", "prompt", "responses", "pairs", "metadata", "meta", "topic", "kind", "split", "gold")
RESPONSE_KEYS = ("id", "model", "text", "embedding", "metadata", "variant_of", "variant")
KINDS = ("value", "fact", "mixed")
MOST_PAIRS = 100_000
"""Of one item: more is a column gone wrong, and would fill the study with it."""


@dataclass(frozen=True)
class ResponseRow:
    """One output; ``id`` is unique in its item."""

    id: str
    text: str
    model: str | None = None
    embedding: list[float] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    variant_of: str | None = None
    variant: str | None = None


@dataclass(frozen=True)
class ItemRow:
    """One prompt with its responses; ``where`` is its place in the file, such as ``line 7``."""

    id: str
    prompt: list[dict[str, str]]
    responses: list[ResponseRow]
    pairs: list[tuple[str, str]] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    topic: str | None = None
    kind: str | None = None
    split: str | None = None
    gold: str | None = None
    where: str = ""

    def content(self) -> bytes:
        """The item without its place, as canonical JSON: what makes it the same item or another."""
        fields = {k: v for k, v in vars(self).items() if k != "where"}
        return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)

    def count_pairs(self) -> int:
        """How many pairs it will have: those it lists, or every two of its responses."""
        k = len(self.responses)
        return k * (k - 1) // 2 if self.pairs is None else len(self.pairs)


@dataclass(frozen=True)
class Checked:
    """Rows that can be used, what is wrong with the others, and the places of rows that say again what one before said."""

    rows: list[ItemRow]
    errors: list[Where]
    repeats: tuple[str, ...] = ()

    def all_or_nothing(self) -> list[ItemRow]:
        """The rows, when every one can be used. Raises BadRows."""
        if self.errors:
            raise BadRows(self.errors)
        return self.rows


def check(records: Iterable[tuple[str, Any]]) -> Checked:
    """Check records in the soundings shape, each with its place. An id that comes twice with other content is an error."""
    rows: list[ItemRow] = []
    errors: list[Where] = []
    repeats: list[str] = []
    seen: dict[str, tuple[bytes, str]] = {}
    for where, record in records:
        try:
            row = one(record, where)
            digest = hashlib.sha256(row.content()).digest()
            before = seen.setdefault(row.id, (digest, where))
            if before[0] != digest:
                raise RowError("id", f"{row.id!r} stands at {before[1]} with other content")
        except RowError as error:
            errors.append({"where": where, "message": str(error)})
            continue
        if before[1] != where:
            repeats.append(where)
            continue
        rows.append(row)
    return Checked(rows, errors, tuple(repeats))


def read_items(records: list[dict[str, Any]]) -> list[ItemRow]:
    """Items from parsed JSON, all or nothing. Raises BadRows."""
    return check((f"item {n}", r) for n, r in enumerate(records, start=1)).all_or_nothing()


def read_body(body: bytes, *, content_type: str) -> list[ItemRow]:
    """Items from a request's body: JSON lines, or a JSON list. Raises BadRows, UnreadableFile."""
    if "ndjson" in content_type or "jsonl" in content_type or body.lstrip()[:1] != b"[":
        return check(json_lines(body)).all_or_nothing()
    try:
        records = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableFile(
            f"This is not JSON: {error}", errors=[{"where": "body", "message": str(error)}]
        ) from None
    return read_items(records)


def one(record: Any, where: str = "") -> ItemRow:
    """One item. A record that is itself a RowError is raised. Raises RowError naming the field."""
    if isinstance(record, RowError):
        raise record
    if not isinstance(record, Mapping):
        raise RowError("", f"expected an object with prompt and responses, got {named(record)}")
    for key in ("prompt", "responses"):
        if record.get(key) is None:
            raise RowError(key, "this key is needed")
    responses = _responses(record["responses"])
    ids = [r.id for r in responses]
    gold = label(record.get("gold"), "gold")
    if gold is not None and gold not in ids:
        raise RowError("gold", f"{gold!r} is not the id of a response ({_some(ids)})")
    row = ItemRow(
        id=identifier(record.get("id"), "id") or "",
        prompt=_prompt(record["prompt"]),
        responses=responses,
        pairs=_pairs(record.get("pairs"), ids),
        metadata=_metadata(record, ITEM_KEYS, ""),
        topic=label(record.get("topic"), "topic"),
        kind=one_of(record.get("kind"), "kind", KINDS),
        split=label(record.get("split"), "split", 32),
        gold=gold,
        where=where,
    )
    if row.count_pairs() > MOST_PAIRS:
        raise RowError("responses", f"an item may have {MOST_PAIRS:,} pairs, got {row.count_pairs():,}")
    return row if row.id else replace(row, id=hashlib.sha256(row.content()).hexdigest()[:16])


def _prompt(given: Any) -> list[dict[str, str]]:
    made = turns(given)
    if made[-1]["role"] == "assistant":
        raise RowError("prompt", "the last turn is the assistant's; what comes last must be a request")
    return made


def _metadata(record: Mapping[str, Any], known: tuple[str, ...], at: str) -> dict[str, Any]:
    """``metadata``, what ``meta`` adds to it, and every key that is not known."""
    made = mapping(record.get("metadata"), f"{at}metadata")
    if "meta" in known:
        made = mapping(record.get("meta"), f"{at}meta") | made
    return made | mapping({k: v for k, v in record.items() if k not in known}, at.rstrip("."))


def _responses(given: Any) -> list[ResponseRow]:
    if not isinstance(given, list):
        raise RowError("responses", f"expected a list of two or more responses, got {named(given)}")
    if len(given) < 2:
        raise RowError("responses", f"an item needs two or more responses, got {len(given)}")
    made = [_response(raw, f"responses.{n}") for n, raw in enumerate(given)]
    made = [replace(row, id=name) for row, name in zip(made, _names(made), strict=True)]
    ids = {row.id for row in made}
    for position, row in enumerate(made):
        if row.variant_of is not None and (row.variant_of not in ids or row.variant_of == row.id):
            raise RowError(
                f"responses.{position}.variant_of", f"{row.variant_of!r} is not another response of this item"
            )
    return made


def _response(given: Any, at: str) -> ResponseRow:
    """One response; its id is still empty where it has none of its own."""
    raw = {"text": given} if isinstance(given, str) else given
    if not isinstance(raw, Mapping):
        raise RowError(at, f"expected an object with text, got {named(raw)}")
    if "text" not in raw:
        raise RowError(f"{at}.text", "this key is needed")
    return ResponseRow(
        id=identifier(raw.get("id"), f"{at}.id") or "",
        text=text(raw["text"], f"{at}.text"),
        model=label(raw.get("model"), f"{at}.model"),
        embedding=numbers(raw.get("embedding"), f"{at}.embedding"),
        metadata=_metadata(raw, RESPONSE_KEYS, f"{at}."),
        variant_of=identifier(raw.get("variant_of"), f"{at}.variant_of"),
        variant=label(raw.get("variant"), f"{at}.variant", 64),
    )


def _names(rows: list[ResponseRow]) -> list[str]:
    """Each response's id: its own, else its model's name, else its position; ``#2``, ``#3`` where one is taken."""
    taken: set[str] = set()
    for position, row in enumerate(rows):
        if row.id in taken:
            raise RowError(f"responses.{position}.id", f"{row.id!r} is the id of a response before it")
        taken |= {row.id} - {""}
    names = []
    for position, row in enumerate(rows):
        wanted = name = row.id or row.model or str(position)
        count = 1
        while not row.id and name in taken:
            count += 1
            ending = f"#{count}"
            name = wanted[: 200 - len(ending)] + ending
        taken.add(name)
        names.append(name)
    return names


def _pairs(given: Any, ids: list[str]) -> list[tuple[str, str]] | None:
    if given is None or given == "":
        return None
    if not isinstance(given, list) or not given:
        raise RowError("pairs", f"expected a list of pairs of response ids, got {named(given)}")
    made: list[tuple[str, str]] = []
    known = set(ids)
    seen: set[frozenset[str]] = set()
    for number, pair in enumerate(given):
        at = f"pairs.{number}"
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise RowError(at, "expected two response ids")
        first, second = (identifier(p, at) or "" for p in pair)
        for name in (first, second):
            if name not in known:
                raise RowError(at, f"{name!r} is not the id of a response ({_some(ids)})")
        if first == second:
            raise RowError(at, "a pair needs two different responses")
        if frozenset((first, second)) in seen:
            raise RowError(at, "this pair is listed twice")
        seen.add(frozenset((first, second)))
        made.append((first, second))
    return made


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:8]) + (", …" if len(ids) > 8 else "")
