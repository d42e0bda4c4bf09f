"""Pairs that teach most about where people truly differ; the default."""

from __future__ import annotations

from app.inference.entropy_split import split
from app.querying.learned import ByPreference
from app.querying.protocol import Expected, Floats

LEAN = 2.0
"""Information about a pair counts by so much more for each bit by which groups are expected to differ on it."""


def worth(expected: Expected) -> Floats:
    """Bits that the vote is expected to tell, weighed by where they fall, at least 0: float64 (n_candidates,).

    Where groups are known: about what the person's group prefers, I(y; u_g), with how single persons deviate as noise. Groups
    whose preference is settled are asked elsewhere, so that both sides of a difference become known. Where they are not: about
    what all share and about this person's own deviation together, I(y; u, w), which is what shows that people differ at all.
    Pairs that only look divided, because nothing is known or chance decides, are worth no more for that. The lean towards pairs
    on which groups are expected to differ is mild: to ask only where division is predicted learns worst of all.
    """
    parts = split(expected.mean, expected.variance, expected.people)
    told = parts.epistemic if expected.groups_known else parts.epistemic + parts.people
    return told * (1 + LEAN * expected.apart)


ACQUISITION = ByPreference("contested", worth, version=2)
