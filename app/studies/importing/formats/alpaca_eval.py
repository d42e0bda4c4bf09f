"""AlpacaEval annotations: instruction, output_1, output_2, generator_1, generator_2. The preference is kept as metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.shape import Fit, Record, exact, rest, shared


@dataclass(frozen=True)
class AlpacaEval:
    """Two outputs of one instruction, each with the generator that wrote it."""

    name: str = "alpaca_eval"

    def fit(self, columns: Sequence[str], sample: Sequence[Record]) -> Fit | None:  # noqa: ARG002 - the columns suffice
        return exact(columns, ("instruction", "output_1", "output_2"), ("generator_1", "generator_2"), 0.9)

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        responses = [
            {
                "text": record.get(mapping[f"output_{n}"]),
                "model": record.get(mapping.get(f"generator_{n}", "")),
            }
            for n in (1, 2)
        ]
        return {
            **shared(record),
            "prompt": record.get(mapping["instruction"]),
            "responses": responses,
            "metadata": rest(record, list(mapping.values())),
        }


FORMAT = AlpacaEval()
