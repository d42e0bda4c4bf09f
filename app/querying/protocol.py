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
    """

    pair_id: Ints
    load: Ints
    cap: Ints


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
