"""Fitting what people prefer to all votes at once: group weights, persons' deviations, ways of answering, and the scales."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from app.inference.errors import NotConverged
from app.inference.preference_posterior import (
    KINDS,
    SPREAD,
    Design,
    Floats,
    Ints,
    Persons,
    PreferencePosterior,
    PreferenceVotes,
    Scales,
    chances,
    prior,
)

MOST_ROUNDS, CLOSE, CLOSE_SCALE = 60, 5e-3, 0.03
LONGEST_STEP = 4.0
"""Logits that a round may move any vote."""
FLIPS_KNOWN = 20.0
"""How many votes the usual share of flips weighs in a person's own."""
PULL = 0.1
"""Weight of the starting scales, as a share of the number of features, plus two."""
PEOPLE_PULL = 5.0
LEAST_SCALE, LEAST_SPREAD, MOST_LOG_TIE, MOST_LOG_SENSITIVITY = 1e-4, 0.05, 6.0, 2.5
LEAST_INFORMATION = 1e-6
AT_ONCE = 256
"""People taken out of the equations at once: bounds memory."""


@dataclass(frozen=True)
class Learning:
    """What a fit may learn beside the weights. ``scales``: by empirical Bayes.  ``people``: how each person answers."""

    scales: bool = True
    people: bool = True
    close: float = CLOSE
    rounds: int = MOST_ROUNDS


def fitted(
    votes: PreferenceVotes,
    design: Design,
    *,
    start: Scales | None = None,
    learning: Learning = Learning(),
    usual_flip: float = 0.02,
) -> PreferencePosterior:
    """The posterior of all votes, from nothing: the same votes give the same posterior, bit for bit.

    Model: as in ``PreferencePosterior``; log a_p ~ Normal(0, t_a^2), c_p ~ Normal(c, t_c^2), log nu_p ~ Normal(m, t_nu^2),
    e_p ~ Beta of the weight of ``FLIPS_KNOWN`` votes. Weights u and w are at their joint mode given the
    rest; covariance is the inverse of the information of u expected under it, with all w integrated out. Variances of u, of group
    deviations, of w and of persons' ways are learnt from the votes (empirical Bayes by EM, drawn towards ``start``).

    Args:
        votes: As read by ``preference_posterior.read``.
        start: Scales to begin with and to be drawn to; those of ``starting_scales`` if None.
        learning: What to learn; without ``people`` everyone has sensitivity 1, no side and no flips beyond ``usual_flip``.

    Returns:
        PreferencePosterior with ``since`` 0. Without votes it is the prior.

    Raises:
        NotConverged: A step is not finite; carries the last weights. A fit that still moves after all rounds is returned with
            ``converged`` false.

    Cost: O(rounds * (n_votes * n_features^2 + (n_groups * n_features)^3 + n_people * n_personal^3)).  Randomness: none.

    Assumes one direction of error of the mode: with few votes a person, deviations w are drawn in more than their posterior
    mean would be. Scales need some fifty votes before they say anything; until then they stay near ``start``.

    Source: Laplace and EM for generalised linear mixed models, Breslow and Clayton 1993; Davidson 1970 for ties.
    """
    known = prior(design, start)
    if not votes.n:
        return known
    state = _Rounds.begin(votes, known, learning, usual_flip)
    converged, rounds = False, 0
    for _ in range(learning.rounds):
        rounds += 1
        moved = state.round()
        if not np.isfinite(moved):
            raise NotConverged(
                "The weights of features ran away.", last=state.u.reshape(-1), iterations=rounds
            )
        if moved < 1:
            converged = True
            break
    state.settle()
    return state.result(converged=converged, rounds=rounds)


def _alike(who: Ints, people: int) -> list[tuple[Ints, Ints]]:
    order = np.argsort(who, kind="stable")
    count = np.bincount(who, minlength=people)
    starts = np.concatenate([[0], np.cumsum(count)])[:-1]
    found = []
    for k in np.unique(count):
        same = np.flatnonzero(count == k)
        for part in range(0, same.size, AT_ONCE):
            some = same[part : part + AT_ONCE].astype(np.int64)
            found.append((some, order[starts[some][:, None] + np.arange(k)]))
    return found


