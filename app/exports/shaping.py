"""What the formats of chosen and rejected share: which way a pair points, its conversations and its columns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from app.aggregation.registry import ENDORSED
from app.exports.protocol import Facts, Row, View
from app.exports.records import Label, LabelledPair, Message, Side, Vote
from app.exports.schema import FLAG, NUMBER, TEXT, TEXTS, WHOLE, Column, Many, Schema, Struct

LEAVES_OUT = {
    "undecided": "Pairs on which the rule finds neither answer ahead (ties, or votes that cancel out)",
    "same_text": "Pairs whose two answers are the same text",
    "no_weight": "Pairs that count for nothing, because of how people want their choices read or their disagreement treated",
}


SHIFTS = Many(
    Struct(
        (
            Column("influence", TEXT, "its name, such as length"),
            Column("shift", NUMBER, "change of the probability of the chosen answer"),
        )
    )
)


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
        row = directed(pair)
        if row is None:
            view.leave_out("undecided")
        elif pair.first.text == pair.second.text:
            view.leave_out("same_text")
        elif pair.labels[0].weight <= 0.0:
            view.leave_out("no_weight")
        else:
            yield row


def directed(pair: LabelledPair) -> Directed | None:
    """The pair from its chosen response; None where the first rule finds neither ahead."""
    side = pair.labels[0].side
    return _from(pair, side) if side else None


def turned(row: Directed) -> Directed:
    """The same pair with chosen and rejected changed about."""
    return Directed(row.pair, row.rejected, row.chosen, -row.sign)


def by_vote(pair: LabelledPair, vote: Vote) -> Directed | None:
    """The pair from the response that this vote prefers; None for a tie and for neither."""
    return _from(pair, 1 if vote.y == 1.0 else -1) if vote.y in {0.0, 1.0} else None


def _from(pair: LabelledPair, side: int) -> Directed:
    ends = (pair.first, pair.second) if side > 0 else (pair.second, pair.first)
    return Directed(pair, *ends, 1 if side > 0 else -1)


def spoken(prompt: list[Message], text: str) -> list[Message]:
    """The whole conversation that ends with this response."""
    return [*prompt, {"role": "assistant", "content": text}]


def identity(facts: Facts) -> Schema:
    """Which pair and which answers a row is about."""
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
    return tuple(made)


def identity_values(row: Directed, facts: Facts) -> Row:
    """The values of ``identity``."""
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
    return found


def columns(facts: Facts) -> Schema:
    """What every decided row says about its label, after the texts."""
    made = list(identity(facts))
    made += [
        Column("criterion", TEXT, "what was asked; overall is the study's main question"),
        Column("p_chosen", NUMBER, "probability of the chosen answer under the first rule"),
        *_beside("p_chosen", facts.told_by(0)),
        *(column for place in range(1, len(facts.rules)) for column in _further(facts, place)),
        *_corrections(facts),
        *_stability(facts),
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


def _further(facts: Facts, place: int) -> list[Column]:
    rule = facts.rules[place]
    words = f"probability of the chosen answer under the rule {rule}"
    tells = facts.told_by(place)
    return [Column(f"p_{rule}", NUMBER, words, nullable="gaps" in tells), *_beside(f"p_{rule}", tells)]


def _beside(name: str, tells: frozenset[str]) -> list[Column]:
    """Columns of what a rule tells beside its probability."""
    made = []
    if "interval" in tells:
        made += [
            Column(f"{name}_low", NUMBER, f"lower end of the 95 % range of {name}", nullable="gaps" in tells),
            Column(
                f"{name}_high", NUMBER, f"upper end of the 95 % range of {name}", nullable="gaps" in tells
            ),
        ]
    if "least_group" in tells:
        words = "the group that agrees least, by this rule, with the answer it chooses; named from eight people up"
        made += [
            Column(f"{name}_least_group", TEXT, words, nullable=True),
            Column(
                f"{name}_least_share", NUMBER, "share of that group's votes for that answer", nullable=True
            ),
        ]
    return made


def _endorsed(facts: Facts) -> bool:
    return any("endorsed" in facts.told_by(place) for place in range(len(facts.rules)))


def _corrections(facts: Facts) -> list[Column]:
    """What people's own words did to the label, where a rule takes them in."""
    if not _endorsed(facts):
        return []
    before = "probability of the chosen answer before corrections, under the endorsed rule's own"
    after = "the same after corrections, as people want their choices read"
    return [
        Column("p_raw", NUMBER, before, nullable=True),
        *(() if ENDORSED in facts.rules[1:] else (Column("p_endorsed", NUMBER, after, nullable=True),)),
        Column(
            "weight",
            NUMBER,
            "votes that the corrected label counts for: fewer where an influence may have made it",
        ),
        Column("influence_shift", SHIFTS, "what taking an influence out moved that probability by"),
        Column("patches", TEXTS, "the corrections behind this label, under this export's own numbers"),
    ]


