"""Strengths of items from people who differ in attention, pull to one side, readiness to tie, and slips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from app.inference import comparisons, connectivity
from app.inference.comparisons import Comparisons, Floats, Ints, Unidentified
from app.inference.errors import InvalidSetting, InvalidVotes, NotConverged

MOST_ROUNDS, CLOSE = 2000, 3e-4
WARM_UP, CONTRARY_FLIPS = 10, 0.9
"""For some rounds nobody flips and sensitivities may be negative; whoever's is then begins as one who flips this share."""
FLIPS_KNOWN = 2.0
"""How many votes the typical share of flips weighs in a person's own."""
LEAST_SPREAD = 0.05
MOST_LOG_TIE = 6.0


@dataclass(frozen=True)
class CrowdFit:
    """Strengths of items, and how each person answers. Arrays of people are in the order of ``annotator``.

    strength: float64 (n_items,), logits for a person of sensitivity 1, sum 0.
    annotator: int64 (n_people,), the numbers given, ascending.  votes: int64 (n_people,).
    sensitivity: float64 (n_people,), >= 0, 1 = as people usually are, 0 = answers do not depend on the items.
    side_bias: float64 (n_people,), logits towards the left.  tie_strength: float64 (n_people,), Davidson's nu, or None
    where nobody ever tied.  flip_rate: float64 (n_people,), share of decided votes given the wrong way round.
    reliability: float64 (n_people,), about 1 = tells items apart as people usually do, 0 = not at all, below 0 = against.
    spread: how far people differ, as standard deviations of (sensitivity, side_bias, log tie_strength).
    usual_flip_rate: towards which people of few votes are drawn.
    """

    method: Literal["crowd_davidson"]
    strength: Floats
    annotator: Ints
    votes: Ints
    sensitivity: Floats
    side_bias: Floats
    tie_strength: Floats | None
    flip_rate: Floats
    reliability: Floats
    spread: tuple[float, float, float]
    usual_flip_rate: float
    prior_sd: float
    n: float
    converged: bool
    iterations: int
    seed: None = None


def crowd_effects(
    left: ArrayLike,
    right: ArrayLike,
    outcome: ArrayLike,
    *,
    n_items: int,
    annotator: ArrayLike,
    prior_sd: float = 1.5,
) -> CrowdFit | Unidentified:
    """Strengths that careless and contrary people pull less, and what tells such people from others.

    Model: with d = a_p (s_left - s_right) + c_p for person p, P(left) : P(tie) : P(right) = exp(d/2) : nu_p : exp(-d/2), and a
    decided answer is given the wrong way round with probability e_p. s_i ~ Normal(0, prior_sd^2),
    a_p ~ Normal(1, t_a^2) cut off below 0, c_p ~ Normal(0, t_c^2), log nu_p ~ Normal(m, t_nu^2), e_p ~ Beta of the weight of
    ``FLIPS_KNOWN`` votes. The spreads t, m and the usual e are learnt from all people (empirical Bayes).

    Args:
        left, right: int64 (n_votes,), each in [0, n_items), as shown.
        outcome: float64 (n_votes,), 1 = left preferred, 0 = right preferred, 1/2 = tie.
        n_items: How many items there are.
        annotator: int64 (n_votes,), who gave the vote.
        prior_sd: Logits, > 0.

    Returns:
        CrowdFit, or Unidentified where there is no vote or nobody ever preferred anything. No intervals: those that allow for
        how people differ come with ``davidson`` clustered by annotator.

    Raises:
        InvalidVotes, InvalidSetting: As in ``davidson``.
        NotConverged: The rounds did not settle; carries the last strengths.

    Cost: O(iterations * (n_votes + n_items^3)).  Randomness: none; starts from everyone alike.

    Assumes most people answer by the items: where the contrary are the majority, signs turn. A person of low sensitivity may
    be careless, or may care for other things: look before leaving anyone out. The likelihood need not have one maximum.

    Source: Davidson 1970; Chen, Bennett, Collins-Thompson and Horvitz 2013 for flips; the rest our own.

    Example:
        >>> fit = crowd_effects([0, 1, 0, 1] * 5, [1, 0, 1, 0] * 5, [1, 0, 1, 0] * 5, n_items=2, annotator=[0, 0, 1, 1] * 5)
        >>> bool(fit.strength[0] > fit.strength[1]), bool((fit.reliability > 0.5).all())
        (True, True)
    """
    if not 0 < prior_sd < np.inf:
        raise InvalidSetting(f"A prior's spread is a positive number of logits, not {prior_sd}.")
    votes = comparisons.read(left, right, outcome, n_items=n_items, annotator=annotator)
    if votes.annotator is None:
        raise InvalidVotes("How people differ needs to know who gave each vote.")
    decided = votes.said != 1
    if not decided.any():
        reason: comparisons.Reason = "all_ties" if votes.said.size else "no_comparisons"
        parts = connectivity.members(np.arange(n_items, dtype=np.int64))
        return Unidentified("crowd_davidson", reason, connectivity.WHY[reason], parts, votes.n)
    state = _People.alike(votes, prior_sd)
    for iteration in range(1, MOST_ROUNDS + 1):
        before = state.snapshot()
        state.round(warming_up=iteration <= WARM_UP)
        if iteration == WARM_UP:
            state.begin_flips()
        elif iteration > WARM_UP and np.abs(state.snapshot() - before).max() < CLOSE:
            return _result(state, np.unique(np.asarray(annotator)), iteration)
    raise NotConverged(
        f"How people differ still moved after {MOST_ROUNDS} rounds.",
        last=state.strength,
        iterations=MOST_ROUNDS,
    )


