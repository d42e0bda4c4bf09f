"""From a file to checked items: its records, a guess at what they are, and each one in the soundings shape."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from app.kit.discover import discover
from app.studies.importing.errors import RowError, UnreadableFile
from app.studies.importing.rows import Checked, ItemRow, check
from app.studies.importing.shape import Fit, Format, Grouped, opened
from app.studies.importing.sources import LIMITS, Limits, Record, open_source
from app.studies.importing.texts import identifier, named

SHAPES = (
    "What is read: id, prompt and responses (a list); prompt, chosen and rejected; prompt, response_a and response_b; prompt, model "
    "and response, one answer a row; or files of arena, AlpacaEval, HH and HelpSteer3."
)
"""What to bring a file to that was not recognised."""
LOOKED_AT = 200
"""Records looked at before the format is guessed."""


@cache
def formats() -> dict[str, Format]:
    """The formats that are there, by name."""
    return discover("app.studies.importing.formats", "FORMAT")


FORMAT_NAMES = ("auto", *formats())


@dataclass(frozen=True)
class Guess:
    """What a file was taken for: its format, which column plays which part, and all its columns."""

    format: str
    mapping: dict[str, str]
    columns: list[str]

    @property
    def note(self) -> str | None:
        """What whoever loads the file should know of how it was read."""
        by = self.mapping.get(getattr(formats()[self.format], "group_by", ""))
        if by is not None and by == self.mapping.get("prompt"):
            return f"No column says which rows belong together: rows with the same {by} were taken for answers to one request."
        return None


@dataclass(frozen=True)
class Read:
    """A file read: the guess, and its rows with what is wrong with the others."""

    guess: Guess
    checked: Checked


def read_path(
    path: Path,
    *,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    progress: Callable[[float], None] | None = None,
    told: Callable[[Guess], None] | None = None,
    limits: Limits = LIMITS,
) -> list[ItemRow]:
    """Items of a file, all or nothing; ``told`` gets what it was taken for. Raises BadRows, UnreadableFile, TooLarge."""
    size = path.stat().st_size
    with path.open("rb") as handle:

        def tell() -> None:
            if progress is not None:
                progress(min(1.0, handle.tell() / size) if size else 1.0)

        read = read_stream(handle, path.name, format=format, mapping=mapping, limits=limits, tell=tell)
    if progress is not None:
        progress(1.0)
    if told is not None:
        told(read.guess)
    return read.checked.all_or_nothing()


def read_bytes(
    data: bytes,
    name: str,
    *,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    limits: Limits = LIMITS,
) -> Read:
    """A file's content with its name; the same as ``read_stream``."""
    return read_stream(io.BytesIO(data), name, format=format, mapping=mapping, limits=limits)


def read_stream(
    handle: BinaryIO,
    name: str,
    *,
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    limits: Limits = LIMITS,
    tell: Callable[[], None] | None = None,
) -> Read:
    """The items of an open file, and what is wrong with the rows that are none.

    Args:
        handle: The bytes, gzipped or not.
        name: The file's name; where its content does not tell the kind, its ending does.
        format: One of FORMAT_NAMES.
        mapping: Which column plays which part, where the guess was put right by hand.
        limits: How much is read before the file is refused.
        tell: Called now and then while records are drawn.

    Raises:
        UnreadableFile: It is not a file of a known kind, or no format fits its columns.
        TooLarge: It holds more than the limits allow.
    """
    source = open_source(handle, name, limits)
    records = source.records
    first = list(itertools.islice(records, LOOKED_AT))
    if not first:
        raise UnreadableFile(f"{name} holds no rows", errors=[{"where": "file", "message": "no rows"}])
    guess = guess_of(first, format, mapping)
    chosen = formats()[guess.format]
    every = _counted(itertools.chain(first, records), tell)
    shaped = _shaped(every, chosen, guess.mapping, sheet=source.sheet)
    if isinstance(chosen, Grouped):
        shaped = gather(shaped)
    return Read(guess, check(shaped))


