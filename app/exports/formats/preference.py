"""Chosen and rejected as whole conversations, without a prompt column: what most trainers take as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports import shaping
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import MESSAGES, Column, Schema


@dataclass(frozen=True)
class Preference:
    """The default. A prompt column beside whole conversations would double the prompt in training, so there is none."""

    name: str = "preference"
    title: str = "Chosen and rejected, as whole conversations"
    readers: str = "TRL (reward, DPO, KTO), OpenRLHF, Axolotl (chat_template.argilla_chat), RewardBench"
    leaves_out: Mapping[str, str] = field(default_factory=lambda: shaping.LEAVES_OUT)
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("chosen", MESSAGES, "the conversation that ends with the preferred answer"),
            Column("rejected", MESSAGES, "the same conversation, ending with the other answer"),
            *shaping.columns(facts),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        facts = view.facts
        for row in shaping.decided(view):
            prompt = row.pair.prompt
            yield (
                row.pair.split,
                {
                    "chosen": shaping.spoken(prompt, row.chosen.text),
                    "rejected": shaping.spoken(prompt, row.rejected.text),
                    **shaping.values(row, facts),
                },
            )


FORMAT = Preference()
