"""After a correction went live: the votes given since, beside those before it."""

from __future__ import annotations

import numpy as np

from app.aggregation.labels import Labels
from app.inference.displacement import Displacement, displacement
from app.metapreferences.rules import Held
from app.reports.register import FEWEST_ANSWERS


def since(found: Labels, influence: str) -> Held | None:
    """The patch with which the correction of an influence began: the study's settlement, or the fifth person's answer that it should
    not count in full; None where there is no correction.
    """
    said = [
        p for p in found.patches
        if p.target_type == "influence" and p.target_id == influence and p.var == "endorsed" and p.value != 1.0
    ]  # fmt: skip
    settled = [p for p in said if p.scope != "person"]
    if settled:
        return settled[0]
    return said[FEWEST_ANSWERS - 1] if len(said) >= FEWEST_ANSWERS else None


def check(found: Labels, influence: str) -> Displacement | None:
    """Whether votes given since still carry a corrected influence, and where it went; None where it is not corrected.

    Votes are told apart by their ids, which sort by time, as a patch's does.
    """
    began = since(found, influence)
    if began is None:
        return None
    basis = found.basis
    seen, used = basis.seen, basis.sway.used
    x = basis.raw.x[seen.pair[used]].copy()
    x[:, basis.sway.text :] = basis.sway.shown[used]
    new = np.asarray(seen.judgment[used] > began.id.encode(), np.bool_)
    return displacement(seen.person[used], seen.y[used], x, basis.sway.names, influence, new)
