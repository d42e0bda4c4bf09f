"""What sways choices in a study beside quality, and how far people stand by it: as the report tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.aggregation.labels import Labels
from app.inference.influence_effects import CLEARLY, InfluenceFit
from app.reports import register
from app.reports.register import Entry

Floats = NDArray[np.float64]
stands_out = register.stands_out


@dataclass(frozen=True)
class Influences:
    """``fit``: of all influences.  ``entries``: the same with what people say of them.  ``shift``: float64 (n_pairs,), how far those
    that people do not stand by move each share; nothing of a text is taken out before anyone has been asked.  ``settled``: people
    have said what they think of those that stand out.
    """

    fit: InfluenceFit
    entries: tuple[Entry, ...]
    shift: Floats = field(repr=False)
    settled: bool

    def document(self) -> list[dict[str, Any]]:
        """As CONTRACT section 4 lays it out, with the counts behind each figure."""
        by_name = {one.name: one for one in self.entries}
        return [_told(by_name[effect.name]) for effect in self.fit.effects]


def influences(found: Labels) -> Influences:
    """Effects on first answers, ties counted as half of each; and what the patches that hold say of them."""
    made = register.entries(found)
    asked = [e for e in made if e.kind == "text" and stands_out(e.effect)]
    settled = bool(asked) and all(e.status in {"endorsed", "corrected", "advisory"} for e in asked)
    return Influences(
        found.basis.sway.fit,
        made,
        -found.endorsed.influence_shift[:, : found.basis.sway.text].sum(axis=1),
        settled,
    )


def _told(entry: Entry) -> dict[str, Any]:
    one = entry.effect
    return {
        "name": one.name,
        "effect": one.points,
        "interval": None if one.interval is None else list(one.interval),
        "q_value": one.q_value,
        "endorsed": entry.endorsed,
        "endorsements": entry.said.people,
        "status": entry.status,
        "chosen": one.chosen,
        "informative": one.informative,
        "share": one.share,
        "share_interval": None if one.share_interval is None else list(one.share_interval),
        "beta": one.beta,
        "clearly": None if one.scale is None else CLEARLY * one.scale,
        "probes": entry.probes,
        "labels_moved": entry.moved,
        "labels_turned": int(entry.turned.size),
        "why": one.why,
    }
