"""Two answers in two columns: prompt or messages, response_a and response_b (or _1 and _2), with or without their models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.shape import Record, answer_text, common, rest

_PROMPTS = ("prompt", "messages", "instruction", "question", "request", "input", "query")
_STEMS = ("response", "answer", "output", "completion")
_ENDS = (("_a", "_b"), ("_1", "_2"), ("1", "2"), ("A", "B"), ("_A", "_B"))


@dataclass(frozen=True)
class SideBySide:
    name: str = "side_by_side"

    def mapping(self, columns: Sequence[str]) -> dict[str, str] | None:
        prompt = next((p for p in _PROMPTS if p in columns), None)
        for stem in _STEMS:
            for a, b in _ENDS:
                if prompt and stem + a in columns and stem + b in columns:
                    found = {"prompt": prompt, "response_a": stem + a, "response_b": stem + b}
                    models = {f"model_{'ab'[i]}": f"model{end}" for i, end in enumerate((a, b))}
                    return found | {part: column for part, column in models.items() if column in columns}
        return None

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        responses = [
            {
                "text": answer_text(record.get(mapping[f"response_{side}"]), mapping[f"response_{side}"]),
                "model": record.get(mapping.get(f"model_{side}", "")),
            }
            for side in "ab"
        ]
        return {
            **common(record),
            "prompt": record.get(mapping["prompt"]),
            "responses": responses,
            "metadata": rest(record, list(mapping.values())),
        }


FORMAT = SideBySide()
