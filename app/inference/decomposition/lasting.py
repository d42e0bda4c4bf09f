"""On which pairs people are known to differ and to stay on their side: by group where there are groups, by person where there are repeats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv

from app.inference.decomposition.dataset import decompose
from app.inference.decomposition.items import FEWEST_REPEATS, Posterior, counts, pair_parts
from app.inference.decomposition.votes import Units, Votes, repeats, units

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

ABOVE, SURE, MOST_EPISTEMIC, FEWEST_VOTES = 0.06, 0.8, 0.018, 8
"""Known to differ: the lasting part is above .06 with probability .8, and at most .018 is what more votes would settle; from eight
votes on.
"""
POINTS = 384
CHUNK = 256


@dataclass(frozen=True)
class Lasting:
    """Where a disagreement would still be there if everybody were asked once more.

    by: whose sides were told apart: ``groups``; ``people``, each person's own, where no groups are known; None where neither is known,
    and ``why`` says so.  known: bool (n_pairs,), people are known to differ.  probability: float64 (n_pairs,), that the lasting part is
    above the bound; NaN where it cannot be as likely as ``SURE`` or nothing is known.  epistemic: float64 (n_pairs,), NaN without votes.
    """

    by: Literal["groups", "people"] | None
    known: Flags
    probability: Floats = field(repr=False)
    epistemic: Floats = field(repr=False)
    why: str | None = None
    method: Literal["beta_grid"] = "beta_grid"
    seed: None = None


def lasting(votes: Votes, *, above: float = ABOVE, sure: float = SURE) -> Lasting:
    """Pairs on which people differ for good, not for want of votes and not because each wavers.

    Model: as ``pair_parts``. With groups the lasting part is the one between groups, B = sum w_g (mu_g - p)^2, whose posterior is
    that of independent betas mixed over the grid; P(B > above) is their mean over 384 points of a fixed low-discrepancy sequence.
    Without groups every person is their own side, and the lasting part is the one between people, p(1 - p) - W, W the
    within-person part that repeats tell, taken as known; P(p(1 - p) > above + W) is a mixture of beta distribution functions.
    Without groups and with fewer than twenty repeats nobody can say whether people differ or waver, and no pair is known.

    Args:
        votes: From ``read_votes``, repeats among them. Ties are left out; a person's first decided answer counts.
        above: Size of the lasting part that matters, a variance.
        sure: Probability from which it is taken as known.

    Cost: as ``pair_parts``, and 384 inverse beta functions a group for each different row of counts that comes near.
    Randomness: none.

    Assumes what ``pair_parts`` assumes; B is not rescaled to the whole dataset's, and the error of W is not carried.

    Source: METHOD 3.1 M5, 4.3. Roberts 2018 (additive recurrence with the generalised golden ratio).
    """
    rows, n_pairs = units(votes), votes.n_pairs
    none = np.full(n_pairs, np.nan)
    nothing = np.zeros(n_pairs, np.bool_)
    if votes.groups is not None:
        return _between_groups(votes, above, sure)
    again = repeats(votes, rows)
    if again.person.size < FEWEST_REPEATS:
        why = f"{votes.why_no_groups}, and {again.person.size} repeats are fewer than {FEWEST_REPEATS}"
        return Lasting(None, nothing, none, none, why)
    whole = decompose(votes, permutations=0)
    parts = pair_parts(votes, whole)
    chance, at = none.copy(), np.flatnonzero(_near(parts.votes, parts.epistemic, parts.inner, above, sure))
    if at.size:
        told, posterior = _posterior(votes, rows, np.zeros(rows.person.size, np.int64), np.ones(1))
        bound = above + np.nan_to_num(parts.within_person[at])
        chance[at] = _spread_beyond(posterior, np.searchsorted(told, at), bound)
    return Lasting("people", chance >= sure, chance, parts.epistemic)


def _between_groups(votes: Votes, above: float, sure: float) -> Lasting:
    assert votes.groups is not None  # noqa: S101 - the caller has looked
    rows = units(votes)
    told, posterior = _posterior(votes, rows, votes.groups.of[rows.person], votes.groups.weights)
    epistemic, chance = np.full(votes.n_pairs, np.nan), np.full(votes.n_pairs, np.nan)
    if told.size:
        moments = posterior.moments()
        epistemic[told] = moments["epistemic"]
        near = _near(posterior.n.sum(axis=1), moments["epistemic"], moments["between_groups"], above, sure)
        at = np.flatnonzero(near)
        chance[told[at]] = _groups_beyond(posterior, at, above)
    return Lasting("groups", chance >= sure, chance, epistemic)


def _near(n: NDArray[np.number], epistemic: Floats, mean: Floats, above: float, sure: float) -> Flags:
    """Pairs that can be sure at all: by Markov's inequality the mean of the part is at least ``sure`` times the bound."""
    with np.errstate(invalid="ignore"):
        return np.asarray(
            (n >= FEWEST_VOTES) & (epistemic <= MOST_EPISTEMIC) & (mean >= sure * above), np.bool_
        )


