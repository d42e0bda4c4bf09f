"""Bytes to records: JSON lines, JSON, CSV and Parquet, plain or gzipped, each record with its place in the file.

Read as a stream, so that what is held is what came out; a record that cannot be read comes as the RowError that says why.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, BinaryIO

import orjson

from app.kit.errors import TooLarge
from app.studies.importing.errors import RowError, UnreadableFile

Record = tuple[str, Any]
_GZIP, _PARQUET, _ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"
_BUFFER = 1 << 18
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Limits:
    """How much is read before a file is refused: bytes in all (unpacked), and bytes of one line or cell."""

    size: int = 2_000_000_000
    line: int = 20_000_000


LIMITS = Limits()


@dataclass(frozen=True)
class Source:
    """Records with their places; in a ``sheet`` lists and objects may stand in cells as JSON text."""

    records: Iterator[Record]
    sheet: bool


def open_source(handle: BinaryIO, name: str, limits: Limits = LIMITS) -> Source:
    """Records of an open file. The content decides its kind, then the name's ending.

    Places are ``line 7`` of a text file (where the record starts), ``item 7`` of a JSON list, ``row 7`` of a Parquet file.

    Raises:
        UnreadableFile: It is of no kind that is known (also later, while records are drawn).
        TooLarge: It holds more than ``limits.size`` (also later).
    """
    stream: io.BufferedReader[Any] = io.BufferedReader(_Counted(handle, limits.size, name), _BUFFER)
    if _starts(stream, 2) == _GZIP:
        unzipped: Any = gzip.GzipFile(fileobj=stream)
        stream = io.BufferedReader(_Counted(unzipped, limits.size, name), _BUFFER)
        name = name.removesuffix(".gz")
    head = _starts(stream, 64)
    ending = PurePath(name).suffix.lower()
    if head[:4] == _PARQUET or ending == ".parquet":
        return Source(_parquet(stream, name), sheet=True)
    if head[:4] == _ZIP:
        return Source(_archive(stream, name, limits), sheet=False)
    first = head.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if head[:2] in _UTF16:
        first = head.decode("utf-16", "ignore").lstrip()[:1].encode()
    if ending in {".csv", ".tsv"} or (
        ending not in {".jsonl", ".ndjson", ".json"} and first not in (b"{", b"[")
    ):
        return Source(_csv(stream, name, limits), sheet=True)
    if head[:2] in _UTF16:
        stream = io.BufferedReader(_recoded(stream, name))
    if first == b"[":
        return Source(_json_list(stream, name), sheet=False)
    if ending == ".json":
        return Source(_json(stream, name, limits), sheet=False)
    return Source(_json_lines(stream, limits.line), sheet=False)


def json_lines(body: bytes, longest: int = LIMITS.line) -> Iterator[Record]:
    """Records of a JSON-lines text, each with its line; a line that is not JSON comes as a RowError."""
    return _json_lines(io.BytesIO(body), longest)


def parsed(line: bytes | str) -> Any:
    """One JSON value, or the RowError that says why not."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return RowError("", f"this is not JSON ({error})")


class _Counted(io.RawIOBase):
    """Passes bytes on and refuses to pass on more than ``most``: a small archive may unpack to a large file."""

    def __init__(self, handle: BinaryIO, most: int, name: str) -> None:
        self._handle, self._left, self._most, self._name = handle, most, most, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._handle.read(len(buffer))
        except (EOFError, OSError, zlib.error) as error:
            raise UnreadableFile(f"{self._name} cannot be unpacked: {error}") from None
        self._left -= len(data)
        if self._left < 0:
            raise TooLarge(f"{self._name} is larger than {self._most / 1_000_000:g} MB.")
        buffer[: len(data)] = data
        return len(data)


def _starts(stream: io.BufferedReader[Any], size: int) -> bytes:
    return stream.peek(size)[:size]


def _recoded(stream: io.BufferedReader[Any], name: str) -> io.BytesIO:
    try:
        return io.BytesIO(stream.read().decode("utf-16").encode())
    except UnicodeDecodeError:
        raise _not_text(name, "file", "UTF-16") from None


def _not_text(name: str, where: str, encoding: str) -> UnreadableFile:
    place = "" if where == "file" else f", {where}"
    return UnreadableFile(
        f"{name}{place}: this is not {encoding}; save the file as UTF-8.",
        errors=[{"where": where, "message": f"not {encoding}"}],
    )


def _json_lines(stream: BinaryIO | io.BufferedReader[Any], longest: int) -> Iterator[Record]:
    number = 0
    while line := stream.readline(longest + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) > longest:
            while line and not line.endswith(b"\n"):
                line = stream.readline(longest)
            yield f"line {number}", RowError("", f"this line is longer than {longest:,} bytes")
        elif line.strip():
            yield f"line {number}", parsed(line)


def _json_list(stream: io.BufferedReader[Any], name: str) -> Iterator[Record]:
    loaded = _whole(stream.read(), name)
    for number, record in enumerate(loaded, start=1):
        yield f"item {number}", record


