"""Disagreement pair by pair: what is known of each, what is not yet, and what the rest is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, ndtr

from app.inference.decomposition.dataset import Decomposition
from app.inference.decomposition.votes import Repeats, Units, Votes, repeats, units
from app.inference.intervals import critical

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MEANS = 31
SPREADS = (1.5, 4.0, 12.0, 60.0)
DIVIDED = 2
"""The first so many spreads are those of groups that really differ."""
STEPS = 60
CHUNK = 20_000
MOST_FITTED = 100_000
"""Different rows of counts that the prior is fitted to; of more, an even part is taken."""
RETEST_STRENGTH = 12.0
"""How many repeats the regression is worth against a pair's own."""
FEWEST_REPEATS = 20


@dataclass(frozen=True)
class PairParts:
    """One row for each pair, NaN where nothing was decided on it, or where a part cannot be told.

    votes: people with a decided first answer.  ties: share of ties among answers, beside it.  share: of people who prefer the
    first response, with low and high.  wrong: probability that the majority is on the other side.  epistemic, between_groups,
    between_people, within_person: variances that add up to share(1 - share) before rescaling; within and between people are NaN
    without repeats, and ``inner`` is then the two together.  conflict: probability that groups differ on it.
    neediest: int64, index of the group whose next vote would tell most, -1 without groups.
    """

    votes: Ints
    ties: Floats
    share: Floats
    low: Floats
    high: Floats
    wrong: Floats
    epistemic: Floats
    between_groups: Floats
    inner: Floats
    between_people: Floats
    within_person: Floats
    conflict: Floats
    retests: Ints
    neediest: Ints
    prior: Floats = field(repr=False)
    method: Literal["beta_grid"] = "beta_grid"
    level: float = 0.95
    converged: bool = True
    iterations: int = STEPS
    seed: None = None


def pair_parts(
    votes: Votes, whole: Decomposition, *, level: float = 0.95, slow: Floats | None = None
) -> PairParts:
    """Each pair's share and the parts of its disagreement, leaning on what all pairs together say.

    Model: of the people of group g, k of n prefer the first response, k ~ Binomial(n, mu_g), mu_g ~ Beta(m nu, (1 - m) nu), and
    (m, nu) of a pair come from an unknown prior on a grid of 31 means by 4 spreads, estimated from all pairs (EM). The share is
    sum of w_g mu_g. Its posterior variance is the epistemic part; between groups is the expected spread of mu_g; what is left is
    within and between the people of a group. The within part is regressed on repeats over all pairs, and each pair's own
    repeats pull it to themselves. All parts are then scaled so that their means are those of ``whole``.

    Args:
        votes: From ``read_votes``. Ties are left out here; a person's first decided answer counts.
        whole: From ``decompose`` on the same votes.
        level: Of the intervals of the share.
        slow: float64 (n_pairs,), from ``slowness``: hesitation tells of people at odds with themselves. Zeros where not given.

    Cost: O(n_pairs * 124 * n_groups), in chunks of 20,000 pairs.  Randomness: none.

    Assumes that people of a group are alike draws, and that pairs are alike draws from the prior: with few votes a pair's figures
    are mostly those of pairs like it. Below about eight votes ``conflict`` says little.

    Source: Kiefer and Wolfowitz 1956 (the prior's maximum likelihood); Robbins 1956 (empirical Bayes).
    """
    rows = units(votes)
    groups = votes.groups
    decided = np.isin(rows.mean, (0.0, 1.0))
    of = np.zeros(rows.person.size, np.int64) if groups is None else groups.of[rows.person]
    weights = np.ones(1) if groups is None else groups.weights
    n, k = counts(votes, rows, of, decided, weights.size)
    everyone = np.bincount(rows.pair[decided], minlength=votes.n_pairs)
    all_units = np.bincount(rows.pair, minlength=votes.n_pairs)
    told = n.sum(axis=1) > 0
    posterior = Posterior(n[told].astype(np.int64), k[told].astype(np.int64), weights)
    out = {name: np.full(votes.n_pairs, np.nan) for name in Posterior.NAMES}
    for name, values in posterior.moments().items():
        out[name][told] = values
    neediest = np.full(votes.n_pairs, -1)
    if groups is not None:
        neediest[told] = np.argmax(posterior.doubt, axis=1)
    again = repeats(votes)
    within, inner = _within(votes, again, out, slow)
    parts = _scaled(whole, out["between_groups"], inner, within)
    reach = critical(level) * np.sqrt(out["epistemic"])
    wrong = ndtr(-np.abs(out["share"] - 0.5) / np.sqrt(np.maximum(out["epistemic"], 1e-12)))
    return PairParts(
        votes=everyone,
        ties=np.where(all_units > 0, 1 - everyone / np.maximum(all_units, 1), np.nan),
        share=out["share"],
        low=np.clip(out["share"] - reach, 0, 1),
        high=np.clip(out["share"] + reach, 0, 1),
        wrong=wrong,
        epistemic=out["epistemic"],
        between_groups=parts[0] if groups is not None else np.full(votes.n_pairs, np.nan),
        inner=inner,
        between_people=parts[1],
        within_person=parts[2],
        conflict=out["conflict"] if groups is not None else np.full(votes.n_pairs, np.nan),
        retests=np.bincount(again.pair, minlength=votes.n_pairs),
        neediest=neediest,
        prior=posterior.prior,
        level=level,
    )