def guess_of(records: list[Record], wanted: str, given: Mapping[str, str] | None) -> Guess:
    """What the records look like: of the formats that fit, the surest.

    Raises:
        UnreadableFile: Nothing fits (the columns there are, are named), or the format or a column named does not exist.
    """
    if wanted not in FORMAT_NAMES:
        raise UnreadableFile(f"{wanted!r} is not a format; known formats: {', '.join(FORMAT_NAMES)}")
    sample = [r for _, r in records if isinstance(r, Mapping)]
    columns = list(dict.fromkeys(str(k) for r in sample for k in r))
    if not sample and (wrong := next((r for _, r in records if isinstance(r, RowError)), None)):
        raise UnreadableFile(
            f"None of the first rows can be read; {records[0][0]}: {wrong}",
            errors=[{"where": w, "message": str(r)} for w, r in records[:20]],
        )
    unknown = [c for c in (given or {}).values() if c not in columns]
    if unknown:
        raise UnreadableFile(f"There is no column {unknown[0]!r}; there are {', '.join(columns) or 'none'}.")
    names = formats() if wanted == "auto" else [wanted]
    fits = {name: fit for name in names if (fit := formats()[name].fit(columns, sample)) is not None}
    if given and wanted != "auto":
        fits.setdefault(wanted, Fit(0.0, {}))
    if fits:
        name = max(fits, key=lambda n: fits[n].confidence)
        return Guess(name, {**fits[name].mapping, **(given or {})}, columns)
    asked = f"as {wanted}" if wanted != "auto" else "in any known format"
    raise UnreadableFile(
        f"This file cannot be read {asked}; its columns are {', '.join(columns) or 'none'}. {SHAPES}",
        errors=[{"where": "columns", "message": ", ".join(columns) or "none"}],
    )


def _shaped(
    records: Iterable[Record], chosen: Format, parts: Mapping[str, str], *, sheet: bool
) -> Iterator[Record]:
    """Each record in the soundings shape, or the RowError that says why it is not."""
    for where, record in records:
        if isinstance(record, RowError):
            yield where, record
            continue
        try:
            if not isinstance(record, Mapping):
                raise RowError("", f"expected an object, got {named(record)}")
            yield where, chosen.item(opened(record, parts) if sheet else record, parts)
        except KeyError as error:
            yield where, RowError("", f"no column plays the part of {error.args[0]}")
        except RowError as error:
            if isinstance(chosen, Grouped):
                error.item = record.get(parts.get(chosen.group_by, ""))
            yield where, error


def gather(shaped: Iterable[Record]) -> Iterator[Record]:
    """Rows of one response each, brought together by item in the order they first come; a bad row spoils its item."""
    items: dict[str, tuple[str, dict[str, Any]]] = {}
    spoilt: set[str] = set()
    for where, row in shaped:
        try:
            if isinstance(row, RowError):
                raise row
            key = identifier(row.get("id"), "prompt_id")
            if key is None:
                raise RowError("prompt_id", "this key is needed")
            known = items.setdefault(key, (where, {**row, "responses": []}))
            if row["prompt"] not in (known[1]["prompt"], None, ""):
                spoilt.add(key)
                raise RowError("prompt", f"differs from the prompt of {key!r} at {known[0]}")
            known[1]["responses"].extend(row["responses"])
        except RowError as error:
            if error.item is not None:
                spoilt.add(_key(error.item))
            yield where, error
    yield from (found for key, found in items.items() if key not in spoilt)


def _key(value: Any) -> str:
    """The id of a row that is bad already: what it would have been, or what stands there."""
    try:
        return identifier(value, "") or ""
    except RowError:
        return str(value)


def _counted(records: Iterable[Record], tell: Callable[[], None] | None) -> Iterator[Record]:
    for number, record in enumerate(records):
        if tell is not None and number % 1000 == 0:
            tell()
        yield record
