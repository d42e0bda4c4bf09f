"""Our own shape: one item a record, with prompt and responses (CONTRACT section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.shape import Record


@dataclass(frozen=True)
class Soundings:
    name: str = "soundings"

    def mapping(self, columns: Sequence[str]) -> dict[str, str] | None:
        return (
            {"prompt": "prompt", "responses": "responses"}
            if {"prompt", "responses"} <= set(columns)
            else None
        )

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        made = dict(record)
        for part, column in mapping.items():
            if column != part and column in made:
                made[part] = made.pop(column)
        return made


FORMAT = Soundings()
