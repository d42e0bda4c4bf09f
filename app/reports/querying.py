"""How the study asks: guesses made beforehand, what more votes would add, where questions went, shares over the whole pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.aggregation.averages import PoolShare, pool_shares
from app.aggregation.draws import Draws
from app.aggregation.observations import CODE, Observations
from app.inference.agreement import Share, share
from app.inference.assisted import Average
from app.inference.decomposition.routing import FEWEST_VOTES
from app.inference.intervals import FEWEST_CLUSTERS, critical
from app.inference.stopping import Gain, State, gain_of_votes, proven, share_probabilities, states
from app.reports.agreement import again

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
AHEAD = 100
"""Votes ahead that the expected gain is told for."""
POINTS, A_POINT = 8, 25
"""Points a curve has at most, and guesses a point rests on at least."""
ALPHA = 0.05
APART = 0.06
"""Variance between groups from which a difference matters (METHOD 3.1, M5)."""


@dataclass(frozen=True)
class Point:
    """A piece of a curve: questions put until its end, and the share of its choices that were guessed."""

    votes: int
    share: Share


@dataclass(frozen=True)
class Where:
    """Mean of ``measure`` over the pairs asked about, by the study's policy and drawn evenly, and over all pairs.

    measure: ``expected``, bits by which a vote tells the person's group, as the model of the last refresh expects of every pair;
    ``between_groups`` or ``divided`` as the disagreement report has them.  difference: of chosen and all pairs.
    """

    measure: str
    chosen: float | None
    evenly: float | None
    everywhere: float | None
    difference: float | None
    interval: tuple[float, float] | None
    why: str | None


@dataclass(frozen=True)
class Querying:
    """Everything the report says of asking. ``states``: of each pair in ``rows``; ``claims``: as ``proven`` gives them."""

    chosen: Share
    evenly: Share
    ceiling: Share
    chosen_course: tuple[Point, ...]
    evenly_course: tuple[Point, ...]
    gain: Gain | None
    where: Where
    shares: tuple[PoolShare, ...]
    states: dict[State, int]
    claims: int
    unguessed: int

    def document(self) -> dict[str, Any]:
        """As the report carries it, beside policy, spent and budget."""
        return {
            "prequential_accuracy": self.chosen.value,
            "random_arm_accuracy": self.evenly.value,
            "prequential": _told(self.chosen),
            "random_arm": _told(self.evenly),
            "own_repeat": _told(self.ceiling),
            "most_guessable": most_guessable(self.ceiling.value),
            "course": [{"votes": p.votes, **_told(p.share)} for p in self.chosen_course],
            "random_course": [{"votes": p.votes, **_told(p.share)} for p in self.evenly_course],
            "next_votes": None
            if self.gain is None
            else {"votes": AHEAD, "now": self.gain.now, "after": self.gain.after, "gain": self.gain.gain},
            "where": {
                "measure": self.where.measure,
                "chosen": self.where.chosen,
                "random": self.where.evenly,
                "all_pairs": self.where.everywhere,
                "difference": self.where.difference,
                "interval": _pair(self.where.interval),
                "why": self.where.why,
            },
            "shares": [_share_told(s) for s in self.shares],
            "states": {**self.states, "claimed": self.claims},
            "unguessed": self.unguessed,
        }


def querying(
    draws: Draws,
    seen: Observations,
    rows: Sequence[dict[str, Any]],
    *,
    differ: Mapping[int, float] | None = None,
) -> Querying:
    """The figures. ``rows`` are the pairs' figures as the disagreement report has them; ``differ`` is how far a model expects
    groups (or people) to differ on each pair, where there is one.

    A guess is right where the likelier response is chosen, and half right where it was even; choices of a side count, ties and
    "neither" do not. Study policies that draw evenly throughout have but one arm.
    """
    guessed = ~np.isnan(draws.guess) & ~np.isnan(draws.y) & (draws.y != 0.5)
    hit = np.where(draws.guess == 0.5, 0.5, (draws.guess > 0.5) == (draws.y == 1.0)).astype(np.float64)
    by_policy = guessed & ~draws.even
    only = by_policy if by_policy.any() else guessed
    even = guessed & draws.even
    asked = draws.choice != CODE["skip"]
    claims = proven([r["first"] for r in rows], [r["second"] for r in rows])
    counted = state_of(rows)
    return Querying(
        _clustered(hit[only], draws.person[only]),
        _clustered(hit[even], draws.person[even]),
        own_repeat(seen),
        _course(hit, only, draws.person),
        _course(hit, even, draws.person),
        _gain(rows, draws.pool.id.size),
        _where(draws, rows, differ),
        tuple(pool_shares(draws)),
        {name: counted.count(name) for name in ("clear_first", "clear_second", "contested", "tie", "open")},
        int(np.count_nonzero(claims)),
        int((asked & np.isnan(draws.guess)).sum()),
    )  # fmt: skip


def state_of(rows: Sequence[dict[str, Any]]) -> list[State]:
    """The state of each pair from its kept figures. Below FEWEST_VOTES a probability that groups differ is mostly that of pairs
    like it, and counts as none; so does one of a difference too small to matter.
    """
    if not rows:
        return []
    mean, variance, conflict, apart, votes = (
        np.array([np.nan if r.get(key) is None else r[key] for r in rows], np.float64)
        for key in ("share", "epistemic", "conflict", "between_groups", "votes")
    )
    told = (votes >= FEWEST_VOTES) & (np.nan_to_num(apart) >= APART)
    above, close = share_probabilities(mean, variance)
    return states(above, close, np.where(told, conflict, 0.0), alpha=ALPHA)


def own_repeat(seen: Observations) -> Share:
    """Of people who chose a side twice, how many chose the same answer again."""
    one, two = again(seen)
    sided = (seen.y[one] != 0.5) & (seen.y[two] != 0.5)
    same = seen.y[one[sided]] == seen.y[two[sided]]
    return _clustered(same.astype(np.float64), seen.person[one[sided]])


def most_guessable(repeats: float | None) -> float | None:
    """The largest share of choices that anyone could guess, where people choose the same again in this share of cases.

    A person who prefers one with probability p repeats with p^2 + (1-p)^2 = r and is guessed with max(p, 1-p), which is
    (1 + sqrt(2r - 1)) / 2, concave in r: over many pairs the mean of r bounds the mean of it.

    Example:
        >>> most_guessable(0.82)
        0.9
    """
    if repeats is None or repeats < 0.5:
        return None
    return float(round((1 + float(np.sqrt(2 * repeats - 1))) / 2, 12))


def _clustered(hit: Floats, person: NDArray[np.int64]) -> Share:
    """A share with an interval by person where ten or more have some, else Wilson's."""
    n = int(hit.size)
    found = share(round(hit.sum()), n)
    if not n:
        return found
    value = float(hit.mean())
    _, who = np.unique(person, return_inverse=True)
    people = int(who.max()) + 1
    if people < FEWEST_CLUSTERS:
        return Share(n, value, found.interval)
    error = np.bincount(who, hit - value)
    reach = critical(0.95, people - 1) * float(np.sqrt(people / (people - 1) * (error @ error))) / n
    return Share(n, value, (max(0.0, value - reach), min(1.0, value + reach)))


