"""One item as a file brings it, checked to the letter of CONTRACT section 5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.kit.errors import Where
from app.studies.importing.errors import BadRows, RowError, UnreadableFile

ITEM_KEYS = ("id", "prompt", "responses", "pairs", "metadata", "meta", "topic", "kind", "split", "gold")
RESPONSE_KEYS = ("id", "model", "text", "embedding", "metadata", "variant_of", "variant")
KINDS = ("value", "fact", "mixed")
ROLES = ("system", "user", "assistant", "tool", "developer")
LONGEST_ID = 200
LONGEST_TEXT = 1_000_000


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


@dataclass(frozen=True)
class Checked:
    """Rows that can be used, and what is wrong with the others."""

    rows: list[ItemRow]
    errors: list[Where]

    def all_or_nothing(self) -> list[ItemRow]:
        """The rows, when every one can be used. Raises BadRows."""
        if self.errors:
            raise BadRows(self.errors)
        return self.rows


def check(records: Iterable[tuple[str, Any]]) -> Checked:
    """Check records in the soundings shape, each with its place. An id that comes twice with other content is an error."""
    rows: list[ItemRow] = []
    errors: list[Where] = []
    seen: dict[str, tuple[bytes, str]] = {}
    for where, record in records:
        if isinstance(record, RowError):
            errors.append({"where": where, "message": str(record)})
            continue
        try:
            row = one(record, where)
            before = seen.get(row.id)
            if before is not None:
                if before[0] != row.content():
                    raise RowError("id", f"{row.id!r} stands at {before[1]} with other content")
                continue
        except RowError as error:
            errors.append({"where": where, "message": str(error)})
            continue
        seen[row.id] = (row.content(), where)
        rows.append(row)
    return Checked(rows, errors)


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


def json_lines(body: bytes) -> Iterable[tuple[str, Any]]:
    """Records of a JSON-lines text, each with its line; a line that is not JSON comes as a RowError."""
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield f"line {number}", parsed(line)


def parsed(line: bytes | str) -> Any:
    """One JSON value, or the RowError that says why not."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return RowError("", f"this is not JSON ({error})")


def one(record: Any, where: str = "") -> ItemRow:
    """One item. Raises RowError naming the field."""
    if not isinstance(record, Mapping):
        raise RowError("", f"expected an object with prompt and responses, got {named(record)}")
    for key in ("prompt", "responses"):
        if record.get(key) is None:
            raise RowError(key, "this key is needed")
    prompt = turns(record["prompt"])
    responses = _responses(record["responses"])
    kind = _choice(record.get("kind"), "kind", KINDS)
    metadata = _mapping(record.get("metadata", record.get("meta")), "metadata")
    metadata |= {k: v for k, v in record.items() if k not in ITEM_KEYS}
    ids = [r.id for r in responses]
    gold = optional_text(record.get("gold"), "gold")
    if gold is not None and gold not in ids:
        raise RowError("gold", f"{gold!r} is not the id of a response ({', '.join(ids)})")
    given = identifier(record.get("id"), "id")
    row = ItemRow(
        id=given or "",
        prompt=prompt,
        responses=responses,
        pairs=_pairs(record.get("pairs"), ids),
        metadata=metadata,
        topic=optional_text(record.get("topic"), "topic"),
        kind=kind,
        split=optional_text(record.get("split"), "split"),
        gold=gold,
        where=where,
    )
    if given:
        return row
    from app.kit.ids import token_hash

    return ItemRow(**{**vars(row), "id": token_hash(row.content().decode())[:16]})


def turns(prompt: Any) -> list[dict[str, str]]:
    """A prompt as turns of exactly role and content, the last one not the assistant's. Raises RowError."""
    if isinstance(prompt, str):
        return [{"role": "user", "content": text(prompt, "prompt")}]
    if not isinstance(prompt, list) or not prompt:
        raise RowError("prompt", f"expected a text or a list of turns, got {named(prompt)}")
    made = []
    for number, turn in enumerate(prompt):
        at = f"prompt.{number}"
        if not isinstance(turn, Mapping):
            raise RowError(at, f"expected an object with role and content, got {named(turn)}")
        role = turn.get("role", turn.get("from"))
        role = {"human": "user", "gpt": "assistant"}.get(role, role) if isinstance(role, str) else role
        if role not in ROLES:
            raise RowError(f"{at}.role", f"expected one of {', '.join(ROLES)}, got {role!r}")
        made.append(
            {"role": str(role), "content": text(turn.get("content", turn.get("value")), f"{at}.content")}
        )
    return made


