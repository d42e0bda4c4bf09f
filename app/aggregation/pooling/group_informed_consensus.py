"""Group-informed consensus: what no group is against, so that a large group cannot carry a label over a small one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.aggregation.pooling.group_balanced import checked, counts
from app.aggregation.protocol import BAND, Flags, Floats, Ints, Pooled, Votes

POINTS = 256
"""Points of the fixed net from which intervals are read; half of it mirrors the other half."""
_BLOCK = 2048


@dataclass(frozen=True)
class GroupInformedConsensus:
    """Odds of the consensus on the first response against that on the second, with its range and the least agreeing group.

    Model: of group g, S votes, A for the response and D for the other (the rest ties): q = (A + 1/2) / (S + 1), d = (D + 1/2)
    / (S + 1), effective agreement q (1 - d); the consensus on a response is the geometric mean of that over the groups, each
    once however large. p_first = consensus on the first / (consensus on the first + on the second).
    low, high: the 2.5 and 97.5 % points of the same figure over independent shares Beta(A + T/2 + 1/2, D + T/2 + 1/2) of the
    groups (T ties), read from a fixed net of 256 points.
    least: the group with the least effective agreement with the chosen response, and its share A/S.
    Returns p_first, low, high, least, least_share, weight = weight of the votes of people who told a group.
    Cost: O(n_votes + 256 * groups * different count vectors).  Randomness: none.
    Assumes that the study's groups are the ones that may differ. A group that did not vote on a pair pulls it to one half and
    widens the range. Votes of people without a group are not used.
    Raises NoGroups; EmptyGroup where a group with a weight has nobody. A group of weight zero has no say.
    Source: Small et al. 2021 (Polis), with Jeffreys shares, disagreement taken off, geometric mean and intervals.
    """

    name: str = "group_informed_consensus"
    title: str = "What every group can agree to, with the group that agrees least"
    formula: str = "C = geometric mean over groups of q (1 - d), q = (A + 1/2)/(S + 1), d = (D + 1/2)/(S + 1); p = C1 / (C1 + C2)"
    source: str = "group-informed consensus (Small et al. 2021), with intervals"
    assumes: str = (
        "Right where no group's objection should be outvoted. Wrong for questions of fact, and for groups with so few votes that "
        "their share is not known: look at the range."
    )
    uses_groups: bool = True
    tells: frozenset[str] = frozenset({"interval", "least_group"})

    def pool(self, votes: Votes) -> Pooled:
        heard = checked(votes) > 0
        n, a, d = _counts(votes)
        known = n.sum(axis=1) > 0
        rows, inverse = np.unique(
            np.concatenate([n[known], a[known], d[known]], axis=1)[:, np.tile(heard, 3)],
            axis=0,
            return_inverse=True,
        )
        size = int(heard.sum())
        found = [np.full(votes.n_pairs, np.nan) for _ in range(3)]
        if rows.size:
            figures = _figures(rows[:, :size], rows[:, size : 2 * size], rows[:, 2 * size :])
            for column, figure in zip(found, figures, strict=True):
                column[known] = figure[inverse.reshape(-1)]
        p, low, high = found
        least, share = _least(n, a, d, np.where(np.isnan(p), 0.5, p), heard)
        outside = int((votes.group[votes.person] < 0).sum())
        words = f"{outside} votes of people who told no group are not used by this rule."
        decided = Pooled.decided(
            self.name,
            p,
            n.sum(axis=1),
            {"groups": size, "without_group": outside},
            (words,) if outside else (),
            low=low,
            high=high,
        )
        return Pooled(**{**vars(decided), "least": least, "least_share": share})


def _counts(votes: Votes) -> tuple[Floats, Floats, Floats]:
    """Weight of each pair's and group's votes, of those for the first and for the second; float64 (n_pairs, n_groups)."""
    n, k = counts(votes)
    tied = counts(votes, votes.y == 0.5)[0]
    return n, k - tied / 2, n - k - tied / 2


def _consensus(q: Floats, d: Floats) -> Floats:
    """Log of the geometric mean over the last axis of the effective agreement."""
    return np.asarray((np.log(q) + np.log1p(-d)).mean(axis=-1), np.float64)


def _odds(first: Floats, second: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(second - first)), np.float64)


def _figures(n: Floats, a: Floats, d: Floats) -> tuple[Floats, Floats, Floats]:
    """p, low and high of each row of counts, float64 (n_rows,)."""
    from scipy.special import betaincinv

    for_it, against = (a + 0.5) / (n + 1.0), (d + 0.5) / (n + 1.0)
    p = _odds(_consensus(for_it, against), _consensus(against, for_it))
    ends = np.empty((2, len(n)))
    net = _net(n.shape[1])
    for start in range(0, len(n), _BLOCK):
        part = slice(start, start + _BLOCK)
        tied = (n - a - d)[part, None, :] / 2
        share = betaincinv(a[part, None, :] + tied + 0.5, d[part, None, :] + tied + 0.5, net[None])
        share = np.clip(share, 1e-12, 1 - 1e-12)
        drawn = _odds(_consensus(share, 1 - share), _consensus(1 - share, share))
        ends[:, part] = np.quantile(drawn, [0.025, 0.975], axis=1)
    return p, np.minimum(ends[0], p), np.maximum(ends[1], p)


def _net(groups: int) -> Floats:
    """Evenly spread points of the unit cube, float64 (256, n_groups): half from a lattice, half their mirror images."""
    root = 1.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (groups + 1))
    steps = root ** -np.arange(1.0, groups + 1)
    half = (0.5 + np.arange(1, POINTS // 2 + 1)[:, None] * steps[None, :]) % 1.0
    return np.asarray(np.concatenate([half, 1.0 - half]), np.float64)


def _least(n: Floats, a: Floats, d: Floats, p: Floats, heard: Flags) -> tuple[Ints, Floats]:
    """The group with the least effective agreement with the chosen response, -1 where no side is chosen; its plain share."""
    first = (p > 0.5)[:, None]
    yes, no = np.where(first, a, d), np.where(first, d, a)
    agreement = (yes + 0.5) / (n + 1.0) * (1.0 - (no + 0.5) / (n + 1.0))
    agreement[:, ~heard] = np.inf
    agreement[n == 0] = np.inf
    chosen = (np.abs(p - 0.5) > BAND) & np.isfinite(agreement).any(axis=1)
    least = np.where(chosen, agreement.argmin(axis=1), -1)
    rows = np.arange(len(p))
    share = np.divide(yes[rows, least], n[rows, least], out=np.full(len(p), np.nan), where=chosen)
    return least, share


POOL = GroupInformedConsensus()
