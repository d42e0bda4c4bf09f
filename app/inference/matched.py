"""How much an influence itself sways one pair's vote: learned where only it varies, with the other votes leaning in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from app.inference.errors import InvalidVotes

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

PROBES = 50
"""Votes on matched probes from which an influence may move labels (METHOD 3.1, M1, guard)."""
CLEARLY = 0.5
EFFECT_SD, COMPANY_SD = 2.0, 0.5
STEPS, CLOSE = 50, 1e-10


@dataclass(frozen=True)
class OwnEffects:
    """beta: float64 (k,), logits for one unit of x in one pair's vote, drawn towards 0 as far as it is not sure.  raw, error:
    float64 (k,), before that, and its standard error clustered by person.  probes: int64 (k,), votes on matched probes in which it
    clearly varies.  own: bool (k,), whether ``beta`` is the influence's own, so that labels may be moved by it.
    """

    names: tuple[str, ...]
    beta: Floats
    raw: Floats
    error: Floats
    probes: NDArray[np.int64]
    own: Flags
    converged: bool
    n: int


def own_effects(
    person: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    names: Sequence[str],
    *,
    probe: ArrayLike,
    seen: ArrayLike | None = None,
    drawn: Sequence[str] = (),
    spread: float = 0.0,
) -> OwnEffects:
    """The effect of each influence itself, apart from what usually comes with it.

    Model: logit P(first preferred) = c_j (x_j' beta + [j no probe] x_j' delta), beta ~ N(0, 2^2), delta ~ N(0, .5^2); delta is
    what else comes with an influence: better content, say. On a matched probe it is nil, so probes tell beta, and as far as they
    are few the other votes lean in. c_j = 1 / sqrt(1 + .346 v) on pairs that differ in content, v the variance of pairs' own
    logits, and 1 on probes. An influence with under fifty probe votes has no delta, and is not its own; one whose
    side is drawn at random (position) never needs probes. The result is beta max(0, 1 - (error / beta)^2): what is as likely
    noise as not moves nothing.

    Args:
        person: int64 (n,), dense.
        y: float64 (n,), 1 = first preferred, 0 = second, 1/2 = tie.
        x: float64 (n, k), first response's value less the second's, in standard deviations; 0 where it does not apply.
        names: Of the columns.
        probe: bool (n,) or (n, k), votes in which nothing but the influence varies; or, with ``seen`` false, those from which it was
            taken out of sight at random (formatting in the plain-text arm), so that what comes with it acts alone.
        seen: bool (n, k), whether the influence could be seen.
        drawn: Names of influences that were drawn at random.
        spread: Variance of pairs' own logits, as ``influence_effects`` gives it.

    Raises:
        InvalidVotes: The arrays do not fit together.

    Cost: O(n k^2) an iteration.  Randomness: none.

    Source: penalised logistic regression; marginal to own slopes as Zeger, Liang and Albert 1988; positive-part shrinkage as James
    and Stein 1961.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> x = rng.normal(size=(6000, 1)); probe = np.arange(6000) < 600
        >>> eta = 0.4 * x[:, 0] + np.where(probe, 0, 0.5 * x[:, 0])
        >>> y = (rng.random(6000) < 1 / (1 + np.exp(-eta))).astype(float)
        >>> found = own_effects(np.arange(6000) % 60, y, x, ["length"], probe=probe)
        >>> bool(found.own[0]), bool(0.2 < found.beta[0] < 0.6)
        (True, True)
    """
    who, y_, x_ = np.asarray(person, np.int64), np.asarray(y, np.float64), np.asarray(x, np.float64)
    if x_.shape != (y_.size, len(names)) or who.shape != y_.shape:
        raise InvalidVotes("x needs one row for each vote and one column for each influence.")
    k = len(names)
    probes_ = np.asarray(probe, np.bool_)
    if probes_.ndim == 1:
        probes_ = np.repeat(probes_[:, None], k, axis=1)
    shown = np.ones(x_.shape, np.bool_) if seen is None else np.asarray(seen, np.bool_)
    at_random = np.isin(list(names), list(drawn))
    clear = np.abs(x_) >= CLEARLY
    count = (probes_ & clear).sum(axis=0).astype(np.int64)
    own = (count >= PROBES) | at_random
    company = (count >= PROBES) & ~at_random
    same_content = (probes_ & shown).any(axis=1)
    squeeze = np.where(same_content, 1.0, 1.0 / np.sqrt(1.0 + 0.346 * max(spread, 0.0)))[:, None]
    design = np.concatenate([x_ * shown, (x_ * ~(probes_ & shown))[:, company]], axis=1) * squeeze
    penalty = np.concatenate([np.full(k, 1 / EFFECT_SD**2), np.full(int(company.sum()), 1 / COMPANY_SD**2)])
    whole, covariance, converged = _fit(design, y_, penalty, who)
    raw, error = whole[:k], np.sqrt(np.maximum(np.diag(covariance)[:k], 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = np.where(raw != 0, np.maximum(0.0, 1.0 - (error / raw) ** 2), 0.0)
    return OwnEffects(tuple(names), raw * kept, raw, error, count, own, converged, int(y_.size))


def _fit(x: Floats, y: Floats, penalty: Floats, person: NDArray[np.int64]) -> tuple[Floats, Floats, bool]:
    """Coefficients, their covariance clustered by person, and whether the steps came to rest."""
    size = x.shape[1]
    beta = np.zeros(size)
    if not y.size or not size:
        return beta, np.zeros((size, size)), True
    ridge = np.diag(penalty)
    converged = False
    for _ in range(STEPS):
        mean = expit(x @ beta)
        hessian = (x * (mean * (1 - mean))[:, None]).T @ x + ridge
        step = np.linalg.solve(hessian, x.T @ (y - mean) - penalty * beta)
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        beta = beta + step
        if float(np.abs(step).max()) < CLOSE:
            converged = True
            break
    mean = expit(x @ beta)
    inverse = np.linalg.inv((x * (mean * (1 - mean))[:, None]).T @ x + ridge)
    people = int(person.max()) + 1
    summed = np.stack([np.bincount(person, c, people) for c in (x * (y - mean)[:, None]).T], axis=1)
    grown = people / max(people - 1, 1)
    return beta, np.asarray(inverse @ (grown * summed.T @ summed + ridge) @ inverse), converged
