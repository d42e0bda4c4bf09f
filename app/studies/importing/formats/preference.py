"""prompt, chosen, rejected: texts, lists of messages, or whole conversations that share all turns but the last.

Which of the two the source preferred is kept as ``source_label`` in the item's metadata and never shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.errors import RowError
from app.studies.importing.shape import Record, answer_text, blind, common, rest, split_conversations

_PROMPTS = ("prompt", "instruction", "question", "input", "messages")


@dataclass(frozen=True)
class Preference:
    name: str = "preference"

    def mapping(self, columns: Sequence[str]) -> dict[str, str] | None:
        if not {"chosen", "rejected"} <= set(columns):
            return None
        found = {"chosen": "chosen", "rejected": "rejected"}
        prompt = next((p for p in _PROMPTS if p in columns), None)
        return found | ({"prompt": prompt} if prompt else {})

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        chosen, rejected = record.get(mapping["chosen"]), record.get(mapping["rejected"])
        prompt = record.get(mapping["prompt"]) if "prompt" in mapping else None
        if prompt in (None, ""):
            if isinstance(chosen, str) or isinstance(rejected, str):
                raise RowError("prompt", "this key is needed where chosen and rejected are texts")
            prompt, good, bad = split_conversations(chosen, rejected, ("chosen", "rejected"))
        else:
            good, bad = answer_text(chosen, "chosen"), answer_text(rejected, "rejected")
        first = {"text": good, "model": record.get("chosen_model") or record.get("chosen_source")}
        second = {"text": bad, "model": record.get("rejected_model") or record.get("rejected_source")}
        responses = blind(record, first, second)
        label = str(responses.index(first))
        for position, one in enumerate(responses):
            one["id"] = str(position)
        used = [*mapping.values(), "chosen_model", "rejected_model"]
        return {
            **common(record),
            "prompt": prompt,
            "responses": responses,
            "metadata": rest(record, used) | {"source_label": label},
        }


FORMAT = Preference()