@dataclass
class _Rounds:
    """Where the rounds stand. ``home``: the group of each person.  ``alike``: people with the same number of votes, some at a
    time, and which votes are theirs, int64 (n_people,) and (n_people, n_votes).  ``aside``: of the same people, what taking
    them out of the last step left.
    """

    votes: PreferenceVotes
    design: Design
    learning: Learning
    start: Scales
    scales: Scales
    who: Ints
    key: Ints
    home: Ints
    alike: list[tuple[Ints, Ints]]
    own: Floats
    flip: Floats
    usual: Floats
    spread: Floats
    usual_flip: float
    ties: bool
    u: Floats
    w: Floats
    w_cov: Floats
    covariance: Floats
    aside: list[tuple[Ints, Floats, Floats]] = field(default_factory=list)

    @classmethod
    def begin(
        cls, votes: PreferenceVotes, known: PreferencePosterior, learning: Learning, usual_flip: float
    ) -> _Rounds:
        key, who = np.unique(votes.person, return_inverse=True)
        people, r = key.size, known.design.personal.size
        share = float((votes.said == 1).mean())
        usual = np.array([0.0, 0.0, np.log(max(2 * share / max(1 - share, 1e-3), 1e-3))])
        home = np.zeros(people, np.int64)
        home[who] = votes.group
        return cls(
            votes, known.design, learning, known.scales, known.scales, who, key, home, _alike(who, people),
            np.tile(usual, (people, 1)), np.full(people, usual_flip), usual, known.persons.spread.copy(), usual_flip,
            share > 0, np.zeros(known.mean.shape), np.zeros((people, r)), np.tile(known.scales.people, (people, 1, 1)),
            known.covariance,
        )  # fmt: skip

    def ahead(self) -> Floats:
        """F of every vote."""
        x = self.votes.x
        return np.asarray(
            np.einsum("nd,nd->n", x, self.u[self.votes.group])
            + np.einsum("nr,nr->n", x[:, self.design.personal], self.w[self.who]),
            np.float64,
        )

    def round(self) -> float:
        """One round: who flipped what, weights, ways of answering, scales. Returns how far it moved, 1 = close enough."""
        before = self.ahead()
        meant = self._meant(before)
        moved = self._weights(meant, before)
        if self.learning.people:
            self._ways(meant)
        rescaled = self._rescale() if self.learning.scales else 0.0
        return max(moved / self.learning.close, rescaled / CLOSE_SCALE)

    def settle(self) -> None:
        """The covariance where the rounds ended."""
        f = self.ahead()
        self._weights(self._meant(f), f, last=True)

    def _pieces(self, f: Floats) -> tuple[Floats, Floats, Floats]:
        own = self.own[self.who]
        return chances(np.exp(own[:, 0]) * f + own[:, 1] * self.votes.side, own[:, 2], ties=self.ties)

    def _meant(self, f: Floats) -> Floats:
        """1 = the first was meant to be preferred, -1 the second, in between where it may have been a flip; 0 = tie."""
        first, _, second = self._pieces(f)
        y = self.votes.said.astype(np.float64) - 1
        said, other = np.where(y > 0, first, second), np.where(y > 0, second, first)
        e = self.flip[self.who]
        flipped = np.where(y == 0, 0.0, e * other / np.maximum(e * other + (1 - e) * said, 1e-300))
        if self.learning.people:
            wrong = np.bincount(self.who, flipped, self.key.size)
            decided = np.bincount(self.who, y != 0, self.key.size)
            self.flip = (wrong + self.usual_flip * FLIPS_KNOWN) / (decided + FLIPS_KNOWN)
            self.usual_flip = float(np.clip((wrong.sum() + 0.5) / (decided.sum() + 25), 0.002, 0.2))
        return np.asarray(y * (1 - 2 * flipped), np.float64)

    def _information(self, f: Floats) -> tuple[Floats, Floats]:
        """Of each vote about f: at f, and expected over what is not known of f."""
        a = np.exp(self.own[self.who, 0])
        flat = 1 / np.sqrt(1 + np.pi * a * a * self._unsure() / 8)
        found = []
        for shrink in (1.0, flat):
            first, _, second = self._pieces(shrink * f)
            found.append(shrink * a * a * (first + second - (first - second) ** 2) / 4)
        return np.maximum(found[0], LEAST_INFORMATION), np.maximum(found[1], LEAST_INFORMATION)

    def _unsure(self) -> Floats:
        """Variance of each vote's f."""
        g, d = self.u.shape
        table, x = self.covariance.reshape(g, d, g, d), self.votes.x
        found = np.zeros(x.shape[0])
        for group in range(g):
            mine = self.votes.group == group
            found[mine] = np.einsum("nd,nd->n", x[mine] @ table[group, :, group, :], x[mine])
        for people, at in self.alike if self.design.personal.size else ():
            xp = x[at][:, :, self.design.personal]
            found[at] += np.einsum("pkr,pkr->pk", xp @ self.w_cov[people], xp)
        return np.maximum(found, 0.0)

    def _weights(self, meant: Floats, f: Floats, *, last: bool = False) -> float:
        """One joint Newton step on u and all w; the information of u has w integrated out (Schur complement).

        Information at the mode fades where votes are one-sided, and the scales would then run away; the larger of it and of
        the expected one is used, and at the ``last`` step, which only settles the covariance, the expected one.
        """
        first, _, second = self._pieces(f)
        pull = np.exp(self.own[self.who, 0]) * (meant - first + second) / 2
        sharp, expected = self._information(f)
        weight = expected if last else np.maximum(sharp, expected)
        g, d = self.u.shape
        x, personal = self.votes.x, self.design.personal
        precision = self.scales.precision(self.design)
        information = precision.copy()
        gradient = -precision @ self.u.reshape(-1)
        for group in range(g):
            mine = self.votes.group == group
            block = slice(group * d, (group + 1) * d)
            xg = x[mine]
            information[block, block] += xg.T @ (xg * weight[mine, None])
            gradient[block] += xg.T @ pull[mine]
        self._take_out(pull, weight, information, gradient)
        factor = cho_factor((information + information.T) / 2, lower=True, check_finite=False)
        step = cho_solve(factor, gradient, check_finite=False).reshape(g, d)
        step_w = self._persons_step(step)
        change = np.einsum("nd,nd->n", x, step[self.votes.group])
        change = change + np.einsum("nr,nr->n", x[:, personal], step_w[self.who])
        most = float(np.abs(change).max(initial=0.0))
        short = min(1.0, LONGEST_STEP / most) if most > 0 else 1.0
        if not last:
            self.u = self.u + short * step
            self.w = self.w + short * step_w
        inverse = cho_solve(factor, np.eye(g * d), check_finite=False)
        self.covariance = (inverse + inverse.T) / 2
        return most

    def _take_out(self, pull: Floats, weight: Floats, information: Floats, gradient: Floats) -> None:
        """Take persons out of the normal equations, those with the same number of votes at once; keeps what each of their own
        steps is and how it answers a step of u.
        """
        d = self.u.shape[1]
        self.aside = []
        if not self.design.personal.size:
            return
        within = np.linalg.inv(self.scales.people)
        for people, at in self.alike:
            x = self.votes.x[at]
            xp = x[:, :, self.design.personal]
            weighted = xp * weight[at][:, :, None]
            cov = np.linalg.inv(np.swapaxes(xp, 1, 2) @ weighted + within)
            cov = (cov + np.swapaxes(cov, 1, 2)) / 2
            cross = np.swapaxes(x, 1, 2) @ weighted
            pulled = np.einsum("pkr,pk->pr", xp, pull[at]) - self.w[people] @ within
            own = np.einsum("prs,ps->pr", cov, pulled)
            tied = cross @ cov
            for group in np.unique(self.home[people]):
                mine = self.home[people] == group
                block = slice(group * d, (group + 1) * d)
                wide = (np.moveaxis(m[mine], 0, 1).reshape(d, -1) for m in (tied, cross))
                information[block, block] -= next(wide) @ next(wide).T
                gradient[block] -= np.einsum("pdr,pr->d", cross[mine], own[mine])
            self.w_cov[people] = cov
            self.aside.append((people, own, tied))

    def _persons_step(self, step: Floats) -> Floats:
        moved = np.zeros_like(self.w)
        for people, own, tied in self.aside:
            moved[people] = own - np.einsum("pdr,pd->pr", tied, step[self.home[people]])
        return moved

    def _ways(self, meant: Floats) -> None:
        """One Newton step on each person's sensitivity, side and readiness to tie, then what is usual."""
        f, side, p = self.ahead(), self.votes.side, self.key.size
        first, tie, second = self._pieces(f)
        f = np.exp(self.own[self.who, 0]) * f  # d changes by this much with the logarithm of the sensitivity
        lean = first - second
        pull, weight, bend = (meant - lean) / 2, (first + second - lean**2) / 4, -tie * lean / 2
        tied = (self.votes.said == 1).astype(np.float64)
        precision = self.spread**-2.0
        gradient: Floats = np.stack(
            [np.bincount(self.who, v, p) for v in (pull * f, pull * side, tied - tie)], axis=1
        )
        gradient = gradient - (self.own - self.usual) * precision
        information = np.zeros((p, 3, 3))
        entries = ((0, 0, weight * f * f), (0, 1, weight * f * side), (1, 1, weight * side * side),
                   (0, 2, bend * f), (1, 2, bend * side), (2, 2, tie * (1 - tie)))  # fmt: skip
        for row, column, value in entries:
            information[:, row, column] = information[:, column, row] = np.bincount(self.who, value, p)
        information += np.diag(precision)
        variance = np.linalg.inv(information)
        step = np.clip(np.einsum("pij,pj->pi", variance, gradient), -0.5, 0.5)
        own = self.own + 0.7 * step  # a whole step and the weights would answer each other for ever
        own[:, 0] -= own[
            :, 0
        ].mean()  # relative to the usual person: how far logits reach is the scales' to say
        own[:, 0] = np.clip(own[:, 0], -MOST_LOG_SENSITIVITY, MOST_LOG_SENSITIVITY)
        own[:, 2] = np.clip(own[:, 2], -MOST_LOG_TIE, MOST_LOG_TIE) if self.ties else self.usual[2]
        self.own = own
        if self.learning.scales:
            square = ((own - self.usual) ** 2 + np.diagonal(variance, axis1=1, axis2=2)).sum(axis=0)
            begun = SPREAD**2
            self.spread = np.sqrt(
                np.maximum((square + PEOPLE_PULL * begun) / (p + PEOPLE_PULL), LEAST_SPREAD**2)
            )
            self.usual[1:] = own[:, 1:].sum(axis=0) / (p + np.array([PEOPLE_PULL, 0.0]))

    def _rescale(self) -> float:
        """One EM step on the scales; returns the largest relative change."""
        g, d = self.u.shape
        table = self.covariance.reshape(g, d, g, d)
        shared, group = self.scales.shared.copy(), self.scales.group.copy()
        for kind in range(len(KINDS)):
            at = np.flatnonzero(self.design.kind == kind)
            if not at.size:
                continue
            second = self.u[:, at] @ self.u[:, at].T + table[:, at, :, at].sum(axis=0)
            n0 = 2.0 + PULL * at.size
            along = second.sum() / g
            if g > 1:
                across = (np.trace(second) - along) / (g - 1)
                across = (across + n0 * self.start.group[kind]) / (at.size + n0)
                group[kind] = max(across, LEAST_SCALE * self.start.group[kind])
            else:
                group[kind] = 0.0
            whole = (along + n0 * (g * self.start.shared[kind] + self.start.group[kind])) / (at.size + n0)
            shared[kind] = max((whole - group[kind]) / g, LEAST_SCALE * self.start.shared[kind])
        people = self._people_scale()
        old = self.scales
        self.scales = Scales(shared, group, people)
        pairs = [(shared, old.shared)] if g == 1 else [(shared, old.shared), (group, old.group)]
        if people.size:
            pairs.append((np.diag(people), np.diag(old.people)))
        return float(max(np.abs(new / was - 1).max() for new, was in pairs))

    def _people_scale(self) -> Floats:
        """Covariance of persons' deviations, drawn to where it began."""
        if not self.design.personal.size:
            return self.scales.people
        found = self.w.T @ self.w + self.w_cov.sum(axis=0)
        pull = PEOPLE_PULL + PULL * self.design.personal.size
        people = (found + pull * self.start.people) / (self.key.size + pull)
        return np.asarray((people + people.T) / 2, np.float64)

    def result(self, *, converged: bool, rounds: int) -> PreferencePosterior:
        persons = Persons(
            self.key, self.own, self.flip, self.w, self.w_cov, self.usual, self.spread, self.usual_flip, self.ties
        )  # fmt: skip
        begun = prior(self.design, self.scales)
        return replace(
            begun, mean=self.u, covariance=self.covariance, persons=persons, n=self.votes.n, since=0,
            converged=converged, iterations=rounds,
        )  # fmt: skip
