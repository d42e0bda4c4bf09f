"""Groups of people who choose alike, as a study's votes show them: found, kept from fit to fit, and named by a researcher."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.aggregation.observations import Observations
from app.aggregation.tables import LearnedGroup, PersonFigure
from app.inference.opinion_groups import OpinionGroups, opinion_groups
from app.kit.errors import NotFound
from app.people.tables import Annotator

MOST_NAME = 80


@dataclass(frozen=True)
class Group:
    """One learned group: its number from 0, how many people of now are in it, and its name or a plain one."""

    number: int
    people: int
    name: str
    named: bool


def find(session: Session, study_id: int, seen: Observations, *, seed: int) -> OpinionGroups:
    """Groups by how people chose on all pairs (first decided answers), with the numbers that the last fit gave them."""
    before = {
        key: -1 if number is None else number
        for key, number in session.execute(
            select(PersonFigure.annotator_id, PersonFigure.learned).where(
                PersonFigure.study_id == study_id, PersonFigure.learned.is_not(None)
            )
        )
    }
    used = seen.decided() & ~seen.repeat
    previous = np.array([before.get(key, -1) for key in seen.people.id.tolist()], np.int64)
    return opinion_groups(
        seen.person[used],
        seen.pair[used],
        seen.y[used],
        n_people=int(seen.people.id.size),
        previous=previous,
        seed=seed,
    )


def document(found: OpinionGroups) -> dict[str, Any]:
    """What a report tells of them: how many, how far they hold, how large each is."""
    sizes = np.bincount(found.of[found.of >= 0], minlength=found.count).tolist()
    return {
        "count": found.count,
        "stability": found.stability,
        "by_count": [{"groups": k, "stability": stable} for k, stable in found.by_count],
        "sizes": sizes,
        "people": found.people,
        "judgments": found.n,
        "method": found.method,
        "seed": found.seed,
        "why": found.why,
    }


def listed(session: Session, study_id: int) -> tuple[Group, ...]:
    """The groups of the last fit; none where it found none. People who withdrew since are not counted."""
    rows = session.execute(
        select(LearnedGroup.number, LearnedGroup.name, func.count(Annotator.id).label("people"))
        .outerjoin(
            PersonFigure,
            (PersonFigure.study_id == LearnedGroup.study_id) & (PersonFigure.learned == LearnedGroup.number),
        )
        .outerjoin(Annotator, (Annotator.id == PersonFigure.annotator_id) & Annotator.withdrawn_at.is_(None))
        .where(LearnedGroup.study_id == study_id, LearnedGroup.people > 0)
        .group_by(LearnedGroup.number, LearnedGroup.name)
        .order_by(LearnedGroup.number)
    )
    return tuple(
        Group(int(r.number), int(r.people), r.name or plain_name(int(r.number)), bool(r.name)) for r in rows
    )


def plain_name(number: int) -> str:
    """What a group is called before anyone named it."""
    return f"Group {number + 1}"


def name(session: Session, study_id: int, number: int, words: str, *, by: int, now: datetime) -> None:
    """Give a group a name, or take it away with an empty one. Raises NotFound."""
    group = session.get(LearnedGroup, (study_id, number))
    if group is None or group.people == 0:
        raise NotFound
    group.name = words.strip()[:MOST_NAME] or None
    group.named_by, group.named_at = by, now
    session.flush()
