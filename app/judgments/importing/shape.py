"""What a format of votes offers, and the vote it makes of a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from app.studies.importing.errors import RowError
from app.studies.importing.texts import identifier, named

CHOICES = ("left", "right", "tie", "neither", "skip")
Side = str | int
"""A response by its id or model, or by its place in the item's list, from 0."""


@dataclass(frozen=True)
class Vote:
    """One vote as a file has it, its sides as they were shown."""

    annotator: str
    item: str
    left: Side
    right: Side
    choice: str
    at: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Format(Protocol):
    """A shape of record. ``name`` is the file's name and what ``--format`` takes."""

    @property
    def name(self) -> str: ...

    def fits(self, record: Mapping[str, Any]) -> float:
        """How sure it is that a record is its own: 0 to 1."""
        ...

    def votes(self, record: Mapping[str, Any]) -> Iterator[Vote]:
        """The votes of a record. Raises RowError."""
        ...


def needed(record: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of these fields that is given, as an id. Raises RowError."""
    for name in names:
        found = identifier(record.get(name), name)
        if found is not None:
            return found
    raise RowError(names[0], "this field is needed")


def moment(value: Any, at: str) -> datetime | None:
    """A time as ISO 8601 text or seconds since 1970, in UTC where it names no zone; None where there is none. Raises RowError."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        raise RowError(at, f"{value!r} is not a time as 2026-01-31T12:00:00Z") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def mapping(value: Any, at: str) -> Mapping[str, Any]:
    """An object. Raises RowError."""
    if not isinstance(value, Mapping):
        raise RowError(at, f"expected an object, got {named(value)}")
    return value


WORDS = {
    "left": "left", "a": "left", "1": "left", "response_1": "left", "response_a": "left", "response-1": "left", "model_a": "left",
    "option_a": "left", "first": "left",
    "right": "right", "b": "right", "2": "right", "response_2": "right", "response_b": "right", "response-2": "right", "model_b": "right",
    "option_b": "right", "second": "right",
    "tie": "tie", "same": "tie", "equal": "tie", "both": "tie", "both_good": "tie", "about_the_same": "tie", "no_preference": "tie",
    "neither": "neither", "both_bad": "neither", "tie_(bothbad)": "neither", "bothbad": "neither", "none": "neither",
    "skip": "skip", "skipped": "skip",
}  # fmt: skip


def choice_of(value: Any, at: str) -> str:
    """One of the five choices from the words that tools use; anything else is an error and never a tie. Raises RowError."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise RowError(at, f"expected a choice, got {named(value)}")
    found = WORDS.get(value.strip().lower().replace(" ", "_"))
    if found is None:
        raise RowError(at, f"{value!r} is not a choice; known ones are {', '.join(CHOICES)}")
    return found
