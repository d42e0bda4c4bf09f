"""What people prefer as a function of what responses are like: groups, persons, and how each answers, after every vote."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.inference.errors import InvalidSetting, InvalidVotes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
NODE_WEIGHTS = NODE_WEIGHTS / NODE_WEIGHTS.sum()
SUBSTANCE, STYLE = 0, 1
KINDS = ("substance", "style")
TINY = 1e-12
SPREAD = np.array([0.35, 0.3, 0.5])
"""How far people differ before that is learnt: log sensitivity, logits to the left, log readiness to tie."""


@dataclass(frozen=True)
class Design:
    """What the features are. ``x`` of a pair is first response minus second.

    kind: int64 (n_features,), index into KINDS; each kind has scales of its own.  personal: int64 (n_personal,), the
    features in which single persons may deviate from their group.  n_groups: at least 1.
    """

    kind: Ints
    personal: Ints
    n_groups: int

    def __post_init__(self) -> None:
        if self.n_groups < 1 or self.kind.ndim != 1 or self.kind.size < 1:
            raise InvalidSetting("A preference needs one feature and one group at least.")
        if self.personal.size and not (self.personal.min() >= 0 and self.personal.max() < self.kind.size):
            raise InvalidSetting("A personal feature is none of the features.")

    @property
    def n_features(self) -> int:
        return int(self.kind.size)


@dataclass(frozen=True)
class PreferenceVotes:
    """Votes in the order given, checked: see ``read``. ``said``: 2 = first response preferred, 1 = tie, 0 = second."""

    x: Floats
    person: Ints
    group: Ints
    said: NDArray[np.int8]
    side: Floats

    @property
    def n(self) -> int:
        return int(self.said.size)

    def part(self, which: slice | NDArray[np.bool_] | Ints) -> PreferenceVotes:
        """Some of them."""
        return PreferenceVotes(
            self.x[which], self.person[which], self.group[which], self.said[which], self.side[which]
        )


def read(
    x: ArrayLike, person: ArrayLike, outcome: ArrayLike, *, group: ArrayLike, side: ArrayLike, design: Design
) -> PreferenceVotes:
    """Check arrays of votes.

    Args:
        x: float64 (n_votes, n_features), finite, first response minus second.
        person: int64 (n_votes,), any numbers; who gave the vote.
        outcome: float64 (n_votes,), 1 = first preferred, 0 = second, 1/2 = tie.
        group: int64 (n_votes,), in [0, n_groups); one person has one group.
        side: float64 (n_votes,), 1 = the first stood on the left, -1 = on the right, 0 = not known.

    Raises:
        InvalidVotes: One of these does not hold.
    """
    values = np.asarray(x, np.float64)
    doubled = 2 * np.asarray(outcome, np.float64)
    who, where = np.asarray(person, np.int64), np.asarray(group, np.int64)
    sides = np.asarray(side, np.float64)
    n = doubled.size
    if values.shape != (n, design.n_features) or not who.shape == where.shape == sides.shape == (n,):
        raise InvalidVotes("Features, people, groups, outcomes and sides of votes need one length.")
    if not np.isfinite(values).all():
        raise InvalidVotes("A feature of a vote is not a finite number.")
    if not np.isin(doubled, (0, 1, 2)).all():
        raise InvalidVotes("An outcome is 1 (first), 0 (second) or 1/2 (tie); an unknown one is never a tie.")
    if not np.isin(sides, (-1, 0, 1)).all():
        raise InvalidVotes("A side is 1 (first on the left), -1 (on the right) or 0 (not known).")
    if n and not (where.min() >= 0 and where.max() < design.n_groups):
        raise InvalidVotes(f"A group is a number in 0..{design.n_groups - 1}.")
    return PreferenceVotes(values, who, where, doubled.astype(np.int8), sides)


@dataclass(frozen=True)
class Scales:
    """How far effects reach before any vote; logits^2 per unit of feature^2.

    shared, group: float64 (n_kinds,), variance of what all groups share and of how each deviates, by kind of feature.
    people: float64 (n_personal, n_personal), covariance of how persons deviate from their group.
    """

    shared: Floats
    group: Floats
    people: Floats

    def precision(self, design: Design) -> Floats:
        """Inverse prior covariance of all groups' weights, float64 (n_groups * n_features, ...), group by group."""
        g, d = design.n_groups, design.n_features
        table = np.zeros((g, d, g, d))
        one = np.arange(d)
        for kind in range(len(KINDS)):
            inner = np.linalg.inv(np.full((g, g), self.shared[kind]) + np.eye(g) * self.group[kind])
            at = one[design.kind == kind]
            for a in range(g):
                for b in range(g):
                    table[a, at, b, at] = inner[a, b]
        return table.reshape(g * d, g * d)


