"""What is true of simulated people, pair by pair: the shares that every estimate is after. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from app.questions.kinds.choice import TIE_LOGITS
from app.simulation.people import POSITION, PRESENTATION, Impression, SimulatedPerson

Floats = NDArray[np.float64]
CONTESTED = 0.06
"""Variance between groups from which a pair counts as contested (METHOD 4.5): two halves of which 74 and 26 of 100 prefer one."""


@dataclass(frozen=True)
class Truth:
    """share: float64 (n_pairs,), of the population, prefers the first response (a tie counts half).  groups: float64
    (n_groups, n_pairs), the same by group.  between: float64 (n_pairs,), variance between groups.  names: of the groups.
    """

    share: Floats
    groups: Floats
    between: Floats
    names: tuple[str, ...]

    def contested(self, at_least: float = CONTESTED) -> NDArray[np.bool_]:
        """Pairs on which groups really differ: bool (n_pairs,)."""
        return self.between >= at_least


def truth(
    people: Sequence[SimulatedPerson],
    shares: Mapping[str, float],
    first: Sequence[Impression],
    second: Sequence[Impression],
    *,
    endorsed: bool = False,
) -> Truth:
    """Shares of a population for which ``people`` stand.

    Args:
        people: Some of every group; those who do not read (``habit``) are left out: they have no view.
        shares: Share of each group in the population.
        endorsed: By what people stand by (sways they do not endorse taken out, no slips), else by what they choose with the
            sides shown at random.

    Raises:
        ValueError: A group has nobody to stand for it.
    """
    by_group = []
    for name in shares:
        own = [p for p in people if p.group == name and not p.habit]
        if not own:
            raise ValueError(f"nobody stands for the group {name!r}")
        by_group.append(preferences(own, first, second, endorsed=endorsed).mean(axis=0))
    weights = np.array(list(shares.values()), np.float64)
    groups = np.array(by_group)
    share = weights @ groups
    return Truth(share, groups, weights @ (groups - share) ** 2, tuple(shares))


def preferences(
    people: Sequence[SimulatedPerson],
    first: Sequence[Impression],
    second: Sequence[Impression],
    *,
    endorsed: bool = False,
) -> Floats:
    """Probability that each person prefers the first, a tie counting half: float64 (n_people, n_pairs).

    With a logistic slip of the moment and a band of ties of half-width h it is half of s(a - h) + s(a + h), s the logistic
    function and a the person's advantage; with slips at rate e it is mixed with its complement.
    """
    drawn = advantages(people, first, second, endorsed=endorsed)
    if endorsed:
        return _share(drawn)
    left = np.array([p.sway.get(POSITION, 0.0) for p in people])[:, None]
    slips = np.array([p.slips for p in people])[:, None]
    shown = (_share(drawn + left) + _share(drawn - left)) / 2
    return np.asarray((1 - 2 * slips) * shown + slips, np.float64)


def advantages(
    people: Sequence[SimulatedPerson],
    first: Sequence[Impression],
    second: Sequence[Impression],
    *,
    endorsed: bool = False,
) -> Floats:
    """Logits by which each person is drawn to the first, without the side: float64 (n_people, n_pairs)."""
    tastes = sorted({name for p in people for name in p.tastes})
    sways = sorted({name for p in people for name in p.sway if name not in PRESENTATION})
    valued = np.array([[p.sharpness * p.tastes.get(name, 0.0) for name in tastes] for p in people])
    substance = np.array(
        [
            [a.substance.get(t, 0.0) - b.substance.get(t, 0.0) for t in tastes]
            for a, b in zip(first, second, strict=True)
        ]
    ).reshape(len(first), len(tastes))
    out = valued.reshape(len(people), len(tastes)) @ substance.T
    topics = [a.topic for a in first]
    for name in sways:
        apart = np.array(
            [
                a.influences.get(name, 0.0) - b.influences.get(name, 0.0)
                for a, b in zip(first, second, strict=True)
            ]
        )
        weight = np.array([p.sway.get(name, 0.0) for p in people])[:, None] * apart
        if endorsed:
            weight = weight * _standing(people, name, topics)
        out = out + weight
    return np.asarray(out, np.float64)


def _standing(people: Sequence[SimulatedPerson], name: str, topics: Sequence[str | None]) -> Floats:
    known = sorted({t or "" for t in topics})
    place = np.array([known.index(t or "") for t in topics])
    by_topic = np.array([[p.stands_by_share(name, t or None) for t in known] for p in people])
    return np.asarray(by_topic[:, place], np.float64)


def _share(advantage: Floats) -> Floats:
    return np.asarray((expit(advantage - TIE_LOGITS) + expit(advantage + TIE_LOGITS)) / 2, np.float64)
