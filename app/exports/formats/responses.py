"""Every response of every item, judged or not: also the ones that lost and the ones nobody saw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports.protocol import WHOLE as WHOLE_SET
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import TEXT, TEXTS, WHOLE, Column, Schema
from app.exports.tidying import as_json, as_text


@dataclass(frozen=True)
class Responses:
    """One row a response. Its id is unique in its item."""

    name: str = "responses"
    title: str = "The answers, with the models that wrote them"
    readers: str = "analysis"
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("response_id", TEXT, "unique in its item"),
            Column("item_id", TEXT, "the item as it was loaded"),
            Column("position", WHOLE, "place in the item's list, from 0"),
            Column("text", TEXT, "the answer"),
            *(
                [Column("source", TEXT, "the model that wrote it", nullable=True)]
                if "source" in facts.has
                else []
            ),
            Column("revision", TEXT, "of the model, as far as the metadata say; else empty"),
            Column("licence", TEXT, "of the answer, as far as the metadata say; else empty"),
            *(
                [
                    Column("variant_of", TEXT, "the answer of which this is a changed copy", nullable=True),
                    Column("variant", TEXT, "what was changed", nullable=True),
                ]
                if "variants" in facts.has
                else []
            ),
            Column("flags", TEXTS, "oddities seen when it was loaded"),
            Column("metadata", TEXT, "everything else that came with the answer, as JSON"),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        names = [c.name for c in self.schema(view.facts)]
        for response in view.responses():
            details = dict(response.details)
            found = {
                **response._asdict(),
                "revision": as_text(details.pop("revision", "")),
                "licence": as_text(details.pop("licence", details.pop("license", ""))),
                "metadata": as_json(details),
            }
            yield WHOLE_SET, {name: found[name] for name in names}


FORMAT = Responses()