def _stability(facts: Facts) -> list[Column]:
    """Whether the label outlives the other rules that were asked for, and other readings of the same votes."""
    if len(facts.rules) < 2 and not _endorsed(facts):
        return []
    return [
        Column(
            "stable", FLAG, "every rule asked for, and every reading of the votes, chooses the same answer"
        ),
        Column(
            "flipped_by",
            TEXT,
            "the rules and readings that choose the other answer or neither, joined by commas; else empty",
        ),
    ]


def values(row: Directed, facts: Facts) -> Row:
    """The values of ``columns``."""
    pair = row.pair
    found = identity_values(row, facts)
    found["criterion"] = "overall"
    turned = row.sign < 0
    for index, label in enumerate(pair.labels):
        name = f"p_{facts.rules[index]}" if index else "p_chosen"
        found[name] = known(1.0 - label.p_first if turned else label.p_first)
        tells = facts.told_by(index)
        if tells:
            _tell(found, name, label, tells, turned=turned)
    said = pair.corrected
    if said is not None:
        for name, p in (("p_raw", said.p_raw), ("p_endorsed", said.p_endorsed)):
            found.setdefault(name, known(1.0 - p if turned else p))
        found["weight"] = said.weight
        found["influence_shift"] = [
            {"influence": name, "shift": -shift if turned else shift}
            for name, shift in sorted(said.shifts.items())
        ]
        found["patches"] = list(said.patches)
    if len(facts.rules) > 1 or said is not None:
        others = [
            r for r, told in zip(facts.rules, pair.labels, strict=True) if told.side != pair.labels[0].side
        ]
        others += said.flipped_by if said is not None else ()
        found["stable"], found["flipped_by"] = not others, ",".join(others)
    found["n_judgments"] = pair.n_judgments
    found["n_annotators"] = pair.n_annotators
    found["n_ties"] = pair.n_ties
    found["agreement"] = (pair.n_first if row.sign > 0 else pair.n_second) / pair.n_judgments
    if "strength" in facts.has:
        found["strength_mean"] = None if pair.strength is None else pair.strength * row.sign
    found["label_method"] = facts.rules[0]
    return found


def known(p: float) -> float | None:
    """The figure, or nothing where the rule has none for this pair."""
    return None if math.isnan(p) else p


def _tell(found: Row, name: str, label: Label, tells: frozenset[str], *, turned: bool) -> None:
    """The values of ``_beside``, seen from the chosen answer."""
    if "interval" in tells and label.low is not None and label.high is not None:
        low, high = (1.0 - label.high, 1.0 - label.low) if turned else (label.low, label.high)
        found[f"{name}_low"], found[f"{name}_high"] = known(low), known(high)
    if "least_group" in tells:
        found[f"{name}_least_group"], found[f"{name}_least_share"] = label.least, label.least_share
