"""How much each influence sways votes: in percentage points, with intervals by person and prompt, and false-discovery control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtr

from app.inference.errors import InvalidVotes
from app.inference.intervals import FEWEST_CLUSTERS, critical

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CLEARLY = 0.5
"""A pair differs clearly in an influence from half a standard deviation of the differences on."""
FEWEST_VOTES = 30
STEPS, CLOSE = 30, 1e-9
PROBES = 50
"""Votes on matched probes from which an effect may be called the influence's own."""


@dataclass(frozen=True)
class Effect:
    """One influence. None where it is not known; ``why`` then says why.

    points: average marginal effect in 0..1: how much more often a response is chosen for having more of it, over the votes in
    which the two differ clearly.  interval, p_value, q_value: two-way clustered.  beta: logits for one standard deviation, as one
    pair's own (not averaged over pairs).  chosen, informative: decided votes in which the responses differ clearly, and how many of
    them went to the one with more.  share, share_interval: the same as a share.  scale: one standard deviation of the
    differences, in the influence's own unit.  own: whether matched probes carry it, so that it is not content in disguise.
    """

    name: str
    points: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    q_value: float | None
    beta: float | None
    chosen: int
    informative: int
    share: float | None
    share_interval: tuple[float, float] | None
    scale: float | None
    own: bool
    why: str | None


@dataclass(frozen=True)
class InfluenceFit:
    """All influences, in the order asked.

    by_person: int64 (n_people, n_influences, 2): chosen and informative votes of each person.  spread: variance of pairs' own
    logits that the influences do not explain.
    """

    effects: tuple[Effect, ...]
    by_person: Ints = field(repr=False)
    spread: float
    n: int
    people: int
    level: float
    converged: bool
    iterations: int
    method: Literal["marginal_logit"] = "marginal_logit"
    seed: None = None


def influence_effects(
    person: ArrayLike,
    pair: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    names: Sequence[str],
    *,
    prompt: ArrayLike | None = None,
    probe: ArrayLike | None = None,
    level: float = 0.95,
) -> InfluenceFit:
    """The effect of each influence on votes, all others held.

    Model: P(first preferred) = 1 / (1 + exp(-x beta)), averaged over what else the pairs differ in; no intercept, since which
    response is first means nothing. points_k = mean over votes with |x_k| >= CLEARLY of [F(eta) - F(eta - beta_k x_k)] sign(x_k).
    A pair's own slope is beta sqrt(1 + .346 v), v the variance of pairs' own logits, by moments.

    Args:
        person: int64 (n,), dense.
        pair: int64 (n,), dense.
        y: float64 (n,), 1 = first preferred, 0 = second, 1/2 = tie (which counts as half of each, and in no share).
        x: float64 (n, n_influences), first response's value less the second's; NaN where an influence does not apply.
        names: Of the columns.
        prompt: int64 (n_pairs,), pairs that stand or fall together.
        probe: bool (n,), votes on matched probes: same content, one thing varied.
        level: Two-sided, of the intervals.

    Returns:
        InfluenceFit. An influence in which no pair differs, or with under thirty clear votes, is not estimated; under ten people
        there are no intervals.

    Raises:
        InvalidVotes: The arrays do not fit together.

    Cost: O(n * n_influences^2 * iterations).  Randomness: none.

    Assumes what else responses differ in is not tied to the influence: where longer answers are also better, length takes the
    credit. Only probes (``own``) or sides drawn at random (position) are free of that.

    Source: Zeger, Liang and Albert 1988 (averaged against own slopes); Benjamini and Hochberg 1995.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(0, 1, 4000)
        >>> y = (rng.random(4000) < 1 / (1 + np.exp(-0.8 * x))).astype(float)
        >>> found = influence_effects(np.arange(4000) % 50, np.arange(4000), y, x[:, None], ["length"])
        >>> bool(0.7 < found.effects[0].beta < 0.9)
        True
    """
    person_, pair_, y_ = np.asarray(person, np.int64), np.asarray(pair, np.int64), np.asarray(y, np.float64)
    raw = np.asarray(x, np.float64)
    if raw.shape != (y_.size, len(names)) or not person_.shape == pair_.shape == y_.shape:
        raise InvalidVotes("x needs one row for each vote and one column for each influence.")
    if not np.isin(y_, (0.0, 0.5, 1.0)).all():
        raise InvalidVotes("y is 1, 0 or 1/2; leave out what is neither a choice nor a tie.")
    n_pairs = int(pair_.max()) + 1 if y_.size else 0
    prompt_ = np.arange(n_pairs) if prompt is None else np.asarray(prompt, np.int64)
    clusters = _Clusters(person_, prompt_[pair_] if y_.size else pair_)
    scale, columns = _scaled(raw, pair_, n_pairs)
    informative = np.abs(columns) >= CLEARLY
    clear = (informative & (y_ != 0.5)[:, None]).sum(axis=0)
    used = np.flatnonzero((scale > 0) & (clear >= FEWEST_VOTES))
    fit = _Logit(columns[:, used], y_, clusters)
    spread = _spread(y_, fit.mean, pair_, n_pairs)
    tell = np.sqrt(1 + 0.346 * spread)
    found: dict[int, Effect] = {}
    p_values: dict[int, float] = {}
    probes = np.zeros(y_.size, np.bool_) if probe is None else np.asarray(probe, np.bool_)
    reach = critical(level, max(clusters.people - 1, 1)) if clusters.people >= FEWEST_CLUSTERS else None
    for place, k in enumerate(used.tolist()):
        points, error = fit.points(place, informative[:, k])
        if reach is not None and error > 0:
            p_values[k] = float(2 * ndtr(-abs(points) / error))
        share, share_interval, chosen, n = _share(columns[:, k], informative[:, k], y_, clusters, reach)
        found[k] = Effect(
            names[k], points, None if reach is None else (points - reach * error, points + reach * error), p_values.get(k), None,
            float(fit.beta[place] * tell), chosen, n, share, share_interval, float(scale[k]),
            bool((probes & informative[:, k]).sum() >= PROBES),
            None if reach is not None else f"{clusters.people} people: ranges need {FEWEST_CLUSTERS} or more",
        )  # fmt: skip
    q_values = _discoveries(p_values)
    effects = []
    for k, name in enumerate(names):
        if k in found:
            effects.append(_with_q(found[k], q_values.get(k)))
            continue
        why = "no two responses differ in it" if scale[k] <= 0 else f"{clear[k]} votes where it differs clearly: {FEWEST_VOTES} or more are needed"  # fmt: skip
        told = None if scale[k] <= 0 else float(scale[k])
        effects.append(
            Effect(name, None, None, None, None, None, 0, int(clear[k]), None, None, told, False, why)
        )
    by_person = _by_person(columns, informative, y_, person_)
    return InfluenceFit(
        tuple(effects), by_person, spread, int(y_.size), clusters.people, level, fit.converged, fit.iterations
    )


