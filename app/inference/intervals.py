"""Shares and ratios with honest intervals, evidence that may be looked at any time, and false-discovery control."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.inference.errors import InvalidSetting, InvalidShare, InvalidVotes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Interval = tuple[float, float]

FEWEST_CLUSTERS = 10
"""Below this many people, or items, an interval clustered by them is not given."""


@dataclass(frozen=True)
class Share:
    """A share with its interval; ``value`` and ``interval`` are None where nothing was counted."""

    n: int
    value: float | None
    interval: Interval | None
    method: Literal["wilson", "jeffreys"] = "wilson"
    level: float = 0.95
    seed: None = None
    converged: Literal[True] = True
    iterations: int = 0


def critical(level: float, degrees: float | None = None) -> float:
    """The half-width of a two-sided interval in standard errors: of Student's t with ``degrees``, or of the normal.

    Example:
        >>> round(critical(0.95), 4)
        1.96
    """
    from scipy.special import ndtri, stdtrit

    if not 0 < level < 1:
        raise InvalidSetting(f"A level lies between 0 and 1, {level} does not.")
    upper = 0.5 + level / 2
    return float(ndtri(upper) if degrees is None else stdtrit(degrees, upper))


def wilson(successes: int, n: int, *, level: float = 0.95) -> Share:
    """A share and its Wilson score interval.

    Model: successes ~ Binomial(n, p); the interval holds every p that a two-sided score test would not reject, so it stays
    in 0..1 and holds at the ends.

    Args:
        successes: Count, 0 <= successes <= n.
        n: Count of independent cases; 0 gives None for the value and the interval.
        level: Two-sided, in (0, 1).

    Raises:
        InvalidShare: More successes than cases, or fewer than none.

    Cost: O(1).  Randomness: none.
    Assumes independent cases; votes of one person are not: cluster those by person.
    Source: Wilson 1927.

    Example:
        >>> [round(end, 4) for end in wilson(50, 100).interval]
        [0.4038, 0.5962]
    """
    _check_share(successes, n)
    if n == 0:
        return Share(0, None, None, level=level)
    z2 = critical(level) ** 2
    p = successes / n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2) / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Share(n, p, (low, high), level=level)


def jeffreys(successes: int, n: int, *, level: float = 0.95) -> Share:
    """A share and the equal-tailed interval of its posterior under Jeffreys' prior.

    Model: p ~ Beta(1/2, 1/2); the interval runs from 0 where nothing succeeded and to 1 where all did.

    Args, Raises: As for ``wilson``.
    Cost: O(1).  Randomness: none.  Assumes independent cases.
    Source: Brown, Cai and DasGupta 2001.

    Example:
        >>> [round(end, 4) for end in jeffreys(0, 10).interval]
        [0.0, 0.2172]
    """
    from scipy.special import betaincinv

    _check_share(successes, n)
    critical(level)
    if n == 0:
        return Share(0, None, None, "jeffreys", level)
    a, b, tail = successes + 0.5, n - successes + 0.5, (1 - level) / 2
    low = 0.0 if successes == 0 else float(betaincinv(a, b, tail))
    high = 1.0 if successes == n else float(betaincinv(a, b, 1 - tail))
    return Share(n, successes / n, (low, high), "jeffreys", level)


def _check_share(successes: int, n: int) -> None:
    if not 0 <= successes <= n:
        raise InvalidShare(f"{successes} of {n} is not a share.")


def log_e_value(
    successes: ArrayLike, n: ArrayLike, *, null: float = 0.5, a: float = 2.0, b: float = 2.0
) -> Floats:
    """Logarithm of the evidence against a share of ``null``, that may be looked at after every vote.

    Model: E = B(a + k, b + n - k) / (B(a, b) null^k (1 - null)^(n - k)), the likelihood of p ~ Beta(a, b) over that of the
    null. Under the null E starts at 1 and has mean 1 whatever was seen before, so the chance that it ever reaches 1/alpha is at
    most alpha (Ville).

    Args:
        successes: Counts k so far, 0 <= k <= n, any shape.
        n: Counts of votes so far, of the same shape.
        null: In (0, 1).
        a, b: > 0, the mixture over alternatives.

    Returns:
        float64 of that shape; reject at level alpha where it is >= -log(alpha). The claim stands from the first time on.

    Raises:
        InvalidShare: Counts that are no share.  InvalidSetting: A null or mixture out of range.

    Cost: O(1) each.  Randomness: none.
    Assumes votes are independent given the past; the votes of one person on one pair count once.
    Source: Robbins 1970; Ville 1939.

    Example:
        >>> bool(log_e_value(19, 20) > np.log(20)), bool(log_e_value(12, 20) > np.log(20))
        (True, False)
    """
    from scipy.special import betaln

    k, m = np.asarray(successes, np.float64), np.asarray(n, np.float64)
    if not ((k >= 0) & (k <= m)).all():
        raise InvalidShare("Some of these counts are no share.")
    if not (0 < null < 1 and a > 0 and b > 0):
        raise InvalidSetting(f"A null of {null} and a mixture of Beta({a}, {b}) is out of range.")
    against = k * math.log(null) + (m - k) * math.log1p(-null)
    return np.asarray(betaln(a + k, b + m - k) - betaln(a, b) - against, np.float64)


def anytime_interval(
    successes: int, n: int, *, level: float = 0.95, a: float = 2.0, b: float = 2.0
) -> Interval:
    """All shares that the evidence of ``log_e_value`` does not speak against: holds at every look at once.

    With no votes yet it is 0 to 1. Wider than ``wilson``, which only holds for a look fixed beforehand.

    Example:
        >>> [round(end, 3) for end in anytime_interval(50, 100)]
        [0.35, 0.65]
    """
    from scipy.optimize import brentq

    _check_share(successes, n)
    if not 0 < level < 1:
        raise InvalidSetting(f"A level lies between 0 and 1, {level} does not.")
    bound = -math.log1p(-level)

    def excess(null: float) -> float:
        return float(log_e_value(successes, n, null=null, a=a, b=b)) - bound

    best, edge = min(max(successes / n if n else 0.5, 1e-9), 1 - 1e-9), 1e-12
    low = 0.0 if successes == 0 or excess(edge) <= 0 else float(brentq(excess, edge, best))
    high = 1.0 if successes == n or excess(1 - edge) <= 0 else float(brentq(excess, best, 1 - edge))
    return low, high


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """The q-value of each of many tests: the smallest false-discovery rate at which it would be called a finding.

    Model: with p sorted upwards, q_(i) = min over j >= i of min(1, m p_(j) / j).

    Args:
        p: float64 (n_tests,), in [0, 1], no NaN.

    Returns:
        float64 (n_tests,), in [0, 1].

    Raises:
        InvalidVotes: A p-value outside 0..1 or NaN.

    Cost: O(n log n).  Randomness: none.  Assumes independent or positively dependent tests.
    Source: Benjamini and Hochberg 1995.

    Example:
        >>> benjamini_hochberg([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.04, 0.04]
    """
    values = np.asarray(p, np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise InvalidVotes("A p-value lies between 0 and 1.")
    m = values.size
    order = np.argsort(values, kind="stable")
    steps = values[order] * m / np.arange(1, m + 1)
    q = np.empty(m)
    q[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    return q
