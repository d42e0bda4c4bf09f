"""One response a row, brought together by a column such as prompt_id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.shape import PROMPTS, Fit, Record, answer_text, first_of, rest, shared

_KEYS = ("prompt_id", "item_id", "question_id", "group_id")
_TEXTS = ("response", "text", "completion", "output", "answer")
_MODELS = ("model", "generator", "model_name", "system")
_IDS = ("response_id", "completion_id", "output_id")


@dataclass(frozen=True)
class OneARow:
    """Topic, kind and split are the item's; every other column that plays no part is the response's metadata."""

    name: str = "one_a_row"
    group_by: str = "item"

    def fit(self, columns: Sequence[str], sample: Sequence[Record]) -> Fit | None:  # noqa: ARG002 - the columns suffice
        found = {
            "item": first_of(columns, _KEYS),
            "prompt": first_of(columns, PROMPTS),
            "text": first_of(columns, _TEXTS),
        }
        if not all(found.values()):
            return None
        found |= {"model": first_of(columns, _MODELS), "response_id": first_of(columns, _IDS)}
        return Fit(0.5, {part: column for part, column in found.items() if column})

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        own = {"id": record["id"]} if record.get("id") not in (None, "") else {}
        response = {
            "text": answer_text(record.get(mapping["text"]), mapping["text"]),
            "model": record.get(mapping.get("model", "")),
            "id": record.get(mapping.get("response_id", "")),
            "metadata": rest(record, list(mapping.values())) | own,
        }
        given = shared(record) | {"id": record.get(mapping["item"])}
        return {**given, "prompt": record.get(mapping["prompt"]), "responses": [response]}


FORMAT = OneARow()
