"""The figures that a card and a manifest tell about the data; unknown ones are None, never zero."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import func, select

from app.assignments.tables import Assignment
from app.exports import collecting
from app.exports.collecting import LEFT, RIGHT
from app.exports.meta_stream import current
from app.exports.people import FEWEST_IN_GROUP, may_be_released
from app.exports.records import LabelledPair
from app.exports.state import State
from app.inference.agreement import krippendorff_nominal
from app.people.tables import Annotator

CHARACTERS_PER_TOKEN = 4
"""A rough figure for European languages; scripts such as Chinese have fewer characters to a token."""
TOKENS = 1024


@dataclass
class Lengths:
    """How long the conversations are and whether the longer answer wins, noted while pairs pass by."""

    characters: array[int] = field(default_factory=lambda: array("i"))
    longer_chosen: int = 0
    decided: int = 0

    def note(self, pair: LabelledPair) -> None:
        """Take one pair into account."""
        first, second = len(pair.first.text), len(pair.second.text)
        side = pair.labels[0].side
        length = max(second, first)
        for message in pair.prompt:
            length += len(message["content"])
        self.characters.append(length)
        if side and first != second:
            self.decided += 1
            self.longer_chosen += (first > second) == (side > 0)

    def as_dict(self) -> dict[str, Any]:
        lengths = np.frombuffer(self.characters, np.int32) if self.characters else np.zeros(0, np.int32)
        told: dict[str, Any] = {"longer_chosen": None, "characters": None, "over_1024_tokens": None}
        if self.decided:
            told["longer_chosen"] = round(self.longer_chosen / self.decided, 4)
        if lengths.size:
            points = np.quantile(lengths, [0.05, 0.5, 0.95, 1.0]).tolist()
            told["characters"] = {
                k: int(v) for k, v in zip(("p5", "median", "p95", "most"), points, strict=True)
            }
            told["over_1024_tokens"] = int((lengths > TOKENS * CHARACTERS_PER_TOKEN).sum())
        return told


def figures(state: State) -> dict[str, Any]:
    """Counts, agreement, repeats, sides and how pairs were drawn."""
    votes, found = state.votes, state.collected
    per_pair = votes.n_judgments[votes.n_judgments > 0]
    given = np.unique(found.person)
    counted = np.unique(found.person[found.counted()])
    again = state.retests
    sided = found.counted() & ((found.choice == LEFT) | (found.choice == RIGHT))
    return {
        "items": state.survey.items,
        "responses": state.survey.responses,
        "pairs": state.survey.pairs,
        "pairs_judged": int(per_pair.size),
        "people": int(given.size),
        "people_counted": int(counted.size),
        "people_left_out": int(state.people.left_out[given].sum()),
        "votes_per_pair": {
            "least": int(per_pair.min()),
            "median": float(np.median(per_pair)),
            "most": int(per_pair.max()),
        }
        if per_pair.size
        else None,
        "ties": int(votes.n_ties.sum()),
        "krippendorff_alpha": _rounded(alpha(state)),
        "retests": {
            "n": int(again.person.size),
            "same_choice": _rounded(float((again.before == again.after).mean()))
            if again.person.size
            else None,
        },
        "left_share": _rounded(float((found.choice[sided] == LEFT).mean())) if sided.any() else None,
        "groups": _groups(state, given),
        "suppressed_values": state.people.suppressed,
        "drawn_by": _drawn(state),
        "said": _said(state),
    }


def alpha(state: State) -> float | None:
    """Krippendorff's alpha, nominal, over first preferred, second preferred and tie, "first" being first as text.

    None where no pair has two votes or where every vote says the same.
    """
    votes = state.votes
    if not (votes.n_judgments > 1).any():
        return None
    ordered = collecting.in_text_order(state.session, state.study.id, state.collected.pair_ids)
    y = np.where(ordered[votes.pair], votes.y, 1.0 - votes.y)
    return krippendorff_nominal(votes.pair, (y * 2).astype(np.int64)).alpha


def _groups(state: State, given: np.ndarray) -> list[dict[str, Any]] | None:
    """People and votes of each group that is large enough to be named; the rest together."""
    crowd = state.people
    if not crowd.group_names:
        return None
    told: list[dict[str, Any]] = []
    groups = crowd.group[given]
    sizes = np.bincount(groups[groups >= 0], minlength=len(crowd.group_names))
    rest = int((groups < 0).sum())
    for place, name in enumerate(crowd.group_names):
        if sizes[place] >= FEWEST_IN_GROUP:
            told.append(
                {
                    "group": name,
                    "people": int(sizes[place]),
                    "weight": _rounded(float(crowd.group_weights[place])),
                }
            )
        else:
            rest += int(sizes[place])
    return [*told, {"group": None, "people": rest, "weight": None}] if rest else told


def _drawn(state: State) -> list[dict[str, Any]]:
    """Comparisons put, by policy, with the range of their probabilities."""
    query = (
        select(
            Assignment.policy,
            func.count(),
            func.min(Assignment.propensity),
            func.max(Assignment.propensity),
        )
        .join(Annotator, Annotator.id == Assignment.annotator_id)
        .where(
            Assignment.study_id == state.study.id,
            Assignment.pair_id.is_not(None),
            Assignment.shown_at <= state.as_of,
            may_be_released(),
        )
        .group_by(Assignment.policy)
        .order_by(Assignment.policy)
    )
    return [
        {
            "policy": policy,
            "asked": n,
            "least_propensity": _rounded(low, 8),
            "most_propensity": _rounded(high, 8),
        }
        for policy, n, low, high in state.session.execute(query)
    ]


def _said(state: State) -> list[dict[str, Any]]:
    """Answers about how choices should be read, by kind, and how many people gave them."""
    told = current(state).order_by(None).subquery()
    query = (
        select(told.c.kind, func.count(), func.count(told.c.annotator_id.distinct()))
        .group_by(told.c.kind)
        .order_by(told.c.kind)
    )
    return [{"kind": k, "answers": n, "people": people} for k, n, people in state.session.execute(query)]


def _rounded(value: float | None, digits: int = 6) -> float | None:
    return None if value is None else round(value, digits)
