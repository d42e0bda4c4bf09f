"""Newton's method for Bradley-Terry and Davidson on counted comparisons: one likelihood, with or without ties and covariates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.inference.blocks import Information, Layout
from app.inference.comparisons import Cells, Floats, Ints
from app.inference.errors import NotConverged

MOST_ROUNDS, CLOSE = 100, 1e-9
TOO_FAR = 20.0
"""An effect of more logits for a usual value of its covariate is on its way to infinity: odds of 10**8."""


@dataclass(frozen=True)
class Outcomes:
    """Probabilities of the outcomes of comparisons at given differences, float64 (n,) each, and their logarithm's scale.

    win, loss, tie: of the first item; they sum to 1.  lean: win - loss.
    """

    win: Floats
    loss: Floats
    tie: Floats

    @property
    def lean(self) -> Floats:
        """Win minus loss."""
        return self.win - self.loss

    @property
    def information(self) -> Floats:
        """Of one vote about the difference, 1 / logits^2."""
        return np.asarray((self.win + self.loss - self.lean**2) / 4, np.float64)


def outcomes(difference: Floats, tie_strength: float) -> Outcomes:
    """P(win) : P(tie) : P(loss) = e^(d/2) : nu : e^(-d/2), without overflow at any difference."""
    small = np.exp(-np.abs(difference))
    middle = tie_strength * np.exp(-0.5 * np.abs(difference)) if tie_strength > 0 else np.zeros_like(small)
    total = 1.0 + small + middle
    ahead, behind = 1.0 / total, small / total
    up = difference >= 0
    return Outcomes(np.where(up, ahead, behind), np.where(up, behind, ahead), middle / total)


@dataclass(frozen=True)
class Maximum:
    """Where the (penalised) likelihood is largest.

    strength: float64 (n_items,), sum 0 in each component (over all items where there is a ridge).
    effect: float64 (n_covariates,).  log_tie: logarithm of the tie strength, None where ties are not modelled.
    information: of the strengths.  cross: float64 (n_items, q), between strengths and the q other parameters (covariates,
    then log tie strength).  schur: float64 (q, q), information of these with the strengths taken out.
    """

    strength: Floats
    effect: Floats
    log_tie: float | None
    information: Information
    cross: Floats
    schur: Floats
    log_likelihood: float
    iterations: int

    @property
    def tie_strength(self) -> float:
        """Davidson's nu; 0 where ties are not modelled."""
        return 0.0 if self.log_tie is None else float(np.exp(self.log_tie))


class Collinear(Exception):
    """The covariates' information is singular: what they say the items or other covariates say already."""


class Separated(Exception):
    """A covariate's effect runs off: it foretells every choice."""


@dataclass
class _State:
    strength: Floats
    effect: Floats
    log_tie: float | None

    def moved(self, step: Floats, other: Floats, by: float) -> _State:
        q = self.effect.size
        log_tie = None if self.log_tie is None else self.log_tie + by * float(other[q])
        return _State(self.strength + by * step, self.effect + by * other[:q], log_tie)

    def difference(self, cells: Cells) -> Floats:
        found = self.strength[cells.first] - self.strength[cells.second]
        if self.effect.size:
            found = found + cells.x @ self.effect
        return np.asarray(found, np.float64)


def maximise(cells: Cells, component: Ints, *, ridge: float, model_ties: bool) -> Maximum:
    """The strengths, covariate effects and tie strength at which the likelihood of ``cells`` is largest.

    Model: d = s_first - s_second + x beta; outcomes as in ``outcomes``; minus ridge/2 * sum(s^2). The log-likelihood is
    concave in (s, beta, log nu), so damped Newton steps reach the maximum wherever there is one; the caller has seen to
    that. Where ties are not modelled they count as half a win for each.

    Args:
        cells: Counted comparisons, at least one; covariates of about unit size.
        component: int64 (n_items,), from ``connectivity.linked``; the systems are solved component by component.
        ridge: >= 0, 1 / logits^2.
        model_ties: Whether there is a tie parameter; then there must be both ties and decided votes.

    Raises:
        Collinear, Separated: Named to the person as results by the caller.
        NotConverged: With the last strengths.

    Cost: O(iterations * (n_cells + sum over components of size^3)); components over ``blocks.MOST_DENSE`` items take
    O(n_cells) a step of conjugate gradients instead.  Randomness: none.
    """
    layout = Layout(component, cells.first, cells.second)
    n, tied = cells.n, float(cells.ties.sum())
    start = float(np.log(max(2 * tied / (n.sum() - tied), 1e-3))) if model_ties else None
    state = _State(np.zeros(cells.n_items), np.zeros(cells.x.shape[1]), start)
    value = _log_likelihood(cells, n, state, ridge)
    for iteration in range(1, MOST_ROUNDS + 1):
        system = _System.at(cells, n, layout, state, ridge)
        if iteration == 1:
            system.check_covariates()
        step, other = system.newton()
        by, after = 1.0, state.moved(step, other, 1.0)
        reached = _log_likelihood(cells, n, after, ridge)
        while not reached >= value - 1e-12 * abs(value) and by > 1e-9:
            by /= 2
            after = state.moved(step, other, by)
            reached = _log_likelihood(cells, n, after, ridge)
        state, value = after, reached
        size = max(np.abs(step).max(initial=0.0), np.abs(other).max(initial=0.0)) * by
        if size < CLOSE:
            return _System.at(cells, n, layout, state, ridge).maximum(state, value, iteration)
        if np.abs(state.effect).max(initial=0.0) > TOO_FAR:
            raise Separated
    raise NotConverged(
        f"The strengths still moved after {MOST_ROUNDS} rounds.", last=state.strength, iterations=MOST_ROUNDS
    )


