"""What people want done where they differ, class by class, for researchers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from app.aggregation.endorsing import Endorsed


@dataclass(frozen=True)
class Settled:
    """One class of pairs. way: what is done, None while too few have answered.  answers: people who said.  pairs: labels it decides.
    accepted: (way, share that can go with it, the geometric mean over groups), most accepted first, those nobody named left out.
    """

    class_id: str
    way: str | None
    why: str
    answers: int
    pairs: int
    accepted: tuple[tuple[str, float], ...]


def settled(found: Endorsed) -> tuple[Settled, ...]:
    """Every class that anybody answered for, by name."""
    pairs = Counter(c for c, way in zip(found.classes, found.resolved, strict=True) if way is not None)
    return tuple(
        Settled(
            name, one.way, one.why, one.answers, pairs[name],
            tuple(sorted(one.accepted.items(), key=lambda pair: (-pair[1], pair[0]))),
        )
        for name, one in sorted(found.resolutions.items())
    )  # fmt: skip
