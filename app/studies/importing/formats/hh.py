"""Dialogues as one text each, with ``Human:`` and ``Assistant:`` before the turns: chosen and rejected share all but the end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.errors import RowError
from app.studies.importing.rows import named
from app.studies.importing.shape import Record, blind, common, rest, split_conversations

_TURN = re.compile(r"(?:^|\n\n)(Human|Assistant):", re.MULTILINE)


def dialogue(value: Any, at: str) -> list[dict[str, str]]:
    """The turns of a transcript. Raises RowError."""
    if not isinstance(value, str):
        raise RowError(at, f"expected text, got {named(value)}")
    marks = list(_TURN.finditer(value))
    if not marks:
        raise RowError(at, "there is no 'Human:' or 'Assistant:' in it")
    ends = [*(m.start() for m in marks[1:]), len(value)]
    roles = {"Human": "user", "Assistant": "assistant"}
    return [
        {"role": roles[m.group(1)], "content": value[m.end() : end].strip()}
        for m, end in zip(marks, ends, strict=True)
    ]


@dataclass(frozen=True)
class Transcripts:
    name: str = "hh"

    def mapping(self, columns: Sequence[str]) -> dict[str, str] | None:
        return (
            {"chosen": "chosen", "rejected": "rejected"} if {"chosen", "rejected"} <= set(columns) else None
        )

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        chosen = dialogue(record.get(mapping["chosen"]), "chosen")
        rejected = dialogue(record.get(mapping["rejected"]), "rejected")
        prompt, good, bad = split_conversations(chosen, rejected, ("chosen", "rejected"))
        first, second = {"text": good}, {"text": bad}
        responses = blind(record, first, second)
        label = str(0 if responses[0] is first else 1)
        made = [{"id": str(n), **r} for n, r in enumerate(responses)]
        return {
            **common(record),
            "prompt": prompt,
            "responses": made,
            "metadata": rest(record, list(mapping.values())) | {"source_label": label},
        }


FORMAT = Transcripts()
