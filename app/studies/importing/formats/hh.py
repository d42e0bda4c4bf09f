"""Dialogues as one text each, with ``Human:`` and ``Assistant:`` before the turns: chosen and rejected share all but the end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.errors import RowError
from app.studies.importing.shape import (
    Fit,
    Record,
    Turns,
    exact,
    needs_request,
    preferred,
    split_conversations,
)
from app.studies.importing.texts import named

_TURN = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def is_transcript(value: Any) -> bool:
    """Whether this is a text that starts with a turn of a dialogue."""
    return isinstance(value, str) and re.match(r"\s*(Human|Assistant):", value) is not None


def dialogue(value: Any, at: str) -> Turns:
    """The turns of a transcript. Raises RowError."""
    if not isinstance(value, str):
        raise RowError(at, f"expected text, got {named(value)}")
    if not is_transcript(value):
        raise RowError(at, "it does not start with 'Human:' or 'Assistant:'")
    marks = list(_TURN.finditer(value))
    ends = [*(m.start() for m in marks[1:]), len(value)]
    return [
        {"role": _ROLES[m.group(1)], "content": value[m.end() : end].strip()}
        for m, end in zip(marks, ends, strict=True)
    ]


@dataclass(frozen=True)
class Transcripts:
    """Which of the two the source chose is kept as ``source_label`` and does not show in their order."""

    name: str = "hh"

    def fit(self, columns: Sequence[str], sample: Sequence[Record]) -> Fit | None:
        spoken = sum(is_transcript(r.get("chosen")) for r in sample) > len(sample) / 2
        return exact(columns, ("chosen", "rejected"), (), 0.95 if spoken else 0.1)

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        chosen = dialogue(record.get(mapping["chosen"]), "chosen")
        rejected = dialogue(record.get(mapping["rejected"]), "rejected")
        prompt, good, bad = split_conversations(chosen, rejected, ("chosen", "rejected"))
        prompt = needs_request(prompt, "chosen")
        return preferred(record, prompt, {"text": good}, {"text": bad}, list(mapping.values()))


FORMAT = Transcripts()
