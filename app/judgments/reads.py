"""Every SELECT about judgments: current answers, histories, the window of change, counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from app.judgments.tables import Judgment
from app.kit.errors import NotFound

_CURRENT = (
    select(Judgment)
    .where(Judgment.assignment_id == bindparam("which"))
    .order_by(Judgment.revision.desc())
    .limit(1)
)
_BY_TOKEN = select(Judgment).where(
    Judgment.annotator_id == bindparam("who"), Judgment.client_token == bindparam("token")
)


def current() -> Select[Judgment]:
    """Judgments that no other supersedes; those taken back are among them, as ``retracted``."""
    later = aliased(Judgment)
    return select(Judgment).outerjoin(later, later.supersedes == Judgment.id).where(later.id.is_(None))


def find_current(session: Session, assignment_id: str) -> Judgment | None:
    """The present answer to an assignment, or None before one was given."""
    return session.scalar(_CURRENT, {"which": assignment_id})


def find_by_client_token(session: Session, annotator_id: int, token: str) -> Judgment | None:
    return session.scalar(_BY_TOKEN, {"who": annotator_id, "token": token})


def get_judgment(session: Session, judgment_id: str, *, annotator_id: int) -> Judgment:
    """One of this person's judgments. Raises NotFound when unknown or not theirs."""
    found = session.scalar(
        select(Judgment).where(Judgment.id == judgment_id, Judgment.annotator_id == annotator_id)
    )
    if found is None:
        raise NotFound
    return found


def last_activity(session: Session, annotator_id: int, work_session: int | None) -> datetime:
    """When the person last answered a new question in this working session; changing an answer does not prolong it."""
    found = session.scalar(
        select(func.max(Judgment.created_at)).where(
            Judgment.annotator_id == annotator_id,
            Judgment.work_session == work_session,
            Judgment.revision == 1,
        )
    )
    if found is None:
        raise NotFound
    return found


def list_of_person(
    session: Session, annotator_id: int, *, limit: int | None = 50, before: str | None = None
) -> Sequence[Judgment]:
    """The person's current answers, newest first; those taken back are left out."""
    query = current().where(Judgment.annotator_id == annotator_id, Judgment.choice != "retracted")
    if before is not None:
        query = query.where(Judgment.id < before)
    query = query.order_by(Judgment.id.desc())
    return session.scalars(query.limit(limit) if limit else query).all()


def list_all_of_person(session: Session, annotator_id: int) -> Sequence[Judgment]:
    """Everything the person ever answered, oldest first, with what was replaced: for their own download."""
    return session.scalars(
        select(Judgment).where(Judgment.annotator_id == annotator_id).order_by(Judgment.id)
    ).all()


def count_choices(session: Session, study_id: int) -> dict[str, int]:
    """Current judgments by choice, of people who have not withdrawn."""
    from app.people.tables import Annotator

    later = aliased(Judgment)
    rows: Sequence[Any] = session.execute(
        select(Judgment.choice, func.count())
        .outerjoin(later, later.supersedes == Judgment.id)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .where(Judgment.study_id == study_id, later.id.is_(None), Annotator.withdrawn_at.is_(None))
        .group_by(Judgment.choice)
    ).all()
    return {choice: int(n) for choice, n in rows}
