"""Every SELECT about the list of exports."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.exports.tables import Export
from app.kit.errors import NotFound


def get_export(session: Session, export_id: str) -> Export:
    """An export by its id; whose it is, the caller checks through ``study_id``. Raises NotFound."""
    found = session.get(Export, export_id)
    if found is None:
        raise NotFound
    return found


def get_numbered(session: Session, study_id: int, number: int) -> Export:
    """A study's export by its number. Raises NotFound."""
    found = session.scalar(select(Export).where(Export.study_id == study_id, Export.number == number))
    if found is None:
        raise NotFound
    return found


def get_latest(session: Session, study_id: int) -> Export:
    """A study's newest finished export. Raises NotFound."""
    found = session.scalar(
        select(Export)
        .where(Export.study_id == study_id, Export.state == "done")
        .order_by(Export.number.desc())
        .limit(1)
    )
    if found is None:
        raise NotFound
    return found


def list_exports(session: Session, study_id: int, *, limit: int = 200) -> Sequence[Export]:
    """A study's exports, newest first."""
    return session.scalars(
        select(Export).where(Export.study_id == study_id).order_by(Export.number.desc()).limit(limit)
    ).all()


def find_previous(session: Session, export: Export) -> Export | None:
    """The finished export with the next lower number, for a comparison."""
    return session.scalar(
        select(Export)
        .where(Export.study_id == export.study_id, Export.number < export.number, Export.state == "done")
        .order_by(Export.number.desc())
        .limit(1)
    )