@dataclass(frozen=True)
class Persons:
    """How each person answers, in the order of ``key`` (ascending).

    own: float64 (n_people, 3): logarithm of the sensitivity (0 = as usual), pull to the left (logits), logarithm of Davidson's nu.
    flip: float64 (n_people,), share of decided votes given the wrong way round.
    weight, covariance: float64 (n_people, n_personal[, n_personal]), how the person deviates from the group.
    usual, spread: float64 (3,), of ``own`` over people.  usual_flip: of new people.  ties: whether anyone ever tied.
    """

    key: Ints
    own: Floats
    flip: Floats
    weight: Floats
    covariance: Floats
    usual: Floats
    spread: Floats
    usual_flip: float
    ties: bool

    def place(self, keys: Ints) -> Ints:
        """Index of each, -1 where the person is not among them."""
        if not self.key.size:
            return np.full(keys.shape, -1, np.int64)
        at = np.minimum(np.searchsorted(self.key, keys), self.key.size - 1)
        return np.where(self.key[at] == keys, at, -1).astype(np.int64)

    def joined(self, keys: Ints, people: Floats) -> Persons:
        """With these people among them: those not known before answer as is usual."""
        fresh = np.setdiff1d(keys, self.key)
        if not fresh.size:
            return self
        key = np.concatenate([self.key, fresh])
        order = np.argsort(key)
        r = people.shape[0]
        return replace(
            self,
            key=key[order],
            own=np.concatenate([self.own, np.tile(self.usual, (fresh.size, 1))])[order],
            flip=np.concatenate([self.flip, np.full(fresh.size, self.usual_flip)])[order],
            weight=np.concatenate([self.weight, np.zeros((fresh.size, r))])[order],
            covariance=np.concatenate([self.covariance, np.broadcast_to(people, (fresh.size, r, r))])[order],
        )


@dataclass(frozen=True)
class PreferencePosterior:
    """Weights of features in each group, as Normal(mean, covariance), and how persons differ.

    Model: d = a_p (x'(u_g + w_p)) + c_p side; P(first) : P(tie) : P(second) = exp(d/2) : nu_p : exp(-d/2), a decided answer
    given the wrong way round with probability e_p. u_g = shared + deviation of group g; w_p ~ Normal(0, people).

    mean: float64 (n_groups, n_features).  covariance: float64 (n_groups * n_features, n_groups * n_features), group by
    group; persons' deviations are integrated out of it.
    n: votes taken in.  since: of these, one by one after the last fit; at 0 it is the batch fit.
    """

    design: Design
    scales: Scales
    mean: Floats
    covariance: Floats
    persons: Persons
    n: int
    since: int
    method: Literal["bayesian_linear_preference"] = "bayesian_linear_preference"
    converged: bool = True
    iterations: int = 0
    seed: None = None

    def learn(self, votes: PreferenceVotes) -> PreferencePosterior:
        """The posterior after more votes, one by one in the order given, without looking at the earlier ones again.

        Model: with f = x'(u_g + w_p), its normal distribution times the vote's likelihood is replaced by the normal with the
        same mean and variance (assumed-density filtering, 15-point Gauss-Hermite quadrature); group weights and the person's
        deviation each take their part. How a person answers (sensitivity, side, ties, flips) stays as at the last fit.

        Cost: O(n_votes * (n_groups * n_features)^2).  Randomness: none.

        Assumes that group weights and the person's deviation are independent given the votes so far.
        Source: Opper 1998, a Bayesian approach to on-line learning.
        """
        from scipy.linalg.blas import dsymv, dsyr

        persons = self.persons.joined(np.unique(votes.person), self.scales.people)
        d = self.design.n_features
        mean = self.mean.reshape(-1).copy()
        low = np.array(self.covariance, order="F")
        weight, spread = persons.weight.copy(), persons.covariance.copy()
        place, wide = persons.place(votes.person), np.zeros(mean.size)
        for i in range(votes.n):
            a, block = place[i], slice(votes.group[i] * d, (votes.group[i] + 1) * d)
            x, own = votes.x[i], persons.own[a]
            xp = x[self.design.personal]
            wide[block] = x
            along = dsymv(1.0, low, wide, lower=1)
            wide[block] = 0.0
            aside = spread[a] @ xp
            variance = float(x @ along[block] + xp @ aside)
            if variance <= TINY:
                continue  # two responses alike in every feature tell nothing
            at = float(x @ mean[block] + xp @ weight[a])
            new, left = _matched(
                at, variance, own, persons.flip[a], votes.side[i], votes.said[i], ties=persons.ties
            )
            step, shrink = (new - at) / variance, (variance - left) / variance**2
            mean += step * along
            low = dsyr(-shrink, along, lower=1, a=low, overwrite_a=1)
            weight[a] += step * aside
            spread[a] -= shrink * np.outer(aside, aside)
        covariance = np.tril(low) + np.tril(low, -1).T
        return replace(
            self,
            mean=mean.reshape(self.mean.shape),
            covariance=covariance,
            persons=replace(persons, weight=weight, covariance=spread),
            n=self.n + votes.n,
            since=self.since + votes.n,
        )


