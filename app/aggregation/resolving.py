"""What people want done where they disagree: from each one's ranking of the ways to what is done with a class of pairs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.metapreferences.rules import Held

WAYS = ("majority", "affected", "experience", "particular_user", "both_sides", "stay_out", "talk", "leave")
"""What could be done: what most people chose; what those it affects chose; what those who know the subject chose; what the
particular user prefers; show both sides; stay out of it; talk it over first; leave it as it is.
"""
FALLBACK = "both_sides"
FEWEST = 5
"""Answers from which a class is settled at all: below it, one person's taste would be everybody's rule."""
ACCEPTED = 0.5


@dataclass(frozen=True)
class Resolution:
    """What is done with disagreements of one class. ``way`` is None while too few have answered; ``accepted`` is each way's
    geometric mean over groups of how many can go with it; ``patches`` are the answers it rests on.
    """

    class_id: str
    way: str | None
    answers: int
    accepted: Mapping[str, float]
    patches: tuple[str, ...]
    why: str


def resolutions(patches: Sequence[Held], group_of: Mapping[int, str]) -> dict[str, Resolution]:
    """Fold what people answered about how to resolve disagreements, class by class.

    Model: someone can go with the ways they ranked first or second. Of each group g the share that can go with way o is
    a_go = (k_go + 1/2) / (n_g + 1); the way taken has the largest geometric mean over groups, and where even that has a group
    with a share below one half, both sides are shown (METHOD 3.1, M5). One level only: how this vote is counted is fixed here.

    A study-scope patch (a researcher's or a panel's settlement) stands in place of the vote.
    """
    latest: dict[str, dict[int, Held]] = {}
    settled: dict[str, Held] = {}
    for patch in patches:
        if patch.target_type != "class" or patch.var != "resolution":
            continue
        if patch.scope == "study":
            settled[patch.target_id] = patch
        elif patch.annotator_id is not None:
            latest.setdefault(patch.target_id, {})[patch.annotator_id] = patch
    found = {}
    for name in sorted({*latest, *settled}):
        found[name] = _resolve(name, latest.get(name, {}), settled.get(name), group_of)
    return found


def _resolve(
    name: str, said: Mapping[int, Held], settled: Held | None, group_of: Mapping[int, str]
) -> Resolution:
    ids = tuple(sorted(p.id for p in said.values()))
    accepted, lowest = _acceptance(said, group_of)
    if settled is not None:
        way = str(settled.value[0] if isinstance(settled.value, list) else settled.value)
        return Resolution(name, way, len(said), accepted, (*ids, settled.id), "settled for the study")
    if len(said) < FEWEST:
        why = f"{len(said)} answers: {FEWEST} or more are needed"
        return Resolution(name, None, len(said), accepted, ids, why)
    best = max(WAYS, key=lambda way: (accepted.get(way, 0.0), -WAYS.index(way)))
    if lowest.get(best, 0.0) < ACCEPTED:
        return Resolution(
            name, FALLBACK, len(said), accepted, ids, "no way that most of every group can go with"
        )
    return Resolution(name, best, len(said), accepted, ids, "most people of every group can go with it")


def _acceptance(
    said: Mapping[int, Held], group_of: Mapping[int, str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Each way's geometric mean of groups' acceptance, and its lowest."""
    if not said:
        return {}, {}
    groups = sorted({group_of.get(person, "") for person in said})
    size = np.zeros(len(groups))
    count = np.zeros((len(groups), len(WAYS)))
    for person in sorted(said):
        g = groups.index(group_of.get(person, ""))
        size[g] += 1
        value = said[person].value
        for way in (value if isinstance(value, list) else [value])[:2]:
            if way in WAYS:
                count[g, WAYS.index(way)] += 1
    share: NDArray[np.float64] = (count + 0.5) / (size[:, None] + 1.0)
    mean, lowest = np.exp(np.log(share).mean(axis=0)), share.min(axis=0)
    return dict(zip(WAYS, mean.tolist(), strict=True)), dict(zip(WAYS, lowest.tolist(), strict=True))
