"""Our own shape: one item a record, with prompt and responses (CONTRACT section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.shape import PROMPTS, Fit, Record, first_of


@dataclass(frozen=True)
class Soundings:
    """``prompt`` and ``responses``; another name for the request is taken too."""

    name: str = "soundings"

    def fit(self, columns: Sequence[str], sample: Sequence[Record]) -> Fit | None:  # noqa: ARG002 - the columns suffice
        prompt = first_of(columns, PROMPTS)
        if prompt is None or "responses" not in columns:
            return None
        return Fit(0.95 if prompt == "prompt" else 0.7, {"prompt": prompt, "responses": "responses"})

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        made = dict(record)
        for part, column in mapping.items():
            if column != part and column in made:
                made[part] = made.pop(column)
        return made


FORMAT = Soundings()
