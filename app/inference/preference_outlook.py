"""What is expected of one more vote on each pair, group by group: the numbers that policies score, and what a reader is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference import entropy_split
from app.inference.entropy_split import Floats
from app.inference.errors import InvalidSetting
from app.inference.preference_posterior import PreferencePosterior

Reals = NDArray[np.float32]
BATCH, FEW = 16_384, 2048


@dataclass(frozen=True)
class Outlook:
    """Of each pair, as predicted; logits of the first response over the second, before the person's own sensitivity.

    All float32, which a million pairs can afford.

    mean, variance: (n, n_groups), of what the group shares.  people: (n,), variance between persons of one
    group.  overall_mean, overall_variance: (n,), of the weighted mean over groups.  shared: (n, n_groups),
    covariance of the group's with the overall one.  reach: (n, n_groups), how far a vote by the group moves the
    shares that prefer the first over the pool, per unit of information, where it is open which response most prefer.
    votes: how many the posterior has taken in.
    """

    mean: Reals
    variance: Reals
    people: Reals
    overall_mean: Reals
    overall_variance: Reals
    shared: Reals
    reach: Reals
    votes: int


@dataclass(frozen=True)
class Parts:
    """Of one more vote by someone drawn by the group weights, bits, float64 (n,) each; they add up to ``total``.

    epistemic, groups, people, noise.  share: how many are expected to prefer the first.
    """

    total: Floats
    epistemic: Floats
    groups: Floats
    people: Floats
    noise: Floats
    share: Floats


def group_weights(weight: Sequence[float] | Floats | None, n_groups: int) -> Floats:
    """Weights of groups, float64 (n_groups,), sum 1; alike where none are given. Raises InvalidSetting."""
    found = np.ones(n_groups) if weight is None else np.asarray(weight, np.float64)
    if found.shape != (n_groups,) or not (found >= 0).all() or not found.sum() > 0:
        raise InvalidSetting(f"{n_groups} groups need as many weights, at least 0 and not all 0.")
    return np.asarray(found / found.sum(), np.float64)


def outlook(
    posterior: PreferencePosterior,
    x: NDArray[np.floating],
    *,
    weight: Sequence[float] | Floats | None = None,
    pending: Sequence[tuple[Floats, int]] = (),
    sample: int = 20_000,
) -> Outlook:
    """What the posterior says of each pair.

    Model: with S the covariance, group g's logit is Normal(x'm_g, x'S_gg x), the overall one sum_g pi_g u_g. ``reach`` is
    x'S_g. M S_.g x with M = sum over the pool of omega l l', l how the logit of the share that prefers the first moves with the
    weights of each group, omega = exp(-m^2 / (2 (v + .3))) with m that logit and v the overall variance: a vote of information w
    takes w reach / (1 + w v) off the squared error of the share where it is open which response most prefer.

    Args:
        x: float (n, n_features), first response minus second; may be half precision, read in batches.
        weight: float64 (n_groups,), of the groups.
        pending: (x, group) of questions asked and not yet answered: taken in as if their information had come.
        sample: How many pairs ``reach`` is drawn from, evenly spaced.

    Cost: O(n * n_groups * n_features^2 + n_pending * (n_groups * n_features)^2).  Randomness: none.

    Source: linear optimality, Chaloner and Verdinelli 1995; the weights omega: our own derivation.
    """
    g, d = posterior.mean.shape
    if x.ndim != 2 or x.shape[1] != d:
        raise InvalidSetting(f"Pairs of {d} features are needed, not of shape {x.shape}.")
    pi = group_weights(weight, g)
    table = _downdated(posterior, pending).reshape(g, d, g, d)
    toward = np.einsum("h,hagb->gab", pi, table)  # covariance of the overall weights with group g's
    whole = np.einsum("gab,g->ab", toward, pi)
    step = max(1, x.shape[0] // max(sample, 1))
    personal = posterior.design.personal
    people_form = _symmetric(posterior.scales.people)
    matter = _matters(x[::step], posterior, table, whole, pi)
    flat = table.reshape(g * d, g, d)
    forms = [table[k, :, k, :] for k in range(g)] + [toward[k] for k in range(g)]
    forms += [flat[:, k].T @ matter @ flat[:, k] for k in range(g)] + [whole]
    quadratic = [_symmetric(f) for f in forms]
    n = x.shape[0]
    found, people = np.empty((len(forms), n), np.float32), np.zeros(n, np.float32)
    mean = np.empty((n, g), np.float32)
    for begin in range(0, n, BATCH):
        rows = slice(begin, min(begin + BATCH, n))
        part = np.asarray(x[rows], np.float32)
        mean[rows] = part @ posterior.mean.T.astype(np.float32)
        for k, form in enumerate(quadratic):
            found[k, rows] = np.einsum("nd,nd->n", part @ form, part)
        if personal.size:
            own = part[:, personal]
            people[rows] = np.einsum("nd,nd->n", own @ people_form, own)
    np.maximum(found[:g], 0.0, out=found[:g])
    np.maximum(found[2 * g :], 0.0, out=found[2 * g :])
    return Outlook(
        mean, found[:g].T, np.maximum(people, 0.0), mean @ pi.astype(np.float32), found[-1], found[g : 2 * g].T,
        found[2 * g : 3 * g].T, posterior.n,
    )  # fmt: skip


def parts(seen: Outlook, weight: Floats) -> Parts:
    """The entropy of a vote taken apart; ``weight`` as in ``outlook``, sum 1."""
    found = np.empty((6, seen.people.size))
    for begin in range(0, seen.people.size, BATCH):
        rows = slice(begin, begin + BATCH)
        mean, people = seen.mean[rows].astype(np.float64), seen.people[rows, None].astype(np.float64)
        variance = seen.variance[rows].astype(np.float64)
        each = entropy_split.split(mean, variance, people)
        share = entropy_split.logistic(mean * entropy_split.flattened(variance + people)) @ weight
        groups = entropy_split.between_groups(mean, variance + people, weight)
        total = entropy_split.entropy(share)
        found[:, rows] = (
            total,
            each.epistemic @ weight,
            groups,
            each.people @ weight,
            each.noise @ weight,
            share,
        )
    return Parts(*found)


def _downdated(posterior: PreferencePosterior, pending: Sequence[tuple[Floats, int]]) -> Floats:
    """The covariance as it will stand when the answers have come, whatever they say."""
    if not pending:
        return posterior.covariance
    d = posterior.mean.shape[1]
    s = posterior.covariance.copy()
    for x, group in pending:
        block = slice(group * d, (group + 1) * d)
        along = s[:, block] @ x
        v = max(float(x @ along[block]), 0.0)
        m = float(x @ posterior.mean[group])
        own = x[posterior.design.personal]
        information = expected_information(m, v + float(own @ posterior.scales.people @ own))
        s -= np.outer(along, along) * float(information / (1 + information * v))
    return s


def expected_information(
    mean: NDArray[np.floating[Any]] | float, variance: NDArray[np.floating[Any]] | float
) -> Floats:
    """Of one decided vote on a logit Normal(mean, variance), 1 / logits^2."""
    flat = entropy_split.flattened(variance)
    p = entropy_split.logistic(flat * mean)
    return np.asarray(flat * p * (1 - p), np.float64)


def _matters(
    x: NDArray[np.floating], posterior: PreferencePosterior, table: Floats, whole: Floats, weight: Floats
) -> Floats:
    """M: where it is open which response most prefer, float64 (n_groups * n_features, n_groups * n_features).

    Args:
        table: Covariance, float64 (n_groups, n_features, n_groups, n_features).  whole: of the overall weights.
    """
    size = weight.size * x.shape[1]
    found = np.zeros((size, size))
    for begin in range(0, x.shape[0], FEW):
        part = np.asarray(x[begin : begin + FEW], np.float64)
        slope, omega = _swing(part, posterior, table, whole, weight)
        along = (slope * np.sqrt(omega)[:, None])[:, :, None] * part[:, None, :]
        along = along.reshape(-1, size)
        found += along.T @ along
    return np.asarray(found / max(x.shape[0], 1), np.float64)


def _swing(
    x: Floats, posterior: PreferencePosterior, table: Floats, whole: Floats, weight: Floats
) -> tuple[Floats, Floats]:
    """How the logit of each pair's share moves with each group's logit, (n, n_groups), and omega, (n,).

    Both in the unit of a group's logit: with one group they are 1, and omega of its own mean.
    """
    people = _form(x[:, posterior.design.personal], posterior.scales.people)
    unsure = np.stack([_form(x, table[k, :, k, :]) for k in range(weight.size)], axis=1)
    flat = entropy_split.flattened(unsure + people[:, None])
    chance = np.clip(entropy_split.logistic(x @ posterior.mean.T * flat), 1e-9, 1 - 1e-9)
    slope = weight * chance * (1 - chance) * flat
    share = chance @ weight
    unit = (slope * flat).sum(axis=1) / slope.sum(axis=1)
    logit = np.log(share / (1 - share)) / unit
    omega = np.exp(-(logit**2) / (2 * (_form(x, whole) + 0.3)))
    return slope / (share * (1 - share) * unit)[:, None], omega


def _form(x: Floats, form: Floats) -> Floats:
    """Of each row, x' form x, float64 (n_rows,)."""
    return np.asarray(np.einsum("nd,nd->n", x @ form, x), np.float64)


def _symmetric(form: Floats) -> NDArray[np.float32]:
    return ((form + form.T) / 2).astype(np.float32)
