"""Pairs that teach most about where people truly differ; the default."""

from __future__ import annotations

from app.inference.entropy_split import split
from app.querying.learned import ByPreference, reach
from app.querying.protocol import Expected, Floats

LEAN = 2.0
"""Information about a pair counts by so much more for each bit by which groups are expected to differ on it."""


def worth(expected: Expected) -> Floats:
    """What the vote is expected to tell, weighed by where it falls, at least 0: float64 (n_candidates,).

    Where groups are known: as for a reward model, by how much it takes the squared error of shares down on the pairs where it
    is open which response most prefer, which also tells groups apart: measured, it finds the pairs on which they differ sooner than the
    vote's information about the person's group does. Where they are not: bits about what all share and about this person's own
    deviation together, I(y; u, w), which is what shows that people differ at all. Pairs that only look divided, because nothing is
    known or chance decides, are worth no more for that. The lean towards pairs on which groups are expected to differ is mild: to
    ask only where division is predicted learns worst of all.
    """
    if expected.groups_known:
        told = reach(expected)
    else:
        parts = split(expected.mean, expected.variance, expected.people)
        told = parts.epistemic + parts.people
    return told * (1 + LEAN * expected.apart)


ACQUISITION = ByPreference("contested", worth, version=4)
