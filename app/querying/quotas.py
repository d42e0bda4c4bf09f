"""Which person: groups with a target weight keep room in the budget while their people are about."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.assignments.tables import PersonLoad
from app.people.tables import Annotator
from app.studies.spec import StudySpec

KEPT_SHARE = 0.5
"""Of its target share of the budget, a group is kept so much."""
ABOUT = timedelta(hours=24)
"""A group is waited for while one of its people answered within this time."""


def owed(spec: StudySpec, spent: dict[str, int]) -> dict[str, float]:
    """Judgments that each group with a target weight is still to be kept; groups that have theirs are left out."""
    groups = spec.people.groups
    if groups is None or not groups.weights:
        return {}
    total = sum(groups.weights.values())
    kept = {
        label: KEPT_SHARE * weight / total * spec.collection.budget - spent.get(label, 0)
        for label, weight in groups.weights.items()
    }
    return {label: n for label, n in kept.items() if n > 0}


def spent_by_group(session: Session, study_id: int) -> dict[str, int]:
    """Questions that people of each group have answered; reads the counters of the study's people."""
    rows = session.execute(
        select(Annotator.group_label, func.sum(PersonLoad.answered))
        .join(PersonLoad, PersonLoad.annotator_id == Annotator.id)
        .where(Annotator.study_id == study_id, Annotator.group_label.is_not(None))
        .group_by(Annotator.group_label)
    )
    return {str(label): int(n or 0) for label, n in rows}


def must_wait(
    session: Session, study_id: int, spec: StudySpec, *, group: str | None, remaining: int, now: datetime
) -> bool:
    """Whether what remains of the budget is kept for people of other groups who are about, whatever the policy.

    A person whose own group is still owed votes never waits. Nothing is read before so little remains that it could matter.
    """
    groups = spec.people.groups
    if groups is None or not groups.weights or remaining > KEPT_SHARE * spec.collection.budget:
        return False
    waiting = owed(spec, spent_by_group(session, study_id))
    if not waiting or group in waiting or remaining > sum(waiting.values()):
        return False
    about = select(PersonLoad.annotator_id).where(PersonLoad.last_active_at > now - ABOUT)
    found = session.scalars(
        select(Annotator.group_label)
        .where(
            Annotator.study_id == study_id,
            Annotator.group_label.in_(list(waiting)),
            Annotator.id.in_(about),
            Annotator.withdrawn_at.is_(None),
        )
        .distinct()
    ).all()
    return remaining <= sum(waiting[label] for label in found if label)
