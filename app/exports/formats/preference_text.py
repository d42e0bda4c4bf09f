"""Prompt, chosen and rejected as three strings: for readers that cannot take messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports import shaping
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import TEXT, Column, Schema


@dataclass(frozen=True)
class PreferenceText:
    """Single requests only: a conversation has no form as one string that every reader would take apart the same way."""

    name: str = "preference_text"
    title: str = "Prompt, chosen and rejected, as three texts"
    readers: str = "LLaMA-Factory (dataset_info.json), NeMo-RL, Axolotl (chatml.prompt_pairs)"
    leaves_out: Mapping[str, str] = field(
        default_factory=lambda: {
            **shaping.LEAVES_OUT,
            "several_turns": "Pairs whose request is a conversation of several messages",
        }
    )
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("prompt", TEXT, "the request"),
            Column("chosen", TEXT, "the preferred answer"),
            Column("rejected", TEXT, "the other answer"),
            *shaping.columns(facts),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        facts = view.facts
        for row in shaping.decided(view):
            prompt = row.pair.prompt
            if len(prompt) != 1 or prompt[0]["role"] != "user":
                view.leave_out("several_turns")
                continue
            yield (
                row.pair.split,
                {
                    "prompt": prompt[0]["content"],
                    "chosen": row.chosen.text,
                    "rejected": row.rejected.text,
                    **shaping.values(row, facts),
                },
            )


FORMAT = PreferenceText()
