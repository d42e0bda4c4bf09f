"""One response a row, brought together by a column such as prompt_id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.shape import Record, common, rest

_KEYS = ("prompt_id", "item_id", "question_id", "group_id")
_TEXTS = ("response", "text", "completion", "output", "answer")
_PROMPTS = ("prompt", "messages", "instruction", "question")


@dataclass(frozen=True)
class OneARow:
    """``grouped_by`` names the part whose column brings rows together (``reading.gather`` does it)."""

    name: str = "one_a_row"
    grouped_by: str = "item"

    def mapping(self, columns: Sequence[str]) -> dict[str, str] | None:
        found = {
            part: next((c for c in names if c in columns), "")
            for part, names in (("item", _KEYS), ("prompt", _PROMPTS), ("text", _TEXTS))
        }
        if not all(found.values()):
            return None
        return found | {c: c for c in ("model", "response_id") if c in columns}

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        used = [*mapping.values()]
        response = {"text": record.get(mapping["text"])}
        for part, key in (("model", "model"), ("response_id", "id")):
            if part in mapping:
                response[key] = record.get(mapping[part])
        given = common(record) | {"id": record.get(mapping["item"])}
        return {
            **given,
            "prompt": record.get(mapping["prompt"]),
            "responses": [response],
            "metadata": rest(record, used),
        }


FORMAT = OneARow()
