"""Pairs as AlpacaEval annotations: one row a pair, with a preference between 1 and 2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports.protocol import WHOLE as WHOLE_SET
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import NUMBER, TEXT, WHOLE, Column, Schema
from app.exports.shaping import known


@dataclass(frozen=True)
class AlpacaEval:
    """The preference is 1 + the probability of the second output; ties stand at 1.5 and stay."""

    name: str = "alpaca_eval"
    title: str = "Pairs as AlpacaEval annotations"
    readers: str = "AlpacaEval (annotations.json, after turning the lines into a list)"
    leaves_out: Mapping[str, str] = field(
        default_factory=lambda: {"several_turns": "Pairs whose request is a conversation of several messages"}
    )
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("instruction", TEXT, "the request"),
            Column("output_1", TEXT, "the answer listed first in its item"),
            Column("generator_1", TEXT, "the model that wrote it, or its id"),
            Column("dataset", TEXT, "the item's topic, or the word soundings"),
            Column("output_2", TEXT, "the other answer"),
            Column("generator_2", TEXT, "the model that wrote it, or its id"),
            Column("annotator", TEXT, "soundings_ and the rule"),
            Column(
                "preference",
                NUMBER,
                "1 output 1 ... 1.5 even ... 2 output 2",
                nullable="gaps" in facts.told_by(0),
            ),
            Column("n_judgments", WHOLE, "votes that were counted"),
            Column("pair_id", TEXT, "the two answers compared"),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        rule = view.facts.rules[0]
        for pair in view.pairs():
            if len(pair.prompt) != 1 or pair.prompt[0]["role"] != "user":
                view.leave_out("several_turns")
                continue
            yield (
                WHOLE_SET,
                {
                    "instruction": pair.prompt[0]["content"],
                    "output_1": pair.first.text,
                    "generator_1": pair.first.source or pair.first.id,
                    "dataset": pair.topic or "soundings",
                    "output_2": pair.second.text,
                    "generator_2": pair.second.source or pair.second.id,
                    "annotator": f"soundings_{rule}",
                    "preference": known(2.0 - pair.labels[0].p_first),
                    "n_judgments": pair.n_judgments,
                    "pair_id": pair.pair_id,
                },
            )


FORMAT = AlpacaEval()
