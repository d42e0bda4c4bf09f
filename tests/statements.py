"""Statements that reach the database, however they are sent."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
import sqlalchemy as sa

from app.db.session import Database


@contextlib.contextmanager
def sent_through(database: Database) -> Iterator[list[str]]:
    """A list that grows by every statement sent on a connection taken from now on; what begins and ends transactions is left out."""
    sent: list[str] = []

    def note(statement: Any) -> None:
        if not str(statement).startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            sent.append(str(statement))

    class Noting(psycopg.Cursor[Any]):
        def execute(self, query: Any, *rest: Any, **options: Any) -> Any:
            note(query)
            return super().execute(query, *rest, **options)

    def taken(connection: Any, *_: Any) -> None:
        if database.is_sqlite:
            connection.set_trace_callback(note)
        else:
            connection.cursor_factory = Noting

    def left(connection: Any, *_: Any) -> None:
        if database.is_sqlite:
            connection.set_trace_callback(None)
        else:
            connection.cursor_factory = psycopg.Cursor

    engines = {id(e.pool): e for e in (database.writer, database.reader)}.values()
    for engine in engines:
        sa.event.listen(engine, "checkout", taken)
        sa.event.listen(engine, "checkin", left)
    try:
        yield sent
    finally:
        for engine in engines:
            sa.event.remove(engine, "checkout", taken)
            sa.event.remove(engine, "checkin", left)
