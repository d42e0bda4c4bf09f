"""Pairs that teach most about what people prefer on the whole."""

from __future__ import annotations

import numpy as np

from app.inference.entropy_split import split
from app.querying.learned import ByPreference
from app.querying.protocol import Expected, Floats


def worth(expected: Expected) -> Floats:
    """Bits that the vote is expected to tell about the overall preference, at least 0: float64 (n_candidates,).

    I(y; overall), where the overall preference is the weighted mean over groups: how the person's group deviates from it, and
    the person from the group, are noise. With one group it is I(y; u).
    """
    known = np.maximum(expected.overall_variance, 1e-12)
    explained = np.minimum(expected.shared**2 / known, expected.variance)
    rest = expected.variance - explained + expected.people
    return split(expected.mean, explained, rest).epistemic


ACQUISITION = ByPreference("information", worth)