def slowness(person: Ints, pair: Ints, seconds: Floats, *, n_pairs: int) -> Floats:
    """How slowly people answered each pair: mean log seconds against each person's own mean, float64 (n_pairs,), 0 where not known.

    Args: person, pair: int64 (n,).  seconds: float64 (n,), NaN or <= 0 where not measured.
    """
    known = np.isfinite(seconds) & (seconds > 0)
    who, at, log = person[known], pair[known], np.log(np.clip(seconds[known], 0.2, 600))
    if not who.size:
        return np.zeros(n_pairs)
    own = np.bincount(who, log) / np.maximum(np.bincount(who), 1)
    count = np.bincount(at, minlength=n_pairs)
    return np.asarray(np.bincount(at, log - own[who], n_pairs) / np.maximum(count, 1))


def counts(
    votes: Votes, rows: Units, of: Ints, decided: NDArray[np.bool_], size: int
) -> tuple[Floats, Floats]:
    """By pair and group: people decided, and those of them for the first response. People of no known group are left out."""
    used = decided & (of >= 0)
    at = rows.pair[used] * size + of[used]
    n = np.bincount(at, minlength=votes.n_pairs * size).reshape(-1, size)
    k = np.bincount(at, rows.mean[used], votes.n_pairs * size).reshape(-1, size)
    return n.astype(np.float64), np.asarray(k, np.float64)


