"""When a pair has been asked often enough: its state, what it takes to claim something of it, and what one more vote is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.inference.errors import InvalidSetting, InvalidShare
from app.inference.intervals import log_e_value

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
State = Literal["clear_first", "clear_second", "contested", "tie", "open"]
STATES: tuple[State, ...] = ("clear_first", "clear_second", "contested", "tie", "open")

LOOK_AHEAD = 3
FURTHEST = 9
"""Votes on one pair that ``gain_of_votes`` plans at most."""


def states(
    first: ArrayLike, tie: ArrayLike, conflict: ArrayLike, *, alpha: float = 0.05, contested_at: float = 0.8
) -> list[State]:
    """The state of each pair, from three probabilities of its posterior.

    Model: contested where P(groups differ) >= contested_at; else clear where P(most prefer one) >= 1 - alpha; else a tie where
    P(about as many prefer either) >= 1 - alpha; else open. Contested comes first: a majority over groups that differ settles
    nothing.

    Args:
        first: P(more people prefer the first response), in [0, 1] or NaN where nothing is known, which is open.
        tie: P(the share lies about a half).  conflict: P(groups really differ); NaN counts as 0.
        alpha, contested_at: In (0, 1).

    Raises:
        InvalidSetting: A level out of range.

    Cost: O(n).  Randomness: none.
    Assumes the probabilities are calibrated over their prior: on pairs chosen for being close they err more often (on true
    ties "clear" is said of nearly half in the long run), so nothing printed as a claim may rest on this: see ``proven``.
    """
    if not (0 < alpha < 1 and 0 < contested_at < 1):
        raise InvalidSetting(f"Levels lie between 0 and 1; {alpha} and {contested_at} do not both.")
    p, t = np.asarray(first, np.float64), np.asarray(tie, np.float64)
    differ = np.nan_to_num(np.asarray(conflict, np.float64)) >= contested_at
    conditions = [np.isnan(p), differ, p >= 1 - alpha, p <= alpha, t >= 1 - alpha]
    names: list[State] = ["open", "contested", "clear_first", "clear_second", "tie"]
    found = np.select(conditions, np.arange(5), default=0)
    return [names[i] for i in found.tolist()]


def share_probabilities(
    share: ArrayLike, variance: ArrayLike, *, within: float = 0.1
) -> tuple[Floats, Floats]:
    """P(share > 1/2) and P(|share - 1/2| < within) of a share known by mean and variance.

    Model: share ~ Beta with these two moments.

    Args:
        share: Posterior mean, in [0, 1]; NaN gives NaN.  variance: Posterior variance, at least 0.
        within: In (0, 1/2).

    Returns:
        Two float64 arrays of that shape. A variance of 0 is a certainty.

    Cost: O(n).  Randomness: none.

    Example:
        >>> [round(float(p), 3) for p in share_probabilities(0.75, 0.01)]
        [0.987, 0.079]
    """
    from scipy.special import betainc

    if not 0 < within < 0.5:
        raise InvalidSetting(f"within lies between 0 and 1/2, {within} does not.")
    m, v = np.asarray(share, np.float64), np.asarray(variance, np.float64)
    inside = (m > 0) & (m < 1)
    spread = np.where(inside, m * (1 - m), 1.0)
    size = spread / np.maximum(np.minimum(v, spread * (1 - 1e-9)), 1e-12) - 1
    a, b = np.maximum(m * size, 1e-9), np.maximum((1 - m) * size, 1e-9)
    above = np.where(inside, 1 - betainc(a, b, 0.5), np.where(m >= 1, 1.0, 0.0))
    close = np.where(inside, betainc(a, b, 0.5 + within) - betainc(a, b, 0.5 - within), 0.0)
    unknown = np.isnan(m) | np.isnan(v)
    return np.where(unknown, np.nan, above), np.where(unknown, np.nan, close)


def normal_probabilities(
    mean: ArrayLike, variance: ArrayLike, *, within: float = 0.4
) -> tuple[Floats, Floats]:
    """P(d > 0) and P(|d| < within) of a preference d ~ N(mean, variance), logits. ``variance`` above 0; shapes as given."""
    from scipy.special import ndtr

    m, sd = np.asarray(mean, np.float64), np.sqrt(np.asarray(variance, np.float64))
    return np.asarray(ndtr(m / sd), np.float64), np.asarray(
        ndtr((within - m) / sd) - ndtr((-within - m) / sd), np.float64
    )


def proven(first: ArrayLike, second: ArrayLike, *, alpha: float = 0.05) -> Ints:
    """Which pairs may be printed as decided: 1 for the first response, -1 for the second, 0 for no claim yet.

    Model: evidence E against an even split (``log_e_value``, Beta(2, 2) mixture) may be looked at after every vote. Over the m
    pairs given the k with most evidence are claimed, k the largest with E_(k) >= m / (alpha k): then at most a share alpha of
    the claims is expected to be wrong, however the pairs depend on each other and whenever one stops.

    Args:
        first, second: int (n_pairs,), people who chose either; ties left out.
        alpha: In (0, 1), the false-discovery rate.

    Raises:
        InvalidShare: A count below 0.  InvalidSetting: alpha out of range.

    Cost: O(n log n).  Randomness: none.
    Assumes one vote a person and pair.
    Source: Ville 1939; Wang and Ramdas 2022, e-BH.

    Example:
        >>> proven([12, 6, 2], [0, 6, 1]).tolist()
        [1, 0, 0]
    """
    if not 0 < alpha < 1:
        raise InvalidSetting(f"alpha lies between 0 and 1, {alpha} does not.")
    k, j = np.asarray(first, np.int64), np.asarray(second, np.int64)
    if (k < 0).any() or (j < 0).any():
        raise InvalidShare("A count lies below 0.")
    evidence = log_e_value(k, k + j)
    order = np.argsort(-evidence, kind="stable")
    m = evidence.size
    enough = evidence[order] >= np.log(m / (alpha * np.arange(1, m + 1)))
    claimed = int(np.flatnonzero(enough)[-1]) + 1 if enough.any() else 0
    out = np.zeros(m, np.int64)
    out[order[:claimed]] = np.sign(k - j)[order[:claimed]]
    return out


def value_of_votes(mean: ArrayLike, variance: ArrayLike, weight: ArrayLike, *, votes: int = 1) -> Floats:
    """Expected gain, in logits, of deciding a pair after ``votes`` more votes rather than now.

    Model: d ~ N(m, v) decides for its sign at a loss of |d| when wrong. After n votes of information w each the posterior mean
    is N(m, s^2), s^2 = n w v^2 / (1 + n w v), and the gain is s [phi(m/s) - (|m|/s) Phi(-|m|/s)].

    Args:
        mean, variance: Logits, logits^2 at least 0.  weight: Information of one vote, p(1 - p) at its largest 1/4.
        votes: At least 1.

    Returns:
        float64, at least 0; 0 where nothing is uncertain.

    Cost: O(n).  Randomness: none.
    Assumes votes enter as normal observations.  Source: Frazier, Powell and Dayanik 2008, the knowledge gradient.

    Example:
        >>> round(float(value_of_votes(0.0, 1.0, 0.25)), 4)
        0.1784
    """
    from scipy.special import ndtr

    if votes < 1:
        raise InvalidSetting(f"A plan has at least one vote, not {votes}.")
    m, v = np.abs(np.asarray(mean, np.float64)), np.asarray(variance, np.float64)
    w = votes * np.asarray(weight, np.float64)
    s = np.sqrt(w * v**2 / (1 + w * v))
    z = m / np.where(s > 0, s, 1.0)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return np.asarray(np.where(s > 0, s * (density - z * ndtr(-z)), 0.0), np.float64)


def value_looking_ahead(
    mean: ArrayLike, variance: ArrayLike, weight: ArrayLike, *, most: int = LOOK_AHEAD
) -> Floats:
    """The best gain a vote of plans with 1 to ``most`` votes: one vote alone can rarely turn a decision over, three can."""
    plans = [value_of_votes(mean, variance, weight, votes=n) / n for n in range(1, most + 1)]
    return np.asarray(np.max(plans, axis=0), np.float64)


def right_after(a: ArrayLike, b: ArrayLike, votes: int) -> Floats:
    """Chance that a guess at the next person's choice is right after so many votes more, as expected now.

    Model: p ~ Beta(a, b), a choice is first with probability p, the guess is the likelier side. With j of n votes for the
    first, j beta-binomial, the chance is max(a + j, b + n - j) / (a + b + n).

    Example:
        >>> [round(float(right_after(1, 1, n)), 4) for n in (0, 1, 2)]
        [0.5, 0.6667, 0.6667]
    """
    from scipy.special import betaln, gammaln

    x, y = np.asarray(a, np.float64)[..., None], np.asarray(b, np.float64)[..., None]
    j = np.arange(votes + 1.0)
    choose = gammaln(votes + 1) - gammaln(j + 1) - gammaln(votes - j + 1)
    chance = np.exp(choose + betaln(x + j, y + votes - j) - betaln(x, y))
    return np.asarray((chance * np.maximum(x + j, y + votes - j) / (x + y + votes)).sum(-1), np.float64)


@dataclass(frozen=True)
class Gain:
    """now: chance that a guess is right, mean over pairs.  after: the same with the votes spent as planned.  votes: int64
    (n_pairs,), where they would go.
    """

    now: float
    after: float
    votes: Ints

    @property
    def gain(self) -> float:
        """How much the votes are expected to add."""
        return self.after - self.now


def gain_of_votes(a: ArrayLike, b: ArrayLike, *, votes: int = 100, furthest: int = FURTHEST) -> Gain:
    """What the next votes are expected to add to the share of choices that can be guessed, spent where they add most.

    Model: for each pair the chance of a right guess after n votes (``right_after``), replaced by its least concave majorant,
    which looks ahead over votes that tell nothing one by one; the steepest steps are taken first.

    Args:
        a, b: float64 (n_pairs,), > 0, the Beta posterior of each pair's share.
        votes: At least 0.  furthest: Votes planned on one pair at most.

    Raises:
        InvalidShare: A parameter not above 0.

    Cost: O(distinct (a, b) * furthest^2 + n log n).  Randomness: none.
    Assumes pairs tell nothing about each other: a model that shares between pairs gains more.
    """
    one, two = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if not ((one > 0) & (two > 0)).all():
        raise InvalidShare("The parameters of a Beta posterior lie above 0.")
    if not one.size:
        return Gain(0.5, 0.5, np.zeros(0, np.int64))
    kinds, which = np.unique(np.stack([one, two], axis=1), axis=0, return_inverse=True)
    which = which.reshape(-1)
    course = np.stack([right_after(kinds[:, 0], kinds[:, 1], n) for n in range(furthest + 1)], axis=1)
    steps = np.diff(_majorant(course), axis=1)[which]
    flat = steps.ravel()
    # steps of a pair fall, so that a stable order by size takes them from the first on
    taken = np.argsort(-flat, kind="stable")[:votes]
    taken = taken[flat[taken] > 1e-15]
    spent = np.bincount(taken // furthest, minlength=one.size).astype(np.int64)
    now = float(course[which, 0].mean())
    return Gain(now, now + float(flat[taken].sum()) / one.size, spent)


def _majorant(course: Floats) -> Floats:
    """The least concave function above each row."""
    out = course.copy()
    n = course.shape[1]
    for lo in range(n):
        for hi in range(lo + 2, n):
            for at in range(lo + 1, hi):
                between = course[:, lo] + (course[:, hi] - course[:, lo]) * (at - lo) / (hi - lo)
                out[:, at] = np.maximum(out[:, at], between)
    return out
