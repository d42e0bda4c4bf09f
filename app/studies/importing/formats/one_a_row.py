"""One response a row, brought together by a column such as prompt_id, or else by the prompt itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.studies.importing.errors import RowError
from app.studies.importing.shape import PROMPTS, Fit, Record, answer_text, first_of, rest, shared

_KEYS = ("prompt_id", "item_id", "question_id", "group_id")
_TEXTS = ("response", "text", "completion", "output", "answer")
_MODELS = ("model", "generator", "model_name", "system")
_IDS = ("response_id", "completion_id", "output_id")


@dataclass(frozen=True)
class OneARow:
    """Topic, kind and split are the item's; every other column that plays no part is the response's metadata.

    Where no column says which rows belong together but one says which model answered, rows with the same prompt do; the item's id
    is then made of the prompt.
    """

    name: str = "one_a_row"
    group_by: str = "item"

    def fit(self, columns: Sequence[str], sample: Sequence[Record]) -> Fit | None:  # noqa: ARG002 - the columns suffice
        prompt, model = first_of(columns, PROMPTS), first_of(columns, _MODELS)
        found = {
            "item": first_of(columns, _KEYS) or (prompt if model else None),
            "prompt": prompt,
            "text": first_of(columns, _TEXTS),
        }
        if not all(found.values()):
            return None
        found |= {"model": model, "response_id": first_of(columns, _IDS)}
        return Fit(0.5, {part: column for part, column in found.items() if column})

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        own = {"id": record["id"]} if record.get("id") not in (None, "") else {}
        response = {
            "text": answer_text(record.get(mapping["text"]), mapping["text"]),
            "model": record.get(mapping.get("model", "")),
            "id": record.get(mapping.get("response_id", "")),
            "metadata": rest(record, list(mapping.values())) | own,
        }
        prompt, key = record.get(mapping["prompt"]), record.get(mapping["item"])
        if mapping["item"] == mapping["prompt"]:
            key = id_of_prompt(key)
        return {**shared(record), "id": key, "prompt": prompt, "responses": [response]}


def id_of_prompt(prompt: Any) -> str:
    """The same for the same prompt, whatever else the row says. Raises RowError where there is none."""
    if prompt in (None, "", []):
        raise RowError(
            "prompt", "without a prompt, or a column prompt_id, nothing says which rows belong together"
        )
    said = prompt if isinstance(prompt, str) else orjson.dumps(prompt).decode()
    return f"prompt-{hashlib.sha256(said.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


FORMAT = OneARow()
