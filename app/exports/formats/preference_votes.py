"""One row a vote: the honest soft label for trainers that know no shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports import shaping
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import MESSAGES, TEXT, Column, Schema


@dataclass(frozen=True)
class PreferenceVotes:
    """Chosen is what this person chose, so a pair stands here as often as it was voted on, in both directions where people differ."""

    name: str = "preference_votes"
    title: str = "Chosen and rejected, one row a vote"
    readers: str = "TRL, OpenRLHF, Axolotl (as preference); models of single people"
    leaves_out: Mapping[str, str] = field(
        default_factory=lambda: {
            "ties": "Votes that found both about the same",
            "neither": "Votes that found neither good",
            "same_text": shaping.LEAVES_OUT["same_text"],
        }
    )
    about_people: bool = True

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("chosen", MESSAGES, "the conversation that ends with the answer this person preferred"),
            Column("rejected", MESSAGES, "the same conversation, ending with the other answer"),
            Column("annotator_id", TEXT, "the person, under this export's own number"),
            Column("judgment_id", TEXT, "the vote, under this export's own number"),
            *shaping.identity(facts),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        facts = view.facts
        for pair, votes in view.voted_pairs(single=True):
            if pair.first.text == pair.second.text:
                view.leave_out("same_text")
                continue
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
                        "judgment_id": vote.judgment_id,
                        **shaping.identity_values(row, facts),
                    },
                )


FORMAT = PreferenceVotes()
