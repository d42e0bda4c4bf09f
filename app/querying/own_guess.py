"""A guess at the answer, written down before the question is shown, so that the study can be held to it afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.aggregation import keeping
from app.aggregation.tables import PairFigure
from app.metapreferences import reads as wishes
from app.people.tables import Annotator
from app.querying import worlds
from app.studies.reads import PairIds
from app.studies.tables import Response


class _Row:
    """A pair as it will stand: what ``worlds.features`` reads of it."""

    def __init__(self, left_id: int, right_id: int) -> None:
        self.left_id, self.right_id = left_id, right_id


def guess(
    session: Session, annotator: Annotator, kept: keeping.Kept | None, pair: PairIds, *, first_left: bool
) -> float | None:
    """How likely this person is to choose the left response; None where nothing is known, or they asked not to be guessed about.

    Model: logit P = logit of the pair's smoothed share so far + sum over influences of (own slope - everybody's) x. An influence
    that the person does not want copied, or that does not fit them, is left out for them altogether.
    """
    if kept is None or str(annotator.id) not in kept.result["people"]:
        return None
    said = {
        p.target_id: p
        for p in (
            li.patch
            for li in wishes.list_patches(session, annotator.study_id, annotator_id=annotator.id)
            if li.active
        )
        if p.target_type == "influence" or p.var == "guessing"
    }
    if any(p.var == "guessing" for p in said.values()):
        return None
    influences: dict[str, Any] = kept.result["influences"]
    left, right = (pair.first_id, pair.second_id) if first_left else (pair.second_id, pair.first_id)
    names, x = worlds.features(session, [_Row(left, right)], influences)
    order = list(influences)
    own = kept.result["people"][str(annotator.id)]
    total = _share(session, pair, left)
    for k, name in enumerate(names):
        everybody = float(influences[name]["beta"] or 0.0)
        slope = own[order.index(name)]
        refitted = name in kept.result.get("disowned", {}).get(str(annotator.id), ())
        total += (_wanted(said.get(name), slope, refitted=refitted) - everybody) * float(x[0, k])
    return round(float(expit(total)), 4)


def _wanted(patch: Any, slope: float, *, refitted: bool) -> float:
    """A person's slope after what they said of it; one they disowned is nothing until it has been fitted anew without it."""
    if patch is None:
        return slope
    if patch.var == "not_me":
        return slope if refitted else 0.0
    value = patch.value
    if patch.var == "endorsed" and isinstance(value, int | float):
        return slope * float(value)
    return slope


def _share(session: Session, pair: PairIds, left_id: int) -> float:
    """The pair's share for the response that stands left, in logits, drawn to one half by one vote a side."""
    row = session.execute(
        select(PairFigure.first, PairFigure.second, PairFigure.ties).where(PairFigure.pair_id == pair.id)
    ).one_or_none()
    if row is None:
        return 0.0
    names = select(Response.id, Response.external_id).where(Response.id.in_((pair.first_id, pair.second_id)))
    ids = {r.id: r.external_id for r in session.execute(names)}
    n = row.first + row.second + row.ties
    first = (row.first + row.ties / 2 + 1) / (n + 2)
    left_is_first = ids[left_id] == min(ids.values())
    return float(np.asarray(logit(first if left_is_first else 1 - first)))
