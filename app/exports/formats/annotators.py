"""One row a person who answered, under this export's own number: groups, attributes that enough people share, habits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports.protocol import WHOLE as WHOLE_SET
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import FLAG, NUMBER, TEXT, WHOLE, Column, Many, Schema, Struct

ATTRIBUTES = Many(
    Struct((Column("key", TEXT, "what was asked"), Column("value", TEXT, "what the person said")))
)


@dataclass(frozen=True)
class Annotators:
    """No name, address, handle or exact time; a value that fewer than five people share is not told."""

    name: str = "annotators"
    title: str = "The people who answered"
    readers: str = "analysis"
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    about_people: bool = True

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("annotator_id", TEXT, "the person, under this export's own number"),
            *(
                [Column("group", TEXT, "named from eight people up", nullable=True)]
                if "groups" in facts.has
                else []
            ),
            *(
                [Column("attributes", ATTRIBUTES, "what five people or more share")]
                if "attributes" in facts.has
                else []
            ),
            Column("n_judgments", WHOLE, "answers given, all kinds"),
            Column("n_counted", WHOLE, "of these, answers that feed labels"),
            *(
                [
                    Column("n_retests", WHOLE, "pairs answered twice"),
                    Column("retests_same", WHOLE, "of these, answered alike"),
                    Column(
                        "steadiness",
                        NUMBER,
                        "probability of the same answer when asked again, held to the study's mean",
                    ),
                ]
                if "retest_pairs" in facts.has
                else []
            ),
            Column("left_share", NUMBER, "share of choices on the left, from ten choices up", nullable=True),
            *(
                [Column("median_ms", NUMBER, "median milliseconds an answer", nullable=True)]
                if "response_ms" in facts.has
                else []
            ),
            Column("consent_scope", TEXT, "what the person agreed to"),
            Column("source", TEXT, "page, api, import or simulated"),
            Column("joined_week", TEXT, "year and week of joining"),
            Column("left_out", FLAG, "left out of labels by the researcher"),
            Column("annotator_fold", WHOLE, "0 to 4, for validation across people"),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        names = [c.name for c in self.schema(view.facts)]
        for person in view.annotators():
            found = {**person._asdict(), "annotator_fold": person.fold}
            yield WHOLE_SET, {name: found[name] for name in names}


FORMAT = Annotators()
