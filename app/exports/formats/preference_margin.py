"""Chosen and rejected with a margin: how far apart the two should be scored."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports import shaping
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import MESSAGES, NUMBER, Column, Schema

SUREST = 0.99
"""Probabilities are held to this, so that a margin is at most 4.6 logits; it is never null, because trainers crash on that."""


@dataclass(frozen=True)
class PreferenceMargin:
    """The margin is log(p / (1 - p)). TRL subtracts it inside its loss as soon as the column is there, so it is a config apart."""

    name: str = "preference_margin"
    title: str = "Chosen and rejected, with a margin in logits"
    readers: str = "TRL (reward), OpenRLHF (--model.margin_loss_enable)"
    leaves_out: Mapping[str, str] = field(default_factory=lambda: shaping.LEAVES_OUT)
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("chosen", MESSAGES, "the conversation that ends with the preferred answer"),
            Column("rejected", MESSAGES, "the same conversation, ending with the other answer"),
            Column("margin", NUMBER, "log(p / (1 - p)) of p_chosen, at most 4.6; never null"),
            *shaping.columns(facts),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        facts = view.facts
        for row in shaping.decided(view):
            prompt = row.pair.prompt
            values = shaping.values(row, facts)
            yield (
                row.pair.split,
                {
                    "chosen": shaping.spoken(prompt, row.chosen.text),
                    "rejected": shaping.spoken(prompt, row.rejected.text),
                    "margin": margin(values["p_chosen"]),
                    **values,
                },
            )


def margin(p: float) -> float:
    """Logits of a probability of one half or more, held to ``SUREST``."""
    p = min(p, SUREST)
    return math.log(p / (1.0 - p))


FORMAT = PreferenceMargin()
