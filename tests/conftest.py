"""Fixtures of the whole suite: both databases, the shared data, a clock that tests move, and the three actors."""

from __future__ import annotations

import base64
import os
import random
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.db.migrate import upgrade
from app.db.session import Database, connect
from app.kit import ids
from tests import factories, postgres
from tests.browser import chromium

__all__ = ["chromium"]

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real human judgments beside the project; tests that need it are skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data is not here")
    return folder


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    file = tmp_path_factory.mktemp("template") / "template.sqlite3"
    upgrade(f"sqlite:///{file}")
    with sa.create_engine(f"sqlite:///{file}").connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server's URL, with a migrated template database in it."""
    if postgres.find_binaries() is None:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL binaries")
        pytest.skip("no PostgreSQL binaries")
    with postgres.server() as url:
        admin = sa.create_engine(url.format("postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE template_soundings")
        upgrade(url.format("template_soundings"))
        admin.dispose()
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh, migrated database: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        file = tmp_path / "soundings.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    url: str = request.getfixturevalue("postgres_server")
    name = f"t_{uuid.uuid4().hex[:16]}"
    admin = sa.create_engine(url.format("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template_soundings")
    yield url.format(name)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database, opened."""
    opened = connect(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A fresh SQLite database, for tests in which the database plays no part of its own."""
    file = tmp_path / "alone.sqlite3"
    shutil.copy(sqlite_template, file)
    opened = connect(f"sqlite:///{file}")
    yield opened
    opened.dispose()


class Repeatable:
    """Stands in for ``secrets`` in ``app.kit.ids``, so that a test draws the same questions and ids in every run."""

    def __init__(self, seed: str) -> None:
        drawn = random.Random(seed)
        self.randbits, self.randbelow, self.choice = drawn.getrandbits, drawn.randrange, drawn.choice

    def token_urlsafe(self, size: int) -> str:
        return base64.urlsafe_b64encode(self.randbits(size * 8).to_bytes(size)).rstrip(b"=").decode()

    def token_hex(self, size: int) -> str:
        return self.randbits(size * 8).to_bytes(size).hex()


@pytest.fixture(autouse=True)
def repeatable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test draws in this process follows from its name alone."""
    monkeypatch.setattr(ids, "secrets", Repeatable(request.node.nodeid))


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: datetime = field(default_factory=lambda: datetime(2026, 3, 2, 9, 0, tzinfo=UTC))

    def tick(self, **by: float) -> datetime:
        """Move on (``seconds=``, ``minutes=`` ...; a second by default) and tell the time."""
        self.now += timedelta(**(by or {"seconds": 1}))
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_study(database: Database, clock: Clock) -> Callable[..., factories.Made]:
    """Make an open study with items, in the test's database."""

    def make(**options: object) -> factories.Made:
        with database.write() as session:
            return factories.study(session, now=clock.now, **options)  # type: ignore[arg-type]

    return make
