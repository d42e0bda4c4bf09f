"""What is odd about items that can be used all the same: reported to the researcher, never refused."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from app.studies.importing.rows import ItemRow, ResponseRow
from app.studies.importing.self_naming import masks

VERY_LONG_WORDS = 1500
VERY_LONG_CHARACTERS = 9000
"""For scripts without spaces between words."""
_ELEMENTS = (
    "a abbr article aside audio b blockquote body br button canvas caption center cite code col dd del details div dl dt em "
    "embed fieldset figure font footer form frame h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins label li link "
    "main mark math meta nav noscript object ol option p picture pre q s script section select small source span strike strong "
    "style sub summary sup svg table tbody td textarea tfoot th thead title tr u ul video"
).split()
_TAG = re.compile(rf"</?(?:{'|'.join(_ELEMENTS)})(?:\s[^<>]*)?/?>|<!--|<!doctype\b", re.IGNORECASE)
_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`", re.DOTALL)
_SAYS = {
    "empty_prompt": "the request is empty",
    "empty_response": "an answer is empty",
    "identical_responses": "two answers are the same",
    "names_itself": "an answer names the AI that wrote it",
    "very_long": f"an answer is longer than {VERY_LONG_WORDS} words",
    "html": "an answer holds HTML, which is shown as plain text",
    "duplicate": "request and answers stand in another item before it",
}


@dataclass(frozen=True)
class Seen:
    """What is odd about one item: flags of the item, and flags and masked spans of each response."""

    flags: list[str]
    responses: list[tuple[list[str], list[list[int]]]]


@dataclass
class Report:
    """What was imported, and the places of each oddity."""

    items: int = 0
    pairs: int = 0
    topics: Counter[str] = field(default_factory=Counter)
    found: dict[str, list[str]] = field(default_factory=dict)
    _contents: set[bytes] = field(default_factory=set)

    def add(self, row: ItemRow, seen: Seen) -> None:
        """Count one item."""
        self.items += 1
        self.pairs += row.count_pairs()
        if row.topic:
            self.topics[row.topic] += 1
        flags = seen.flags
        content = _content(row)
        if content in self._contents:
            flags = [*flags, "duplicate"]
        self._contents.add(content)
        for flag in flags:
            self.found.setdefault(flag, []).append(row.where or row.id)

    def sentences(self) -> list[str]:
        """What to tell the researcher, one line an oddity."""
        return [_sentence(name, self.found[name]) for name in _SAYS if name in self.found]


def inspect(row: ItemRow) -> Seen:
    """Everything odd about an item and its responses."""
    responses = []
    for one in row.responses:
        spans = masks(one.text, one.model)
        responses.append((_flags(one, named=bool(spans)), spans))
    flags = {f for found, _ in responses for f in found}
    folded = {" ".join(r.text.split()) for r in row.responses}
    if len(folded) < len(row.responses):
        flags.add("identical_responses")
    if not any(turn["content"].strip() for turn in row.prompt):
        flags.add("empty_prompt")
    return Seen(sorted(flags), responses)


def look(rows: Iterable[ItemRow]) -> Report:
    """The report on rows about to be stored."""
    report = Report()
    for row in rows:
        report.add(row, inspect(row))
    return report


def _flags(row: ResponseRow, *, named: bool) -> list[str]:
    flags = []
    if not row.text.strip():
        flags.append("empty_response")
    if named:
        flags.append("names_itself")
    if len(row.text) > VERY_LONG_CHARACTERS or len(row.text.split()) > VERY_LONG_WORDS:
        flags.append("very_long")
    if "<" in row.text and _TAG.search(_CODE.sub("", row.text)):
        flags.append("html")
    return flags


def _content(row: ItemRow) -> bytes:
    """The request and its answers, whatever their order, ids and models."""
    said = [row.prompt, sorted(r.text for r in row.responses)]
    return hashlib.sha256(orjson.dumps(said)).digest()


def _sentence(name: str, places: list[str]) -> str:
    shown = ", ".join(places[:5]) + (f" and {len(places) - 5} more" if len(places) > 5 else "")
    return f"{len(places)} {'item' if len(places) == 1 else 'items'} in which {_SAYS[name]}: {shown}"
