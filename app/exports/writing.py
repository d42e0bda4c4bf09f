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


class Writer(Protocol):
    """One open file."""

    rows: int

    def write(self, rows: list[Row]) -> None: ...

    def close(self) -> None: ...


class Files:
    """The files of one format: a writer for each split, opened when its first row comes, so that no file is empty."""

    def __init__(self, folder: Path, schema: Schema, file_type: str) -> None:
        self._folder, self._schema, self._file_type = folder, schema, file_type
        self._writers: dict[str, Writer] = {}
        self._waiting: dict[str, list[Row]] = {}

    def write_all(
        self, rows: Iterator[Placed], written: Callable[[int], None] | None = None
    ) -> dict[str, int]:
        """Write every row where it belongs and return how many went to each split; ``written`` hears of rows as they are."""
        try:
            for split, row in rows:
                waiting = self._waiting.setdefault(split, [])
                waiting.append(row)
                if len(waiting) >= BATCH:
                    self._flush(split)
                    if written is not None:
                        written(BATCH)
            for split in list(self._waiting):
                self._flush(split)
        finally:
            for writer in self._writers.values():
                writer.close()
        return {split: writer.rows for split, writer in self._writers.items()}

    def path(self, split: str) -> Path:
        return self._folder / f"{split}.{self._file_type}"

    def _flush(self, split: str) -> None:
        rows = self._waiting[split]
        if not rows:
            return
        if split not in self._writers:
            self._folder.mkdir(parents=True, exist_ok=True)
            make = ParquetWriter if self._file_type == "parquet" else JsonlWriter
            self._writers[split] = make(self.path(split), self._schema)
        self._writers[split].write(rows)
        self._waiting[split] = []


class JsonlWriter:
    """One JSON object a line, keys in the order of the schema, floats always with a point, moments as ISO 8601."""

    def __init__(self, path: Path, schema: Schema) -> None:
        del schema
        self._file = path.open("wb")
        self.rows = 0

    def write(self, rows: list[Row]) -> None:
        option = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME
        try:
            told = b"".join([orjson.dumps(row, default=_plain, option=option) for row in rows])
        except TypeError:
            told = b"\\u0000"
        if b"\\u0000" in told:
            told = b"".join([orjson.dumps(clean(row), default=_plain, option=option) for row in rows])
        self._file.write(told)
        self.rows += len(rows)

    def close(self) -> None:
        self._file.close()


class ParquetWriter:
    """Zstandard, fixed row groups, plain lists and strings: the large variants are refused by some readers."""

    def __init__(self, path: Path, schema: Schema) -> None:
        import pyarrow.parquet as pq

        self._schema = arrow_schema(schema)
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd", write_statistics=True)
        self.rows = 0

    def write(self, rows: list[Row]) -> None:
        import pyarrow as pa

        rows = presentable(rows)
        columns = [pa.array([r[f.name] for r in rows], type=f.type) for f in self._schema]
        self._file.write_batch(pa.record_batch(columns, schema=self._schema), row_group_size=BATCH)
        self.rows += len(rows)

    def close(self) -> None:
        self._file.close()


def presentable(rows: list[Row]) -> list[Row]:
    """The rows themselves, or copies without halves of surrogate pairs and without NUL, which readers stumble over."""
    try:
        told = orjson.dumps(rows, default=_plain)
    except TypeError:
        return clean(rows)  # type: ignore[no-any-return]
    return clean(rows) if b"\\u0000" in told else rows


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
