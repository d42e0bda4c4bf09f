"""Battles of two models as arenas publish them: question_id, model_a, model_b, winner, judge, tstamp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.judgments.importing.shape import Vote, choice_of, moment, needed

_READ = frozenset({
    "question_id", "conversation_id", "item_id", "model_a", "model_b", "winner", "judge", "annotator_id", "evaluation_session_id", "tstamp", "timestamp",
    "conversation_a", "conversation_b",
})  # fmt: skip


@dataclass(frozen=True)
class Arena:
    """The item is question_id (else conversation_id); model_a stood on the left. winner: model_a, model_b, tie, or
    "tie (bothbad)", which is neither. The person is judge, else the evaluation session. Everything else goes into ``extra``.
    """

    name: str = "arena"

    def fits(self, record: Mapping[str, Any]) -> float:
        return 0.9 if {"model_a", "model_b", "winner"} <= record.keys() else 0.0

    def votes(self, record: Mapping[str, Any]) -> Iterator[Vote]:
        yield Vote(
            needed(record, ["judge", "annotator_id", "evaluation_session_id"]),
            needed(record, ["question_id", "item_id", "conversation_id"]),
            needed(record, ["model_a"]),
            needed(record, ["model_b"]),
            choice_of(record.get("winner"), "winner"),
            moment(record.get("tstamp", record.get("timestamp")), "tstamp"),
            {k: v for k, v in record.items() if k not in _READ and v is not None},
        )


FORMAT = Arena()
