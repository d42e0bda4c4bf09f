"""What an export is asked to be: read from a request, checked, frozen, and kept with it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from app.aggregation import registry as pooling
from app.exports import registry
from app.exports.errors import BadOptions, ParquetMissing

SPLITS = ("train", "validation", "test")
COPIES, MOST_COPIES = 8, 64
"""Rows that a pair becomes in ``preference_expanded``."""


@dataclass(frozen=True)
class Exclusion:
    """A kind of judgment that can be left out, with a word of caution."""

    words: str
    caution: str


EXCLUSIONS: dict[str, Exclusion] = {
    "left_out": Exclusion("of people you left out", "Always left out of labels; take the person back in to count them."),
    "late": Exclusion("given after the question's hold had ended", "Late answers are as real as others; some pairs then have one more than planned."),
    "quick": Exclusion("given faster than both answers can be read", "Some people decide quickly and well; look at repeats first."),
    "gold": Exclusion("on questions with an expected answer", "They are ordinary opinions too; leave them out if the expected answer was told."),
    "one_sided": Exclusion("of people who almost always chose the same side", "At least 20 choices, nine in ten on one side. Sides are shuffled, so this is a habit and no opinion."),
    "retired": Exclusion("on items that were retired", "Retired items are no longer asked about; their answers are no worse for it unless the item was faulty."),
    "close": Exclusion("on pairs with a majority under 60 %", "Leaving these out hides real disagreement."),
    "simulated": Exclusion("of simulated people", "Only a study that mixes real and simulated people needs this."),
}  # fmt: skip
"""What ``exclude`` may name."""


NOTES = {
    "why": "Why this was collected",
    "people": "Who was asked, and how they were found",
    "paid": "What people were paid",
    "bias": "Biases you know of",
    "use": "What it is good for, and what not",
    "other": "Anything else",
}
"""Places in the card for the researcher's own words. What is counted is written from the data and cannot be changed."""
MOST_NOTE = 4000


class ExportOptions(BaseModel):
    """The options of one export, complete: nothing about its content depends on anything else but the study's state."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    formats: tuple[str, ...]
    rules: tuple[str, ...]
    file_type: Literal["parquet", "jsonl"]
    split: str = "90/5/5"
    seed: int = 0
    exclude: tuple[str, ...] = ()
    include_text: bool = False
    copies: int = COPIES
    notes: dict[str, str] = {}
    """The researcher's own words for the card, by the name of their place in it."""

    @property
    def shares(self) -> tuple[int, int, int]:
        """Percent of requests for training, validation and test."""
        train, validation, test = (int(p) for p in self.split.split("/"))
        return train, validation, test


def default_file_type() -> Literal["parquet", "jsonl"]:
    """Parquet where pyarrow is installed, else JSONL."""
    return "parquet" if importlib.util.find_spec("pyarrow") else "jsonl"


def read(
    *,
    format: str | Iterable[str] | None = None,
    rule: str | Iterable[str] | None = None,
    file_type: str | None = None,
    split: str | None = None,
    seed: int | None = None,
    exclude: str | Iterable[str] | None = None,
    include_text: bool = False,
    copies: int | None = None,
    notes: Mapping[str, str] | None = None,
) -> ExportOptions:
    """Options as they come from the command line, the API or the page; a name may be a list or joined with commas.

    Raises:
        UnknownFormat, UnknownRule: A name is not there; the sentence lists those that are.
        BadOptions: Another setting cannot be used; each error names its field.
        ParquetMissing: Parquet was asked for and pyarrow is not installed.
    """
    return ExportOptions(
        formats=tuple(f.name for f in registry.named(_names(format, "preference"))),
        rules=tuple(r.name for r in pooling.named(_names(rule, "majority"))),
        file_type=_file_type(file_type),
        split=_split(split),
        seed=_seed(seed),
        exclude=_exclude(_names(exclude, "")),
        include_text=include_text,
        copies=_copies(copies),
        notes=_notes(notes or {}),
    )


def _names(given: str | Iterable[str] | None, default: str) -> list[str]:
    parts = [given] if isinstance(given, str) else list(given or [])
    names = [n.strip() for part in parts for n in str(part).split(",") if n.strip()]
    return names or ([default] if default else [])


def _refuse(field: str, message: str) -> BadOptions:
    return BadOptions(f"{field}: {message}", errors=[{"where": field, "message": message}])


def _file_type(given: str | None) -> Literal["parquet", "jsonl"]:
    if given in {None, ""}:
        return default_file_type()
    if given == "jsonl":
        return "jsonl"
    if given != "parquet":
        raise _refuse("file_type", f"{given!r} is neither parquet nor jsonl")
    if default_file_type() != "parquet":
        raise ParquetMissing
    return "parquet"


def _split(given: str | None) -> str:
    text = (given or "90/5/5").strip()
    if not re.fullmatch(r"\d{1,3}(/\d{1,3}){0,2}", text):
        raise _refuse("split", f"{text!r} is not of the form 90/5/5 (train/validation/test, in percent)")
    parts = [int(p) for p in text.split("/")]
    if len(parts) == 2:
        parts = [parts[0], 0, parts[1]]
    parts += [0] * (3 - len(parts))
    if sum(parts) != 100:
        raise _refuse("split", f"{text!r} adds up to {sum(parts)}, not to 100")
    return "/".join(str(p) for p in parts)


def _seed(given: Any) -> int:
    if given is None or given == "":
        return 0
    try:
        seed = int(given)
    except (TypeError, ValueError):
        raise _refuse("seed", f"{given!r} is not a whole number") from None
    if not 0 <= seed < 2**53:
        raise _refuse("seed", "a seed lies between 0 and 9007199254740991")
    return seed


def _copies(given: Any) -> int:
    if given is None or given == "":
        return COPIES
    try:
        copies = int(given)
    except (TypeError, ValueError):
        raise _refuse("copies", f"{given!r} is not a whole number") from None
    if not 2 <= copies <= MOST_COPIES:
        raise _refuse("copies", f"a pair becomes 2 to {MOST_COPIES} rows")
    return copies


def _notes(given: Mapping[str, str]) -> dict[str, str]:
    for name, text in given.items():
        if name not in NOTES:
            raise _refuse("notes", f"{name!r} is no place in the card; there are: {', '.join(NOTES)}")
        if len(text) > MOST_NOTE:
            raise _refuse(f"notes.{name}", f"{len(text)} characters; at most {MOST_NOTE}")
    return {name: given[name].strip() for name in NOTES if given.get(name, "").strip()}


def _exclude(names: list[str]) -> tuple[str, ...]:
    for name in names:
        if name not in EXCLUSIONS:
            raise _refuse(
                "exclude", f"{name!r} is not something to leave out; there are: {', '.join(EXCLUSIONS)}"
            )
    return tuple(n for n in EXCLUSIONS if n in names and n != "left_out")
