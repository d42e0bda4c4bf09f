"""What people said about how their choices should be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports.protocol import WHOLE as WHOLE_SET
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import MOMENT, TEXT, TEXTS, WHOLE, Column, Schema


@dataclass(frozen=True)
class MetaJudgments:
    """One row an answer that stands. Labels take them in under the rules named ``endorsed``."""

    name: str = "meta_judgments"
    title: str = "Answers about how choices should be read"
    readers: str = "analysis"
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    about_people: bool = True

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("meta_judgment_id", TEXT, "this answer, under this export's own number"),
            Column("annotator_id", TEXT, "the person, under this export's own number"),
            Column("question_id", TEXT, "as in meta_preferences"),
            Column("kind", TEXT, "M1 to M16: what was asked for"),
            Column("text", TEXT, "the question as this person read it"),
            Column("choice", TEXT, "the answer chosen; empty for rankings and shared points"),
            Column("answer", TEXT, "the whole answer, as JSON"),
            Column("shown", WHOLE, "own choices that were shown with what would become of them"),
            Column("stood", WHOLE, "of these, those the person stood by"),
            Column("about_pair_ids", TEXTS, "pairs that were shown or counted"),
            *(
                [Column("reason_text", TEXT, "the person's own words", nullable=True)]
                if facts.include_text
                else []
            ),
            Column("response_ms", WHOLE, "milliseconds from showing to answering", nullable=True),
            Column("at", MOMENT, "when it was answered, to the minute", nullable=True),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        names = [c.name for c in self.schema(view.facts)]
        for one in view.meta_answers():
            found = {**one._asdict(), "about_pair_ids": one.about, "reason_text": one.reason}
            yield WHOLE_SET, {name: found[name] for name in names}


FORMAT = MetaJudgments()
