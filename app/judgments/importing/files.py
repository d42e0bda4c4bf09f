"""From a file to votes: its records, a guess at their format, each vote with its place, and what is wrong with the others."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from app.judgments.importing.shape import Format, Vote
from app.kit.discover import discover
from app.kit.errors import Where
from app.studies.importing.errors import BadRows, RowError, UnreadableFile
from app.studies.importing.sources import LIMITS, Limits, Record, json_lines, open_source
from app.studies.importing.texts import identifier, label, named

LOOKED_AT = 50


@cache
def formats() -> dict[str, Format]:
    """The formats of votes that are there, by name."""
    return discover("app.judgments.importing.formats", "FORMAT")


FORMAT_NAMES = ("auto", *formats())


@dataclass(frozen=True)
class Read:
    """Votes with their places, and the errors of the rows that are none."""

    format: str
    votes: list[tuple[str, Vote]]
    errors: list[Where]

    def all_or_nothing(self) -> list[tuple[str, Vote]]:
        """The votes, when every row is one. Raises BadRows."""
        if self.errors:
            raise BadRows(self.errors)
        return self.votes


def read_path(path: Path, *, format: str = "auto", limits: Limits = LIMITS) -> Read:
    """Votes of a file. Raises UnreadableFile, TooLarge."""
    with path.open("rb") as handle:
        return read_stream(handle, path.name, format=format, limits=limits)


def read_stream(handle: BinaryIO, name: str, *, format: str = "auto", limits: Limits = LIMITS) -> Read:
    """Votes of an open file: JSON lines, a JSON list, CSV or Parquet, plain or gzipped. Raises UnreadableFile, TooLarge."""
    return _read(open_source(handle, name, limits).records, name, format)


def read_body(body: bytes, *, content_type: str) -> Read:
    """Votes of a request's body. Raises UnreadableFile."""
    if "ndjson" in content_type or "jsonl" in content_type:
        return _read(json_lines(body), "the body", "auto")
    ending = "csv" if "csv" in content_type else "json"
    return read_stream(io.BytesIO(body), f"body.{ending}")


def read_bundle(body: bytes) -> tuple[Read, list[Attributes]] | None:
    """Votes and what is known of their people, from ``{"judgments": [...], "annotators": [...]}``; None where a body is no such thing.

    Raises BadRows, UnreadableFile.
    """
    if body[:64].lstrip()[:1] != b"{":
        return None
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if (
        not isinstance(told, dict)
        or "judgments" not in told
        or not told.keys() <= {"judgments", "annotators"}
    ):
        return None
    lists = {}
    for name in ("judgments", "annotators"):
        lists[name] = told.get(name, [])
        if not isinstance(lists[name], list):
            raise BadRows([{"where": name, "message": f"expected a list, got {named(lists[name])}"}])
    votes = _read([(f"judgments.{n}", r) for n, r in enumerate(lists["judgments"])], "the body", "auto")
    people = list(_attributes((f"annotators.{n}", r) for n, r in enumerate(lists["annotators"])))
    return votes, people


def _read(records: Iterable[Record], name: str, wanted: str) -> Read:
    stream = iter(records)
    first = list(itertools.islice(stream, LOOKED_AT))
    if not first:
        raise UnreadableFile(f"{name} holds no rows", errors=[{"where": "file", "message": "no rows"}])
    chosen = _guess([r for _, r in first], wanted)
    votes: list[tuple[str, Vote]] = []
    errors: list[Where] = []
    for where, record in itertools.chain(first, stream):
        try:
            if isinstance(record, RowError):
                raise record
            if not isinstance(record, Mapping):
                raise RowError("", f"expected an object, got {named(record)}")
            votes += [(where, vote) for vote in chosen.votes(record)]
        except RowError as error:
            errors.append({"where": where, "message": str(error)})
    return Read(chosen.name, votes, errors)


def _guess(records: list[Any], wanted: str) -> Format:
    if wanted not in FORMAT_NAMES:
        raise UnreadableFile(f"{wanted!r} is not a format of votes; known ones: {', '.join(FORMAT_NAMES)}")
    if wanted != "auto":
        return formats()[wanted]
    found = [r for r in records if isinstance(r, Mapping)]
    sure = {name: max((one.fits(r) for r in found), default=0.0) for name, one in formats().items()}
    best = max(sure, key=lambda n: sure[n])
    if sure[best] == 0:
        columns = list(dict.fromkeys(str(k) for r in found for k in r))
        raise UnreadableFile(
            f"These are no votes in any known format; the fields are {', '.join(columns[:20]) or 'none'}.",
            errors=[{"where": "columns", "message": ", ".join(columns[:20]) or "none"}],
        )
    return formats()[best]


@dataclass(frozen=True)
class Attributes:
    """A person's attributes as an annotators file gives them."""

    annotator: str
    given: dict[str, str]


def read_annotators(path: Path) -> list[Attributes]:
    """An annotators file: annotator_id and any attribute columns. All or nothing. Raises BadRows, UnreadableFile."""
    with path.open("rb") as handle:
        return list(_attributes(open_source(handle, path.name, LIMITS).records))


def _attributes(records: Iterable[Record]) -> Iterator[Attributes]:
    errors: list[Where] = []
    found: list[Attributes] = []
    seen: dict[str, str] = {}
    for where, record in records:
        try:
            if isinstance(record, RowError):
                raise record
            if not isinstance(record, Mapping):
                raise RowError("", f"expected an object, got {named(record)}")
            key = identifier(record.get("annotator_id"), "annotator_id")
            if key is None:
                raise RowError("annotator_id", "this field is needed")
            if key in seen:
                raise RowError("annotator_id", f"{key!r} stands at {seen[key]} already")
            seen[key] = where
            given = {str(k): label(v, str(k)) for k, v in record.items() if k != "annotator_id"}
            found.append(Attributes(key, {k: v for k, v in given.items() if v is not None}))
        except RowError as error:
            errors.append({"where": where, "message": str(error)})
    if errors:
        raise BadRows(errors)
    yield from found
