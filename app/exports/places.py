"""Where an export's files lie, and asking for one to be made in the background."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from app.db.session import Database
from app.exports.build import build
from app.exports.options import ExportOptions
from app.exports.tables import Export
from app.exports.writes import request_export
from app.jobs import writes as jobs
from app.kit.clock import utc_now
from app.kit.errors import Conflict, NotFound
from app.studies.tables import Study


class NotMade(Conflict):
    code, title = "export_not_done", "This export is not made yet"


def order(session: Session, study: Study, options: ExportOptions, *, by: int | None, now: datetime) -> Export:
    """A numbered export with frozen options, to be made by a worker."""
    export = request_export(session, study, options, by=by, now=now)
    enqueue(session, export, now=now)
    return export


def enqueue(session: Session, export: Export, *, now: datetime) -> None:
    """Have an export made, or made again: the same bytes in the same place."""
    jobs.enqueue(session, "export", f"export:{export.id}", now=now, payload={"export_id": export.id})


def make(database: Database, export_id: str, exports_dir: Path, report: Callable[[float], None]) -> None:
    """What a worker does for one export."""
    exports_dir.mkdir(parents=True, exist_ok=True)
    build(database, export_id, exports_dir / export_id, now=utc_now(), progress=report)


def folder_of(export: Export, exports_dir: Path) -> Path:
    """The folder of a finished export.

    Raises:
        NotMade: It is being made, failed, or its files are not on this machine (after a restore; ask for it again).
    """
    folder = exports_dir / export.id
    if export.state != "done" or not folder.is_dir():
        raise NotMade
    return folder


def file_of(export: Export, path: str, exports_dir: Path) -> Path:
    """One file of a finished export, named by its path inside it. Raises NotFound for anything else, NotMade."""
    folder = folder_of(export, exports_dir).resolve()
    wanted = (folder / path).resolve()
    if not wanted.is_relative_to(folder) or not wanted.is_file():
        raise NotFound
    return wanted
