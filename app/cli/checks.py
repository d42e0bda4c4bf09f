"""What ``doctor`` looks at; each finding says what to do."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import sqlalchemy as sa

from app.cli.setting import Rooms
from app.db.session import connect
from app.kit.clock import utc_now
from app.kit.ids import token_hash
from app.kit.paths import folder
from app.kit.settings import Settings


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: ``advice`` says what to do where it is not ``fine``."""

    what: str
    fine: bool
    advice: str = ""


def examine(settings: Settings, rooms: Rooms) -> list[Finding]:
    """Everything, in the order a person would mend it."""
    return [
        *_settings(settings),
        *_folders(settings),
        *_database(settings, rooms),
        *_clock(settings),
        *_assets(),
    ]


def _settings(settings: Settings) -> Iterator[Finding]:
    yield Finding(
        "public address",
        not settings.public_url or settings.public_url.startswith(("https://", "http://")),
        "SOUNDINGS_PUBLIC_URL must start with https://",
    )
    local = settings.public_url.startswith(("http://localhost", "http://127.0.0.1"))
    yield Finding(
        "secure cookies",
        not settings.public_url or local or settings.public_url.startswith("https://"),
        "serve over https and set SOUNDINGS_PUBLIC_URL to the https address; people's cookies would travel in the open",
    )


def _folders(settings: Settings) -> Iterator[Finding]:
    for place in (settings.data_dir, settings.exports_dir()):
        try:
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place):
                fine, advice = True, ""
        except OSError as error:
            fine, advice = False, f"make {place} writable ({error.strerror})"
        yield Finding(f"folder {place}", fine, advice)
        if fine and os.name == "posix" and place.stat().st_mode & 0o002:
            yield Finding(f"permissions of {place}", fine=False, advice=f"chmod o-w {place}")
    if settings.data_dir.exists():
        free = shutil.disk_usage(settings.data_dir).free
        yield Finding("free space", free > 500_000_000, f"{free // 1_000_000} MB are left; make room")


def _database(settings: Settings, rooms: Rooms) -> Iterator[Finding]:
    url = settings.resolved_database_url()
    if url.startswith("sqlite"):
        fine = sqlite3.sqlite_version_info >= (3, 35)
        yield Finding("SQLite version", fine, f"3.35 or newer is needed, this is {sqlite3.sqlite_version}")
    try:
        database = connect(url, pool_size=1)
    except (sa.exc.SQLAlchemyError, ModuleNotFoundError) as error:
        yield Finding(
            "database", fine=False, advice=f"SOUNDINGS_DATABASE_URL cannot be used: {type(error).__name__}"
        )
        return
    try:
        state = rooms.readiness(database)
        yield Finding("database answers and is migrated", state is None, state or "")
        if database.is_sqlite and state is None:
            with database.reader.connect() as connection:
                verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            yield Finding("SQLite file is sound", verdict == "ok", f"restore a backup: {verdict}")
    finally:
        database.dispose()


def _clock(settings: Settings) -> Iterator[Finding]:
    now = utc_now()
    yield Finding("clock", now > datetime(2026, 1, 1, tzinfo=UTC), f"the clock says {now:%Y-%m-%d}; set it")
    if not settings.resolved_database_url().startswith("postgresql"):
        return
    try:
        engine = sa.create_engine(settings.resolved_database_url())
        with engine.connect() as connection:
            theirs = connection.execute(sa.text("SELECT now()")).scalar_one()
        engine.dispose()
    except sa.exc.SQLAlchemyError:
        return
    apart = abs((theirs - utc_now()).total_seconds())
    yield Finding(
        "clock beside the database's",
        apart < 5,
        f"they are {apart:.0f} s apart; holds would end early or late",
    )


def _assets() -> Iterator[Finding]:
    table = folder("static") / "vendor" / "VENDORED.json"
    if not table.exists():
        yield Finding("assets", fine=False, advice="static/vendor is missing; install again")
        return
    for row in orjson.loads(table.read_bytes()):
        file = table.parent / row["file"]
        whole = (
            file.exists()
            and token_hash(file.read_bytes().decode("utf-8", "surrogateescape")) == row["sha256"]
        )
        yield Finding(f"asset {row['file']}", whole, "the file is missing or was changed; install again")
