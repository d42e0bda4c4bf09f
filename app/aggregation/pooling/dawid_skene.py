"""Dawid and Skene: what each person tends to say when the first, or the second, response is the better one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.aggregation.protocol import Floats, Ints, Pooled, Votes

SAYS = ("second", "tie", "first")
PRIOR = np.array([[0.6, 0.8, 2.6], [2.6, 0.8, 0.6]])
"""Pseudo-votes: rows are the truth (first, second), columns what is said. Mild, and the same for both truths."""
MOST_ROUNDS, CLOSE = 500, 1e-9


@dataclass(frozen=True)
class DawidSkene:
    """Probability that the first response is the better one, from a confusion matrix a person.

    Model: z_i in {first, second} with P(first) = pi; a person says first, tie or second with probabilities that depend on z_i
    and on the person, under a Dirichlet prior (``PRIOR``). Expectation-maximisation from the shares of votes. Unlike
    ``one_coin`` a tie is an answer of its own, and sides are not looked at.
    Returns p_first = P(z_i = first | votes), weight = the votes' total weight, parameters ``rounds``, ``converged``,
    ``share_first`` (pi).
    Cost: O(rounds * n_votes).  Randomness: none.
    Assumes one truth a pair and people who err independently: dissent is scored as error, so it is for questions of fact.
    "First" is the place in the item's list; where that order means nothing, ``one_coin`` asks less of the data.
    Source: Dawid and Skene 1979.
    """

    name: str = "dawid_skene"
    title: str = "What careful people chose, with each person's confusions, for questions of fact"
    formula: str = "EM on a confusion matrix a person (truth: first, second; said: first, tie, second); p = P(truth | votes)"
    source: str = "Dawid and Skene 1979"
    assumes: str = (
        "Right for questions of fact with many votes a person. Wrong for questions of value: a minority that sees it "
        "differently is scored as careless."
    )
    uses_groups: bool = False
    tells: frozenset[str] = frozenset()

    def pool(self, votes: Votes) -> Pooled:
        said = np.asarray(votes.y * 2, np.int64)
        p = np.divide(votes.for_first, votes.total, out=np.full(votes.n_pairs, 0.5), where=votes.total > 0)
        judged = votes.total > 0
        rounds, moved, share = 0, 1.0, 0.5
        while rounds < MOST_ROUNDS and moved > CLOSE:
            confusion = _confusion(votes, said, p)
            share = float((p[judged].sum() + 1.0) / (judged.sum() + 2.0))
            after = _posterior(votes, said, confusion, share)
            moved = float(np.abs(after - p)[judged].max(initial=0.0))
            p, rounds = after, rounds + 1
        settled = moved <= CLOSE
        return Pooled.decided(
            self.name,
            np.where(judged, p, np.nan),
            votes.total,
            {"rounds": rounds, "converged": settled, "share_first": round(share, 6)},
            ()
            if settled
            else (f"The fit had not settled after {MOST_ROUNDS} rounds; look at it with care.",),
        )


def _confusion(votes: Votes, said: Ints, p: Floats) -> Floats:
    """Each person's probabilities of saying each thing under each truth, float64 (n_people, 2, 3)."""
    counts = np.empty((votes.n_people, 2, 3))
    cell = votes.person * 3 + said
    for truth, likely in enumerate((p, 1.0 - p)):
        weight = votes.weight * likely[votes.pair]
        counts[:, truth] = np.bincount(cell, weights=weight, minlength=votes.n_people * 3).reshape(-1, 3)
    counts += PRIOR
    return np.asarray(counts / counts.sum(axis=2, keepdims=True), np.float64)


def _posterior(votes: Votes, said: Ints, confusion: Floats, share: float) -> Floats:
    log = np.log(confusion)
    toward_first = votes.weight * (log[votes.person, 0, said] - log[votes.person, 1, said])
    odds = np.log(share / (1.0 - share)) + np.bincount(
        votes.pair, weights=toward_first, minlength=votes.n_pairs
    )
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -700, 700))), np.float64)


POOL = DawidSkene()
