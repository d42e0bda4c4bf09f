"""What an entry of the acquisition seam must offer, and what it may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class CandidateView:
    """Pairs that could be asked, as arrays of one length (n_candidates,).

    ``pair_id`` int64; ``load`` int64, judgments counted plus assignments live, at least 0; ``cap`` int64, at least 1.

    Where a ranking of sources (models, policies, prompts) is kept: ``candidate_left`` and ``candidate_right`` int64, the
    sources of the two responses as indices into ``rank_gain``, -1 for a source that is not in it; ``rank_gain`` float64
    (n_sources, n_sources), from ``app.inference.rank_design.gains``. All three are None where there is none.
    """

    pair_id: Ints
    load: Ints
    cap: Ints
    candidate_left: Ints | None = None
    candidate_right: Ints | None = None
    rank_gain: Floats | None = None


@runtime_checkable
class Acquisition(Protocol):
    """A way to prefer some pairs over others.

    ``candidates`` is how many eligible pairs it wants to see, drawn uniformly; ``temperature`` turns scores into
    probabilities, ``softmax(score / temperature)``; at 0 the draw is uniform among the best.
    """

    name: str
    candidates: int
    temperature: float

    def score(self, view: CandidateView) -> Floats:
        """How much each candidate is worth asking: float64 (n_candidates,), finite, higher is better."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A policy that has something to say about a draw, to be kept in the row: that its model was missing, say."""

    def note(self, view: CandidateView) -> str | None:
        """One short sentence, or None where the policy did what its name says."""
        ...
