"""Every judged pair, ties kept, with the rule's label and each single vote: nothing here is turned into a winner."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.exports.protocol import Facts, Placed, Row, View
from app.exports.records import LabelledPair, Vote
from app.exports.schema import MESSAGES, NUMBER, TEXT, WHOLE, Column, Many, Schema, Struct
from app.exports.shaping import known

PLAIN = 2
"""The score of a choice that was given without a strength: better, neither a little nor much."""


@dataclass(frozen=True)
class Comparisons:
    """Undirected: response 1 is the one listed first in the item, whoever won."""

    name: str = "comparisons"
    title: str = "Every judged pair with its votes, ties included"
    readers: str = "analysis; readers of HelpSteer3-Preference after renaming"
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    about_people: bool = True

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("context", MESSAGES, "the conversation up to the answers"),
            Column("response1", TEXT, "the answer listed first in its item"),
            Column("response2", TEXT, "the other answer"),
            Column("pair_id", TEXT, "the same for the same two answers in every export"),
            Column("prompt_id", TEXT, "rows with the same id answer the same request"),
            Column("item_id", TEXT, "the item as it was loaded"),
            Column("response1_id", TEXT, "id of response 1 in its item"),
            Column("response2_id", TEXT, "id of response 2 in its item"),
            *_sources(facts),
            Column("criterion", TEXT, "what was asked; overall is the study's main question"),
            Column(
                "overall_preference", WHOLE, "mean score, rounded: -3 response 1 much better ... 3 response 2"
            ),
            *(_probability(facts, place) for place in range(len(facts.rules))),
            Column("p_tie", NUMBER, "share of the votes that are ties"),
            Column("entropy", NUMBER, "of the shares of response 1, tie and response 2, in bits"),
            Column("n_judgments", WHOLE, "votes that were counted"),
            Column("individual_preference", _votes(facts), "each vote; a choice without a strength scores 2"),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        facts = view.facts
        for pair, votes in view.voted_pairs():
            yield pair.split, _row(pair, votes, facts)


def _probability(facts: Facts, place: int) -> Column:
    gaps = "gaps" in facts.told_by(place)
    if place == 0:
        return Column("p_response2", NUMBER, "probability of response 2 under the first rule", nullable=gaps)
    rule = facts.rules[place]
    return Column(f"p_response2_{rule}", NUMBER, f"the same under the rule {rule}", nullable=gaps)


def _sources(facts: Facts) -> list[Column]:
    if "source" not in facts.has:
        return []
    return [
        Column("source1", TEXT, "the model that wrote response 1", nullable=True),
        Column("source2", TEXT, "the model that wrote response 2", nullable=True),
    ]


def _votes(facts: Facts) -> Many:
    columns = [
        Column("annotator_id", TEXT, "the person, under this export's own number"),
        Column("score", WHOLE, "-3 response 1 much better ... 3 response 2 much better"),
    ]
    if "confidence" in facts.has:
        columns.append(Column("confidence", NUMBER, "1 unsure to 3 sure", nullable=True))
    if facts.include_text and "rationale" in facts.has:
        columns.append(Column("reason", TEXT, "the person's own words", nullable=True))
    return Many(Struct(tuple(columns)))


def _row(pair: LabelledPair, votes: list[Vote], facts: Facts) -> Row:
    scores = [score(v) for v in votes]
    n = pair.n_judgments
    row: Row = {
        "context": pair.prompt,
        "response1": pair.first.text,
        "response2": pair.second.text,
        "pair_id": pair.pair_id,
        "prompt_id": pair.prompt_id,
        "item_id": pair.item_id,
        "response1_id": pair.first.id,
        "response2_id": pair.second.id,
    }
    if "source" in facts.has:
        row["source1"], row["source2"] = pair.first.source, pair.second.source
    row["criterion"] = "overall"
    row["overall_preference"] = rounded(sum(scores), len(scores))
    for index, label in enumerate(pair.labels):
        row["p_response2" if index == 0 else f"p_response2_{facts.rules[index]}"] = known(1.0 - label.p_first)
    row["p_tie"] = pair.n_ties / n
    row["entropy"] = entropy(pair.n_first / n, pair.n_ties / n, pair.n_second / n)
    row["n_judgments"] = n
    row["individual_preference"] = [_told(v, s, facts) for v, s in zip(votes, scores, strict=True)]
    return row


def _told(vote: Vote, score: int, facts: Facts) -> dict[str, Any]:
    told: dict[str, Any] = {"annotator_id": vote.annotator_id, "score": score}
    if "confidence" in facts.has:
        told["confidence"] = None if vote.confidence is None else float(vote.confidence)
    if facts.include_text and "rationale" in facts.has:
        told["reason"] = vote.reason
    return told


def score(vote: Vote) -> int:
    """On the scale of -3 response 1 much better to 3 response 2; a choice without a strength is 2."""
    if vote.y is None or vote.y == 0.5:
        return 0
    strength = vote.strength or PLAIN
    return -strength if vote.y == 1.0 else strength


def rounded(total: int, n: int) -> int:
    """The mean, halves away from zero, so that turning a pair round turns its sign and nothing else."""
    return int(math.copysign(math.floor(abs(total) / n + 0.5), total)) if n else 0


def entropy(*shares: float) -> float:
    """Entropy of shares that sum to one, in bits; 0 where all agree."""
    return abs(sum(s * math.log2(s) for s in shares if s > 0))


FORMAT = Comparisons()
