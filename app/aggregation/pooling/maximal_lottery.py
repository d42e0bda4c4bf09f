"""Maximal lottery: where an item's responses beat each other in a circle, a mixture that none of them beats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.aggregation.protocol import Floats, Ints, Pooled, Votes

CLOSE = 1e-9
"""A probability below this is none."""


@dataclass(frozen=True)
class MaximalLottery:
    """Odds of an item's two responses in the lottery over all its responses that loses to no other lottery.

    Model: M_ij = 2 share_ij - 1, ties counted half. A lottery w over the responses is maximal where w' M >= 0 in every place: a
    linear programme that always has a solution, because M' = -M. Of several the one with the least sum of squares is taken,
    which treats equals alike. p_first = w_first / (w_first + w_second). Where both are 0, the lottery is held again among the
    responses that got nothing. In items of which some pair was never compared nobody knows the circle: their pairs follow
    their own majority.
    Returns p_first (0 or 1 where one response beats the other and there is no circle), weight = the votes' total weight,
    parameters ``items_with_cycles`` (items of three responses or more whose first lottery is spread over several) and
    ``items_incomplete``.
    Cost: O(n_votes), and for each item of three responses or more one small programme.  Randomness: none.
    Assumes that majorities are worth following pair by pair; how large a majority is matters only inside a circle.
    Source: Kreweras 1965; Fishburn 1984; for preference data Maura-Rivero et al. 2025.
    Example: a beats b, b beats c and c beats a with equal margins: one third each, so every pair is even.
    """

    name: str = "maximal_lottery"
    title: str = "What a mixture that no other beats would choose"
    formula: str = (
        "p = w_i / (w_i + w_j), w the lottery over the item's responses with w'M >= 0, M the majority margins"
    )
    source: str = "maximal lotteries (Fishburn 1984), as a linear programme"
    assumes: str = (
        "Right where items have three responses or more and majorities run in circles: it keeps the circle instead of "
        "breaking it somewhere. With two responses it is the majority, without shares."
    )
    uses_groups: bool = False
    tells: frozenset[str] = frozenset()

    def pool(self, votes: Votes) -> Pooled:
        item, first, second = votes.responses()
        total = votes.total
        judged = total > 0
        margin = np.divide(2 * votes.for_first, total, out=np.ones(votes.n_pairs), where=judged) - 1.0
        p = np.where(judged, (np.sign(_settled(margin)) + 1) / 2, np.nan)
        cycles = incomplete = 0
        for places in _items(item):
            names = np.unique(np.concatenate([first[places], second[places]]))
            if names.size * (names.size - 1) // 2 != places.size or not judged[places].all():
                incomplete += 1
                continue
            one, other = np.searchsorted(names, first[places]), np.searchsorted(names, second[places])
            p[places], spread = _within(names.size, one, other, _settled(margin[places]))
            cycles += spread
        told = {"items_with_cycles": cycles, "items_incomplete": incomplete}
        words = (
            f"In {incomplete} items some pair was never compared; there the pairs follow their own majority."
        )
        return Pooled.decided(self.name, p, total, told, (words,) if incomplete else ())


def lottery(margins: Floats) -> Floats:
    """The maximal lottery of least sum of squares.

    Args:
        margins: float64 (n, n), skew-symmetric.

    Returns:
        float64 (n,), not negative, sum 1. Found as the point of least length of {w : w' M >= 0, w >= 0, sum w >= 1}, by
        non-negative least squares on the dual (Lawson and Hanson 1974, problem LDP).
    """
    from scipy.optimize import nnls

    n = len(margins)
    beaten_by_none = np.concatenate([margins.T, np.eye(n), np.ones((1, n))])
    at_least = np.zeros(2 * n + 1)
    at_least[-1] = 1.0
    target = np.zeros(n + 1)
    target[-1] = 1.0
    dual, _ = nnls(np.concatenate([beaten_by_none.T, at_least[None]]), target, maxiter=200 * (n + 1))
    rest = np.concatenate([beaten_by_none.T, at_least[None]]) @ dual - target
    found = -rest[:n] / rest[n]
    found[found < CLOSE] = 0.0
    return np.asarray(found / found.sum(), np.float64)


def _settled(margin: Floats) -> Floats:
    """Margins with rounding noise taken for what it is."""
    return np.where(np.abs(margin) < CLOSE, 0.0, margin)


def _items(item: Ints) -> list[Ints]:
    """The places of the pairs of each item that has several."""
    _, inverse, size = np.unique(item, return_inverse=True, return_counts=True)
    several = np.flatnonzero(size[inverse] > 1)
    order = several[np.argsort(item[several], kind="stable")]
    starts = np.flatnonzero(np.diff(item[order], prepend=-1))
    return np.split(order, starts[1:]) if order.size else []


def _within(n: int, one: Ints, other: Ints, margin: Floats) -> tuple[Floats, bool]:
    """The odds of each of an item's pairs, and whether its first lottery is spread over several of its n responses."""
    m = np.zeros((n, n))
    m[one, other], m[other, one] = margin, -margin
    p = np.full(one.size, np.nan)
    left = np.ones(n, bool)
    spread = None
    while np.isnan(p).any():
        place = np.flatnonzero(left)
        w = np.zeros(n)
        among = m[np.ix_(place, place)]
        best = np.flatnonzero((among > 0).sum(axis=1) == place.size - 1)
        w[place] = np.arange(place.size) == best[0] if best.size else lottery(among)
        spread = int((w > 0).sum()) > 1 if spread is None else spread
        both = w[one] + w[other]
        now = np.isnan(p) & (both > 0)
        p[now] = w[one[now]] / both[now]
        left &= w == 0
    return p, bool(spread)


POOL = MaximalLottery()
