"""AlpacaEval annotations: instruction, output_1, output_2, generator_1, generator_2. The preference is kept as metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.shape import Record, common, rest


@dataclass(frozen=True)
class AlpacaEval:
    name: str = "alpaca_eval"

    def mapping(self, columns: Sequence[str]) -> dict[str, str] | None:
        needed = ("instruction", "output_1", "output_2")
        if not set(needed) <= set(columns):
            return None
        return {c: c for c in (*needed, "generator_1", "generator_2") if c in columns}

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        responses = [
            {
                "text": record.get(mapping[f"output_{n}"]),
                "model": record.get(mapping.get(f"generator_{n}", "")),
            }
            for n in (1, 2)
        ]
        return {
            **common(record),
            "prompt": record.get(mapping["instruction"]),
            "responses": responses,
            "metadata": rest(record, list(mapping.values())),
        }


FORMAT = AlpacaEval()
