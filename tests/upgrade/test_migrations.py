"""Migrations: from empty and from every earlier state, on both databases, ending at what the tables declare."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.db import migrate
from app.db.session import connect


def revisions():
    return [
        s.revision for s in reversed(list(ScriptDirectory.from_config(migrate.config()).walk_revisions()))
    ]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    """The address of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    url = request.getfixturevalue("postgres_server")
    name = f"e_{tmp_path.name.replace('-', '_')[:40].lower()}"
    admin = sa.create_engine(url.format("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
    yield url.format(name)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()


@pytest.mark.parametrize("start", [None, *revisions()])
def test_every_state_leads_to_the_present_one(empty_url, start):
    if start is not None:
        migrate.upgrade(empty_url, start)
    migrate.upgrade(empty_url)
    migrate.upgrade(empty_url)
    database = connect(empty_url)
    with database.reader.connect() as connection:
        assert migrate.current(connection) == migrate.head()
    database.dispose()


def test_the_migrated_schema_is_the_declared_one(empty_url):
    migrate.upgrade(empty_url)
    with migrate.engine_for_migration(empty_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, migrate.TARGET()) == []


def test_history_is_one_line():
    assert len(ScriptDirectory.from_config(migrate.config()).get_heads()) == 1
