"""Majority: the response that more than half of the votes prefer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.aggregation.protocol import Pooled, Votes


@dataclass(frozen=True)
class Majority:
    """Share of each pair's votes for its first response.

    Model: p = (k + t/2) / n with k votes for the first response and t ties among n; the side is 1[p > 1/2].
    Returns p_first as that share, weight = the votes' total weight.  Cost: O(n_votes).  Randomness: none.
    Assumes one truth and equally careful people in a balanced pool; a half-half pair stays undecided.
    Source: none needed. Example: two votes for the first and one tie give p = 2.5 / 3.
    """

    name: str = "majority"
    title: str = "What most people chose"
    formula: str = "p = (votes for it + ties/2) / votes; chosen where p > 1/2"
    source: str = "plain counting"
    assumes: str = (
        "Right where there is one truth and everyone is equally careful. It treats a narrow split like a landslide, "
        "and careless people count as much as careful ones."
    )
    uses_groups: bool = False
    tells: frozenset[str] = frozenset()

    def pool(self, votes: Votes) -> Pooled:
        total = votes.total
        share = np.divide(votes.for_first, total, out=np.full(votes.n_pairs, np.nan), where=total > 0)
        return Pooled.decided(self.name, share, total)


POOL = Majority()
