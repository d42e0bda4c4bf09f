"""Bringing the schema up to date, and asking whether it is. Foreign keys are off while SQLite rebuilds a table."""

from __future__ import annotations

from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from app.db.base import Base
from app.kit.discover import import_tables
from app.kit.paths import folder
from app.kit.settings import Settings


def TARGET() -> MetaData:  # noqa: N802 - Alembic's word for it
    """The schema as the tables of all rooms declare it."""
    import_tables("app")
    return Base.metadata


def engine_for_migration(url: str | None = None) -> Engine:
    """An engine without the writers' hooks: SQLite rebuilds tables, which foreign keys would cascade through."""
    return create_engine(url or Settings().resolved_database_url(), poolclass=NullPool)


def config() -> Config:
    """Alembic's configuration without any file."""
    made = Config()
    made.set_main_option("script_location", str(folder("migrations")))
    return made


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at ``url`` to ``revision``. On PostgreSQL several starters queue on an advisory lock."""
    made = config()
    with engine_for_migration(url).connect() as connection:
        if make_url(url).get_backend_name() == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_lock(736466)")
            connection.commit()
        else:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.exec_driver_sql("PRAGMA busy_timeout=15000")
            connection.commit()
        made.attributes["connection"] = connection
        command.upgrade(made, revision)
        connection.commit()


def head() -> str | None:
    """The newest revision that this code knows."""
    return ScriptDirectory.from_config(config()).get_current_head()


def current(connection: Any) -> str | None:
    """The revision that the database is at, None where it has never been migrated."""
    return MigrationContext.configure(connection).get_current_revision()
