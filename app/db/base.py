"""The declarative base, its naming convention and the column types that both databases share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import JSON, BigInteger, DateTime, Integer, MetaData, String, Table, Text, inspect
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Session, make_transient_to_detached
from sqlalchemy.orm.attributes import manager_of_class
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""An integer key: 64 bits on PostgreSQL, SQLite's own rowid alias on SQLite."""

PublicId = String(26)
"""A time-ordered id as made by ``kit.ids.new_id``."""


class Moment(TypeDecorator[datetime]):
    """A moment with its zone, kept in UTC; a naive datetime is refused rather than guessed at."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - its signature is given
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of every table. Columns annotated ``dict``/``list`` are JSON; ``datetime`` is a Moment."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own name for it
        dict[str, Any]: JSON,
        list[Any]: JSON,
        list[str]: JSON,
        datetime: Moment,
        str: Text,
    }


Row = TypeVar("Row", bound=Base)


def table_of(mapped: type[Base]) -> Table:
    """The table itself: statements on it skip the mapper, and with it what the session would do to objects it holds."""
    return cast("Table", mapped.__table__)


class Part(Generic[Row]):
    """A row as part of a query of tables, and the object of it: the mapper's work without the mapper, which costs several times as
    much. What is not named is read when someone asks for it. The first name is the key's.
    """

    def __init__(self, mapped: type[Row], *names: str) -> None:
        self._mapped = mapped
        self._names = names or tuple(table_of(mapped).columns.keys())
        self.columns = [table_of(mapped).c[name] for name in self._names]
        self.size = len(self._names)

    def of(self, session: Session, row: Sequence[Any], *, start: int = 0) -> Row | None:
        """The object in ``row``, which has the columns from ``start`` on; the one that the session holds already, if it does."""
        if row[start] is None:
            return None
        known = session.identity_map.get(inspect(self._mapped).identity_key_from_primary_key((row[start],)))
        if known is not None:
            return cast("Row", known)
        return stored(session, self._mapped, dict(zip(self._names, row[start:], strict=False)))


def stored(session: Session, table: type[Row], row: dict[str, Any]) -> Row:
    """The object of a row that stands in the database as given, without reading it; what ``row`` leaves out is read when asked for."""
    made: Row = manager_of_class(table).new_instance()
    made.__dict__.update(row)
    make_transient_to_detached(made)
    session.add(made)
    return made
