"""Every pair the person can still be asked is equally likely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.querying.protocol import CandidateView, Floats


@dataclass(frozen=True)
class Uniform:
    """The plain uniform draw: right for unbiased averages, and the arm that adaptive policies are measured against."""

    name: str = "random"
    candidates: int = 1
    temperature: float = 0.0

    def score(self, view: CandidateView) -> Floats:
        """All alike: float64 (n_candidates,) of zeros."""
        return np.zeros(view.pair_id.shape[0], dtype=np.float64)


ACQUISITION = Uniform()
