"""What people together say about each influence: from their patches to how much of it should go on counting. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.metapreferences.rules import Held

Floats = NDArray[np.float64]

CAUTION = 2.0
"""Answers' worth of "it should count" that stand against a correction before anyone has said so (METHOD 3.4.20)."""
TOWARDS_GROUP = 1.0
"""Cases' worth by which a person's share of cases stood by is drawn to everybody's."""


@dataclass(frozen=True)
class Wish:
    """One influence. ``endorsed`` is 1 where it should count in full, 0 where not at all; ``answers`` people said so; ``stood`` is the
    share of shown cases that they stood by, None where none was shown.
    """

    name: str
    endorsed: float
    answers: int
    stood: float | None
    patches: tuple[str, ...]


@dataclass(frozen=True)
class Wishes:
    """kept: float64 (n_rows, k), how much of each influence goes on counting; ``row`` says which row a topic and a group read.

    Rows are topics that some answer names (the first is every other topic) times groups that some patch names (the first is
    everybody else).
    """

    wishes: tuple[Wish, ...]
    topics: tuple[str, ...]
    groups: tuple[str, ...]
    kept: NDArray[np.float64] = field(repr=False)

    def of(self, topic: str | None, group: str | None = None) -> Floats:
        """How much of each influence counts in a topic, for a group."""
        t = 1 + self.topics.index(topic) if topic in self.topics else 0
        g = 1 + self.groups.index(group) if group in self.groups else 0
        return np.asarray(self.kept[t * (1 + len(self.groups)) + g])


@dataclass
class _Said:
    """The latest answer of each person about one influence, and what was settled for a group or the study."""

    person: dict[int, Held] = field(default_factory=dict)
    group: dict[str, Held] = field(default_factory=dict)
    study: Held | None = None


def wishes(
    patches: Sequence[Held],
    names: Sequence[str],
    *,
    group_of: Mapping[int, str] | None = None,
    group_weights: Mapping[str, float] | None = None,
    standing: Mapping[str, float] | None = None,
) -> Wishes:
    """Fold the patches about influences.

    Model: a person's answer v in 0..1 (1 = it should count) has strength s, the share of shown cases they stood by, drawn to
    everybody's: e = 1 - s (1 - v). Everybody's is (2 + sum w e) / (2 + sum w): before anyone has answered, 1. A group's or the
    study's own settlement stands in place of it.

    Args:
        patches: Those that hold, oldest first; a person's later answer about the same influence counts.
        names: Influences, in the order of the result's columns.
        group_of: Group of each person by database key.
        group_weights: How much each group should count in all; people count alike where there are none.
        standing: What holds before anyone has answered, where that is not 1 (position: 0).
    """
    said = {name: _Said() for name in names}
    for patch in patches:
        if patch.target_type != "influence" or patch.var != "endorsed" or patch.target_id not in said:
            continue
        one = said[patch.target_id]
        if patch.scope == "study":
            one.study = patch
        elif patch.scope == "group" and patch.group is not None:
            one.group[patch.group] = patch
        elif patch.annotator_id is not None:
            one.person[patch.annotator_id] = patch
    topics = sorted({t for s in said.values() for p in s.person.values() for t in _topics(p.value)})
    groups = sorted({g for s in said.values() for g in s.group})
    kept = np.ones(((1 + len(topics)) * (1 + len(groups)), len(names)))
    found = []
    for k, name in enumerate(names):
        one = said[name]
        strength = _strengths(list(one.person.values()))
        weight = _weights(list(one.person), group_of or {}, group_weights or {})
        before = (standing or {}).get(name, 1.0)
        for t, topic in enumerate([None, *topics]):
            everybody = _mean(one.person, strength, weight, topic, before)
            if one.study is not None:
                everybody = 1.0 - _stood(one.study) * (1.0 - _value(one.study.value, topic))
            for g, group in enumerate([None, *groups]):
                own = one.group.get(group) if group is not None else None
                kept[t * (1 + len(groups)) + g, k] = (
                    everybody if own is None else 1.0 - _stood(own) * (1.0 - _value(own.value, topic))
                )
        found.append(_told(name, one, float(kept[0, k])))
    return Wishes(tuple(found), tuple(topics), tuple(groups), kept)


def _told(name: str, said: _Said, endorsed: float) -> Wish:
    everyone = [*said.person.values(), *said.group.values(), *([said.study] if said.study else [])]
    shown, stood = sum(p.shown for p in everyone), sum(p.stood for p in everyone)
    return Wish(
        name,
        endorsed,
        len(said.person),
        stood / shown if shown else None,
        tuple(sorted(p.id for p in everyone)),
    )


def _strengths(patches: list[Held]) -> dict[int, float]:
    """How far each person's answer carries: of the cases shown, the share stood by, drawn to everybody's."""
    against = [p for p in patches if _value(p.value, None) < 1.0]
    shown, stood = sum(p.shown for p in against), sum(p.stood for p in against)
    everybody = (stood + 1.0) / (shown + 2.0)
    return {
        p.annotator_id: (TOWARDS_GROUP * everybody + p.stood) / (TOWARDS_GROUP + p.shown)
        for p in patches
        if p.annotator_id is not None
    }


def _weights(
    people: list[int], group_of: Mapping[int, str], group_weights: Mapping[str, float]
) -> dict[int, float]:
    """How much each person's answer counts: alike, or so that groups count as the study says. Sums to their number."""
    if not group_weights or not people:
        return dict.fromkeys(people, 1.0)
    sizes: dict[str, int] = {}
    for person in people:
        name = group_of.get(person, "")
        sizes[name] = sizes.get(name, 0) + 1
    raw = {p: group_weights.get(group_of.get(p, ""), 0.0) / sizes[group_of.get(p, "")] for p in people}
    total = sum(raw.values())
    if total <= 0:
        return dict.fromkeys(people, 1.0)
    return {p: w * len(people) / total for p, w in raw.items()}


def _mean(
    said: Mapping[int, Held],
    strength: Mapping[int, float],
    weight: Mapping[int, float],
    topic: str | None,
    before: float,
) -> float:
    total, counted = CAUTION * before, CAUTION
    for person in sorted(said):
        e = 1.0 - strength[person] * (1.0 - _value(said[person].value, topic))
        total += weight[person] * e
        counted += weight[person]
    return total / counted


def _stood(patch: Held) -> float:
    """A settlement carries in full unless cases were shown and not all stood by."""
    return patch.stood / patch.shown if patch.shown else 1.0


def _value(value: Any, topic: str | None) -> float:
    """An answer as a number in 0..1; one that holds in named topics only is 1 there and 0 elsewhere."""
    if isinstance(value, dict):
        return (
            float(value.get("e", 1.0)) if topic in value.get("topics", ()) else float(value.get("else", 0.0))
        )
    return float(value) if value is not None else 1.0


def _topics(value: Any) -> tuple[str, ...]:
    return tuple(value.get("topics", ())) if isinstance(value, dict) else ()
