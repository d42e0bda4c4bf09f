"""Engines and sessions. On SQLite: WAL, FULL, BEGIN IMMEDIATE for writers, one writer at a time, readers never wait."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import orjson
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError, DontWrapMixin
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from app.kit.errors import Malformed

IDLE_S = 1.0
"""A PostgreSQL connection that nobody used for so long is asked whether it still lives before it is used again."""


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

    On SQLite there is one connection for writing, which is taken with a transaction's first statement and given back as it ends:
    writers queue for it in the process instead of in SQLite's sleeping busy handler. A second process (a command run beside the
    server) still waits through ``busy_timeout``.
    """

    writer: Engine
    reader: Engine
    _write: sessionmaker[Session]
    _read: sessionmaker[Session]

    @property
    def is_sqlite(self) -> bool:
        return self.writer.dialect.name == "sqlite"

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is durable when the block ends, or leaves no trace when it raises."""
        with self._write.begin() as session:
            yield session

    def writing(self) -> Session:
        """A session for writing, begun with its first statement: the caller commits and closes."""
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


@lru_cache(maxsize=16)
def _address(engine: Engine) -> str:
    return str(engine.url)


def address_of(session: Session) -> str:
    """Names the database of a session, for what a process holds in memory of several."""
    return _address(cast("Engine", session.get_bind()).engine)


def connect(url: str, *, pool_size: int = 10) -> Database:
    """Open a database by its address. SQLite files are created; their folder must exist."""
    if make_url(url).get_backend_name() == "sqlite":
        return _connect_sqlite(url)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        connect_args={"options": "-c lock_timeout=10000 -c timezone=UTC"},
    )
    _ask_after_idling(engine)
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Database(engine, reader, _maker(engine), _maker(reader))


def _ask_after_idling(engine: Engine) -> None:
    """Ask a connection that lay idle whether it still lives before it is used, and take another where it does not.

    One that was used a moment ago is not asked: that would be a round trip with every vote. When the server restarts, everyone
    waits, so that all connections have lain idle by the time it is back.
    """

    def left(dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
        del dbapi_connection
        record.info["left_at"] = time.monotonic()

    def taken(dbapi_connection: Any, record: ConnectionPoolEntry, proxy: Any) -> None:
        del proxy
        if time.monotonic() - record.info.get("left_at", math.inf) < IDLE_S:
            return
        try:
            engine.dialect.do_ping(dbapi_connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    event.listen(engine, "checkin", left)
    event.listen(engine, "checkout", taken)


def _connect_sqlite(url: str) -> Database:
    common: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": orjson.loads}
    writer = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=None, **common)
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
    return Database(writer, reader, _maker(writer), _maker(reader))


def _maker(engine: Engine) -> sessionmaker[Session]:
    return sessionmaker(engine, expire_on_commit=False, autoflush=True)
