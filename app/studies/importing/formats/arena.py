"""Battles of an arena: conversation_a, conversation_b, model_a, model_b, winner. The winner is kept as metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.shape import Record, common, rest, split_conversations


@dataclass(frozen=True)
class Arena:
    name: str = "arena"

    def mapping(self, columns: Sequence[str]) -> dict[str, str] | None:
        needed = ("conversation_a", "conversation_b", "model_a", "model_b")
        return {c: c for c in needed} if set(needed) <= set(columns) else None

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        prompt, one, other = split_conversations(
            record.get(mapping["conversation_a"]),
            record.get(mapping["conversation_b"]),
            ("conversation_a", "conversation_b"),
        )
        responses = [
            {"text": one, "model": record.get(mapping["model_a"])},
            {"text": other, "model": record.get(mapping["model_b"])},
        ]
        given = common(record)
        if record.get("question_id") not in (None, ""):
            given.setdefault("id", record["question_id"])
        return {
            **given,
            "prompt": prompt,
            "responses": responses,
            "metadata": rest(record, [*mapping.values(), "question_id"]),
        }


FORMAT = Arena()
