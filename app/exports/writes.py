"""The verbs about the list of exports: ask for one, note how it went, mark those that hold a withdrawn person's answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.exports.options import ExportOptions
from app.exports.tables import Export
from app.judgments.tables import Judgment
from app.kit.ids import new_id
from app.people.tables import Annotator
from app.studies.tables import Study


def request_export(
    session: Session, study: Study, options: ExportOptions, *, by: int | None, now: datetime
) -> Export:
    """A numbered export with frozen options. What has happened by ``now`` will be in it, whenever it is built.

    The caller enqueues ``build`` or runs it at once; ``by`` is the researcher's number.
    """
    session.execute(select(Study.id).where(Study.id == study.id).with_for_update())
    last = session.scalar(select(func.max(Export.number)).where(Export.study_id == study.id)) or 0
    made = Export(
        id=new_id(now),
        study_id=study.id,
        number=last + 1,
        options=options.model_dump(mode="json"),
        as_of=now,
        requested_by=by,
        created_at=now,
    )
    session.add(made)
    session.flush()
    return made


def mark_running(session: Session, export_id: str) -> None:
    """The build has begun."""
    _set(session, export_id, state="running", progress=0.0, error=None)


def note_progress(session: Session, export_id: str, share: float) -> None:
    """How far the build is, 0 to 1."""
    _set(session, export_id, progress=share)


def mark_done(
    session: Session,
    export_id: str,
    *,
    counts: dict[str, Any],
    files: list[Any],
    fingerprint: str,
    holds_withdrawn: bool,
    now: datetime,
) -> None:
    """The files lie in their place."""
    _set(
        session,
        export_id,
        state="done",
        progress=1.0,
        counts=counts,
        files=files,
        fingerprint=fingerprint,
        holds_withdrawn=holds_withdrawn,
        finished_at=now,
        error=None,
    )


def mark_failed(session: Session, export_id: str, sentence: str, *, now: datetime) -> None:
    """The build was given up; ``sentence`` says what a person can do."""
    _set(session, export_id, state="failed", error=sentence[:2000], finished_at=now)


def mark_withdrawn(session: Session, annotator: Annotator) -> int:
    """Mark the finished exports that hold this person's answers, so that they are remade. Returns how many.

    To be called when somebody withdraws. An export that is being built looks for itself when it ends.
    """
    gave = select(Judgment.created_at).where(Judgment.annotator_id == annotator.id)
    first = session.scalar(gave.order_by(Judgment.created_at).limit(1))
    if first is None:
        return 0
    done = session.execute(
        update(Export)
        .where(
            Export.study_id == annotator.study_id,
            Export.state == "done",
            Export.as_of >= first,
            Export.holds_withdrawn.is_(False),
        )
        .values(holds_withdrawn=True)
        .execution_options(synchronize_session="fetch")
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def _set(session: Session, export_id: str, **values: Any) -> None:
    session.execute(
        update(Export)
        .where(Export.id == export_id)
        .values(**values)
        .execution_options(synchronize_session="fetch")
    )
