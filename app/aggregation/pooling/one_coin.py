"""One coin: how often each person is right, and how much they favour a side, found together with what is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.aggregation.protocol import Flags, Floats, Ints, Pooled, Votes

PRIOR_RIGHT, PRIOR_VOTES = 0.7, 4.0
"""Before anything is known a person is right in seven of ten cases, on either side; held with the weight of four votes."""
MOST_ROUNDS, CLOSE = 500, 1e-9


@dataclass(frozen=True)
class OneCoin:
    """Probability that the first response is the better one, where one of the two is.

    Model: z_i in {first, second}, each 1/2. A person says "left" with probability a_u where the better one stands on the left
    and "right" with probability b_u where it stands on the right: accuracy (a_u + b_u) / 2, pull to the left
    (a_u - b_u) / 2; pseudo-votes 2.8 right and 1.2 wrong for each of the two. Expectation-maximisation from the shares of
    votes; ties say nothing of which is better and are left out of the likelihood.
    Returns p_first = P(z_i = first | votes), weight = the votes' total weight, parameters ``rounds``, ``converged``,
    ``median_accuracy``.
    Cost: O(rounds * n_votes).  Randomness: none.
    Assumes one truth a pair and people who err independently: dissent is scored as error, so it is for questions of fact.
    Source: Dawid and Skene 1979 with two parameters a person.
    """

    name: str = "one_coin"
    title: str = "What careful people chose, for questions of fact"
    formula: str = (
        "EM with two parameters a person, accuracy and pull to a side; p = P(it is the better one | votes)"
    )
    source: str = "Dawid and Skene 1979, two parameters a person"
    assumes: str = (
        "Right for questions of fact with careless or side-preferring people among many. Wrong for questions of value: a "
        "minority that sees it differently is scored as careless."
    )
    uses_groups: bool = False
    tells: frozenset[str] = frozenset()

    def pool(self, votes: Votes) -> Pooled:
        said = _Said.of(votes)
        p = np.divide(votes.for_first, votes.total, out=np.full(votes.n_pairs, 0.5), where=votes.total > 0)
        a = b = np.full(votes.n_people, PRIOR_RIGHT)
        rounds, moved = 0, 1.0
        while rounds < MOST_ROUNDS and moved > CLOSE:
            a, b = said.habits(p)
            after = said.posterior(a, b)
            moved = float(np.abs(after - p).max(initial=0.0))
            p, rounds = after, rounds + 1
        there = np.unique(said.person)
        return Pooled.decided(
            self.name,
            np.where(votes.total > 0, p, np.nan),
            votes.total,
            {
                "rounds": rounds,
                "converged": moved <= CLOSE,
                "median_accuracy": round(float(np.median((a + b)[there] / 2)), 4) if there.size else None,
            },
            ()
            if moved <= CLOSE
            else (f"The fit had not settled after {MOST_ROUNDS} rounds; look at it with care.",),
        )


@dataclass(frozen=True)
class _Said:
    """The votes that are no ties: where the first response stood, and whether the person said left."""

    n_pairs: int
    n_people: int
    pair: Ints
    person: Ints
    weight: Floats
    first_on_left: Flags
    left: Flags

    @classmethod
    def of(cls, votes: Votes) -> _Said:
        kept = votes.y != 0.5
        stood = votes.first_on_left[kept]
        return cls(
            votes.n_pairs,
            votes.n_people,
            votes.pair[kept],
            votes.person[kept],
            votes.weight[kept],
            stood,
            (votes.y[kept] == 1.0) == stood,
        )

    def habits(self, p: Floats) -> tuple[Floats, Floats]:
        """Each person's two probabilities, given how likely the first response is the better one; float64 (n_people,)."""
        better_left = np.where(self.first_on_left, p[self.pair], 1.0 - p[self.pair]) * self.weight
        better_right = self.weight - better_left

        def rate(total: Floats, right: Flags) -> Floats:
            n = np.bincount(self.person, weights=total, minlength=self.n_people)
            k = np.bincount(self.person, weights=total * right, minlength=self.n_people)
            return np.asarray((k + PRIOR_VOTES * PRIOR_RIGHT) / (n + PRIOR_VOTES), np.float64)

        return rate(better_left, self.left), rate(better_right, ~self.left)

    def posterior(self, a: Floats, b: Floats) -> Floats:
        """How likely the first response is the better one; float64 (n_pairs,)."""
        a, b = a[self.person], b[self.person]
        for_left = np.where(self.left, np.log(a) - np.log1p(-b), np.log1p(-a) - np.log(b))
        toward_first = self.weight * np.where(self.first_on_left, for_left, -for_left)
        odds = np.bincount(self.pair, weights=toward_first, minlength=self.n_pairs)
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -700, 700))), np.float64)


POOL = OneCoin()