def chances(d: Floats, log_tie: Floats | float, *, ties: bool) -> tuple[Floats, Floats, Floats]:
    """P(first), P(tie), P(second) at d, before flips."""
    away = np.abs(d)
    up, down = np.exp((d - away) / 2), np.exp((-d - away) / 2)
    middle = np.exp(log_tie - away / 2) if ties else np.zeros_like(d)
    total = up + down + middle
    return up / total, middle / total, down / total


def _matched(
    at: float, variance: float, own: Floats, flip: float, side: float, said: int, *, ties: bool
) -> tuple[float, float]:
    """Mean and variance of f ~ Normal(at, variance) after an answer."""
    f = at + np.sqrt(variance) * NODES
    first, tie, second = chances(np.exp(own[0]) * f + own[1] * side, float(own[2]), ties=ties)
    if said == 1:
        likelihood = tie if ties else np.full_like(f, 1.0)
    else:
        mine, other = (first, second) if said == 2 else (second, first)
        likelihood = (1 - flip) * mine + flip * other
    weight = NODE_WEIGHTS * likelihood
    weight = weight / weight.sum()
    mean = float(weight @ f)
    return mean, max(float(weight @ (f - mean) ** 2), TINY)


def starting_scales(design: Design) -> Scales:
    """Before anything is learnt: for features scaled so that a typical pair has length 1 in substance and 1 in each style.

    A typical pair then has a shared logit of variance 2, groups differ by variance .7 and persons by .5 (each style: a tenth).
    """
    personal = np.where(design.kind[design.personal] == SUBSTANCE, 0.5, 0.05)
    return Scales(np.array([2.0, 0.1]), np.array([0.7, 0.05]), np.diag(personal))


def prior(design: Design, scales: Scales | None = None) -> PreferencePosterior:
    """What is known before any vote.

    Example:
        >>> before = prior(Design(np.zeros(2, np.int64), np.zeros(0, np.int64), 1))
        >>> votes = read([[1, 0], [1, 0.5]], [7, 8], [1, 1], group=[0, 0], side=[1, -1], design=before.design)
        >>> bool(before.learn(votes).mean[0, 0] > 0.5)
        True
    """
    chosen = scales or starting_scales(design)
    inverse = np.linalg.inv(chosen.precision(design))
    r = design.personal.size
    nobody = Persons(
        np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros(0), np.zeros((0, r)), np.zeros((0, r, r)),
        np.array([0.0, 0.0, np.log(2 / 3)]), SPREAD.copy(), 0.02, ties=True,
    )  # fmt: skip
    return PreferencePosterior(
        design,
        chosen,
        np.zeros((design.n_groups, design.n_features)),
        (inverse + inverse.T) / 2,
        nobody,
        0,
        0,
    )
