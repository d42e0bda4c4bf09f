"""Patches on single choices, taken into the votes before any rule reads them: a guess, a leaning, a change of mind, a slip. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.aggregation.protocol import Floats, Votes
from app.metapreferences.rules import Held

Ids = NDArray[np.bytes_]


@dataclass(frozen=True)
class Said:
    """Every decided answer, repeats too: judgment: bytes (n,), ascending.  y: float64 (n,), for the pair's first response."""

    judgment: Ids
    y: Floats

    def of(self, judgment_id: str) -> float | None:
        key = judgment_id.encode()
        place = int(np.searchsorted(self.judgment, key))
        if place < self.judgment.size and self.judgment[place] == key:
            return float(self.y[place])
        return None


@dataclass(frozen=True)
class Amended:
    """``votes`` as they now read.  touched: patches by pair.  changed: bool (n_votes,).  facts: int64 (n_pairs,), people who say that
    it can be checked.  leaning: bool (n_votes,), strength 1 whatever was tapped.
    """

    votes: Votes
    touched: dict[int, tuple[str, ...]]
    changed: NDArray[np.bool_] = field(repr=False)
    leaning: NDArray[np.bool_] = field(repr=False)
    facts: NDArray[np.int64] = field(repr=False)


def amend(
    votes: Votes, judgment: Ids, said: Said, patches: Sequence[Held], *, is_fact: NDArray[np.bool_]
) -> Amended:
    """Take what people said of single choices into the votes.

    Args:
        votes: As they were given.
        judgment: bytes (n_votes,), which answer each vote is.
        said: All decided answers, for those that stand in place of another.
        patches: Those that hold, oldest first.
        is_fact: bool (n_pairs,), pairs about matters of fact, on which a guess counts like any answer.

    What a patch does, by ``var``: ``answer_from`` = read as the answer that ``value`` names (a change of mind); ``tie`` = read as
    about the same; ``weight`` = counts for ``value`` of a vote; ``value_weight`` = the same where the pair is about values;
    ``strength`` = a leaning; ``kind_vote`` = one person's word that this can be checked. A patch on an answer that feeds no
    label changes nothing.
    """
    order = np.argsort(judgment, kind="stable")
    ordered = judgment[order]
    at = _Votes(votes, said, is_fact)
    touched: dict[int, list[str]] = {}
    for patch in patches:
        if patch.target_type != "judgment" or patch.var not in _ACTS:
            continue
        key = patch.target_id.encode()
        place = int(np.searchsorted(ordered, key))
        if place >= ordered.size or ordered[place] != key:
            continue
        vote = int(order[place])
        if _ACTS[patch.var](at, vote, patch.value):
            at.changed[vote] = True
            touched.setdefault(int(votes.pair[vote]), []).append(patch.id)
    amended = replace(votes, y=at.y, weight=at.weight) if at.changed.any() else votes
    return Amended(amended, {p: tuple(ids) for p, ids in touched.items()}, at.changed, at.leaning, at.facts)


class _Votes:
    """Votes while patches are taken into them. Each act says whether it did anything."""

    def __init__(self, votes: Votes, said: Said, is_fact: NDArray[np.bool_]) -> None:
        self.pair, self.said, self.is_fact = votes.pair, said, is_fact
        self.y, self.weight = votes.y.copy(), np.array(votes.weight, np.float64)
        self.changed, self.leaning = np.zeros(self.y.size, np.bool_), np.zeros(self.y.size, np.bool_)
        self.facts = np.zeros(votes.n_pairs, np.int64)

    def answer_from(self, vote: int, value: Any) -> bool:
        other = self.said.of(str(value))
        if other is not None:
            self.y[vote] = other
        return other is not None

    def tie(self, vote: int, value: Any) -> bool:  # noqa: ARG002 - acts are called alike
        self.y[vote] = 0.5
        return True

    def scale(self, vote: int, value: Any) -> bool:
        self.weight[vote] *= float(value)
        return True

    def scale_value(self, vote: int, value: Any) -> bool:
        return not self.is_fact[self.pair[vote]] and self.scale(vote, value)

    def lean(self, vote: int, value: Any) -> bool:  # noqa: ARG002 - acts are called alike
        self.leaning[vote] = True
        return True

    def fact(self, vote: int, value: Any) -> bool:  # noqa: ARG002 - acts are called alike
        self.facts[self.pair[vote]] += 1
        return True


_ACTS: dict[str, Callable[[_Votes, int, Any], bool]] = {
    "answer_from": _Votes.answer_from,
    "tie": _Votes.tie,
    "weight": _Votes.scale,
    "value_weight": _Votes.scale_value,
    "strength": _Votes.lean,
    "kind_vote": _Votes.fact,
}
