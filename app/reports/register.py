"""The flaw register: what sways choices beside quality, who stands by it, and which labels change because they do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.aggregation.endorsing import ALWAYS_OUT, SMALLEST, Endorsed
from app.aggregation.labels import Basis, Labels, with_patches
from app.aggregation.wishes import Wish
from app.inference.influence_effects import CLEARLY, Effect
from app.metapreferences.rules import Held
from app.studies.spec import StudySpec

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Status = Literal["watching", "asking", "endorsed", "corrected", "advisory"]
LEAST_POINTS, MOST_Q = 0.03, 0.05
"""An influence stands out from three points on, where its q value is at most five per cent (METHOD 3.1, M1)."""
FEWEST_ANSWERS = 5
"""Answers from which an influence is no longer being asked about."""
MOSTLY = 0.5
FEWEST_IN_GROUP = 8
"""People of a group from whom on its answers are shown."""
COUNTS_FROM, COUNTS_NOT_UNDER = 0.75, 0.25


@dataclass(frozen=True)
class Said:
    """What people answered about one influence, each person's latest answer: it should count, in part or only in some topics, or not.
    stood, shown: of the cases put to them that it would turn over, those they stood by.
    """

    counts: int
    partly: int
    not_count: int
    stood: int
    shown: int
    by_group: tuple[tuple[str, int, int], ...]
    """(group, people, of them say that it should not count), groups of eight and more."""

    @property
    def people(self) -> int:
        return self.counts + self.partly + self.not_count


@dataclass(frozen=True)
class Entry:
    """One influence. turned: int64 (n,), places of the pairs that read the other way because it is taken out; ``would_turn`` those that
    would if it counted for nothing.  moved: pairs whose share it moves.  weighed: pairs that weigh less because of it (advisory).
    beta, error: logits by itself for one unit; ``probes`` votes on matched probes.
    """

    name: str
    effect: Effect
    kind: str
    beta: float
    error: float
    probes: int
    own: bool
    wish: Wish
    said: Said
    status: Status
    settled: bool
    turned: NDArray[np.int64] = field(repr=False)
    would_turn: NDArray[np.int64] = field(repr=False)
    moved: int = 0
    weighed: int = 0

    def row(self) -> dict[str, Any]:
        """As a table, a file and the API tell it."""
        effect, said = self.effect, self.said
        low, high = effect.interval or (None, None)
        return {
            "name": self.name,
            "status": self.status,
            "points": effect.points,
            "points_low": low,
            "points_high": high,
            "q_value": effect.q_value,
            "chosen": effect.chosen,
            "informative": effect.informative,
            "by_itself": self.own,
            "probes": self.probes,
            "endorsed": self.endorsed,
            "answers": said.people,
            "say_counts": said.counts,
            "say_partly": said.partly,
            "say_not": said.not_count,
            "cases_shown": said.shown,
            "cases_stood_by": said.stood,
            "settled": self.settled,
            "labels_moved": self.moved,
            "labels_turned": int(self.turned.size),
            "labels_it_would_turn": int(self.would_turn.size),
            "labels_weigh_less": self.weighed,
            "why_unknown": effect.why,
        }

    @property
    def endorsed(self) -> float | None:
        """How much of it goes on counting, as people say; None before anyone has said."""
        return self.wish.endorsed if self.wish.patches else None


def entries(found: Labels) -> tuple[Entry, ...]:
    """Every influence of a study, those that stand out first, then by size.

    Cost: O(n_pairs * n_influences).  Randomness: none.
    """
    made = [_entry(found, k) for k in range(len(found.endorsed.names))]
    return tuple(sorted(made, key=lambda e: (not stands_out(e.effect), -abs(e.effect.points or 0.0), e.name)))


def stands_out(one: Effect) -> bool:
    """Whether an influence is large and sure enough to be told of, and to be asked about."""
    return (
        one.points is not None
        and abs(one.points) >= LEAST_POINTS
        and one.q_value is not None
        and one.q_value <= MOST_Q
    )


def _entry(found: Labels, k: int) -> Entry:
    e, basis = found.endorsed, found.basis
    effect, effects = basis.sway.fit.effects[k], basis.raw.effects
    name, wish = e.names[k], e.wishes.wishes[k]
    held = [p for p in found.patches if p.target_type == "influence" and p.target_id == name]
    kind = "presentation" if name in ALWAYS_OUT else "text"
    settled = any(p.scope != "person" and p.var == "endorsed" for p in held)
    own = bool(effects.own[k])
    return Entry(
        name, effect, kind, float(effects.beta[k]), float(effects.error[k]), int(effects.probes[k]), own, wish,
        said(held, basis.raw.group_of), status(effect, wish, kind=kind, own=own, moves=bool(effects.beta[k]), settled=settled, spec=basis.spec),
        settled, _turned(e, k), _places(e, f"without:{name}"), moved=int(e.moved_by(k).sum()), weighed=int(e.lightened_by(k).sum()),
    )  # fmt: skip


def status(
    effect: Effect, wish: Wish, *, kind: str, own: bool, moves: bool, settled: bool, spec: StudySpec
) -> Status:
    """Where an influence stands.

    watching: it does not stand out, or nobody asks.  asking: people are being asked, and fewer than five have answered.
    endorsed: most of what people say is that it should count.  corrected: most is that it should not, and labels are moved.
    advisory: the same, but too few probes say that it is the influence itself: labels only weigh less.
    How a pair was shown is corrected without asking.
    """
    if kind == "presentation":
        return "corrected" if moves else "watching"
    if settled or wish.answers >= FEWEST_ANSWERS:
        if wish.endorsed >= MOSTLY:
            return "endorsed"
        return "corrected" if own else "advisory"
    if wish.answers or (stands_out(effect) and "M1" in spec.meta.kinds and spec.meta.share > 0):
        return "asking"
    return "watching"


def said(held: Sequence[Held], group_of: dict[int, str]) -> Said:
    """Counts of each person's latest answer."""
    latest = {p.annotator_id: p for p in held if p.scope == "person" and p.var == "endorsed"}
    tally: Counter[str] = Counter()
    groups: dict[str, list[int]] = {}
    for person, patch in latest.items():
        word = _word(patch.value)
        tally[word] += 1
        group = group_of.get(person) if person is not None else None
        if group is not None:
            cell = groups.setdefault(group, [0, 0])
            cell[0] += 1
            cell[1] += word == "not"
    shown = [(n, p, a) for n, (p, a) in sorted(groups.items()) if p >= FEWEST_IN_GROUP]
    return Said(
        tally["counts"], tally["partly"], tally["not"], sum(p.stood for p in latest.values()),
        sum(p.shown for p in latest.values()), tuple(shown),
    )  # fmt: skip


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return "partly"
    number = 1.0 if value is None else float(value)
    return "counts" if number >= COUNTS_FROM else "not" if number <= COUNTS_NOT_UNDER else "partly"