def _json(stream: io.BufferedReader[Any], name: str, limits: Limits) -> Iterator[Record]:
    """A .json file that begins with an object: one object a line, or a single one over many lines."""
    data = stream.read()
    first = data.lstrip().split(b"\n", 1)[0]
    if isinstance(parsed(first.removeprefix(codecs.BOM_UTF8)), RowError):
        yield "file", _whole(data, name)
    else:
        yield from json_lines(data, limits.line)


def _whole(data: bytes, name: str) -> Any:
    try:
        return orjson.loads(data.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        message = f"{name} is not JSON: {error}"
        raise UnreadableFile(message, errors=[{"where": "file", "message": str(error)}]) from None


def _csv(stream: io.BufferedReader[Any], name: str, limits: Limits) -> Iterator[Record]:
    encoding = "utf-16" if _starts(stream, 2) in _UTF16 else "utf-8-sig"
    errors = "surrogateescape" if encoding == "utf-8-sig" else "strict"
    lines = io.TextIOWrapper(stream, encoding, errors=errors, newline="")
    try:
        yield from _sheet(lines, name, limits)
    except UnicodeDecodeError:
        raise _not_text(name, "file", encoding.upper()) from None


def _sheet(lines: io.TextIOWrapper, name: str, limits: Limits) -> Iterator[Record]:
    csv.field_size_limit(limits.line)
    pieces = _bounded(lines, limits.line)
    first, skipped = next(pieces, ""), 0
    delimiter = max(",;\t", key=first.count)
    if first.lower().startswith("sep="):
        delimiter, first, skipped = first[4:5], "", 1
    reader = csv.reader(itertools.chain([first] * (not skipped), pieces), delimiter=delimiter, strict=True)
    columns: list[str] = []
    while True:
        where = f"line {reader.line_num + skipped + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield where, RowError("", f"{error}; a quotation mark may be left open, or not doubled")
            if "limit" in str(error):
                return
            continue
        _refuse_other_encodings(cells, name, where)
        if not any(c.strip() for c in cells):
            continue
        if columns:
            yield where, _row(columns, cells)
        else:
            columns = _columns(cells, name, where)


def _bounded(lines: io.TextIOWrapper, longest: int) -> Iterator[str]:
    while line := lines.readline(longest):
        if len(line) == longest and not line.endswith(("\n", "\r")):
            raise csv.Error(f"this line is over the limit of {longest:,} characters")
        yield line


def _refuse_other_encodings(cells: list[str], name: str, where: str) -> None:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        raise _not_text(name, where, "UTF-8") from None


def _columns(cells: list[str], name: str, where: str) -> list[str]:
    columns = [c.strip() for c in cells]
    while columns and not columns[-1]:
        columns.pop()
    twice = {c for c in columns if columns.count(c) > 1}
    if twice:
        message = f"two columns are named {', '.join(repr(c) for c in sorted(twice))}"
        raise UnreadableFile(f"{name}: {message}", errors=[{"where": where, "message": message}])
    return columns


def _row(columns: list[str], cells: list[str]) -> Any:
    while len(cells) > len(columns) and not cells[-1]:
        cells = cells[:-1]
    if len(cells) != len(columns):
        return RowError("", f"{len(cells)} cells where the first line names {len(columns)} columns")
    return dict(zip(columns, cells, strict=True))


def _parquet(stream: io.BufferedReader[Any], name: str) -> Iterator[Record]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise UnreadableFile("Reading Parquet needs an extra: pip install 'soundings[parquet]'") from None
    try:
        number = 0
        for batch in pq.ParquetFile(pa.BufferReader(stream.read())).iter_batches(1000):
            for record in batch.to_pylist():
                number += 1
                yield f"row {number}", _without_nulls(record)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"{name} is not a Parquet file that can be read: {error}") from None


def _without_nulls(value: Any) -> Any:
    """Parquet writes a null for every key another row has: those keys are left out again."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _archive(stream: io.BufferedReader[Any], name: str, limits: Limits) -> Iterator[Record]:
    """Each JSON file of a .zip as one record, or as its lines."""
    if PurePath(name).suffix.lower() in {".xlsx", ".ods", ".numbers"}:
        raise UnreadableFile(f"{name} is a spreadsheet; save the sheet as CSV (UTF-8).")
    try:
        with zipfile.ZipFile(io.BytesIO(stream.read())) as archive:
            if sum(i.file_size for i in archive.infolist()) > limits.size:
                raise TooLarge(f"{name} is larger than {limits.size / 1_000_000:g} MB.")
            for member in sorted(archive.namelist()):
                kind = PurePath(member).suffix.lower()
                if kind in {".json", ".jsonl", ".ndjson"} and not PurePath(member).name.startswith("."):
                    with archive.open(member) as handle:
                        inner: Any = handle
                        source = open_source(inner, member, limits)
                        yield from ((f"{member}, {w}".removesuffix(", file"), r) for w, r in source.records)
    except zipfile.BadZipFile as error:
        raise UnreadableFile(f"{name} cannot be unpacked: {error}") from None
