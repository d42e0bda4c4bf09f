"""Reliability-weighted: people count by how steadily they answer when asked again, never by how often others agree with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.aggregation.protocol import Floats, Pooled, Retests, Votes

LEAST_WEIGHT = 0.05
"""Nobody counts for nothing: an estimate from a few repeats is no verdict."""
LEAST_HELD, MOST_HELD = 4.0, 400.0
"""Bounds of the number of repeats that the study's mean stands for when a person's own are few."""


@dataclass(frozen=True)
class ReliabilityWeighted:
    """Share of the votes, each weighed by how much of its person's answers comes back when asked again.

    Model: p = sum_u r_u y_u / sum_u r_u. Of a person who holds an opinion with probability r_u and tosses a coin else, two
    answers to one pair agree with probability (1 + r_u) / 2, so r_u = 1 - 2 flip_u. Where an influence that people do not
    stand by pulls with l logits, answers that follow it alone agree with probability e = s^2 + (1 - s)^2, s = 1 / (1 +
    exp(-l)), and only agreement beyond that is reliability: r_u = sum(same - e) / sum(1 - e) over the person's repeats (e = 1/2
    gives the first formula). It is drawn towards the study's own r by as many repeats as the spread between people says, and
    lies in [0.05, 1]. A tie against a choice is half the same.
    Returns p_first, weight = sum of r_u, parameters ``repeats``, ``people_asked_again``, ``mean_reliability``, ``held``,
    ``corrected``.
    Cost: O(n_votes + n_retests).  Randomness: none.
    Assumes that repeats are like other votes and far enough apart that people do not remember. Memory makes everybody look
    steady. Where nobody was asked again, everybody counts alike.
    The pull is ``Votes.retests.pull``: whoever keeps the corrections hands it in. Without it a person who steadily follows the
    longer answer looks reliable, and the card says so.
    Source: test-retest reliability (Spearman 1904); chance-corrected as in Cohen 1960.
    Example: somebody who flips in a quarter of very many repeats counts half.
    """

    name: str = "reliability_weighted"
    title: str = "What people chose, those more who answer alike when asked again"
    formula: str = (
        "p = sum of r y / sum of r; r = sum(same - e) / sum(1 - e) over the person's repeats, e = agreement that un-endorsed "
        "influences alone would give (1/2 without one), shrunk to the study's mean"
    )
    source: str = "test-retest reliability, chance-corrected (Cohen 1960)"
    assumes: str = (
        "Right where some people answer carelessly and opinions differ: dissent costs nothing, only wavering does. Wrong "
        "where repeats are few, or close enough together to be remembered."
    )
    uses_groups: bool = False
    tells: frozenset[str] = frozenset()

    def pool(self, votes: Votes) -> Pooled:
        found = reliability(votes.retests, votes.n_people)
        weight = votes.weight * found.weight[votes.person]
        total = np.bincount(votes.pair, weights=weight, minlength=votes.n_pairs)
        k = np.bincount(votes.pair, weights=weight * votes.y, minlength=votes.n_pairs)
        p = np.divide(k, total, out=np.full(votes.n_pairs, np.nan), where=total > 0)
        return Pooled.decided(
            self.name,
            p,
            np.asarray(total, np.float64),
            {
                "repeats": found.repeats,
                "people_asked_again": found.people,
                "mean_reliability": None if found.mean is None else round(found.mean, 6),
                "held": None if found.held is None else round(found.held, 6),
                "corrected": found.corrected,
            },
            _cautions(found),
        )


class Reliability(NamedTuple):
    """weight: float64 (n_people,), in [0.05, 1]; mean and held are None where nobody was asked again."""

    weight: Floats
    mean: float | None
    held: float | None
    repeats: int
    people: int
    corrected: bool


def reliability(retests: Retests | None, n_people: int) -> Reliability:
    """Each person's weight; see ``ReliabilityWeighted``."""
    if retests is None or not retests.person.size:
        return Reliability(np.ones(n_people), None, None, 0, 0, False)
    same = 1.0 - np.abs(retests.after - retests.before)
    corrected = retests.pull is not None
    chance = _chance(retests.pull) if retests.pull is not None else np.full(same.size, 0.5)
    beyond = np.bincount(retests.person, weights=same - chance, minlength=n_people)
    room = np.bincount(retests.person, weights=1.0 - chance, minlength=n_people)
    repeats = np.bincount(retests.person, minlength=n_people).astype(np.float64)
    mean = float(beyond.sum() / room.sum())
    again = repeats > 0
    held = _held(1.0 - beyond[again] / room[again], repeats[again])
    typical = room.sum() / repeats.sum()
    weight = (beyond + held * typical * mean) / (room + held * typical)
    return Reliability(
        np.clip(weight, LEAST_WEIGHT, 1.0), mean, held, int(repeats.sum()), int(again.sum()), corrected
    )


def _chance(pull: Floats) -> Floats:
    """Probability that two answers which follow the pull alone agree; at most .999, so that there is room for more."""
    s = 1.0 / (1.0 + np.exp(-np.clip(pull, -50, 50)))
    return np.asarray(np.minimum(s * s + (1.0 - s) * (1.0 - s), 0.999), np.float64)


def _held(twice_flips: Floats, n: Floats) -> float:
    """Repeats that the mean stands for: the moment estimate of a beta-binomial's a + b (Kleinman 1973), from rates of flips."""
    f = np.clip(twice_flips / 2.0, 0.0, 1.0)
    total = n.sum()
    mean = float((n * f).sum() / total)
    noise = mean * (1.0 - mean)
    room = total - (n * n).sum() / total - (f.size - 1)
    if f.size < 2 or noise == 0.0 or room <= 0.0:
        return MOST_HELD
    between = float(((n * (f - mean) ** 2).sum() - (f.size - 1) * noise) / room)
    if between <= 0.0:
        return MOST_HELD
    return float(np.clip(noise / between - 1.0, LEAST_HELD, MOST_HELD))


def _cautions(found: Reliability) -> tuple[str, ...]:
    if found.mean is None:
        return ("Nobody was asked the same pair twice, so everybody counts alike here.",)
    told = []
    if found.repeats < 100:
        told.append(
            f"Reliability rests on {found.repeats} repeats of {found.people} people; weights are rough."
        )
    if not found.corrected:
        told.append(
            "No influence was taken out of the repeats, so somebody who steadily follows one, such as length, looks reliable."
        )
    return tuple(told)


POOL = ReliabilityWeighted()
