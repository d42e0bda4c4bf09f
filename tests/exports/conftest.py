"""Fixtures of the export tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from app.db.session import Database
from tests.exports import builder


@pytest.fixture
def made_small(sqlite_database: Database) -> tuple[Database, int, datetime]:
    """A database with the small study, the study's number, and a moment after its last answer."""
    with sqlite_database.write() as session:
        made = builder.small(session)
        return sqlite_database, made.study.id, made.tick()


@pytest.fixture
def fill(database: Database) -> Callable[..., tuple[Database, int, datetime]]:
    """Fill a study with a function, on both databases."""

    def filled(make: Callable[[builder.Builder], None], **parts: object) -> tuple[Database, int, datetime]:
        with database.write() as session:
            made = builder.study(session, **parts)
            make(made)
            return database, made.study.id, made.tick()

    return filled