def _turned(e: Endorsed, k: int) -> NDArray[np.int64]:
    """Pairs that turned over, and would not have with this influence left in; those furthest from even first."""
    if not (np.abs(e.logit_shift[:, k]) > SMALLEST).any():
        return np.zeros(0, np.int64)
    places = _places(e, f"with:{e.names[k]}")
    places = places[turned(e)[places]]
    certain = np.minimum(np.abs(e.p_raw - 0.5), np.abs(e.p_endorsed - 0.5))[places]
    return places[np.argsort(-certain, kind="stable")]


def _places(e: Endorsed, reading: str) -> NDArray[np.int64]:
    """Pairs whose label is another under this reading."""
    if reading not in e.readings:
        return np.zeros(0, np.int64)
    return np.flatnonzero(e.flips[:, e.readings.index(reading)]).astype(np.int64)


def turned(e: Endorsed) -> Flags:
    """Labels that went from one response to the other: bool (n_pairs,); one that was even, or became so, moved."""
    return np.asarray(e.side * e.side_raw < 0, np.bool_)


def moved_by_kind(found: Labels, kinds: Sequence[str], *, rule: str = "soft") -> dict[str, int]:
    """For each kind, the labels that its patches change: those that would be others without them."""
    here = found.endorsed
    counts = {}
    for kind in kinds:
        left = tuple(p for p in found.patches if p.kind != kind)
        if len(left) == len(found.patches):
            counts[kind] = 0
            continue
        other = with_patches(found.basis, left, rule=rule).endorsed
        counts[kind] = int(here.differ(other.p_endorsed, other.weight, other.side).sum())
    return counts


def clearly_more(basis: Basis, k: int) -> NDArray[np.int8]:
    """Which response of each pair clearly shows more of influence k: 1 the first, -1 the second, 0 neither."""
    x = basis.raw.x[:, k]
    return np.where(np.abs(x) >= CLEARLY, np.sign(x), 0).astype(np.int8)
