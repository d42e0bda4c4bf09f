"""Two answers in two columns: prompt or messages, response_a and response_b (or _1 and _2), with or without their models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.shape import PROMPTS, Fit, Record, answer_text, first_of, rest, shared

_STEMS = ("response", "answer", "output", "completion")
_ENDS = (("_a", "_b"), ("_1", "_2"), ("1", "2"), ("A", "B"), ("_A", "_B"), ("_0", "_1"))


@dataclass(frozen=True)
class SideBySide:
    """Models are taken from columns with the same ending, such as model_a beside response_a."""

    name: str = "side_by_side"

    def fit(self, columns: Sequence[str], sample: Sequence[Record]) -> Fit | None:  # noqa: ARG002 - the columns suffice
        prompt = first_of(columns, PROMPTS)
        for stem in _STEMS:
            for a, b in _ENDS:
                if prompt and stem + a in columns and stem + b in columns:
                    found = {"prompt": prompt, "response_a": stem + a, "response_b": stem + b}
                    models = {"model_a": f"model{a}", "model_b": f"model{b}"}
                    return Fit(0.6, found | {p: c for p, c in models.items() if c in columns})
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
            **shared(record),
            "prompt": record.get(mapping["prompt"]),
            "responses": responses,
            "metadata": rest(record, list(mapping.values())),
        }


FORMAT = SideBySide()
