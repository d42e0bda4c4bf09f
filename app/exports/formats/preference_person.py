"""One row a person and pair, with what the person told of themselves: for reward models of single people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports import shaping
from app.exports.formats.annotators import ATTRIBUTES
from app.exports.protocol import Facts, Placed, Row, View
from app.exports.records import AnnotatorRecord
from app.exports.schema import MESSAGES, NUMBER, TEXT, Column, Schema


@dataclass(frozen=True)
class PreferencePerson:
    """Nothing is pooled: chosen is what this person chose, beside what the others make of the same pair."""

    name: str = "preference_person"
    title: str = "Chosen and rejected, each person's own"
    readers: str = "reward models of single people; TRL (as preference)"
    leaves_out: Mapping[str, str] = field(
        default_factory=lambda: {
            "ties": "Votes that found both about the same",
            "neither": "Votes that found neither good",
            "same_text": shaping.LEAVES_OUT["same_text"],
        }
    )
    about_people: bool = True

    def schema(self, facts: Facts) -> Schema:
        made = [
            Column("chosen", MESSAGES, "the conversation that ends with the answer this person preferred"),
            Column("rejected", MESSAGES, "the same conversation, ending with the other answer"),
            Column("annotator_id", TEXT, "the person, under this export's own number"),
        ]
        if "groups" in facts.has:
            made.append(Column("group", TEXT, "the person's, named from eight people up", nullable=True))
        if "attributes" in facts.has:
            made.append(Column("attributes", ATTRIBUTES, "what five people or more share"))
        if "retest_pairs" in facts.has:
            words = "probability that the person chooses the same when asked again, held to the study's mean"
            made.append(Column("steadiness", NUMBER, words))
        gaps = "gaps" in facts.told_by(0)
        return (
            *made,
            Column(
                "p_everyone", NUMBER, "probability of the chosen answer under the first rule", nullable=gaps
            ),
            *shaping.identity(facts),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        facts = view.facts
        people = {name: _told(person, facts) for name, person in view.crowd().items()}
        for pair, votes in view.voted_pairs(single=True):
            if pair.first.text == pair.second.text:
                view.leave_out("same_text")
                continue
            p = pair.labels[0].p_first
            for vote in votes:
                row = shaping.by_vote(pair, vote)
                if row is None:
                    view.leave_out("neither" if vote.y is None else "ties")
                    continue
                yield (
                    pair.split,
                    {
                        "chosen": shaping.spoken(pair.prompt, row.chosen.text),
                        "rejected": shaping.spoken(pair.prompt, row.rejected.text),
                        "annotator_id": vote.annotator_id,
                        **people[vote.annotator_id],
                        "p_everyone": shaping.known(p if row.sign > 0 else 1.0 - p),
                        **shaping.identity_values(row, facts),
                    },
                )


def _told(person: AnnotatorRecord, facts: Facts) -> Row:
    told: Row = {}
    if "groups" in facts.has:
        told["group"] = person.group
    if "attributes" in facts.has:
        told["attributes"] = person.attributes
    if "retest_pairs" in facts.has:
        told["steadiness"] = person.steadiness
    return told


FORMAT = PreferencePerson()
