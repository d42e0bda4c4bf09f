"""Battles in the columns of the published arena votes: one row a vote, sides as they stood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports.protocol import WHOLE as WHOLE_SET
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import FLAG, MESSAGES, NUMBER, TEXT, WHOLE, Column, Schema
from app.exports.shaping import spoken
from app.exports.tidying import language_name


@dataclass(frozen=True)
class Arena:
    """Model a stood on the left. "Neither is good" is a tie of two bad answers; nobody's address was ever kept."""

    name: str = "arena"
    title: str = "Votes as arena battles"
    readers: str = "scripts for chatbot-arena votes (question_id, model_a, model_b, winner ...)"
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    about_people: bool = True

    def schema(self, facts: Facts) -> Schema:
        del facts
        return (
            Column("question_id", TEXT, "the vote, under this export's own number"),
            Column("model_a", TEXT, "the model that wrote the answer on the left, or that answer's id"),
            Column("model_b", TEXT, "the same of the answer on the right"),
            Column("winner", TEXT, "model_a, model_b, tie or tie (bothbad)"),
            Column("judge", TEXT, "arena_user_ and the person, under this export's own number"),
            Column("conversation_a", MESSAGES, "the conversation that ends with the answer on the left"),
            Column("conversation_b", MESSAGES, "the conversation that ends with the answer on the right"),
            Column("turn", WHOLE, "requests in the conversation"),
            Column("anony", FLAG, "names of models were hidden"),
            Column("language", TEXT, "of the study, in English"),
            Column(
                "tstamp", NUMBER, "seconds since 1970, to the minute; null where not known", nullable=True
            ),
            Column("pair_id", TEXT, "the two answers compared"),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        facts = view.facts
        language = language_name(facts.language)
        for pair, votes in view.voted_pairs(single=True):
            turns = sum(m["role"] == "user" for m in pair.prompt)
            for vote in votes:
                sides = (pair.first, pair.second) if vote.left_first else (pair.second, pair.first)
                won = {None: "tie (bothbad)", 0.5: "tie"}.get(vote.y)
                if won is None:
                    won = "model_a" if (vote.y == 1.0) == vote.left_first else "model_b"
                yield (
                    WHOLE_SET,
                    {
                        "question_id": vote.judgment_id,
                        "model_a": sides[0].source or sides[0].id,
                        "model_b": sides[1].source or sides[1].id,
                        "winner": won,
                        "judge": f"arena_user_{vote.annotator_id}",
                        "conversation_a": spoken(pair.prompt, sides[0].text),
                        "conversation_b": spoken(pair.prompt, sides[1].text),
                        "turn": turns,
                        "anony": facts.names_hidden,
                        "language": language,
                        "tstamp": None if vote.at is None else vote.at.timestamp(),
                        "pair_id": pair.pair_id,
                    },
                )


FORMAT = Arena()