def _course(hit: Floats, used: Flags, person: NDArray[np.int64]) -> tuple[Point, ...]:
    """The share guessed in consecutive pieces of about as many guesses each."""
    at = np.flatnonzero(used)
    pieces = min(POINTS, at.size // A_POINT)
    if pieces < 2:
        return ()
    return tuple(
        Point(int(piece[-1]) + 1, _clustered(hit[piece], person[piece]))
        for piece in np.array_split(at, pieces)
    )


def _gain(rows: Sequence[dict[str, Any]], pool: int) -> Gain | None:
    """What the next votes add, from each pair's posterior; pairs without votes have that of the pairs with some, around a half."""
    known = [
        (r["share"], r["epistemic"]) for r in rows if r["share"] is not None and r["epistemic"] is not None
    ]
    if len(known) < 2:
        return None
    mean, variance = np.array(known).T
    spread = float(np.clip(((mean - 0.5) ** 2).mean() + variance.mean(), 1e-3, 0.24))
    fresh = (0.25 / spread - 1) / 2
    m = np.clip(mean, 0.01, 0.99)
    size = np.clip(m * (1 - m) / np.maximum(variance, 1e-6) - 1, 0.1, 1e4)
    rest = max(0, pool - len(known))
    a = np.concatenate([np.round(m * size, 1), np.full(rest, round(fresh, 1))])
    b = np.concatenate([np.round((1 - m) * size, 1), np.full(rest, round(fresh, 1))])
    return gain_of_votes(np.maximum(a, 0.1), np.maximum(b, 0.1), votes=AHEAD)


def _where(draws: Draws, rows: Sequence[dict[str, Any]], differ: Mapping[int, float] | None) -> Where:
    """Whether the policy went where people differ, against what even draws from all pairs would meet, by what is known now.

    The mean over all pairs stands for even draws: it is what their mean comes to, without the chance of the few there were.
    """
    if differ:
        measure, worth = "expected", dict(differ)
    else:
        known = any(r.get("conflict") is not None for r in rows)
        measure = "between_groups" if known else "divided"
        worth = {r["pair_id"]: float(r[measure]) for r in rows if r.get(measure) is not None}
    value = np.array([worth.get(key, np.nan) for key in draws.pool.id[draws.pair].tolist()], np.float64)
    pool = np.array([worth.get(key, np.nan) for key in draws.pool.id.tolist()], np.float64)
    chosen, even = ~np.isnan(value) & ~draws.even, ~np.isnan(value) & draws.even
    if not (chosen | even).any():
        return Where(measure, None, None, None, None, None, "no answers yet")
    everywhere = float(np.nanmean(pool))
    met = float(value[even].mean()) if even.any() else None
    if not chosen.any():
        return Where(measure, None, met, everywhere, None, None, "every question was drawn evenly")
    a = float(value[chosen].mean())
    _, who = np.unique(draws.person[chosen], return_inverse=True)
    people = int(who.max()) + 1
    if people < FEWEST_CLUSTERS:
        return Where(
            measure,
            a,
            met,
            everywhere,
            a - everywhere,
            None,
            f"{people} people; a range needs {FEWEST_CLUSTERS}",
        )
    sums = np.bincount(who, value[chosen] - a)
    reach = critical(0.95, people - 1) * float(np.sqrt(people / (people - 1) * (sums @ sums)) / chosen.sum())
    off = a - everywhere
    return Where(measure, a, met, everywhere, off, (off - reach, off + reach), None)


def _told(found: Share) -> dict[str, Any]:
    return {"n": found.n, "value": found.value, "interval": _pair(found.interval)}


def _share_told(one: PoolShare) -> dict[str, Any]:
    value: Average | None = one.value
    inside = None
    if value is not None and value.interval is not None:
        inside = (max(0.0, value.interval[0]), min(1.0, value.interval[1]))
    return {
        "name": one.name,
        "naive": None if one.naive is None else one.naive.value,
        "value": None if value is None else min(1.0, max(0.0, value.value)),
        "interval": _pair(inside),
        "n": 0 if value is None else value.n,
        "effective": None if value is None else value.effective,
        "why": one.why,
    }


def _pair(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else [interval[0], interval[1]]