def _posterior(votes: Votes, rows: Units, of: Ints, weights: Floats) -> tuple[Ints, Posterior]:
    """Pairs that somebody decided, and the posterior of their groups' shares."""
    n, k = counts(votes, rows, of, np.isin(rows.mean, (0.0, 1.0)), weights.size)
    told = np.flatnonzero(n.sum(axis=1) > 0)
    return told, Posterior(n[told].astype(np.int64), k[told].astype(np.int64), weights)


def _spread_beyond(posterior: Posterior, at: Ints, bound: Floats) -> Floats:
    """P(p(1 - p) > bound) of each of these pairs, one group: float64 (n_at,)."""
    edge = 0.5 - np.sqrt(np.maximum(0.25 - bound, 0.0))[:, None]
    a = posterior.a + posterior.k[at]
    b = posterior.b + posterior.n[at] - posterior.k[at]
    inside = betainc(a, b, 1.0 - edge) - betainc(a, b, edge)
    return np.asarray((posterior.cells(at) * inside).sum(axis=1))


def _groups_beyond(posterior: Posterior, at: Ints, above: float) -> Floats:
    """P(B > above) of each of these pairs: float64 (n_at,). Pairs with the same counts are worked out once."""
    groups = posterior.n.shape[1]
    both = np.concatenate([posterior.n[at], posterior.k[at]], axis=1)
    _, first, back = np.unique(both, axis=0, return_index=True, return_inverse=True)
    points, weights = _points(groups + 1), posterior.weights
    found = np.zeros(first.size)
    for start in range(0, first.size, CHUNK):
        rows = at[first[start : start + CHUNK]]
        upto = np.cumsum(posterior.cells(rows), axis=1)
        cell = np.stack([np.searchsorted(row, points[:, 0] * row[-1]) for row in upto])
        cell = np.minimum(cell, posterior.a.size - 1)
        n, k = posterior.n[rows][:, None, :], posterior.k[rows][:, None, :]
        mu = betaincinv(
            posterior.a[cell][:, :, None] + k, posterior.b[cell][:, :, None] + n - k, points[:, 1:]
        )
        spread = (mu * mu) @ weights - (mu @ weights) ** 2
        found[start : start + CHUNK] = (spread > above).mean(axis=1)
    return found[back.reshape(-1)]


def _points(dimensions: int) -> Floats:
    """Points that fill the unit cube evenly, the same ones every time: float64 (POINTS, dimensions)."""
    ratio = 2.0
    for _ in range(64):
        ratio = (1.0 + ratio) ** (1.0 / (dimensions + 1))
    steps = ratio ** -np.arange(1, dimensions + 1)
    return np.asarray((0.5 + np.arange(1, POINTS + 1)[:, None] * steps) % 1.0)
