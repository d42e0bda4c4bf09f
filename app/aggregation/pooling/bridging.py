"""Bridging: what people on both sides of the study's main divide prefer, with the part that belongs to one side taken out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from app.aggregation.protocol import Flags, Floats, Ints, Pooled, Votes

HOLD_COMMON, HOLD_SIDED = 0.15, 0.03
"""Ridge penalties of what is common and of what is sided, in mean votes a pair (a person). The first is larger, so that what can
be sided is read as sided. Fixed penalties would let a few votes on one pair make a divide of their own in a small study."""
MOST_SIDED = 0.5
"""A pair whose sided part is larger than this, on the scale of a typical person, is left undecided."""
ON_A_SIDE = 0.3
"""A person this far from the middle, in spreads of the factor, stands on a side."""
FEWEST = 5
"""People on each side from which there is a divide at all."""
WARM_UP, MOST_ROUNDS, CLOSE = 60, 1000, 1e-10


@dataclass(frozen=True)
class Bridging:
    """How far a pair's votes lean to a response once each vote is explained by its person's side as far as it can be.

    Model: z_un = 2 y_un - 1 = b_n + f_u g_n + noise over people u and pairs n, least squares with ridge .15 v on b, .03 v on g
    and .03 w on f (v, w: mean votes a pair and a person), by alternating closed forms from the leading direction of what b
    leaves over. f is scaled to mean square 1. p_first = (1 + b_n) / 2 within [0, 1].
    Where both sides have five people or more (|f_u| > .3), a pair with |g_n| >= .5 is left undecided (p = 1/2), and so is one on
    which only one side voted. Otherwise there is no divide and the factor is left out.
    Returns p_first, weight = the votes' total weight, parameters ``sides`` (people on each), ``too_sided``, ``one_side_only``,
    ``rounds``, ``converged``.
    Cost: O(rounds * n_votes).  Randomness: none.
    Assumes one main divide, and that people chose what they rated or rated unequally: where pairs are handed out at random it
    gains nothing over a share. p_first is a score, held towards one half by the ridge, and not the share of anybody.
    Source: the matrix factorisation of Community Notes (Wojcik et al. 2022), without its intercepts of people: which response
    is the first is arbitrary, so nobody can favour it.
    """

    name: str = "bridging"
    title: str = "What people on both sides of the main divide chose"
    formula: str = "2 y - 1 = b_n + f_u g_n, ridge .15 on b and .03 on f, g, in mean votes; p = (1 + b_n)/2; undecided where |g_n| >= .5 or only one side voted"
    source: str = "matrix factorisation of Community Notes (Wojcik et al. 2022)"
    assumes: str = (
        "Right where people choose what they rate and one divide runs through them. No gain where pairs are handed out evenly, "
        "and wrong where the minority side has a right of its own to be heard: what is sided is left out."
    )
    uses_groups: bool = False
    tells: frozenset[str] = frozenset()

    def pool(self, votes: Votes) -> Pooled:
        fit = factor(votes)
        judged = votes.total > 0
        plus, minus = fit.person > ON_A_SIDE, fit.person < -ON_A_SIDE
        sides = sorted((int(plus.sum()), int(minus.sum())))
        divided = sides[0] >= FEWEST
        lean = fit.common if divided else fit.alone
        p = np.where(judged, np.clip((1.0 + lean) / 2.0, 0.0, 1.0), np.nan)
        sided = one_side = np.zeros(votes.n_pairs, bool)
        if divided:
            heard = [_voted(votes, who) for who in (plus, minus)]
            sided = judged & (np.abs(fit.sided) >= MOST_SIDED)
            one_side = judged & ~sided & ~(heard[0] & heard[1])
            p[sided | one_side] = 0.5
        told = {
            "sides": f"{sides[1]} and {sides[0]} people",
            "too_sided": int(sided.sum()),
            "one_side_only": int(one_side.sum()),
            "rounds": fit.rounds,
            "converged": fit.converged,
        }
        return Pooled.decided(self.name, p, votes.total, told, _cautions(sides[0], sided, one_side, fit))


class Factor(NamedTuple):
    """common, sided: float64 (n_pairs,).  alone: float64 (n_pairs,), what would be common without a factor.
    person: float64 (n_people,), mean square 1 over those who voted; all 0 without a factor.
    """

    alone: Floats
    common: Floats
    sided: Floats
    person: Floats
    rounds: int
    converged: bool


def factor(votes: Votes) -> Factor:
    """The least-squares fit of the model above; the sign of the factor has no meaning."""
    told = _Told(votes.pair, votes.person, 2.0 * votes.y - 1.0, votes.weight, votes.n_pairs, votes.n_people)
    alone, _ = told.per_pair(np.zeros(votes.n_people))
    none = Factor(alone, alone, np.zeros(votes.n_pairs), np.zeros(votes.n_people), 0, True)
    f = told.leading(alone)
    b, g = alone, np.zeros(votes.n_pairs)
    rounds, moved = 0, 1.0
    while rounds < MOST_ROUNDS and moved > CLOSE:
        after, g = told.per_pair(f)
        f = told.per_person(after, g)
        if not f.any() or not g.any():
            return none
        f = told.rebalanced(f, after, g)
        moved = float(np.abs(after - b).max(initial=0.0))
        b, rounds = after, rounds + 1
    size = _size(f, told.there)
    return none if size == 0.0 else Factor(alone, b, g * size, f / size, rounds, moved <= CLOSE)


@dataclass(frozen=True)
class _Told:
    """Votes as z in -1, 0, 1."""

    pair: Ints
    person: Ints
    z: Floats
    weight: Floats
    n_pairs: int
    n_people: int

    @cached_property
    def there(self) -> Flags:
        """People who voted."""
        return np.bincount(self.person, minlength=self.n_people) > 0

    @cached_property
    def holds(self) -> tuple[float, float, float]:
        """Ridge of b, g and f, in votes."""
        total = float(self.weight.sum()) or 1.0
        pairs, people = total / max(1, np.unique(self.pair).size), total / max(1, self.there.sum())
        return HOLD_COMMON * pairs, HOLD_SIDED * pairs, HOLD_SIDED * people

    def per_pair(self, f: Floats) -> tuple[Floats, Floats]:
        """The pairs' b and g, given where people stand."""
        x = f[self.person]
        n, w, (common, sided, _) = self.n_pairs, self.weight, self.holds
        s0 = np.bincount(self.pair, weights=w, minlength=n) + common
        s1 = np.bincount(self.pair, weights=w * x, minlength=n)
        s2 = np.bincount(self.pair, weights=w * x * x, minlength=n) + sided
        t0 = np.bincount(self.pair, weights=w * self.z, minlength=n)
        t1 = np.bincount(self.pair, weights=w * x * self.z, minlength=n)
        det = s0 * s2 - s1 * s1
        return (t0 * s2 - t1 * s1) / det, (s0 * t1 - s1 * t0) / det

    def per_person(self, b: Floats, g: Floats) -> Floats:
        """Where each person stands, given the pairs."""
        y = g[self.pair]
        top = np.bincount(
            self.person, weights=self.weight * y * (self.z - b[self.pair]), minlength=self.n_people
        )
        under = np.bincount(self.person, weights=self.weight * y * y, minlength=self.n_people)
        return np.asarray(np.where(self.there, top / (under + self.holds[2]), 0.0), np.float64)

    def rebalanced(self, f: Floats, b: Floats, g: Floats) -> Floats:
        """The same predictions at less ridge: the factor's middle and scale, which alternating steps find only slowly."""
        common, sided, person = self.holds
        shift = common * (b @ g) - person * f[self.there].sum()
        shift /= common * (g @ g) + person * self.there.sum()
        f = np.where(self.there, f + shift, 0.0)
        return np.asarray(f * (sided * (g @ g) / (person * (f @ f))) ** 0.25, np.float64)

    def leading(self, b: Floats) -> Floats:
        """The direction along which people differ most in what b leaves over, by power iteration from their activity."""
        rest = self.weight * (self.z - b[self.pair])
        x = np.bincount(self.person, weights=rest * rest, minlength=self.n_people).astype(np.float64)
        for _ in range(WARM_UP):
            onto = np.bincount(self.pair, weights=rest * x[self.person], minlength=self.n_pairs)
            x = np.bincount(self.person, weights=rest * onto[self.pair], minlength=self.n_people).astype(
                np.float64
            )
            size = _size(x, self.there)
            if size < 1e-9:
                return np.zeros(self.n_people)
            x /= size
        return x


def _size(f: Floats, there: Flags) -> float:
    return float(np.sqrt(np.mean(f[there] ** 2))) if there.any() else 0.0


def _voted(votes: Votes, who: Flags) -> Flags:
    return np.bincount(votes.pair[who[votes.person]], minlength=votes.n_pairs) > 0


def _cautions(smaller: int, sided: Flags, one_side: Flags, fit: Factor) -> tuple[str, ...]:
    told = []
    if smaller < FEWEST:
        told.append(
            "No two sides of five people or more were found, so this is a share held towards one half and nothing is bridged."
        )
    if sided.any() or one_side.any():
        told.append(
            f"Left undecided: {int(sided.sum())} pairs that split people by side, {int(one_side.sum())} on which one side alone voted."
        )
    if not fit.converged:
        told.append(f"The fit had not settled after {MOST_ROUNDS} rounds; look at it with care.")
    return tuple(told)


POOL = Bridging()
