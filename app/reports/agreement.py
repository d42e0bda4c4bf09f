"""Agreement of a study from its judgments: between people, and of people with themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.inference.agreement import Agreement, Share, krippendorff_nominal, share
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.studies.tables import Response

CATEGORY = {"first": 0, "second": 1, "tie": 2}


@dataclass(frozen=True)
class Agreements:
    """Between people on pairs, and of the same person asked again (same choice, whichever side it stood on)."""

    between: Agreement
    retest: Share


def agreements(session: Session, study_id: int) -> Agreements:
    """Both figures. "First" is the response whose id sorts first as text; skips and "neither" are left out; the first
    judgment of a person on a pair counts between people.
    """
    left, right, later = aliased(Response), aliased(Response), aliased(Judgment)
    rows = session.execute(
        select(
            Judgment.id, Judgment.annotator_id, Judgment.pair_id, Judgment.choice, Judgment.retest_of,
            (left.external_id < right.external_id).label("left_is_first"), Judgment.answered_at,
        )
        .join(left, left.id == Judgment.left_id)
        .join(right, right.id == Judgment.right_id)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .outerjoin(later, later.supersedes == Judgment.id)
        .where(
            Judgment.study_id == study_id,
            later.id.is_(None),
            Annotator.withdrawn_at.is_(None),
            Judgment.choice.in_(("left", "right", "tie")),
        )
        .order_by(Judgment.id)
    ).all()  # fmt: skip
    first: dict[tuple[int, int], int] = {}
    given: dict[str, int] = {}
    same = asked = 0
    for row in rows:
        said = CATEGORY[_said(row.choice, row.left_is_first)]
        given[row.id] = said
        first.setdefault((row.annotator_id, row.pair_id), said)
    for row in rows:
        if row.retest_of in given:
            asked += 1
            same += given[row.id] == given[row.retest_of]
    units = np.array([pair for _, pair in first], dtype=np.int64)
    between = krippendorff_nominal(units, np.array(list(first.values()), dtype=np.int64))
    return Agreements(between, share(same, asked))


def _said(choice: str, left_is_first: bool) -> str:
    if choice == "tie":
        return "tie"
    return "first" if (choice == "left") == bool(left_is_first) else "second"