def _with_q(effect: Effect, q: float | None) -> Effect:
    from dataclasses import replace

    return replace(effect, q_value=q)


def _scaled(raw: Floats, pair: Ints, n_pairs: int) -> tuple[Floats, Floats]:
    """Root mean square of each column over pairs, and the columns in that unit, 0 where an influence does not apply."""
    filled = np.nan_to_num(raw)
    applies = np.isfinite(raw)
    scale = np.zeros(raw.shape[1])
    for k in range(raw.shape[1]):
        square = np.bincount(pair, filled[:, k] ** 2, n_pairs)
        count = np.bincount(pair, applies[:, k], n_pairs)
        each = square[count > 0] / count[count > 0]
        scale[k] = np.sqrt(each.mean()) if each.size else 0.0
    return scale, filled / np.where(scale > 1e-12, scale, 1.0)


class _Clusters:
    """People, prompts and both, for spreads of sums."""

    def __init__(self, person: Ints, prompt: Ints) -> None:
        _, self.person = np.unique(person, return_inverse=True)
        _, self.prompt = np.unique(prompt, return_inverse=True)
        self.people = int(self.person.max()) + 1 if person.size else 0
        self.prompts = int(self.prompt.max()) + 1 if prompt.size else 0
        _, self.both = np.unique(self.prompt * max(self.people, 1) + self.person, return_inverse=True)

    def spread(self, scores: Floats) -> Floats:
        """Variance of the sum of these rows: float64 (k, k) of scores float64 (n, k)."""
        found = self._of(self.person, scores, self.people)
        if self.prompts >= FEWEST_CLUSTERS:
            both = found + self._of(self.prompt, scores, self.prompts) - self._of(self.both, scores, None)
            if (np.diag(both) > 0).all():
                return both
        return found

    @staticmethod
    def _of(label: Ints, scores: Floats, n: int | None) -> Floats:
        summed = np.stack([np.bincount(label, column) for column in scores.T], axis=1)
        grown = 1.0 if n is None else n / max(n - 1, 1)
        return np.asarray(grown * (summed.T @ summed))


