"""What makes a vote uncertain, taken apart in bits: too little known, people who differ, and chance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

WIDTHS = np.array([0.85, 1.7, 3.2, 5.5, 9.0, 14.0, 22.0, 34.0])
"""Variances of the normal curves whose sum stands for the entropy of a choice as a function of its logit."""
FARTHEST = 16.0


@dataclass(frozen=True)
class EntropySplit:
    """Of one more vote on each pair, bits, each float64 of the shape given, at least 0; the three add up to ``total``.

    epistemic: would go with more votes.  people: would go if it were known who votes (Jensen-Shannon divergence between
    people).  noise: within a person, would stay.
    """

    total: Floats
    epistemic: Floats
    people: Floats
    noise: Floats


def entropy(chance: ArrayLike) -> Floats:
    """Of a choice that goes one way with this chance, bits."""
    p = np.clip(np.asarray(chance, np.float64), 1e-15, 1 - 1e-15)
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)), np.float64)


def logistic(logit: ArrayLike) -> Floats:
    """1 / (1 + exp(-logit)), without overflow."""
    from scipy.special import expit

    return np.asarray(expit(np.asarray(logit, np.float64)), np.float64)


def flattened(variance: ArrayLike) -> Floats:
    """How much a logit shrinks when it is uncertain by ``variance``: E logistic(N(m, v)) is about logistic(m * this)."""
    return np.asarray(1.0 / np.sqrt(1.0 + np.pi * np.asarray(variance, np.float64) / 8.0), np.float64)


@cache
def _curves() -> Floats:
    """Weights of the normal curves, at least 0, by least squares against the entropy itself; at logit 0 exactly 1 bit."""
    from scipy.optimize import nnls

    z = np.linspace(0.0, FARTHEST, 1601)
    bells = np.exp(-(z[:, None] ** 2) / (2 * WIDTHS))
    exact = entropy(logistic(z))
    weights, _ = nnls(np.vstack([bells, np.full((1, WIDTHS.size), 100.0)]), np.append(exact, 100.0))
    return np.asarray(weights / weights.sum(), np.float64)


def expected_entropy(mean: ArrayLike, variance: ArrayLike) -> Floats:
    """E h(logistic(z)) for z ~ Normal(mean, variance), bits, in closed form.

    Model: the entropy of a choice is a sum of normal curves in its logit, sum_k a_k exp(-z^2 / (2 c_k)), whose expectation is
    sum_k a_k sqrt(c_k / (v + c_k)) exp(-m^2 / (2 (v + c_k))). The error is below 0.001 bits everywhere.
    """
    m = np.asarray(mean, np.float64)
    v = np.maximum(np.asarray(variance, np.float64), 0.0)
    total = np.zeros(np.broadcast_shapes(m.shape, v.shape))
    for weight, width in zip(_curves(), WIDTHS, strict=True):
        spread = v + width
        total += weight * np.sqrt(width / spread) * np.exp(-m * m / (2 * spread))
    return np.minimum(total, 1.0)


def split(mean: ArrayLike, epistemic: ArrayLike, people: ArrayLike) -> EntropySplit:
    """The entropy of a vote with logit Normal(mean, epistemic) + Normal(0, people), taken apart.

    Model: with b what is shared and not known and w how people deviate, H(y) = I(y; b) + I(y; w | b) + E H(y | b, w).

    Args:
        mean: Logits.  epistemic: logits^2, variance of what all share, at least 0.  people: logits^2, variance between
            people, at least 0.

    Returns:
        EntropySplit of the broadcast shape.

    Cost: eight exponentials a pair.  Randomness: none.

    Assumes normal deviations, and that an average logistic is a logistic of a flattened logit: the parts are then off by
    .006 bits in the mean and at most by .05, where means and variances are both large.

    Source: mutual information as in Houlsby, Huszar, Ghahramani and Lengyel 2011; flattening: MacKay 1992; three parts and
    closed form: our own.
    """
    m = np.asarray(mean, np.float64)
    b = np.maximum(np.asarray(epistemic, np.float64), 0.0)
    w = np.maximum(np.asarray(people, np.float64), 0.0)
    total = entropy(logistic(m * flattened(b + w)))
    flat = flattened(w)
    given_shared = np.minimum(expected_entropy(flat * m, flat * flat * b), total)
    noise = np.minimum(expected_entropy(m, b + w), given_shared)
    return EntropySplit(total, total - given_shared, given_shared - noise, noise)


def between_groups(mean: Floats, variance: Floats, weight: Floats) -> Floats:
    """Jensen-Shannon divergence between groups' predicted choices, bits, float64 (n,): 0 where they are predicted alike.

    Args:
        mean, variance: float64 (n, n_groups), of each group's logit, variance with how its people differ.
        weight: float64 (n_groups,), at least 0, sum 1.

    What is not known about a group draws its prediction to one half, so that a divergence shows only as far as votes carry it.
    """
    p = logistic(mean * flattened(variance))
    mixed = entropy(p @ weight) - entropy(p) @ weight
    return np.asarray(np.maximum(mixed, 0.0), np.float64)
