"""One row a person and pair they have not answered, where they let the study's picture of them answer; marked as such."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports import shaping
from app.exports.protocol import Facts, Placed, View
from app.exports.records import Vote
from app.exports.schema import MESSAGES, NUMBER, TEXT, WHOLE, Column, Schema

SOURCE = "surrogate_delegated"
SURE = 0.6
"""Below this much either way the picture does not know what the person would choose, and no row is made."""


@dataclass(frozen=True)
class PreferenceDelegated:
    """Nobody chose these: a person said that what the study has learned of them may answer. No other format holds such rows."""

    name: str = "preference_delegated"
    title: str = "Chosen and rejected as a person's picture would choose, where they said it may"
    readers: str = "reward models of single people that know weights; TRL (as preference)"
    leaves_out: Mapping[str, str] = field(
        default_factory=lambda: {
            "unsure": "Answers of which the picture is less than 60 % sure",
            "no_weight": "Answers of a picture that guesses its person's repeats no better than a coin",
            "same_text": shaping.LEAVES_OUT["same_text"],
        }
    )
    about_people: bool = True

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("chosen", MESSAGES, "the conversation that ends with the answer the picture prefers"),
            Column("rejected", MESSAGES, "the same conversation, ending with the other answer"),
            Column("annotator_id", TEXT, "the person, under this export's own number"),
            Column("source", TEXT, f"always {SOURCE}: nobody chose this"),
            Column("p_chosen", NUMBER, "probability that the person would choose it, as far as the picture goes"),
            Column("weight", NUMBER, "what the person hands over, times how well the picture guesses their own repeats; 0 to 1"),
            Column("repeats", WHOLE, "own repeats that the picture was held to"),
            Column("repeats_guessed", WHOLE, "of these, those it guessed"),
            *shaping.identity(facts),
        )  # fmt: skip

    def rows(self, view: View) -> Iterator[Placed]:
        facts = view.facts
        for pair, people in view.delegated_pairs():
            if pair.first.text == pair.second.text:
                view.leave_out("same_text")
                continue
            for one in people:
                p = max(one.p_first, 1.0 - one.p_first)
                row = shaping.by_vote(
                    pair, Vote(one.annotator_id, float(one.p_first > 0.5), None, None, None)
                )
                if one.weight <= 0.0 or p < SURE or row is None:
                    view.leave_out("no_weight" if one.weight <= 0.0 else "unsure")
                    continue
                yield (
                    pair.split,
                    {
                        "chosen": shaping.spoken(pair.prompt, row.chosen.text),
                        "rejected": shaping.spoken(pair.prompt, row.rejected.text),
                        "annotator_id": one.annotator_id,
                        "source": SOURCE,
                        "p_chosen": p,
                        "weight": one.weight,
                        "repeats": one.repeats,
                        "repeats_guessed": one.hits,
                        **shaping.identity_values(row, facts),
                    },
                )


FORMAT = PreferenceDelegated()
