"""Which part and fold every request was given, so that other data can be split the same way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports.protocol import WHOLE as WHOLE_SET
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import TEXT, WHOLE, Column, Schema


@dataclass(frozen=True)
class Splits:
    """One row a request, the same in every later export."""

    name: str = "splits"
    title: str = "Which request is in which part"
    readers: str = "analysis"
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        del facts
        return (
            Column("prompt_id", TEXT, "as in the other files"),
            Column("split", TEXT, "train, validation, test, or the part an item named"),
            Column("fold", WHOLE, "0 to 4, for cross-validation; near-duplicates share one"),
            Column("prompt_sha256", TEXT, "of the normalised request"),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        for one in view.splits():
            yield (
                WHOLE_SET,
                {
                    "prompt_id": one.prompt_id,
                    "split": one.split,
                    "fold": one.fold,
                    "prompt_sha256": one.prompt_sha256,
                },
            )


FORMAT = Splits()