@dataclass
class _People:
    """Where the rounds stand: strengths, people's (sensitivity, side bias, log tie strength), flips and spreads."""

    left: Ints
    right: Ints
    who: Ints
    y: Floats
    tied: Floats
    n_people: int
    model_ties: bool
    prior_sd: float
    strength: Floats
    own: Floats
    flip: Floats
    usual: Floats
    spread: Floats
    usual_flip: float

    @classmethod
    def alike(cls, votes: Comparisons, prior_sd: float) -> _People:
        if votes.annotator is None:
            raise AssertionError("people are told apart")
        tied = (votes.said == 1).astype(np.float64)
        share, p = float(tied.mean()), votes.n_annotators
        usual = np.array([1.0, 0.0, np.log(max(2 * share / max(1 - share, 1e-3), 1e-3))])
        return cls(
            votes.left, votes.right, votes.annotator, (votes.said - 1.0).astype(np.float64), tied, p, share > 0, prior_sd,
            np.zeros(votes.n_items), np.tile(usual, (p, 1)), np.full(p, 0.05), usual, np.array([0.5, 0.3, 0.5]), 0.05,
        )  # fmt: skip

    def snapshot(self) -> Floats:
        return np.concatenate([self.strength, self.own[:, 0], self.own[:, 1]])

    def chances(self) -> tuple[Floats, Floats, Floats]:
        """P(left), P(tie), P(right) of each vote before flips."""
        a, c, log_tie = self.own[self.who].T
        d = np.clip(a * (self.strength[self.left] - self.strength[self.right]) + c, -500, 500)
        up, down = np.exp((d - np.abs(d)) / 2), np.exp((-d - np.abs(d)) / 2)
        middle = np.exp(log_tie - np.abs(d) / 2) if self.model_ties else np.zeros_like(d)
        total = up + down + middle
        return up / total, middle / total, down / total

    def begin_flips(self) -> None:
        """Whoever answers against the items so far is taken to flip; without this start all would end as careless."""
        contrary = self.own[:, 0] < 0
        self.own[:, 0] = np.abs(self.own[:, 0])
        self.flip = np.where(contrary, CONTRARY_FLIPS, self.usual_flip)

    def round(self, *, warming_up: bool) -> None:
        """One round: who flipped which vote; strengths; people; what is usual. One Newton step each: the next goes on."""
        win, _, loss = self.chances()
        said, other = np.where(self.y > 0, win, loss), np.where(self.y > 0, loss, win)
        e = np.zeros(self.y.size) if warming_up else self.flip[self.who]
        flipped = np.where(self.y == 0, 0.0, e * other / np.maximum(e * other + (1 - e) * said, 1e-300))
        meant = self.y * (1 - 2 * flipped)
        self._strengths(meant)
        spare = self._people(meant, least=-np.inf if warming_up else 0.0)
        decided = np.bincount(self.who, self.y != 0, self.n_people)
        wrong = np.bincount(self.who, flipped, self.n_people)
        self.flip = (wrong + self.usual_flip * FLIPS_KNOWN) / (decided + FLIPS_KNOWN)
        if not warming_up:
            self.usual_flip = float(np.clip((wrong.sum() + 0.5) / (decided.sum() + 10), 0.002, 0.2))
        square = ((self.own - self.usual) ** 2 + spare).mean(axis=0)
        self.spread = np.sqrt(np.maximum(square, LEAST_SPREAD**2))
        self.usual[2] = self.own[:, 2].mean()

    def _strengths(self, meant: Floats) -> None:
        """One Newton step on the strengths."""
        k, a = self.strength.size, self.own[self.who, 0]
        win, _, loss = self.chances()
        lean = win - loss
        pull = a * (meant - lean) / 2
        weight = a**2 * (win + loss - lean**2) / 4
        at_left, at_right = np.bincount(self.left, pull, k), np.bincount(self.right, pull, k)
        gradient = (at_left - at_right).astype(np.float64)
        gradient = gradient - self.strength / self.prior_sd**2
        table = np.bincount(self.left * k + self.right, weight, k * k).reshape(k, k)
        table = table + table.T
        information = np.diag(table.sum(axis=1) + self.prior_sd**-2) - table
        self.strength = self.strength + np.clip(np.linalg.solve(information, gradient), -1.0, 1.0)
        self.strength -= self.strength.mean()

    def _people(self, meant: Floats, *, least: float) -> Floats:
        """One Newton step on each person's own parameters; returns their variances, float64 (n_people, 3)."""
        win, tie, loss = self.chances()
        lean, p = win - loss, self.n_people
        ahead = self.strength[self.left] - self.strength[self.right]
        pull, weight = (meant - lean) / 2, (win + loss - lean**2) / 4
        bend = -tie * lean / 2
        precision = self.spread**-2.0
        gradient: Floats = np.stack(
            [np.bincount(self.who, v, p) for v in (pull * ahead, pull, self.tied - tie)], axis=1
        )
        gradient = gradient - (self.own - self.usual) * precision
        information = np.zeros((p, 3, 3))
        entries = ((0, 0, weight * ahead**2), (0, 1, weight * ahead), (1, 1, weight),
                   (0, 2, bend * ahead), (1, 2, bend), (2, 2, tie * (1 - tie)))  # fmt: skip
        for row, column, value in entries:
            information[:, row, column] = information[:, column, row] = np.bincount(self.who, value, p)
        information += np.diag(precision)
        variance = np.linalg.inv(information)
        step = np.clip(np.einsum("pij,pj->pi", variance, gradient), -1.0, 1.0)
        own = self.own + step
        own[:, 0] = np.maximum(own[:, 0], least)
        own[:, 2] = np.clip(own[:, 2], -MOST_LOG_TIE, MOST_LOG_TIE) if self.model_ties else self.usual[2]
        self.own = own
        return np.asarray(np.diagonal(variance, axis1=1, axis2=2), np.float64)


