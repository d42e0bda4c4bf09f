"""Files to records to items: JSON lines, JSON, CSV and Parquet, plain or gzipped, with the place of every record kept."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from app.kit.discover import discover
from app.kit.errors import TooLarge
from app.studies.importing.errors import RowError, UnreadableFile
from app.studies.importing.rows import Checked, ItemRow, check, json_lines
from app.studies.importing.shape import Format

FORMAT_NAMES = (
    "auto",
    "soundings",
    "preference",
    "arena",
    "alpaca_eval",
    "hh",
    "helpsteer3",
    "side_by_side",
    "one_a_row",
)
_ORDER = FORMAT_NAMES[1:]
_STRUCTURED = (
    "prompt",
    "responses",
    "pairs",
    "metadata",
    "messages",
    "chosen",
    "rejected",
    "conversation_a",
    "conversation_b",
    "context",
)
MOST_BYTES = 2_000_000_000
Records = list[tuple[str, Any]]


@dataclass(frozen=True)
class Guess:
    """What a file was taken for: its format, which column plays which part, and all its columns."""

    format: str
    mapping: dict[str, str]
    columns: list[str]


@dataclass(frozen=True)
class Read:
    """A file read: the guess, and its rows with what is wrong with the others."""

    guess: Guess
    checked: Checked


@cache
def formats() -> dict[str, Format]:
    """The formats that are there, by name."""
    return discover("app.studies.importing.formats", "FORMAT")


def read_path(
    path: Path,
    *,
    format: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> list[ItemRow]:
    """Items of a file, all or nothing. Raises BadRows, UnreadableFile, TooLarge."""
    rows = read_bytes(path.read_bytes(), path.name, format=format).checked.all_or_nothing()
    if progress is not None:
        progress(1.0)
    return rows


def read_bytes(
    data: bytes,
    name: str,
    *,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
) -> Read:
    """A file's content with its name, which tells its kind.

    Args:
        data: The bytes, gzipped or not.
        name: The file's name; where its ending says nothing, the content decides.
        format: One of FORMAT_NAMES.
        mapping: Which column plays which part, where the guess was put right by hand.

    Raises:
        UnreadableFile: It is not a file of a known kind, or no format fits its columns.
        TooLarge: It holds more than two gigabytes.
    """
    records = list(records_of(data, name))
    if not records:
        raise UnreadableFile(f"{name} holds no rows", errors=[{"where": "file", "message": "no rows"}])
    guess = guess_of(records, format, mapping)
    chosen = formats()[guess.format]
    shaped: Records = []
    for where, record in records:
        if isinstance(record, RowError):
            shaped.append((where, record))
            continue
        try:
            if not isinstance(record, Mapping):
                raise RowError("", "expected an object")
            shaped.append((where, chosen.item(record, guess.mapping)))
        except RowError as error:
            shaped.append((where, error))
    if hasattr(chosen, "grouped_by"):
        shaped = gather(shaped)
    return Read(guess, check(shaped))


def guess_of(records: Records, wanted: str, mapping: Mapping[str, str] | None) -> Guess:
    """What the records look like. Raises UnreadableFile where nothing fits, saying which columns there are."""
    columns = list(dict.fromkeys(k for _, r in records[:200] if isinstance(r, Mapping) for k in r))
    if wanted not in FORMAT_NAMES:
        raise UnreadableFile(f"{wanted!r} is not a format; known formats: {', '.join(FORMAT_NAMES)}")
    first = next((r for _, r in records if isinstance(r, Mapping)), {})
    names = _ORDER if wanted == "auto" else (wanted,)
    if wanted == "auto" and _is_transcript(first.get("chosen")):
        names = ("hh",)
    for name in names:
        found = formats()[name].mapping(columns)
        if found is not None:
            return Guess(name, {**found, **(mapping or {})}, columns)
    if mapping and wanted != "auto":
        return Guess(wanted, dict(mapping), columns)
    asked = f"as {wanted}" if wanted != "auto" else "in any known format"
    raise UnreadableFile(
        f"This file cannot be read {asked}; its columns are {', '.join(columns) or 'none'}.",
        errors=[{"where": "columns", "message": ", ".join(columns) or "none"}],
    )


def gather(shaped: Records) -> Records:
    """Rows of one response each, brought together by item in the order they first come."""
    items: dict[str, tuple[str, dict[str, Any]]] = {}
    out: Records = []
    for where, one in shaped:
        if isinstance(one, RowError) or one.get("id") in (None, ""):
            out.append(
                (where, one if isinstance(one, RowError) else RowError("prompt_id", "this key is needed"))
            )
            continue
        key = str(one["id"])
        if key not in items:
            items[key] = (where, dict(one))
            continue
        first_where, first = items[key]
        if first["prompt"] != one["prompt"]:
            out.append((where, RowError("prompt", f"differs from the prompt of {key!r} at {first_where}")))
            continue
        first["responses"] = [*first["responses"], *one["responses"]]
    return [*out, *items.values()]


def records_of(data: bytes, name: str) -> Iterator[tuple[str, Any]]:
    """Records with their places: ``line 7`` of a text file (where the record starts), ``row 7`` of a Parquet file."""
    if data[:2] == b"\x1f\x8b":
        data, name = _unzip(data, name), name.removesuffix(".gz")
    if len(data) > MOST_BYTES:
        raise TooLarge(f"{name} is larger than {MOST_BYTES // 1_000_000} MB.")
    ending = Path(name).suffix.lower()
    if data[:4] == b"PAR1" or ending == ".parquet":
        yield from _parquet(data, name)
    elif ending in {".csv", ".tsv", ".txt"} or (
        ending not in {".jsonl", ".json", ".ndjson"} and data.lstrip()[:1] not in b"{["
    ):
        yield from _csv(_decoded(data, name), name)
    elif data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[":
        yield from _json_list(data, name)
    else:
        yield from json_lines(
            data if data[:2] not in (b"\xff\xfe", b"\xfe\xff") else _decoded(data, name).encode()
        )


def _unzip(data: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as handle:
            return handle.read(MOST_BYTES + 1)
    except (OSError, EOFError) as error:
        raise UnreadableFile(f"{name} cannot be unpacked: {error}") from None


def _json_list(data: bytes, name: str) -> Iterator[tuple[str, Any]]:
    try:
        loaded = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise UnreadableFile(
            f"{name} is not JSON: {error}", errors=[{"where": "file", "message": str(error)}]
        ) from None
    for number, record in enumerate(loaded, start=1):
        yield f"item {number}", record


def _decoded(data: bytes, name: str) -> str:
    marks = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    encoding = next((e for mark, e in marks.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UnreadableFile(
            f"{name}, line {line}: this is not {encoding.upper()}; save the file as UTF-8.",
            errors=[{"where": f"line {line}", "message": "not UTF-8"}],
        ) from None


def _csv(text: str, name: str) -> Iterator[tuple[str, Any]]:
    csv.field_size_limit(10_000_000)
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    columns: list[str] = []
    try:
        for cells in reader:
            where, start = f"line {start}", reader.line_num + 1
            if not any(c.strip() for c in cells):
                continue
            if not columns:
                columns = [c.strip() for c in cells]
                continue
            if len(cells) != len(columns):
                yield (
                    where,
                    RowError("", f"{len(cells)} cells where the first line names {len(columns)} columns"),
                )
                continue
            yield (
                where,
                {
                    c: _cell(c, v)
                    for c, v in zip(columns, cells, strict=True)
                    if v != "" or c in {"prompt", "text"}
                },
            )
    except csv.Error as error:
        yield f"line {start}", RowError("", f"{name}: {error}")


def _cell(column: str, value: str) -> Any:
    """A cell as text; lists and objects where the column may hold them and the cell is JSON of that kind."""
    if column in _STRUCTURED and value.lstrip()[:1] in {"[", "{"}:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _parquet(data: bytes, name: str) -> Iterator[tuple[str, Any]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise UnreadableFile("Reading Parquet needs the extra: pip install 'soundings[parquet]'") from None
    try:
        number = 0
        for batch in pq.ParquetFile(pa.BufferReader(data)).iter_batches(1000):
            for record in batch.to_pylist():
                number += 1
                yield f"row {number}", _without_nulls(record)
    except pa.ArrowException as error:
        raise UnreadableFile(f"{name} is not a Parquet file: {error}") from None


def _without_nulls(value: Any) -> Any:
    """Parquet writes a null for every key another row has: those keys are left out again."""
    if isinstance(value, dict):
        return {
            k: _cell(k, v) if isinstance(v, str) else _without_nulls(v)
            for k, v in value.items()
            if v is not None
        }
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _is_transcript(value: Any) -> bool:
    return isinstance(value, str) and "Human:" in value and "Assistant:" in value
