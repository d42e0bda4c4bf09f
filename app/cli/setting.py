"""What every command is handed, and the few things several of them do: open the database, show progress, print JSON."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import migrate
from app.db.session import Database, connect
from app.jobs.worker import Handler
from app.kit.errors import AppError, NotFound
from app.kit.settings import Settings
from app.people.tables import Researcher
from app.studies import reads
from app.studies.tables import Study


class NotMigrated(AppError):
    status, code, title = 503, "not_migrated", "The database is not up to date; run `soundings migrate` first"


@dataclass(frozen=True)
class Rooms:
    """What ``main`` hands down: the application's import path, what jobs do, and whether a database is ready."""

    application: str
    handlers: Callable[[Settings], Mapping[str, Handler]]
    readiness: Callable[[Database], str | None]


@contextlib.contextmanager
def opened(settings: Settings, rooms: Rooms | None = None) -> Iterator[Database]:
    """The database of the settings, made and migrated where it is a new SQLite file.

    Raises:
        NotMigrated: A database that exists is at another revision; commands do not change a schema on the way.
        SQLAlchemyError: It does not answer.
    """
    url = settings.resolved_database_url()
    if url.startswith("sqlite:///"):
        file = Path(url.removeprefix("sqlite:///"))
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            migrate.upgrade(url)
    database = connect(url, pool_size=2)
    try:
        if rooms is not None and rooms.readiness(database) is not None:
            with database.reader.connect():
                """A database that does not answer says here why."""
            raise NotMigrated
        yield database
    finally:
        database.dispose()


def text_of(file: Path) -> str:
    """What a text file says. Raises ValueError, naming the file, where it is not UTF-8; OSError."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: this is not UTF-8 text (byte {error.start}); save it as UTF-8.") from None


def find_study(session: Session, slug: str) -> Study:
    """The study at this address: whoever can run the command can reach the database, so all are theirs."""
    found = reads.find_study(session, slug)
    if found is None:
        raise NotFound(f"There is no study {slug!r}.")
    return found


def check_study(settings: Settings, rooms: Rooms, slug: str, file: Path) -> None:
    """Refuse a file and a study that are not there before a long file is read. Raises OSError, NotFound."""
    file.stat()
    with opened(settings, rooms) as database, database.read() as session:
        find_study(session, slug)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """What cannot be written is told under the name that was typed, not that of a file that stands in for it meanwhile."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        raise OSError(error.errno, f"cannot be written: {error.strerror}", str(path)) from error


def first_admin(session: Session) -> Researcher:
    """Who owns what the command line makes: the first administrator, else the first researcher."""
    rows = session.scalars(
        select(Researcher).where(Researcher.disabled_at.is_(None)).order_by(Researcher.id)
    ).all()
    if not rows:
        raise NotFound("There is no account yet; make one with `soundings user create EMAIL`.")
    return next((r for r in rows if r.role == "admin"), rows[0])


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def progress_bar(label: str) -> Callable[[float], None]:
    """A bar on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        return lambda _share: None

    def show(share: float) -> None:
        filled = round(share * 30)
        end = "\n" if share >= 1 else ""
        sys.stderr.write(f"\r{label} [{'#' * filled}{'.' * (30 - filled)}] {share:4.0%}{end}")
        sys.stderr.flush()

    return show
