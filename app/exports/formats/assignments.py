"""Every comparison that was put to somebody, answered or not, with the probability of its being put."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports.protocol import WHOLE as WHOLE_SET
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import FLAG, MOMENT, NUMBER, TEXT, WHOLE, Column, Schema


@dataclass(frozen=True)
class Assignments:
    """What is needed to weigh answers by how likely their questions were."""

    name: str = "assignments"
    title: str = "Every question put, with its probability"
    readers: str = "analysis with inverse-propensity weights"
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    about_people: bool = True

    def schema(self, facts: Facts) -> Schema:
        del facts
        return (
            Column("assignment_id", TEXT, "the question, under this export's own number"),
            Column("annotator_id", TEXT, "the person, under this export's own number"),
            Column("item_id", TEXT, "the item as it was loaded"),
            Column("pair_id", TEXT, "the two answers compared"),
            Column("left_response_id", TEXT, "the answer on the left"),
            Column("right_response_id", TEXT, "the answer on the right"),
            Column("policy", TEXT, "the policy that drew the pair"),
            Column("branch", TEXT, "the branch of the draw: policy, explore, retest or check", nullable=True),
            Column(
                "branch_probability",
                NUMBER,
                "probability that a question of this kind came up",
                nullable=True,
            ),
            Column("explore", NUMBER, "share of draws that were uniformly random", nullable=True),
            Column("score", NUMBER, "the policy's score of the pair", nullable=True),
            Column("propensity", NUMBER, "probability that this person was asked this pair then"),
            Column("eligible", WHOLE, "questions of this kind that the person could be asked", nullable=True),
            Column("candidates", WHOLE, "those of them the policy looked at", nullable=True),
            Column(
                "guess_left",
                NUMBER,
                "the left answer's chance, as the study guessed before asking",
                nullable=True,
            ),
            Column("guess_by", TEXT, "what the study guessed from: counts or model", nullable=True),
            Column("is_repeat", FLAG, "a pair that the person had answered before"),
            Column("is_gold", FLAG, "a question whose expected answer the researcher gave"),
            Column("answered", FLAG, "an answer was stored"),
            Column("place", WHOLE, "place in the person's sequence of questions"),
            Column("round", WHOLE, "the person's working session"),
            Column("shown_at", MOMENT, "when it was shown, to the minute"),
            Column("study_version", WHOLE, "the protocol version it was asked under"),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        names = [c.name for c in self.schema(view.facts)]
        for one in view.assignments():
            found = {**one._asdict(), "round": one.work_session}
            yield WHOLE_SET, {name: found[name] for name in names}


FORMAT = Assignments()
