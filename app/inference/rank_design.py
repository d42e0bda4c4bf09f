"""Which two items to compare next, by how much one more vote would tell about what the study is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from app.inference.comparisons import Floats, Ints
from app.inference.errors import InvalidSetting
from app.inference.paired_newton import outcomes
from app.inference.rank_posterior import RankPosterior

Goal = Literal["order", "scores", "mix", "top_k"]
GOALS: tuple[Goal, ...] = get_args(Goal)
TINY = 1e-12


@dataclass(frozen=True)
class Batch:
    """Comparisons to ask for together, in the order in which they were chosen.

    first, second: int64 (n,), first < second.  gain: float64 (n,), of each, given that those before it are asked.
    n_votes: of the posterior they were chosen by.
    """

    method: Literal["linear_design"]
    goal: Goal
    first: Ints
    second: Ints
    gain: Floats
    n_votes: int
    seed: int
    converged: Literal[True] = True
    iterations: int = 0


def gains(
    posterior: RankPosterior, goal: Goal, *, top_k: int | None = None, pending: Sequence[tuple[int, int]] = ()
) -> Floats:
    """How much one more vote on each two items is expected to tell: float64 (n_items, n_items), >= 0, symmetric, diagonal 0.

    Model: with S the covariance, v = var(s_i - s_j), and w the information of a vote expected under the posterior, a vote on
    (i, j) takes w q / (1 + w v) off tr(L S), where q = var in S L S along (i, j). L says what counts: the identity for
    ``scores``; for ``order`` the Laplacian of weights exp(-z^2/2) / sd(s_k - s_l), z = (m_k - m_l) / sd(s_k - s_l), which is
    how fast the chance of having k and l the wrong way round falls with their variance; for ``mix`` the sum of the two, each
    scaled to the same value now; for ``top_k`` the weights of ``order`` times the chance that one of the two is among the
    best k and the other is not.

    Args:
        posterior: What is known now.
        goal: As above.
        top_k: 1 to n_items - 1, for ``top_k`` only.
        pending: Comparisons asked and not yet answered: taken in as if their information had come, whatever they say.

    Returns:
        Gains in units of tr(L S), comparable within one call only. They do not depend on names, and not on sides.

    Raises:
        InvalidSetting: An unknown goal; ``top_k`` missing, out of range or given for another goal; a pending pair that is none.

    Cost: O(n_items^3 + n_pending * n_items^2).  Randomness: none.

    Assumes one vote moves the posterior little, so that its gain is linear in L; w is that at the posterior mean, flattened
    for v by the factor 1 / sqrt(1 + pi v / 8): within a tenth of the integral without ties (v up to 12, means up to 3 apart),
    up to a tenth too little at tie strength 2 and v = 1, a third at v = 12.

    Source: c-optimal design for linear criteria, Chaloner and Verdinelli 1995; weights for the order: our own derivation.

    Example:
        >>> from app.inference.rank_posterior import counted
        >>> known = counted([0] * 9 + [1], [2] * 9 + [2], [1] * 9 + [1], n_items=3)
        >>> found = gains(known, "order")
        >>> bool(found[0, 1] > found[0, 2])  # 0 against 2 is known
        True
    """
    return _Ground.at(posterior, goal, top_k, pending).gains()


def choose(
    posterior: RankPosterior,
    n: int,
    goal: Goal,
    *,
    top_k: int | None = None,
    pending: Sequence[tuple[int, int]] = (),
    seed: int,
) -> Batch:
    """The ``n`` comparisons that tell most together, greedily: each is counted in before the next is chosen.

    Args, Raises: As for ``gains``; ``n`` is at least 1.

    Cost: O(n_items^3 + n * n_items^2).  Randomness: ``seed``, among comparisons that tell the same.
    """
    if n < 1:
        raise InvalidSetting(f"Choose one comparison or more, not {n}.")
    rng = np.random.default_rng(seed)
    ground = _Ground.at(posterior, goal, top_k, pending)
    rows, columns = np.triu_indices(posterior.n_items, 1)
    first, second, gain = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n)
    for chosen in range(n):
        worth = ground.gains()[rows, columns]
        best = worth.max()
        at = int(rng.choice(np.flatnonzero(worth >= best * (1 - 1e-9))))
        first[chosen], second[chosen], gain[chosen] = rows[at], columns[at], worth[at]
        ground.ask(int(rows[at]), int(columns[at]))
    return Batch("linear_design", goal, first, second, gain, posterior.n, seed)


def expected_information(mean: Floats, variance: Floats, tie_strength: float) -> Floats:
    """Of one vote about a difference Normal(mean, variance), 1 / logits^2; approximate, see ``gains``."""
    flat = 1.0 / np.sqrt(1.0 + np.pi * variance / 8.0)
    return np.asarray(flat * outcomes(flat * mean, tie_strength).information, np.float64)


@dataclass
class _Ground:
    """Covariance S and S L S, kept while comparisons are counted in one after another."""

    mean: Floats
    tie_strength: float
    covariance: Floats
    weighted: Floats

    @classmethod
    def at(
        cls, posterior: RankPosterior, goal: Goal, top_k: int | None, pending: Sequence[tuple[int, int]]
    ) -> _Ground:
        _check(posterior.n_items, goal, top_k, pending)
        s = posterior.covariance
        # Pending comparisons first bring the covariance to where it will stand; then what still counts is weighed.
        ground = cls(posterior.mean, posterior.tie_strength, s.copy(), s.copy())
        for i, j in pending:
            ground.ask(i, j)
        weight = _what_counts(posterior.mean, ground.covariance, goal, top_k)
        weighted = ground.covariance @ weight @ ground.covariance
        ground.weighted = (weighted + weighted.T) / 2  # so that sides do not matter to the last bit
        return ground

    def gains(self) -> Floats:
        variance = _along_pairs(self.covariance)
        information = expected_information(
            self.mean[:, None] - self.mean[None, :], variance, self.tie_strength
        )
        found = information * _along_pairs(self.weighted) / (1.0 + information * variance)
        np.fill_diagonal(found, 0.0)
        return np.asarray(np.maximum(found, 0.0), np.float64)

    def ask(self, i: int, j: int) -> None:
        """Count in one comparison, whatever its answer: rank-one downdates of S and of S L S, with L as it was."""
        x = self.covariance[:, i] - self.covariance[:, j]
        y = self.weighted[:, i] - self.weighted[:, j]
        v, q = x[i] - x[j], y[i] - y[j]
        w = float(expected_information(np.array(self.mean[i] - self.mean[j]), np.array(v), self.tie_strength))
        a = w / (1.0 + w * v)
        outer = np.outer(x, y)
        xx = np.outer(x, x)
        self.weighted = self.weighted - a * (outer + outer.T) + a * a * q * xx
        self.covariance = self.covariance - a * xx


def _check(n_items: int, goal: Goal, top_k: int | None, pending: Sequence[tuple[int, int]]) -> None:
    if goal not in GOALS:
        raise InvalidSetting(f"A ranking is for {', '.join(GOALS)}; {goal!r} is none of these.")
    if goal == "top_k" and (top_k is None or not 1 <= top_k < n_items):
        raise InvalidSetting(f"The best k of {n_items} items: k is 1 to {n_items - 1}, not {top_k}.")
    if goal != "top_k" and top_k is not None:
        raise InvalidSetting(f"How many best ones matters for top_k only, not for {goal}.")
    for i, j in pending:
        if i == j or not (0 <= i < n_items and 0 <= j < n_items):
            raise InvalidSetting(f"A pending comparison is of two different items, ({i}, {j}) is not.")


def _along_pairs(matrix: Floats) -> Floats:
    """The quadratic form of each e_i - e_j, float64 (n_items, n_items)."""
    own = np.diag(matrix)
    return np.asarray(np.maximum(own[:, None] + own[None, :] - 2 * matrix, 0.0), np.float64)


def _what_counts(mean: Floats, covariance: Floats, goal: Goal, top_k: int | None) -> Floats:
    """L of the goal, float64 (n_items, n_items)."""
    unit = np.eye(mean.size)
    if goal == "scores":
        return unit
    weight = _order_weights(mean, covariance)
    if goal == "top_k":
        inside = _chance_inside(mean, covariance, top_k or 1)
        weight = weight * (np.outer(inside, 1 - inside) + np.outer(1 - inside, inside))
    laplacian = np.diag(weight.sum(axis=1)) - weight
    if goal != "mix":
        return np.asarray(laplacian, np.float64)
    now = max(float((laplacian * covariance).sum()), TINY)
    return np.asarray(laplacian / now + unit / float(np.trace(covariance)), np.float64)


def _order_weights(mean: Floats, covariance: Floats) -> Floats:
    variance = np.maximum(_along_pairs(covariance), TINY)
    ahead = mean[:, None] - mean[None, :]
    weight = np.exp(-0.5 * ahead**2 / variance) / np.sqrt(variance)
    np.fill_diagonal(weight, 0.0)
    return np.asarray(weight, np.float64)


def _chance_inside(mean: Floats, covariance: Floats, k: int) -> Floats:
    """Chance that each item is among the best k, with the border half way between the k-th and the next mean."""
    from scipy.special import ndtr

    high = np.sort(mean)[::-1]
    border = (high[k - 1] + high[k]) / 2
    centred = covariance - covariance.mean(axis=0)
    own = np.maximum(np.diag(centred - centred.mean(axis=1)[:, None]), TINY)
    return np.asarray(ndtr((mean - border) / np.sqrt(own)), np.float64)
