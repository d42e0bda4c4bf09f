"""What sways choices in a study beside quality: length, formatting, tone, side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.aggregation import traits
from app.aggregation.observations import Observations
from app.inference.influence import influences as known_influences
from app.inference.influence_effects import CLEARLY, Effect, InfluenceFit, influence_effects

Floats = NDArray[np.float64]
LEAST_POINTS, MOST_Q = 0.03, 0.05
"""An influence stands out from three points on, where its q value is at most five per cent."""


@dataclass(frozen=True)
class Influences:
    """``fit``: of all influences.  ``shift``: float64 (n_pairs,), how far those that people do not stand by move each share; nothing is
    taken out before anyone has been asked.  ``settled``: people have said what they think of those that stand out.
    """

    fit: InfluenceFit
    shift: Floats = field(repr=False)
    settled: bool

    def document(self) -> list[dict[str, Any]]:
        """As CONTRACT section 4 lays it out, with the counts behind each figure."""
        return [_told(one) for one in self.fit.effects]


def influences(session: Session, study_id: int, seen: Observations) -> Influences:
    """Effects on first answers, ties counted as half of each."""
    used = seen.decided() & ~seen.repeat
    pairs = seen.pairs
    responses = np.unique(np.concatenate([pairs.first, pairs.second]))
    text_names, values = traits.table(session, study_id, responses.tolist())
    difference = (
        values[np.searchsorted(responses, pairs.first)] - values[np.searchsorted(responses, pairs.second)]
    )
    position = np.where(seen.first_left, 1.0, -1.0)
    shown = {"position": position, "first_read": seen.first_read * position}
    columns = np.column_stack([difference[seen.pair[used]], *(shown[name][used] for name in shown)])
    found = influence_effects(
        seen.person[used], seen.pair[used], seen.y[used], columns, [*text_names, *shown], prompt=pairs.item, probe=pairs.probe[seen.pair[used]]
    )  # fmt: skip
    return Influences(found, np.zeros(pairs.id.size), settled=False)


def stands_out(one: Effect) -> bool:
    """Whether an influence is large and sure enough to be told of, and to be asked about."""
    return (
        one.points is not None
        and abs(one.points) >= LEAST_POINTS
        and one.q_value is not None
        and one.q_value <= MOST_Q
    )


def _told(one: Effect) -> dict[str, Any]:
    randomised = known_influences()[one.name].kind == "presentation"
    status = "watching"
    if stands_out(one):
        status = "watching" if one.own or randomised else "advisory"
    return {
        "name": one.name,
        "effect": one.points,
        "interval": None if one.interval is None else list(one.interval),
        "q_value": one.q_value,
        "endorsed": None,
        "endorsements": 0,
        "status": status,
        "chosen": one.chosen,
        "informative": one.informative,
        "share": one.share,
        "share_interval": None if one.share_interval is None else list(one.share_interval),
        "beta": one.beta,
        "clearly": None if one.scale is None else CLEARLY * one.scale,
        "why": one.why,
    }
