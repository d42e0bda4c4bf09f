"""Battles of an arena: conversation_a, conversation_b, model_a, model_b, winner. The winner is kept as metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.shape import (
    Fit,
    Record,
    exact,
    needs_request,
    rest,
    shared,
    split_conversations,
)


@dataclass(frozen=True)
class Arena:
    """Battles of one answer each; where the models went on differently, a battle has no one request and is refused."""

    name: str = "arena"

    def fit(self, columns: Sequence[str], sample: Sequence[Record]) -> Fit | None:  # noqa: ARG002 - the columns suffice
        return exact(
            columns, ("conversation_a", "conversation_b"), ("model_a", "model_b", "question_id"), 1.0
        )

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        prompt, one, other = split_conversations(
            record.get(mapping["conversation_a"]),
            record.get(mapping["conversation_b"]),
            ("conversation_a", "conversation_b"),
        )
        responses = [
            {"text": one, "model": record.get(mapping.get("model_a", ""))},
            {"text": other, "model": record.get(mapping.get("model_b", ""))},
        ]
        given = shared(record)
        if record.get(mapping.get("question_id", "")) not in (None, ""):
            given.setdefault("id", record[mapping["question_id"]])
        return {
            **given,
            "prompt": needs_request(prompt, "conversation_a"),
            "responses": responses,
            "metadata": rest(record, list(mapping.values())),
        }


FORMAT = Arena()
