"""Connections that were cut off while nobody used them."""

from __future__ import annotations

import sqlalchemy as sa

from app.db import session as sessions


def test_a_connection_cut_off_while_idle_is_replaced_unnoticed(database, monkeypatch):
    if database.is_sqlite:
        return
    monkeypatch.setattr(sessions, "IDLE_S", 0.0)
    with database.write() as session:
        used = session.scalar(sa.text("SELECT pg_backend_pid()"))
    other = sa.create_engine(database.writer.url)
    with other.connect() as connection:
        assert connection.scalar(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": used})
    other.dispose()
    with database.write() as session:
        assert session.scalar(sa.text("SELECT pg_backend_pid()")) != used


def test_one_writer_at_a_time_on_sqlite(sqlite_database):
    with sqlite_database.write() as session:
        session.execute(sa.text("SELECT 1"))
        assert sqlite_database.writer.pool.checkedout() == 1
        assert sqlite_database.writer.pool.size() + sqlite_database.writer.pool._max_overflow == 1
    assert sqlite_database.writer.pool.checkedout() == 0
