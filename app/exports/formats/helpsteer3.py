"""Pairs in the columns of HelpSteer3-Preference: an overall score from -3 to 3 and every vote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.exports.formats.comparisons import rounded, score
from app.exports.protocol import Facts, Placed, View
from app.exports.records import Vote
from app.exports.schema import MESSAGES, TEXT, WHOLE, Column, Many, Schema, Struct
from app.exports.tidying import language_name

_VOTES = Many(
    Struct(
        (
            Column("score", WHOLE, "-3 response 1 much better ... 3 response 2; 2 without a strength"),
            Column(
                "reasoning", TEXT, "the person's own words, where they are part of the export; else empty"
            ),
            Column("feedback1", TEXT, "empty: single answers are not commented on"),
            Column("feedback2", TEXT, "empty: single answers are not commented on"),
        )
    )
)


@dataclass(frozen=True)
class HelpSteer3:
    """Ties are 0 and stay; some loaders then call response 1 both chosen and rejected, so leave them out there."""

    name: str = "helpsteer3"
    title: str = "Pairs in the shape of HelpSteer3-Preference"
    readers: str = "NeMo-RL (HelpSteer3), scripts for HelpSteer3-Preference"
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        del facts
        return (
            Column("domain", TEXT, "the item's topic, or general"),
            Column("language", TEXT, "of the study, in lower case"),
            Column("context", MESSAGES, "the conversation up to the answers"),
            Column("response1", TEXT, "the answer listed first in its item"),
            Column("response2", TEXT, "the other answer"),
            Column("overall_preference", WHOLE, "mean score, rounded: -3 response 1 ... 3 response 2"),
            Column("individual_preference", _VOTES, "each vote"),
            Column("pair_id", TEXT, "the two answers compared"),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        language = language_name(view.facts.language).lower()
        for pair, votes in view.voted_pairs():
            scores = [score(v) for v in votes]
            yield (
                pair.split,
                {
                    "domain": pair.topic or "general",
                    "language": language,
                    "context": pair.prompt,
                    "response1": pair.first.text,
                    "response2": pair.second.text,
                    "overall_preference": rounded(sum(scores), len(scores)),
                    "individual_preference": [_told(v, s) for v, s in zip(votes, scores, strict=True)],
                    "pair_id": pair.pair_id,
                },
            )


def _told(vote: Vote, points: int) -> dict[str, Any]:
    return {"score": points, "reasoning": vote.reason or "", "feedback1": "", "feedback2": ""}


FORMAT = HelpSteer3()