class _Logit:
    """A logistic regression without an intercept, its covariance clustered both ways."""

    def __init__(self, x: Floats, y: Floats, clusters: _Clusters) -> None:
        self.x, self.y = x, y
        self.beta = np.zeros(x.shape[1])
        self.converged, self.iterations = x.shape[1] == 0, 0
        ridge = 1e-3 * np.eye(x.shape[1])
        for self.iterations in range(1, STEPS + 1):
            if not x.shape[1]:
                break
            mean = expit(x @ self.beta)
            hessian = (x * (mean * (1 - mean))[:, None]).T @ x + ridge
            step = np.linalg.solve(hessian, x.T @ (y - mean) - ridge @ self.beta)
            step *= min(1.0, 3.0 / max(np.abs(step).max(), 1e-12))
            self.beta = self.beta + step
            if np.abs(step).max() < CLOSE:
                self.converged = True
                break
        self.mean = expit(x @ self.beta) if x.shape[1] else np.full(y.size, 0.5)
        if x.shape[1]:
            inverse = np.linalg.inv((x * (self.mean * (1 - self.mean))[:, None]).T @ x + ridge)
            self.covariance = inverse @ clusters.spread(x * (y - self.mean)[:, None]) @ inverse

    def points(self, k: int, informative: NDArray[np.bool_]) -> tuple[float, float]:
        """The average marginal effect of column k over the informative rows, and its standard error by the delta method."""
        x, mean = self.x[informative], self.mean[informative]
        own = x[:, k]
        without = expit(x @ self.beta - self.beta[k] * own)
        sign = np.sign(own)
        value = float(((mean - without) * sign).mean())
        d_with, d_without = mean * (1 - mean) * sign, without * (1 - without) * sign
        gradient = (d_with[:, None] * x - d_without[:, None] * x).mean(axis=0)
        gradient[k] = float((d_with * own).mean())
        return value, float(np.sqrt(max(gradient @ self.covariance @ gradient, 0.0)))


def _spread(y: Floats, mean: Floats, pair: Ints, n_pairs: int) -> float:
    """Variance of pairs' own logits: where the covariance of two votes on a pair is that of logistic-normal shares."""
    if not y.size:
        return 0.0
    residual = y - mean
    total = np.bincount(pair, residual, n_pairs)
    square = np.bincount(pair, residual**2, n_pairs)
    count = np.bincount(pair, minlength=n_pairs)
    couples = float((count * (count - 1)).sum())
    if couples < FEWEST_VOTES:
        return 0.0
    together = float((total**2 - square).sum()) / couples
    grid = np.linspace(0, 25, 251)
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    shares = expit(np.sqrt(grid)[:, None] * nodes)
    table = (shares**2) @ (weights / weights.sum()) - 0.25
    return float(np.interp(together, table, grid))


def _share(
    column: Floats, informative: NDArray[np.bool_], y: Floats, clusters: _Clusters, reach: float | None
) -> tuple[float | None, tuple[float, float] | None, int, int]:
    """How often the response with more of it was chosen, of decided votes between responses that differ clearly."""
    used = informative & (y != 0.5)
    n = int(used.sum())
    if not n:
        return None, None, 0, 0
    more = ((column > 0) == (y == 1)).astype(np.float64)
    chosen = int(more[used].sum())
    share = chosen / n
    if reach is None:
        return share, None, chosen, n
    error = np.where(used, more - share, 0.0)
    half = reach * float(np.sqrt(clusters.spread(error[:, None])[0, 0])) / n
    return share, (max(0.0, share - half), min(1.0, share + half)), chosen, n


def _by_person(columns: Floats, informative: NDArray[np.bool_], y: Floats, person: Ints) -> Ints:
    people = int(person.max()) + 1 if person.size else 0
    found = np.zeros((people, columns.shape[1], 2), np.int64)
    decided = y != 0.5
    for k in range(columns.shape[1]):
        used = informative[:, k] & decided
        more = used & ((columns[:, k] > 0) == (y == 1))
        found[:, k, 0] = np.bincount(person[more], minlength=people)
        found[:, k, 1] = np.bincount(person[used], minlength=people)
    return found


def _discoveries(p_values: dict[int, float]) -> dict[int, float]:
    """Benjamini and Hochberg's q values."""
    ranked = sorted(p_values.items(), key=lambda one: -one[1])
    found: dict[int, float] = {}
    least, n = 1.0, len(ranked)
    for place, (k, p) in enumerate(ranked):
        least = min(least, p * n / (n - place))
        found[k] = least
    return found
