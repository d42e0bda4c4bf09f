"""Prompt, chosen and rejected as three lists of messages: for readers that want the prompt apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports import shaping
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import MESSAGES, Column, Schema


@dataclass(frozen=True)
class PreferenceExplicit:
    """The prompt stands apart, so chosen and rejected hold the answers alone."""

    name: str = "preference_explicit"
    title: str = "Prompt, chosen and rejected, as messages"
    readers: str = "TRL (DPO, reward), Axolotl (chat_template.default with field_messages: prompt)"
    leaves_out: Mapping[str, str] = field(default_factory=lambda: shaping.LEAVES_OUT)
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("prompt", MESSAGES, "the conversation up to the answer"),
            Column("chosen", MESSAGES, "the preferred answer, one message"),
            Column("rejected", MESSAGES, "the other answer, one message"),
            *shaping.columns(facts),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        facts = view.facts
        for row in shaping.decided(view):
            yield (
                row.pair.split,
                {
                    "prompt": row.pair.prompt,
                    "chosen": shaping.spoken([], row.chosen.text),
                    "rejected": shaping.spoken([], row.rejected.text),
                    **shaping.values(row, facts),
                },
            )


FORMAT = PreferenceExplicit()
