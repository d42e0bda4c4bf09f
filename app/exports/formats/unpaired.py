"""Single responses with thumbs up or down, made from the pairs: for trainers that learn from one answer at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports.protocol import Facts, Placed, Row, View
from app.exports.schema import FLAG, MESSAGES, NUMBER, TEXT, WHOLE, Column, Schema
from app.exports.shaping import spoken

MIDDLE = 1e-9
"""Half-width of the band around one half in which a response is called neither good nor bad."""


@dataclass(frozen=True)
class Unpaired:
    """A response is good where more of the evidence on its pairs speaks for it; "neither is good" speaks against both."""

    name: str = "unpaired"
    title: str = "Single answers, good or not"
    readers: str = "TRL (KTO)"
    leaves_out: Mapping[str, str] = field(
        default_factory=lambda: {"undecided": "Answers that as much evidence calls good as not"}
    )
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        return (
            Column("prompt", MESSAGES, "the conversation up to the answer"),
            Column("completion", MESSAGES, "the answer, one message"),
            Column("label", FLAG, "whether it is good: p_good above one half"),
            Column("response_id", TEXT, "id of the answer in its item"),
            Column("item_id", TEXT, "the item as it was loaded"),
            Column("prompt_id", TEXT, "rows with the same id answer the same request"),
            *(
                [Column("source", TEXT, "the model that wrote it", nullable=True)]
                if "source" in facts.has
                else []
            ),
            Column("p_good", NUMBER, "share of the evidence on its pairs that speaks for it"),
            Column("n_judgments", WHOLE, "votes on its pairs, neither included"),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        with_source = "source" in view.facts.has
        for rated in view.rated_responses():
            if abs(rated.p_good - 0.5) <= MIDDLE:
                view.leave_out("undecided")
                continue
            row: Row = {
                "prompt": rated.prompt,
                "completion": spoken([], rated.text),
                "label": rated.p_good > 0.5,
                "response_id": rated.response_id,
                "item_id": rated.item_id,
                "prompt_id": rated.prompt_id,
            }
            if with_source:
                row["source"] = rated.source
            yield rated.split, {**row, "p_good": rated.p_good, "n_judgments": rated.n_judgments}


FORMAT = Unpaired()
