"""Rows to files: JSONL with one style of numbers, or Parquet with plain lists; the same rows give the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import orjson

from app.exports.cleaning import clean
from app.exports.protocol import Placed, Row
from app.exports.schema import Kind, Many, Scalar, Schema
from app.kit.clock import iso

BATCH = 2000
"""Rows held in memory at a time; also what a Parquet row group is made of, so it is part of the bytes."""
BUFFER = 1 << 20
_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME


class Writer(Protocol):
    """One open file. A row is turned into bytes or plain columns at once: dictionaries that wait would be walked over by the
    garbage collector again and again.
    """

    rows: int

    def write(self, row: Row) -> None: ...

    def close(self) -> None: ...


class Files:
    """The files of one format: a writer for each split, opened when its first row comes, so that no file is empty."""

    def __init__(self, folder: Path, schema: Schema, file_type: str) -> None:
        self._folder, self._schema, self._file_type = folder, schema, file_type
        self._writers: dict[str, Writer] = {}

    def write_all(
        self, rows: Iterator[Placed], written: Callable[[int], None] | None = None
    ) -> dict[str, int]:
        """Write every row where it belongs and return how many went to each split; ``written`` hears of rows as they are."""
        try:
            writers = self._writers
            for n, (split, row) in enumerate(rows, start=1):
                writer = writers.get(split) or self._open(split)
                writer.write(row)
                if written is not None and n % BATCH == 0:
                    written(BATCH)
        finally:
            for writer in self._writers.values():
                writer.close()
        return {split: writer.rows for split, writer in self._writers.items()}

    def path(self, split: str) -> Path:
        return self._folder / f"{split}.{self._file_type}"

    def _open(self, split: str) -> Writer:
        self._folder.mkdir(parents=True, exist_ok=True)
        make = ParquetWriter if self._file_type == "parquet" else JsonlWriter
        self._writers[split] = writer = make(self.path(split), self._schema)
        return writer


class JsonlWriter:
    """One JSON object a line, keys in the order of the schema, floats always with a point, moments as ISO 8601."""

    def __init__(self, path: Path, schema: Schema) -> None:
        del schema
        self._file = path.open("wb", buffering=BUFFER)
        self.rows = 0

    def write(self, row: Row) -> None:
        try:
            told = orjson.dumps(row, default=_plain, option=_LINE)
            if b"\\u0000" in told:
                told = orjson.dumps(clean(row), default=_plain, option=_LINE)
        except TypeError:
            told = orjson.dumps(clean(row), default=_plain, option=_LINE)
        self._file.write(told)
        self.rows += 1

    def close(self) -> None:
        self._file.close()


class ParquetWriter:
    """Zstandard, fixed row groups, plain lists and strings: the large variants are refused by some readers."""

    def __init__(self, path: Path, schema: Schema) -> None:
        import pyarrow.parquet as pq

        self._schema = arrow_schema(schema)
        self._columns = [(c.name, column_of(c.kind)) for c in schema]
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd", write_statistics=True)
        self._waiting = 0
        self.rows = 0

    def write(self, row: Row) -> None:
        for name, column in self._columns:
            column.add(row[name])
        self._waiting += 1
        self.rows += 1
        if self._waiting == BATCH:
            self._flush()

    def close(self) -> None:
        if self._waiting:
            self._flush()
        self._file.close()

    def _flush(self) -> None:
        import pyarrow as pa

        arrays = [c.take(f.type) for f, (_, c) in zip(self._schema, self._columns, strict=True)]
        self._file.write_batch(pa.record_batch(arrays, schema=self._schema), row_group_size=BATCH)
        self._waiting = 0


class Collecting(Protocol):
    """Values of one column, kept as plain lists until they are taken as an Arrow array."""

    def add(self, value: Any) -> None: ...

    def take(self, kind: Any) -> Any: ...


def column_of(kind: Kind) -> Collecting:
    """What collects values of this kind."""
    if isinstance(kind, Scalar):
        return Values(text=kind.name == "string")
    if isinstance(kind, Many):
        return Lists(column_of(kind.of))
    return Records({f.name: column_of(f.kind) for f in kind.fields})


class Values:
    """Plain values."""

    def __init__(self, *, text: bool) -> None:
        self._text = text
        self._values: list[Any] = []
        self.add = self._values.append

    def take(self, kind: Any) -> Any:
        import pyarrow as pa

        values = self._values
        try:
            made = pa.array(values, type=kind)
            data = made.buffers()[-1] if self._text else None
            if data is not None and b"\0" in memoryview(data).tobytes():
                made = pa.array([clean(v) for v in values], type=kind)
        except UnicodeEncodeError:
            made = pa.array([clean(v) for v in values], type=kind)
        values.clear()
        return made


class Lists:
    """Lists, as where each begins among the values of all."""

    def __init__(self, inner: Collecting) -> None:
        self._inner, self._end = inner, 0
        self._starts = [0]

    def add(self, value: list[Any]) -> None:
        for one in value:
            self._inner.add(one)
        self._end += len(value)
        self._starts.append(self._end)

    def take(self, kind: Any) -> Any:
        import pyarrow as pa

        starts = pa.array(self._starts, type=pa.int32())
        made = pa.ListArray.from_arrays(starts, self._inner.take(kind.value_type), type=kind)
        self._starts, self._end = [0], 0
        return made


class Records:
    """Named fields, each a column of its own."""

    def __init__(self, fields: dict[str, Collecting]) -> None:
        self._fields = fields
        self._adds = [(name, column.add) for name, column in fields.items()]

    def add(self, value: dict[str, Any]) -> None:
        for name, add in self._adds:
            add(value[name])

    def take(self, kind: Any) -> Any:
        import pyarrow as pa

        arrays = [column.take(kind.field(name).type) for name, column in self._fields.items()]
        return pa.StructArray.from_arrays(arrays, fields=list(kind))


def arrow_schema(schema: Schema) -> Any:
    """The columns as pyarrow declares them."""
    import pyarrow as pa

    return pa.schema([pa.field(c.name, _arrow(c.kind), nullable=True) for c in schema])


def _arrow(kind: Kind) -> Any:
    import pyarrow as pa

    if isinstance(kind, Scalar):
        named = {
            "string": pa.string(),
            "int64": pa.int64(),
            "float64": pa.float64(),
            "bool": pa.bool_(),
            "timestamp[ms, tz=UTC]": pa.timestamp("ms", tz="UTC"),
        }
        return named[kind.name]
    if isinstance(kind, Many):
        return pa.list_(_arrow(kind.of))
    return pa.struct([pa.field(f.name, _arrow(f.kind)) for f in kind.fields])


def digest(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
