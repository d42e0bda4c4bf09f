"""One row a group and pair, from the group's own votes: for reward models of groups, and for seeing where groups part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports import shaping
from app.exports.protocol import Facts, Placed, View
from app.exports.schema import MESSAGES, NUMBER, TEXT, WHOLE, Column, Schema


@dataclass(frozen=True)
class PreferenceGroup:
    """Only groups of eight people or more; a rule that weighs groups is replaced by plain shares inside one."""

    name: str = "preference_group"
    title: str = "Chosen and rejected, each group's own"
    readers: str = "reward models of groups; TRL (as preference)"
    leaves_out: Mapping[str, str] = field(
        default_factory=lambda: {
            "undecided": "Pairs on which a group finds neither answer ahead",
            "same_text": shaping.LEAVES_OUT["same_text"],
        }
    )
    about_people: bool = False

    def schema(self, facts: Facts) -> Schema:
        gaps = "gaps" in facts.told_by(0)
        return (
            Column("chosen", MESSAGES, "the conversation that ends with the answer this group prefers"),
            Column("rejected", MESSAGES, "the same conversation, ending with the other answer"),
            Column("group", TEXT, "whose label it is"),
            Column("group_size", WHOLE, "people of the group"),
            Column(
                "p_chosen", NUMBER, "how sure the rule is from the group's votes alone, from a half to one"
            ),
            Column("p_everyone", NUMBER, "the same answer under the first rule, all votes", nullable=gaps),
            Column("n_judgments", WHOLE, "votes of the group that were counted"),
            Column("n_ties", WHOLE, "of these, votes that found both about the same"),
            *shaping.identity(facts),
        )

    def rows(self, view: View) -> Iterator[Placed]:
        facts = view.facts
        for group, people, pair, everyone in view.group_pairs():
            row = shaping.directed(pair)
            if row is None or pair.first.text == pair.second.text:
                view.leave_out("undecided" if row is None else "same_text")
                continue
            ahead = row.sign > 0
            p, all_p = pair.labels[0].p_first, everyone.p_first
            yield (
                pair.split,
                {
                    "chosen": shaping.spoken(pair.prompt, row.chosen.text),
                    "rejected": shaping.spoken(pair.prompt, row.rejected.text),
                    "group": group,
                    "group_size": people,
                    "p_chosen": p if ahead else 1.0 - p,
                    "p_everyone": shaping.known(all_p if ahead else 1.0 - all_p),
                    "n_judgments": pair.n_judgments,
                    "n_ties": pair.n_ties,
                    **shaping.identity_values(row, facts),
                },
            )


FORMAT = PreferenceGroup()