def _result(state: _People, names: Ints, iterations: int) -> CrowdFit:
    return CrowdFit(
        method="crowd_davidson",
        strength=state.strength,
        annotator=names.astype(np.int64),
        votes=np.bincount(state.who, minlength=state.n_people).astype(np.int64),
        sensitivity=state.own[:, 0],
        side_bias=state.own[:, 1],
        tie_strength=np.exp(state.own[:, 2]) if state.model_ties else None,
        flip_rate=state.flip,
        reliability=_reliability(state),
        spread=(float(state.spread[0]), float(state.spread[1]), float(state.spread[2])),
        usual_flip_rate=state.usual_flip,
        prior_sd=state.prior_sd,
        n=float(state.y.size),
        converged=True,
        iterations=iterations,
    )


def _reliability(state: _People) -> Floats:
    """(1 - 2 e) times how far answers follow the items over typical differences, beside a person of sensitivity 1."""
    ahead = np.abs(state.strength[:, None] - state.strength[None, :])[np.triu_indices(state.strength.size, 1)]
    typical = np.quantile(ahead, np.linspace(0.05, 0.95, 19))
    follows = np.tanh(state.own[:, [0]] * typical / 2).mean(axis=1)
    usual = max(float(np.tanh(typical / 2).mean()), 1e-12)
    return np.asarray((1 - 2 * state.flip) * follows / usual, np.float64)
