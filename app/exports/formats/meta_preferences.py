"""The questions about how choices should be read: each wording that somebody answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports.protocol import WHOLE as WHOLE_SET
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import TEXT, TEXTS, WHOLE, Column, Schema


@dataclass(frozen=True)
class MetaPreferences:
    """One row a wording and form; what people answered is in ``meta_judgments``."""

    name: str = "meta_preferences"
    title: str = "Questions about how choices should be read"
    readers: str = "analysis"
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        del facts
        return (
            Column("question_id", TEXT, "wording, version, form, and which way round where there are two"),
            Column("kind", TEXT, "M1 to M16: what it asks for"),
            Column(
                "text",
                TEXT,
                "the wording itself; what was put into it for a person stands with their answer, in meta_judgments",
            ),
            Column("version", WHOLE, "of the wording"),
            Column("form", TEXT, "plain, mirrored or reversed"),
            Column("options", TEXTS, "the answers that could be given"),
            Column("n_answers", WHOLE, "answers that stand"),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        for one in view.meta_questions():
            yield WHOLE_SET, one._asdict()


FORMAT = MetaPreferences()
