"""What is known of the strengths of items after each vote: a normal distribution with its full covariance, kept up to date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from app.inference import comparisons
from app.inference.comparisons import Cells, Floats, Ints
from app.inference.errors import InvalidSetting, InvalidVotes
from app.inference.paired_newton import maximise, outcomes

NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
NODE_WEIGHTS = NODE_WEIGHTS / NODE_WEIGHTS.sum()
PRIOR_SD = 3.0**0.5
"""Logits. Items of strengths one such spread apart are preferred 85 to 15."""
IMAGINED = 0.5
"""An imagined half tie and half choice between two equal items keep the tie strength above 0 and finite."""
MOST_ITEMS = 2000
"""Beyond this many items a full covariance does not pay; other models are for that."""
FEWEST_BEFORE_SETTLING = 10


@dataclass(frozen=True)
class RankPosterior:
    """Strengths of items given the votes so far, as Normal(mean, covariance).

    mean: float64 (n_items,), logits, sum 0 up to rounding.  covariance: float64 (n_items, n_items), logits^2, of the
    strengths with their prior, so that what all items have in common keeps the prior's variance.
    tie_strength: Davidson's nu at the last settling, 0 where ties are not modelled.
    wins: float64 (n_items, n_items), votes for the row over the column.  tied: float64 (n_items, n_items), symmetric.
    since: votes taken in since the last settling; at 0 mean and covariance are those of the batch fit.
    """

    mean: Floats
    covariance: Floats
    tie_strength: float
    wins: Floats
    tied: Floats
    prior_sd: float
    model_ties: bool
    since: int
    method: Literal["davidson", "bradley_terry"]
    converged: bool = True
    iterations: int = 0
    seed: None = None

    @property
    def n_items(self) -> int:
        """How many items there are, compared or not."""
        return int(self.mean.size)

    @property
    def n(self) -> int:
        """How many votes were taken in."""
        return round(float(self.wins.sum() + self.tied.sum() / 2))

    def differences(self) -> tuple[Floats, Floats]:
        """Mean and variance of every s_row - s_column, float64 (n_items, n_items) each; the diagonal is 0."""
        own = np.diag(self.covariance)
        variance = own[:, None] + own[None, :] - 2 * self.covariance
        np.fill_diagonal(variance, 0.0)
        return self.mean[:, None] - self.mean[None, :], np.maximum(variance, 0.0)

    def updated(self, left: int, right: int, outcome: float) -> RankPosterior:
        """The posterior after one more vote, without looking at the earlier ones again.

        Model: the product of the normal and the vote's likelihood is replaced by the normal with its mean and variance
        along s_left - s_right (assumed-density filtering, by 15-point Gauss-Hermite quadrature); the tie strength stays.

        Args:
            left, right: Different items.
            outcome: 1 = left preferred, 0 = right preferred, 1/2 = tie (only where ties are modelled).

        Raises:
            InvalidVotes: The items or the outcome are not those of a vote.

        Cost: O(n_items^2).  Randomness: none.  Source: Opper 1998, a Bayesian approach to on-line learning.
        """
        _check(self.n_items, left, right, outcome, ties=self.model_ties)
        wins, tied = self.wins.copy(), self.tied.copy()
        if outcome == 0.5:
            tied[left, right] += 1
            tied[right, left] += 1
        else:
            wins[(left, right) if outcome == 1 else (right, left)] += 1
        along = self.covariance[:, left] - self.covariance[:, right]
        variance, at = float(along[left] - along[right]), float(self.mean[left] - self.mean[right])
        mean, left_over = _matched(at, variance, self.tie_strength, outcome)
        shrink = (variance - left_over) / variance**2
        return replace(
            self,
            mean=self.mean + along * ((mean - at) / variance),
            covariance=self.covariance - shrink * np.outer(along, along),
            wins=wins,
            tied=tied,
            since=self.since + 1,
        )

    def learn(
        self, left: ArrayLike, right: ArrayLike, outcome: ArrayLike, *, settle_every: int | None = None
    ) -> RankPosterior:
        """Take in votes one by one in the order given, settling after every ``settle_every`` (a quarter of the items).

        Raises:
            InvalidVotes: The arrays do not describe votes, or hold a tie where ties are not modelled.
        """
        votes = comparisons.read(left, right, outcome, n_items=self.n_items)
        every = max(FEWEST_BEFORE_SETTLING, self.n_items // 4) if settle_every is None else settle_every
        if every < 1:
            raise InvalidSetting(f"Settle after one vote or more, not after {every}.")
        found = self
        for one, two, said in zip(
            votes.left.tolist(), votes.right.tolist(), votes.said.tolist(), strict=True
        ):
            found = found.updated(one, two, said / 2)
            if found.since >= every:
                found = found.settled()
        return found

    def settled(self) -> RankPosterior:
        """The posterior of the batch fit to all votes: its mode, and the inverse of its information there.

        Model: Davidson with s_i ~ Normal(0, prior_sd^2), and an imagined half tie and half choice between two equal items;
        the uncertainty of the tie strength is part of the covariance.

        Raises:
            NotConverged: The mode was not reached; never seen with a prior.

        Cost: O(iterations * n_items^3).  Randomness: none.
        """
        cells = self._cells()
        if not cells.first.size:
            return replace(self, since=0)
        ridge = self.prior_sd**-2
        best = maximise(cells, np.zeros(cells.n_items, np.int64), ridge=ridge, model_ties=self.model_ties)
        k = self.n_items
        covariance = best.information.solve(np.eye(cells.n_items))
        if best.schur.size:
            bent = covariance @ best.cross
            covariance = covariance + bent @ np.linalg.inv(best.schur) @ bent.T
        covariance = covariance[:k, :k]
        return replace(
            self,
            mean=best.strength[:k],
            covariance=(covariance + covariance.T) / 2,
            tie_strength=best.tie_strength,
            since=0,
            iterations=best.iterations,
        )

    def _cells(self) -> Cells:
        k = self.n_items
        first, second = np.nonzero(np.triu(self.wins + self.wins.T + self.tied, 1))
        won, lost, tied = self.wins[first, second], self.wins[second, first], self.tied[first, second]
        if self.model_ties:
            first, second, k = np.append(first, k), np.append(second, k + 1), k + 2
            won, lost = np.append(won, IMAGINED / 2), np.append(lost, IMAGINED / 2)
            tied = np.append(tied, IMAGINED)
        first, second = first.astype(np.int64), second.astype(np.int64)
        return Cells(k, first, second, won, lost, tied, np.zeros((first.size, 0)))

    def state(self) -> dict[str, object]:
        """All of it as plain numbers and lists, fit for JSON; ``restored`` gives back the same posterior, bit for bit."""
        first, second = np.nonzero(self.wins + self.tied)
        return {
            "version": 1,
            "mean": self.mean.tolist(),
            "covariance": self.covariance.tolist(),
            "tie_strength": self.tie_strength,
            "first": first.tolist(),
            "second": second.tolist(),
            "wins": self.wins[first, second].tolist(),
            "tied": self.tied[first, second].tolist(),
            "prior_sd": self.prior_sd,
            "model_ties": self.model_ties,
            "since": self.since,
            "iterations": self.iterations,
        }


def prior(n_items: int, *, prior_sd: float = PRIOR_SD, ties: bool = True) -> RankPosterior:
    """What is known before any vote: s_i ~ Normal(0, prior_sd^2), each on its own.

    Args:
        n_items: 2 to 2000.
        prior_sd: Logits, > 0.
        ties: Whether a comparison can end in a tie.

    Raises:
        InvalidSetting: A number out of range.

    Example:
        >>> after = prior(3).learn([0, 0, 1], [1, 2, 2], [1, 1, 0.5]).settled()
        >>> [round(float(s), 2) for s in after.mean]
        [1.4, -0.7, -0.7]
    """
    if not 2 <= n_items <= MOST_ITEMS:
        raise InvalidSetting(f"Ranks are kept for 2 to {MOST_ITEMS} items, not {n_items}.")
    if not 0 < prior_sd < np.inf:
        raise InvalidSetting(f"A prior's spread is a positive number of logits, not {prior_sd}.")
    empty = np.zeros((n_items, n_items))
    return RankPosterior(
        np.zeros(n_items),
        np.eye(n_items) * prior_sd**2,
        2.0 / 3.0 if ties else 0.0,
        empty,
        empty.copy(),
        float(prior_sd),
        ties,
        0,
        "davidson" if ties else "bradley_terry",
    )


def counted(
    left: ArrayLike,
    right: ArrayLike,
    outcome: ArrayLike,
    *,
    n_items: int,
    prior_sd: float = PRIOR_SD,
    ties: bool = True,
    weight: ArrayLike | None = None,
) -> RankPosterior:
    """The settled posterior of a whole log of votes at once: what ``learn`` followed by ``settled`` gives, in one fit.

    Args:
        weight: float64 (n_votes,), 0 to 1, how much of a vote each counts for: of careless people less. All of it if None.

    Raises:
        InvalidVotes, InvalidSetting: As in ``prior`` and ``RankPosterior.learn``; weights that are none.

    Cost: O(n_votes + iterations * n_items^3).
    """
    start = prior(n_items, prior_sd=prior_sd, ties=ties)
    votes = comparisons.read(left, right, outcome, n_items=n_items)
    if not ties and (votes.said == 1).any():
        raise InvalidVotes("There is a tie among the votes; this posterior was made without ties.")
    counts = np.ones(votes.said.size) if weight is None else np.asarray(weight, np.float64)
    if counts.shape != votes.said.shape or not ((counts >= 0) & (counts <= 1)).all():
        raise InvalidVotes("Each vote needs a weight from 0 to 1.")
    shape, decided = (n_items, n_items), votes.said != 1
    over = np.where(votes.said == 2, votes.left, votes.right)[decided]
    under = np.where(votes.said == 2, votes.right, votes.left)[decided]
    wins = np.bincount(over * n_items + under, counts[decided], n_items**2).reshape(shape)
    both = votes.left[~decided] * n_items + votes.right[~decided]
    tied = np.bincount(both, counts[~decided], n_items**2).reshape(shape)
    return replace(start, wins=wins.astype(np.float64), tied=(tied + tied.T).astype(np.float64)).settled()


def restored(state: Mapping[str, object]) -> RankPosterior:
    """The posterior that ``RankPosterior.state`` was taken from.

    Raises:
        InvalidSetting: It is not such a state: another version, or arrays that do not fit each other.
    """
    if state.get("version") != 1:
        raise InvalidSetting(
            f"A state of version {state.get('version')!r} is not known; rebuild it from the votes."
        )
    mean = np.asarray(state["mean"], np.float64)
    covariance = np.asarray(state["covariance"], np.float64)
    k = mean.size
    if covariance.shape != (k, k):
        raise InvalidSetting(f"A state of {k} items has a covariance of shape {covariance.shape}.")
    at: tuple[Ints, Ints] = (
        np.asarray(state["first"], np.int64),
        np.asarray(state["second"], np.int64),
    )
    wins, tied = np.zeros((k, k)), np.zeros((k, k))
    wins[at], tied[at] = np.asarray(state["wins"], np.float64), np.asarray(state["tied"], np.float64)
    ties = bool(state["model_ties"])
    return RankPosterior(
        mean,
        covariance,
        float(str(state["tie_strength"])),
        wins,
        tied,
        float(str(state["prior_sd"])),
        ties,
        int(str(state["since"])),
        "davidson" if ties else "bradley_terry",
        iterations=int(str(state["iterations"])),
    )


def _check(n_items: int, left: int, right: int, outcome: float, *, ties: bool) -> None:
    if not (0 <= left < n_items and 0 <= right < n_items):
        raise InvalidVotes(f"A vote names an item outside 0..{n_items - 1}.")
    if left == right:
        raise InvalidVotes("A vote compares an item with itself.")
    if outcome not in {0.0, 0.5, 1.0}:
        raise InvalidVotes("An outcome is 1 (left), 0 (right) or 1/2 (tie); an unknown one is never a tie.")
    if outcome == 0.5 and not ties:
        raise InvalidVotes("A tie came in; this posterior was made without ties.")


def _matched(at: float, variance: float, tie_strength: float, outcome: float) -> tuple[float, float]:
    """Mean and variance of d ~ Normal(at, variance) after an outcome."""
    d = at + np.sqrt(variance) * NODES
    chance = outcomes(d, tie_strength)
    likelihood = chance.tie if outcome == 0.5 else chance.win if outcome == 1 else chance.loss
    weight = NODE_WEIGHTS * likelihood
    weight = weight / weight.sum()
    mean = float(weight @ d)
    return mean, float(weight @ (d - mean) ** 2)