class Posterior:
    """The grid prior fitted to counts, and the posterior moments of each pair."""

    NAMES = ("share", "epistemic", "between_groups", "inner", "conflict")

    def __init__(self, n: Ints, k: Ints, weights: Floats) -> None:
        self.n, self.k, self.weights = n, k, weights
        mean = (np.arange(MEANS) + 0.5) / MEANS
        self.spread = np.repeat(np.array(SPREADS)[None, :], MEANS, 0).ravel()
        self.a = (mean[:, None] * np.array(SPREADS)).ravel()
        self.b = ((1 - mean)[:, None] * np.array(SPREADS)).ravel()
        self.prior = self._fit()
        self.doubt = np.zeros(n.shape)

    def _likelihood(self, chunk: slice) -> NDArray[np.float32]:
        n, k = self.n[chunk], self.k[chunk]
        top = int(n.max(initial=0)) + 1
        codes, index = np.unique(n * top + k, return_inverse=True)
        index = index.reshape(n.shape)
        num, hit = codes // top, codes % top
        base = betaln(self.a, self.b)
        table = (betaln(self.a + hit[:, None], self.b + (num - hit)[:, None]) - base).astype(np.float32)
        log = np.zeros((n.shape[0], self.a.size), np.float32)
        for g in range(n.shape[1]):
            log += table[index[:, g]]
        log -= log.max(axis=1, keepdims=True, initial=-np.inf)
        return np.exp(log, out=log)

    def _chunks(self) -> list[slice]:
        return [slice(at, at + CHUNK) for at in range(0, self.n.shape[0], CHUNK)]

    def _fit(self) -> Floats:
        """EM on the weights of the grid. Pairs with the same counts are one row with a weight."""
        prior = np.full(self.a.size, 1 / self.a.size)
        if not self.n.shape[0]:
            return prior
        both = np.concatenate([self.n, self.k], axis=1)
        distinct, times = np.unique(both, axis=0, return_counts=True)
        every = -(-distinct.shape[0] // MOST_FITTED)
        distinct, times = distinct[::every], times[::every]
        size = self.n.shape[1]
        kept_n, kept_k, self.n, self.k = self.n, self.k, distinct[:, :size], distinct[:, size:]
        likelihood = [self._likelihood(chunk) for chunk in self._chunks()]
        for _ in range(STEPS):
            total = np.zeros(prior.size)
            for chunk, part in zip(self._chunks(), likelihood, strict=True):
                total += part.T @ (times[chunk] / np.maximum(part @ prior.astype(np.float32), 1e-30))
            prior = prior * total
            prior /= prior.sum()
        self.n, self.k = kept_n, kept_k
        return prior

    def cells(self, rows: Ints) -> Floats:
        """How likely each cell of the grid is for these pairs: float64 (n_rows, 124), rows summing to 1."""
        kept_n, kept_k, self.n, self.k = self.n, self.k, self.n[rows], self.k[rows]
        weight = self._likelihood(slice(None)).astype(np.float64) * self.prior
        self.n, self.k = kept_n, kept_k
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))

    def moments(self) -> dict[str, Floats]:
        """Posterior moments of every pair."""
        out = {name: np.zeros(self.n.shape[0]) for name in self.NAMES}
        for chunk in self._chunks():
            for name, values in self._of(chunk).items():
                out[name][chunk] = values
        return out

    def _of(self, chunk: slice) -> dict[str, Floats]:
        n, k, w = self.n[chunk], self.k[chunk], self.weights
        weight = self._likelihood(chunk) * self.prior.astype(np.float32)
        weight /= weight.sum(axis=1, keepdims=True)
        first, second, spread_out = np.zeros(n.shape[0]), np.zeros(n.shape[0]), np.zeros(n.shape[0])
        doubt = np.zeros(n.shape)
        for cell in np.flatnonzero(weight.max(axis=0) > 1e-9):
            size = self.a[cell] + self.b[cell] + n
            mu = (self.a[cell] + k) / size
            var = mu * (1 - mu) / (size + 1)
            share = mu @ w
            r = weight[:, cell].astype(np.float64)
            first += r * share
            second += r * (share * share + var @ (w * w))
            spread_out += r * ((mu * mu + var) @ w)
            doubt += r[:, None] * var * (w * w)
        self.doubt[chunk] = doubt
        by_spread = weight.reshape(n.shape[0], MEANS, len(SPREADS)).sum(axis=1)
        return {
            "share": first,
            "epistemic": np.maximum(second - first**2, 0),
            "between_groups": np.maximum(spread_out - second, 0),
            "inner": np.maximum(first - spread_out, 0),
            "conflict": by_spread[:, :DIVIDED].sum(axis=1).astype(np.float64),
        }


def _within(
    votes: Votes, again: Repeats, out: dict[str, Floats], slow: Floats | None
) -> tuple[Floats | None, Floats]:
    """The within-person part of each pair, None without repeats; and what people of a group differ by in all."""
    inner = out["inner"]
    if again.person.size < FEWEST_REPEATS:
        return None, inner
    slow = np.zeros(votes.n_pairs) if slow is None else np.nan_to_num(slow)
    filled, group_part = np.nan_to_num(inner), np.nan_to_num(out["between_groups"])
    x = np.stack([np.ones(votes.n_pairs), filled, group_part, slow, slow * filled, filled**2], axis=1)
    half = again.difference / 2
    used, w = x[again.pair], again.weight
    ridge = 1e-3 * np.eye(x.shape[1])
    slope = np.linalg.solve((used * w[:, None]).T @ used + ridge, (used * w[:, None]).T @ half)
    guess = np.clip(x @ slope, 0, None)
    asked = np.bincount(again.pair, again.weight, votes.n_pairs)
    flipped = np.bincount(again.pair, again.weight * half, votes.n_pairs)
    found = (guess * RETEST_STRENGTH + flipped) / (RETEST_STRENGTH + asked)
    return np.minimum(found, np.where(np.isnan(inner), np.inf, inner)), inner


def _scaled(
    whole: Decomposition, groups: Floats, inner: Floats, within: Floats | None
) -> tuple[Floats, Floats, Floats]:
    """Between groups, between people and within people, with the means that the whole dataset has."""
    unknown = np.full(groups.size, np.nan)
    b = _to_mean(groups, whole.values["between_groups"])
    if within is None:
        return b, unknown, unknown
    w = np.minimum(_to_mean(within, whole.values["within_person"]), np.where(np.isnan(inner), np.inf, inner))
    w = np.where(np.isnan(inner), np.nan, w)
    return b, _to_mean(np.maximum(inner - w, 0), whole.values["between_people"]), w


def _to_mean(values: Floats, mean: float | None) -> Floats:
    known = values[~np.isnan(values)]
    if mean is None or not known.size or known.mean() <= 0:
        return values
    return np.asarray(values * (max(mean, 0.0) / float(known.mean())))
