"""Averages over a pool of pairs from votes that were not drawn evenly: estimates that the choice of questions cannot bend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.inference.errors import InvalidVotes
from app.inference.intervals import FEWEST_CLUSTERS, Interval, critical

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Average:
    """An average over a pool. error: standard error.  interval: None with ``why`` where it is not known.  n: votes used.

    effective: how many votes drawn evenly would have spread the weights as little, sum(w)^2 / sum(w^2).
    """

    value: float
    error: float | None
    interval: Interval | None
    n: int
    effective: float
    method: Literal["naive", "horvitz_thompson", "hajek", "aipw", "lure"]
    level: float = 0.95
    why: str | None = None


def naive(y: ArrayLike, *, cluster: ArrayLike | None = None, level: float = 0.95) -> Average:
    """The plain mean of the votes: what it says of the pool is wrong wherever questions were chosen by earlier votes."""
    votes = np.asarray(y, np.float64)
    _check(votes, np.ones_like(votes))
    return _averaged(votes, np.ones_like(votes), "naive", cluster, level)


def horvitz_thompson(
    y: ArrayLike,
    propensity: ArrayLike,
    pool: ArrayLike,
    *,
    certain: ArrayLike = 0.0,
    cluster: ArrayLike | None = None,
    level: float = 0.95,
) -> Average:
    """The average outcome over a pool, each vote weighted by the inverse of the probability that its pair was drawn.

    Model: theta = (1/N) sum of mu_i. At step t, p_t(i) > 0 for the pairs that could be drawn; the others are certain, with
    known sum c_t. Then (c_t + y_t / p_t) / N has mean theta whatever came before, and the steps' deviations are a martingale.

    Args:
        y: float64 (n,), in [0, 1], in the order drawn.
        propensity: float64 (n,), in (0, 1], probability of the pair drawn given all before.
        pool: N, pairs in the pool: one number or (n,).
        certain: c_t, one number or (n,): outcomes of pairs that had probability 0 at that step (METHOD 3.4.23).
        cluster: int (n,), who answered; with it the error is clustered by person.
        level: Of the interval.

    Raises:
        InvalidVotes: No votes, an outcome or a propensity out of range, a pool smaller than 1.

    Cost: O(n).  Randomness: none.
    Assumes propensities are exact and each pair of the pool could be drawn or is certain.
    Source: Horvitz and Thompson 1952; interval by the martingale central limit theorem, Hall and Heyde 1980.
    """
    votes, p = np.asarray(y, np.float64), np.asarray(propensity, np.float64)
    _check(votes, p)
    terms = (np.asarray(certain, np.float64) + votes / p) / _pool(pool)
    return _averaged(terms, 1 / p, "horvitz_thompson", cluster, level)


def hajek(
    y: ArrayLike, propensity: ArrayLike, *, cluster: ArrayLike | None = None, level: float = 0.95
) -> Average:
    """The same average with weights scaled to sum to 1: for pools of unknown size; biased by about 1/n.

    Model: sum(y / p) / sum(1 / p), linearised for its error.  Args, Raises: As for ``horvitz_thompson``.  Source: Hajek 1971.
    """
    votes, p = np.asarray(y, np.float64), np.asarray(propensity, np.float64)
    _check(votes, p)
    w = 1 / p
    value = float((w * votes).sum() / w.sum())
    return _with_error(value, w * (votes - value) / w.sum(), w, "hajek", cluster, level)


def aipw(
    y: ArrayLike,
    propensity: ArrayLike,
    pool: ArrayLike,
    *,
    guess: ArrayLike,
    guesses: ArrayLike,
    certain: ArrayLike = 0.0,
    steady: bool = False,
    cluster: ArrayLike | None = None,
    level: float = 0.95,
) -> Average:
    """The average outcome over a pool: a model's guesses, put right by what the votes say beside them.

    Model: psi_t = (c_t + sum over open i of g_t(i) + (y_t - g_t(i_t)) / p_t) / N, with guesses g_t made before vote t. Its mean
    is theta whatever the guesses; good ones only make it steadier.

    Args:
        guess: float64 (n,), g_t of the pair drawn.  guesses: float64 (n,), sum of g_t over the pairs that could be drawn.
        steady: Weights the steps by sqrt(p_t N) rather than evenly: steadier where propensities vary in time, and no longer
            exactly unbiased where they go with the outcome.
        Others, Raises, Cost: As for ``horvitz_thompson``.

    Source: Zrnic and Candes 2024, active statistical inference; Hadad et al. 2021 for the weights.
    """
    votes, p = np.asarray(y, np.float64), np.asarray(propensity, np.float64)
    _check(votes, p)
    n = _pool(pool)
    terms = (
        np.asarray(certain, np.float64)
        + np.asarray(guesses, np.float64)
        + (votes - np.asarray(guess, np.float64)) / p
    ) / n
    weights = np.sqrt(p * n) if steady else None
    return _averaged(terms, 1 / p, "aipw", cluster, level, weights=weights)


def lure(y: ArrayLike, propensity: ArrayLike, pool: int, *, level: float = 0.95) -> Average:
    """The average outcome over a pool of which each pair is asked once, the rest not at all.

    Model: v_m = 1 + (N - M) / (N - m) (1 / ((N - m + 1) q_m) - 1), estimate (1/M) sum v_m y_m. It is the mean of the steps
    (y_1 + ... + y_{m-1} + y_m / q_m) / N with weights N (N - M) / ((N - m)(N - m + 1)), which gives its error; with all of
    the pool asked it is the plain mean, and the error 0.

    Args:
        y: float64 (M,), in the order drawn.  propensity: float64 (M,), q_m, among the pairs not drawn before.
        pool: N, at least M.

    Raises, Cost: As for ``horvitz_thompson``.
    Assumes outcomes are fixed: nothing is said about what another person would have answered.
    Source: Farquhar, Gal and Rainforth 2021.
    """
    votes, q = np.asarray(y, np.float64), np.asarray(propensity, np.float64)
    _check(votes, q)
    big, asked = int(pool), votes.size
    if big < asked:
        raise InvalidVotes(
            f"A pool of {big} pairs cannot have been asked {asked} times without repeating one."
        )
    m = np.arange(1, asked + 1, dtype=np.float64)
    left = np.maximum(big - m, 1.0)
    v = 1 + (big - asked) / left * (1 / ((big - m + 1) * q) - 1)
    value = float((v * votes).sum() / asked)
    steps = (np.concatenate([[0.0], np.cumsum(votes)[:-1]]) + votes / q) / big
    weights = big * (big - asked) / (left * (big - m + 1)) / asked
    return _with_error(value, weights * (steps - value), v, "lure", None, level)


def _pool(pool: ArrayLike) -> Floats:
    n = np.asarray(pool, np.float64)
    if not (n >= 1).all():
        raise InvalidVotes("A pool has at least one pair.")
    return n


def _check(y: Floats, p: Floats) -> None:
    if y.ndim != 1 or not y.size or p.shape != y.shape:
        raise InvalidVotes("An average needs votes, each with the probability of its being asked.")
    if not ((y >= 0) & (y <= 1)).all():
        raise InvalidVotes("An outcome lies outside 0 to 1.")
    if not ((p > 0) & (p <= 1)).all():
        raise InvalidVotes("A propensity lies outside 0 to 1.")


def _averaged(
    terms: Floats,
    weight: Floats,
    method: Literal["naive", "horvitz_thompson", "aipw"],
    cluster: ArrayLike | None,
    level: float,
    *,
    weights: Floats | None = None,
) -> Average:
    h = np.ones_like(terms) if weights is None else np.broadcast_to(weights, terms.shape)
    h = h / h.sum()
    value = float((h * terms).sum())
    return _with_error(value, h * (terms - value), weight, method, cluster, level)


def _with_error(
    value: float,
    deviation: Floats,
    weight: Floats,
    method: Literal["naive", "horvitz_thompson", "hajek", "aipw", "lure"],
    cluster: ArrayLike | None,
    level: float,
) -> Average:
    """The error from the steps' deviations (summing to about 0), by step or by person."""
    n = deviation.size
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    if cluster is None:
        if n < 2:
            return Average(
                value, None, None, n, effective, method, level, "one vote says nothing of its error"
            )
        error = float(np.sqrt(n / (n - 1) * (deviation**2).sum()))
        reach = critical(level) * error
    else:
        _, who = np.unique(np.asarray(cluster), return_inverse=True)
        people = int(who.max()) + 1
        if people < FEWEST_CLUSTERS:
            why = f"answers of {people} people; an interval needs {FEWEST_CLUSTERS}"
            return Average(value, None, None, n, effective, method, level, why)
        sums = np.bincount(who, deviation)
        error = float(np.sqrt(people / (people - 1) * (sums**2).sum()))
        reach = critical(level, people - 1) * error
    return Average(value, error, (value - reach, value + reach), n, effective, method, level)
