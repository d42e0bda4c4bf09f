"""Group-balanced: each group's share, filled in from the others where few of it voted, weighed as the study says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.aggregation.protocol import EmptyGroup, Flags, Floats, NoGroups, Pooled, Votes

CENTRES = 31
SPREADS = (1.5, 4.0, 12.0, 60.0)
ROUNDS = 60
_BLOCK = 4096


@dataclass(frozen=True)
class GroupBalanced:
    """Share of a population made up of the study's groups in their target proportions that prefers the first response.

    Model: a group's share mu_gi ~ Beta(m_i nu_i, (1 - m_i) nu_i) around the pair's centre m_i with likeness nu_i of the groups;
    k_gi ~ Binomial(n_gi, mu_gi), ties counted half. (m, nu) lie on a grid of 31 x {1.5, 4, 12, 60} whose weights are fitted to
    the study by 60 EM rounds and kept the same for m and 1 - m, because which response is first is arbitrary.
    p_first = sum_g w_g E[mu_gi | votes], averaged over the grid.
    Returns p_first, weight = weight of the votes of people who told a group, parameters ``weights``, ``without_group``.
    Cost: O(60 * 124 * different count vectors).  Randomness: none.
    Assumes members of a group who voted stand for those who did not. Votes of people without a group are not used.
    Raises NoGroups; EmptyGroup where a group with a weight has nobody.
    Source: beta-binomial hierarchy with a nonparametric prior (Laird 1978), poststratified as in Park et al. 2004.
    """

    name: str = "group_balanced"
    title: str = "What a balanced population would choose"
    formula: str = "p = sum over groups of weight x expected share; shares from a beta-binomial hierarchy over the groups"
    source: str = "poststratification over a hierarchical beta-binomial"
    assumes: str = (
        "Right where some groups answered more than their part. It cannot mend a group whose few members differ from the "
        "rest of it."
    )
    uses_groups: bool = True
    tells: frozenset[str] = frozenset()

    def pool(self, votes: Votes) -> Pooled:
        weights = checked(votes)
        n, k = counts(votes)
        known = n.sum(axis=1) > 0
        rows, inverse, times = np.unique(
            np.concatenate([n[known], k[known]], axis=1), axis=0, return_inverse=True, return_counts=True
        )
        groups = weights.size
        shares = _shares(rows[:, :groups], rows[:, groups:], times.astype(np.float64), weights)
        p = np.full(votes.n_pairs, np.nan)
        p[known] = shares[inverse.reshape(-1)] if shares.size else 0.5
        outside = int((votes.group[votes.person] < 0).sum())
        return Pooled.decided(
            self.name,
            p,
            n.sum(axis=1),
            {"groups": groups, "without_group": outside},
            (f"{outside} votes of people who told no group are not used by this rule.",) if outside else (),
        )


def checked(votes: Votes) -> Floats:
    """The groups' weights, summing to one; float64 (n_groups,). Raises NoGroups, EmptyGroup."""
    if not votes.group_names:
        raise NoGroups("This rule balances groups; the study defines none.")
    sizes = np.bincount(votes.group[votes.group >= 0], minlength=len(votes.group_names))
    for name, size, weight in zip(votes.group_names, sizes, votes.group_weights, strict=True):
        if weight > 0 and not size:
            raise EmptyGroup(f"The group {name!r} should count for {weight:.0%}, and nobody is in it.")
    return np.asarray(votes.group_weights / votes.group_weights.sum(), np.float64)


def counts(votes: Votes, among: Flags | None = None) -> tuple[Floats, Floats]:
    """Weight of votes, and of votes for the first response, of each pair and group; float64 (n_pairs, n_groups)."""
    groups = len(votes.group_names)
    group = votes.group[votes.person]
    kept = group >= 0 if among is None else (group >= 0) & among
    cell = votes.pair[kept] * groups + group[kept]
    size = votes.n_pairs * groups
    n = np.bincount(cell, weights=votes.weight[kept], minlength=size).astype(np.float64)
    k = np.bincount(cell, weights=(votes.weight * votes.y)[kept], minlength=size).astype(np.float64)
    return n.reshape(-1, groups), k.reshape(-1, groups)


def _shares(n: Floats, k: Floats, times: Floats, weights: Floats) -> Floats:
    """Expected weighted share of each different vector of counts, float64 (n_rows,)."""
    alpha, beta = _grid()
    prior = np.full(alpha.size, 1.0 / alpha.size)
    if not times.size:
        return np.zeros(0)
    likelihood = np.concatenate(
        [_likelihood(n[i : i + _BLOCK], k[i : i + _BLOCK]) for i in range(0, times.size, _BLOCK)]
    )
    for _ in range(ROUNDS):
        posterior = likelihood * prior
        posterior /= posterior.sum(axis=1, keepdims=True)
        prior = times @ posterior
        prior = prior + prior.reshape(CENTRES, -1)[::-1].reshape(-1)
        prior /= prior.sum()
    posterior = likelihood * prior
    posterior /= posterior.sum(axis=1, keepdims=True)
    expected = np.zeros_like(posterior)
    for group, weight in enumerate(weights):
        expected += weight * (alpha + k[:, group, None]) / (alpha + beta + n[:, group, None])
    return np.asarray((posterior * expected).sum(axis=1), np.float64)


def _grid() -> tuple[Floats, Floats]:
    """The two parameters of each cell's beta distribution, float64 (124,), centres ascending, spreads within."""
    centre = (np.arange(CENTRES) + 0.5) / CENTRES
    alpha = (centre[:, None] * np.asarray(SPREADS)).reshape(-1)
    beta = ((1.0 - centre)[:, None] * np.asarray(SPREADS)).reshape(-1)
    return alpha, beta


def _likelihood(n: Floats, k: Floats) -> Floats:
    """Of each row's counts in each cell, up to a factor of the row; float64 (n_rows, 124), largest 1."""
    from scipy.special import betaln

    alpha, beta = _grid()
    log = np.zeros((n.shape[0], alpha.size))
    for group in range(n.shape[1]):
        log += betaln(alpha + k[:, group, None], beta + (n - k)[:, group, None]) - betaln(alpha, beta)
    return np.asarray(np.exp(log - log.max(axis=1, keepdims=True)), np.float64)


POOL = GroupBalanced()
