"""Pairs that teach most about where people truly differ; the default."""

from __future__ import annotations

from app.inference.entropy_split import split
from app.querying.learned import ByPreference
from app.querying.protocol import Expected, Floats


def worth(expected: Expected) -> Floats:
    """Bits that the vote is expected to tell, at least 0: float64 (n_candidates,).

    Where groups are known: about what the person's group prefers, I(y; u_g), with how single persons deviate as noise. Groups
    whose preference is settled are asked elsewhere, so that both sides of a difference become known. Where they are not: about
    what all share and about this person's own deviation together, I(y; u, w), which is what shows that people differ at all.
    Pairs that only look divided, because nothing is known or chance decides, are worth no more for that.
    """
    parts = split(expected.mean, expected.variance, expected.people)
    return parts.epistemic if expected.groups_known else parts.epistemic + parts.people


ACQUISITION = ByPreference("contested", worth)
