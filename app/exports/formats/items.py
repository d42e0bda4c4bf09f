"""Every item with its request, judged or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports.protocol import WHOLE as WHOLE_SET
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import FLAG, MESSAGES, TEXT, TEXTS, Column, Schema
from app.exports.tidying import as_json, as_text, as_texts


@dataclass(frozen=True)
class Items:
    """One row an item; what the file of items brought along beside the known keys stands in ``metadata``."""

    name: str = "items"
    title: str = "The requests"
    readers: str = "analysis"
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("item_id", TEXT, "the item as it was loaded"),
            Column("prompt_id", TEXT, "items with the same id ask the same"),
            Column("prompt", MESSAGES, "the conversation up to the answers"),
            *(
                [Column("topic", TEXT, "the topic it was given", nullable=True)]
                if "topics" in facts.has
                else []
            ),
            Column("tags", TEXTS, "tags from the item's metadata"),
            Column("kind", TEXT, "value, fact or mixed"),
            Column("source", TEXT, "where the request comes from, as far as the metadata say; else empty"),
            Column("licence", TEXT, "the request's licence, as far as the metadata say; else empty"),
            *(
                [Column("gold_response_id", TEXT, "the answer that a check expects", nullable=True)]
                if "checks" in facts.has
                else []
            ),
            Column("flags", TEXTS, "oddities seen when it was loaded"),
            Column("retired", FLAG, "no longer asked about"),
            Column("split", TEXT, "the part that its pairs are in"),
            Column("prompt_sha256", TEXT, "of the normalised request"),
            Column("metadata", TEXT, "everything else that came with the item, as JSON"),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        names = [c.name for c in self.schema(view.facts)]
        for item in view.items():
            details = dict(item.details)
            found = {
                **item._asdict(),
                "tags": as_texts(details.pop("tags", [])),
                "source": as_text(details.pop("source", "")),
                "licence": as_text(details.pop("licence", details.pop("license", ""))),
                "metadata": as_json(details),
            }
            yield WHOLE_SET, {name: found[name] for name in names}


FORMAT = Items()