@dataclass(frozen=True)
class _System:
    """Gradient and information at one point."""

    information: Information
    gradient: Floats
    cross: Floats
    other_gradient: Floats
    other_information: Floats
    covariates: int

    @classmethod
    def at(cls, cells: Cells, n: Floats, layout: Layout, state: _State, ridge: float) -> _System:
        chance = outcomes(
            state.difference(cells), np.exp(state.log_tie) if state.log_tie is not None else 0.0
        )
        lean = chance.lean
        residual = (cells.first_wins - cells.second_wins - n * lean) / 2
        weight = n * chance.information
        columns, gradient, q = [], [], cells.x.shape[1]
        for k in range(q):
            columns.append(spread(cells, weight * cells.x[:, k]))
            gradient.append(float(residual @ cells.x[:, k]))
        inner = np.zeros((q + 1, q + 1))
        inner[:q, :q] = cells.x.T @ (cells.x * weight[:, None])
        if state.log_tie is not None:
            bent = -n * chance.tie * lean / 2
            columns.append(spread(cells, bent))
            gradient.append(float(cells.ties.sum() - n @ chance.tie))
            inner[q, :q] = inner[:q, q] = bent @ cells.x
            inner[q, q] = n @ (chance.tie * (1 - chance.tie))
        size = len(columns)
        return cls(
            Information(layout, weight, ridge),
            spread(cells, residual) - ridge * state.strength,
            np.stack(columns, axis=1) if columns else np.zeros((cells.n_items, 0)),
            np.array(gradient, np.float64),
            inner[:size, :size],
            q,
        )

    def check_covariates(self) -> None:
        q = self.covariates
        if q == 0:
            return
        schur = self.schur(self.information.solve(self.cross))[:q, :q]
        scale = np.sqrt(np.maximum(np.diag(self.other_information)[:q], 0.0))
        if (scale == 0).any() or np.linalg.eigvalsh(schur / np.outer(scale, scale)).min() < 1e-9:
            raise Collinear

    def schur(self, solved: Floats) -> Floats:
        """Information of the other parameters with the strengths taken out; ``solved`` is H^-1 cross."""
        return np.asarray(self.other_information - self.cross.T @ solved, np.float64)

    def newton(self) -> tuple[Floats, Floats]:
        """The step of the strengths and of the other parameters, by block elimination."""
        solved = self.information.solve(np.column_stack([self.gradient, self.cross]))
        if self.cross.shape[1] == 0:
            return solved[:, 0], np.zeros(0)
        schur = self.schur(solved[:, 1:])
        other = np.linalg.solve(schur, self.other_gradient - self.cross.T @ solved[:, 0])
        if other.size > self.covariates:
            other[-1] = np.clip(other[-1], -2.0, 2.0)
        return np.asarray(solved[:, 0] - solved[:, 1:] @ other, np.float64), np.asarray(other, np.float64)

    def maximum(self, state: _State, value: float, iterations: int) -> Maximum:
        schur = self.schur(self.information.solve(self.cross)) if self.cross.shape[1] else np.zeros((0, 0))
        return Maximum(
            state.strength,
            state.effect,
            state.log_tie,
            self.information,
            self.cross,
            schur,
            value,
            iterations,
        )


def spread(cells: Cells, values: Floats) -> Floats:
    """Add each cell's value to its first item and take it from its second, float64 (n_items,)."""
    added = np.bincount(cells.first, values, cells.n_items)
    added -= np.bincount(cells.second, values, cells.n_items)
    return np.asarray(added, np.float64)


def _log_likelihood(cells: Cells, n: Floats, state: _State, ridge: float) -> float:
    difference = state.difference(cells)
    size = np.abs(difference)
    inner = np.exp(-size)
    if state.log_tie is not None:
        inner = inner + np.exp(state.log_tie - size / 2)
    value = (cells.first_wins - cells.second_wins) @ difference / 2 - n @ (size / 2 + np.log1p(inner))
    if state.log_tie is not None:
        value += cells.ties.sum() * state.log_tie
    return float(value - ridge / 2 * (state.strength @ state.strength))