def text(value: Any, at: str) -> str:
    """A text that can be stored and shown. Raises RowError."""
    if not isinstance(value, str):
        raise RowError(at, f"expected text, got {named(value)}")
    if "\x00" in value:
        raise RowError(at, "the text holds a NUL character")
    if len(value) > LONGEST_TEXT:
        raise RowError(at, f"the text is longer than {LONGEST_TEXT:,} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RowError(at, "the text holds half of a surrogate pair") from None
    return value


def identifier(value: Any, at: str) -> str | None:
    """An id as text; a whole number is taken as its digits. Raises RowError."""
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    made = text(value, at)
    if len(made) > LONGEST_ID:
        raise RowError(at, f"an id has at most {LONGEST_ID} characters")
    return made


def optional_text(value: Any, at: str) -> str | None:
    """A short text or nothing; a whole number is taken as its digits. Raises RowError."""
    return identifier(value, at)


def named(value: Any) -> str:
    """What kind of JSON value this is, for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return "a text" if value else "an empty text"
    return "a list" if isinstance(value, list) else "an object"


def _responses(given: Any) -> list[ResponseRow]:
    if not isinstance(given, list) or len(given) < 2:
        raise RowError("responses", "an item needs a list of two or more responses")
    made: list[ResponseRow] = []
    taken: set[str] = set()
    for position, one_given in enumerate(given):
        at = f"responses.{position}"
        raw = {"text": one_given} if isinstance(one_given, str) else one_given
        if not isinstance(raw, Mapping):
            raise RowError(at, f"expected an object with text, got {named(raw)}")
        if "text" not in raw:
            raise RowError(f"{at}.text", "this key is needed")
        model = optional_text(raw.get("model"), f"{at}.model")
        wanted = identifier(raw.get("id"), f"{at}.id") or model or str(position)
        name, count = wanted, 1
        while name in taken:
            count += 1
            name = f"{wanted}#{count}"
        taken.add(name)
        extra = {k: v for k, v in raw.items() if k not in RESPONSE_KEYS}
        made.append(
            ResponseRow(
                id=name,
                text=text(raw["text"], f"{at}.text"),
                model=model,
                embedding=_embedding(raw.get("embedding"), f"{at}.embedding"),
                metadata=_mapping(raw.get("metadata"), f"{at}.metadata") | extra,
                variant_of=identifier(raw.get("variant_of"), f"{at}.variant_of"),
                variant=optional_text(raw.get("variant"), f"{at}.variant"),
            )
        )
    for position, row in enumerate(made):
        if row.variant_of is not None and (row.variant_of not in taken or row.variant_of == row.id):
            raise RowError(
                f"responses.{position}.variant_of", f"{row.variant_of!r} is not another response of this item"
            )
    return made


def _pairs(given: Any, ids: list[str]) -> list[tuple[str, str]] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not given:
        raise RowError("pairs", "expected a list of pairs of response ids")
    made: list[tuple[str, str]] = []
    seen: set[frozenset[str]] = set()
    for number, pair in enumerate(given):
        at = f"pairs.{number}"
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise RowError(at, "expected two response ids")
        first, second = (identifier(p, at) or "" for p in pair)
        for name in (first, second):
            if name not in ids:
                raise RowError(at, f"{name!r} is not the id of a response ({', '.join(ids)})")
        if first == second:
            raise RowError(at, "a pair needs two different responses")
        if frozenset((first, second)) in seen:
            raise RowError(at, "this pair is listed twice")
        seen.add(frozenset((first, second)))
        made.append((first, second))
    return made


def _mapping(value: Any, at: str) -> dict[str, Any]:
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise RowError(at, f"expected an object, got {named(value)}")
    return dict(value)


def _choice(value: Any, at: str, known: tuple[str, ...]) -> str | None:
    if value is None or value == "":
        return None
    if value not in known:
        raise RowError(at, f"expected one of {', '.join(known)}, got {value!r}")
    return str(value)


def _embedding(value: Any, at: str) -> list[float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(
        isinstance(x, int | float) and not isinstance(x, bool) for x in value
    ):
        raise RowError(at, "expected a list of numbers")
    return [float(x) for x in value]
