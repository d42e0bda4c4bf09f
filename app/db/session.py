"""Engines and sessions. On SQLite: WAL, FULL, BEGIN IMMEDIATE for writers, one writer at a time, readers never wait."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.orm import Session, sessionmaker

from app.kit.errors import Malformed


class NotKeepable(Malformed, DontWrapMixin):
    """A document that the database's JSON cannot hold, such as a whole number beyond 64 bits; nothing of it is stored."""

    code = "not_keepable"


def _dumps(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError as error:
        message = f"This cannot be kept: {error}"
        raise NotKeepable(message, errors=[{"where": "", "message": message}]) from None


@dataclass(frozen=True)
class Database:
    """The two ways in: ``write()`` commits at the end of its block, ``read()`` may not change anything.

    On SQLite ``write()`` takes the process-wide gate first, so that writers queue in the process instead of in SQLite's
    sleeping busy handler; a second process (a command run beside the server) still waits through ``busy_timeout``.
    """

    writer: Engine
    reader: Engine
    _write: sessionmaker[Session]
    _read: sessionmaker[Session]
    gate: threading.Lock | None

    @property
    def is_sqlite(self) -> bool:
        return self.writer.dialect.name == "sqlite"

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is durable when the block ends, or leaves no trace when it raises."""
        with self.gate or contextlib.nullcontext(), self._write.begin() as session:
            yield session

    def writing(self) -> Session:
        """A session for writing, begun with its first statement: the caller holds the gate, commits and closes."""
        return self._write()

    def reading(self) -> Session:
        """A session that cannot write: the caller closes it."""
        return self._read()

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view that cannot write."""
        with self._read() as session:
            yield session

    def dispose(self) -> None:
        self.reader.dispose()
        self.writer.dispose()


def connect(url: str, *, pool_size: int = 10) -> Database:
    """Open a database by its address. SQLite files are created; their folder must exist."""
    if make_url(url).get_backend_name() == "sqlite":
        return _connect_sqlite(url)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        connect_args={"options": "-c lock_timeout=10000 -c timezone=UTC"},
    )
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Database(engine, reader, _maker(engine), _maker(reader), None)


def _connect_sqlite(url: str) -> Database:
    common: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": orjson.loads}
    writer = create_engine(url, pool_size=2, max_overflow=2, **common)
    reader = create_engine(url, pool_size=20, max_overflow=40, **common)

    def pragmas(connection: Any, *, query_only: bool) -> None:
        connection.isolation_level = None
        for line in (
            "busy_timeout=15000",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-16000",
        ):
            connection.execute("PRAGMA " + line)
        if query_only:
            connection.execute("PRAGMA query_only=ON")

    event.listen(writer, "connect", lambda c, _: pragmas(c, query_only=False))
    event.listen(reader, "connect", lambda c, _: pragmas(c, query_only=True))
    event.listen(writer, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    event.listen(reader, "begin", lambda c: c.exec_driver_sql("BEGIN"))
    return Database(writer, reader, _maker(writer), _maker(reader), threading.Lock())


def _maker(engine: Engine) -> sessionmaker[Session]:
    return sessionmaker(engine, expire_on_commit=False, autoflush=True)
