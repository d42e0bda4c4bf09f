"""What the formats of chosen and rejected share: which way a pair points, its conversations and its columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from app.exports.protocol import Facts, Row, View
from app.exports.records import LabelledPair, Message, Side
from app.exports.schema import NUMBER, TEXT, WHOLE, Column, Schema

LEAVES_OUT = {
    "undecided": "Pairs on which the rule finds neither answer ahead (ties, or votes that cancel out)",
    "same_text": "Pairs whose two answers are the same text",
}


class Directed(NamedTuple):
    """A decided pair, seen from its chosen response."""

    pair: LabelledPair
    chosen: Side
    rejected: Side
    sign: int
    """1 where the first response was chosen, -1 where the second was."""


def decided(view: View) -> Iterator[Directed]:
    """Pairs that the first rule decides, whose two texts differ; the others are counted with their reason."""
    for pair in view.pairs():
        side = pair.labels[0].side
        if side == 0:
            view.leave_out("undecided")
        elif pair.first.text == pair.second.text:
            view.leave_out("same_text")
        elif side > 0:
            yield Directed(pair, pair.first, pair.second, 1)
        else:
            yield Directed(pair, pair.second, pair.first, -1)


def spoken(prompt: list[Message], text: str) -> list[Message]:
    """The whole conversation that ends with this response."""
    return [*prompt, {"role": "assistant", "content": text}]


def columns(facts: Facts) -> Schema:
    """What every decided row says about its label, after the texts."""
    made = [
        Column("pair_id", TEXT, "the same for the same two answers in every export"),
        Column("prompt_id", TEXT, "rows with the same id answer the same request"),
        Column("item_id", TEXT, "the item as it was loaded"),
        Column("chosen_response_id", TEXT, "id of the chosen answer in its item"),
        Column("rejected_response_id", TEXT, "id of the other answer in its item"),
    ]
    if "source" in facts.has:
        made += [
            Column("chosen_source", TEXT, "the model that wrote the chosen answer", nullable=True),
            Column("rejected_source", TEXT, "the model that wrote the other answer", nullable=True),
        ]
    made += [
        Column("criterion", TEXT, "what was asked; overall is the study's main question"),
        Column("p_chosen", NUMBER, "how sure the rule is of the chosen answer, from a half to one"),
        *(
            Column(f"p_{rule}", NUMBER, f"probability of the chosen answer under the rule {rule}")
            for rule in facts.rules[1:]
        ),
        Column("n_judgments", WHOLE, "votes that were counted"),
        Column("n_annotators", WHOLE, "people who gave them"),
        Column("n_ties", WHOLE, "of these, votes that found both about the same"),
        Column("agreement", NUMBER, "share of the votes that are for the chosen answer; a tie is not"),
    ]
    if "strength" in facts.has:
        made.append(
            Column("strength_mean", NUMBER, "mean strength towards the chosen answer, -3 to 3", nullable=True)
        )
    made.append(Column("label_method", TEXT, "the rule that decided chosen and rejected"))
    return tuple(made)


def values(row: Directed, facts: Facts) -> Row:
    """The values of ``columns``."""
    pair = row.pair
    found: Row = {
        "pair_id": pair.pair_id,
        "prompt_id": pair.prompt_id,
        "item_id": pair.item_id,
        "chosen_response_id": row.chosen.id,
        "rejected_response_id": row.rejected.id,
    }
    if "source" in facts.has:
        found["chosen_source"], found["rejected_source"] = row.chosen.source, row.rejected.source
    found["criterion"] = "overall"
    for index, label in enumerate(pair.labels):
        name = "p_chosen" if index == 0 else f"p_{facts.rules[index]}"
        found[name] = label.p_first if row.sign > 0 else 1.0 - label.p_first
    found["n_judgments"] = pair.n_judgments
    found["n_annotators"] = pair.n_annotators
    found["n_ties"] = pair.n_ties
    found["agreement"] = (pair.n_first if row.sign > 0 else pair.n_second) / pair.n_judgments
    if "strength" in facts.has:
        found["strength_mean"] = None if pair.strength is None else pair.strength * row.sign
    found["label_method"] = facts.rules[0]
    return found
