"""Where simulated people come from: groups with tastes of their own, and how persons within them vary. Pure.

To try one's own assumptions, change fields::

    population = replace(two_groups(), careless=0.1, nodding=0.3, endorsing={"length": 0.2})
    people = population.people(generator(7), 40)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from app.simulation.people import POSITION, PRESENTATION, SETTLEMENTS, VOICES, Habit, SimulatedPerson

QUALITY = "quality"


@dataclass(frozen=True)
class Population:
    """A population to draw people from.

    groups: share of people by group, summing to 1.  tastes: mean taste by group and substance, logits a unit.
    personal: standard deviation of a person's tastes around their group's, logits.
    sway: (mean, standard deviation) of logits by influence; ``position`` is for the left side.
    endorsing: share of people who stand by each influence, 0 where not named; the others stand by none of it.
    scope: share of those who stand by an influence only in some topics, each topic of ``topics`` with a chance of a half.
    slips: (mean, standard deviation) of the probability of answering the other way.  skips: probability of leaving one out.
    sharpness: standard deviation of its logarithm.  floor: see SimulatedPerson.
    careless: share of people who answer without reading, half at random and half always left.
    changing: share of people who change their mind, after ``change_from`` to ``change_to`` answers, to another group's tastes.
    settling: weights of how a disagreement should be settled; even where empty.
    nodding, cheap_talk: every person's, see SimulatedPerson.
    """

    groups: Mapping[str, float]
    tastes: Mapping[str, Mapping[str, float]]
    personal: float = 0.3
    sway: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    endorsing: Mapping[str, float] = field(default_factory=dict)
    scope: float = 0.0
    topics: tuple[str, ...] = ()
    slips: tuple[float, float] = (0.05, 0.03)
    skips: float = 0.01
    sharpness: float = 0.2
    floor: float = -math.inf
    careless: float = 0.0
    changing: float = 0.0
    change_from: int = 10
    change_to: int = 30
    settling: Mapping[str, float] = field(default_factory=dict)
    nodding: float = 0.0
    cheap_talk: float = 0.0

    def __post_init__(self) -> None:
        if abs(sum(self.groups.values()) - 1) > 1e-6 or any(w < 0 for w in self.groups.values()):
            raise ValueError("the shares of groups are at least 0 and sum to 1")
        missing = self.groups.keys() - self.tastes.keys()
        if missing:
            raise ValueError(f"no tastes are given for the group {min(missing)!r}")

    def people(self, rng: Random, count: int) -> list[SimulatedPerson]:
        """``count`` people; each group has its share of them to within one, in random order."""
        names = list(self.groups)
        seats = {name: int(self.groups[name] * count) for name in names}
        rest = sorted(names, key=lambda n: (seats[n] - self.groups[n] * count, names.index(n)))
        for name in rest[: count - sum(seats.values())]:
            seats[name] += 1
        order = [name for name in names for _ in range(seats[name])]
        rng.shuffle(order)
        return [self.person(rng, group=name) for name in order]

    def person(self, rng: Random, *, group: str | None = None) -> SimulatedPerson:
        """One person; of a group drawn by its share where none is named."""
        own = group or rng.choices(list(self.groups), list(self.groups.values()))[0]
        tastes = self._tastes(rng, own)
        sway = {name: rng.gauss(mean, sd) for name, (mean, sd) in self.sway.items()}
        endorsed = {
            name: 1.0 if rng.random() < self.endorsing.get(name, 0.0) else 0.0
            for name in sway
            if name not in PRESENTATION
        }
        scopes = {
            name: frozenset(t for t in self.topics if rng.random() < 0.5)
            for name, share in endorsed.items()
            if share and rng.random() < self.scope
        }
        changes = (
            rng.randrange(self.change_from, self.change_to + 1) if rng.random() < self.changing else None
        )
        other = rng.choice([g for g in self.groups if g != own] or [own])
        habit: Habit = ""
        if rng.random() < self.careless:
            habit = "random" if rng.random() < 0.5 else "left"
        weights = [self.settling.get(s, 0.0 if self.settling else 1.0) for s in SETTLEMENTS]
        points = [rng.expovariate(1.0) for _ in VOICES]
        return SimulatedPerson(
            group=own,
            tastes=tastes,
            sway=sway,
            endorsed=endorsed,
            scopes=scopes,
            sharpness=math.exp(rng.gauss(0, self.sharpness)),
            slips=min(0.4, max(0.0, rng.gauss(*self.slips))),
            skips=self.skips,
            floor=self.floor,
            habit=habit,
            changes_after=changes,
            tastes_after=self._tastes(rng, other) if changes is not None else {},
            settles=rng.choices(SETTLEMENTS, weights)[0],
            voices={v: p / sum(points) for v, p in zip(VOICES, points, strict=True)},
            nodding=self.nodding,
            cheap_talk=self.cheap_talk,
            pace=math.exp(rng.gauss(0, 0.25)),
        )

    def _tastes(self, rng: Random, group: str) -> dict[str, float]:
        return {name: mean + rng.gauss(0, self.personal) for name, mean in self.tastes[group].items()}


def divided(
    groups: Mapping[str, float],
    *,
    common: float = 1.0,
    apart: float = 1.6,
    length: float = 0.45,
    left: float = 0.1,
    **more: float | Mapping[str, float] | tuple[str, ...],
) -> Population:
    """A population for any study: everyone wants quality, and each group has one more taste that the next group dislikes.

    Args:
        groups: Shares by name, any positive numbers.
        common: Logits a unit of ``quality``, for everyone.
        apart: Logits a unit of a group's own ``taste_0``, ``taste_1`` ... : 0 makes the groups alike.
        length: Mean logits a standard deviation of being longer; its spread is half of that.  left: Of the left side.
        more: Other fields of Population.
    """
    total = sum(groups.values())
    names = list(groups)
    tastes: dict[str, dict[str, float]] = {}
    for place, name in enumerate(names):
        own = {QUALITY: common, f"taste_{place}": apart / 2}
        if len(names) > 1:
            own[f"taste_{(place + 1) % len(names)}"] = -apart / 2
        tastes[name] = own
    return Population(
        groups={name: share / total for name, share in groups.items()},
        tastes=tastes,
        sway={"length": (length, length / 2), POSITION: (left, 0.1)},
        **more,  # type: ignore[arg-type]  # the fields of Population, checked by its constructor
    )
