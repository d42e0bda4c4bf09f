"""Several writes that stand or fall together, sent as one statement where the database can."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnDefault,
    ColumnElement,
    Insert,
    Table,
    Update,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
)
from sqlalchemy.orm import Session

from app.db.prepared import Prepared


class Chain:
    """Writes in order, each of one row: the first that finds no row ends the chain, and nothing after it is done.

    On PostgreSQL one statement, because every statement is a round trip; each write waits for the one before it, so that rows
    are locked in the order given. On SQLite, where a statement costs nothing to send, one after another.

    An insert is given as the table and the columns that are filled; its values are named ``new_COLUMN``. The parameters of an
    update must have other names than columns have. Nothing is returned but whether all was done.
    """

    def __init__(self, *writes: Update | tuple[Table, Sequence[str]]) -> None:
        """Raises ValueError where an insert leaves out a column whose default is worked out."""
        self._writes = writes
        for write in writes:
            if not isinstance(write, Update):
                _insert(*write)

    def run(self, session: Session, values: dict[str, Any]) -> bool:
        """Whether all was done."""
        if session.get_bind().dialect.name == "postgresql":
            return bool(self._together.one(session, values).done)
        connection = session.connection()
        return all(write.write(connection, values) == 1 for write in self._apart)

    @cached_property
    def _apart(self) -> list[Prepared]:
        return [Prepared(w if isinstance(w, Update) else _insert(*w)) for w in self._writes]

    @cached_property
    def _together(self) -> Prepared:
        before: CTE | None = None
        for n, write in enumerate(self._writes):
            one: Insert | Update
            if isinstance(write, Update):
                one = write if before is None else write.where(exists(select(before)))
            else:
                one = _insert(*write, after=before)
            before = one.returning(literal_column("1").label("done")).cte(f"step_{n}")
        if before is None:
            raise ValueError("a chain has writes")
        return Prepared(select(func.count().label("done")).select_from(before))


def _insert(table: Table, columns: Sequence[str], *, after: CTE | None = None) -> Insert:
    new: dict[str, ColumnElement[Any]] = {
        name: bindparam(f"new_{name}", type_=table.c[name].type) for name in columns
    }
    for column in table.columns:
        if column.default is not None and column.name not in new:
            if not isinstance(column.default, ColumnDefault) or not column.default.is_scalar:
                raise ValueError(f"an insert in a chain gives {column.name}, whose default is worked out")
            new[column.name] = literal(column.default.arg, column.type, literal_execute=True)
    if after is None:
        return insert(table).values(new)
    typed = [cast(value, value.type).label(name) for name, value in new.items()]
    row = select(*typed).where(exists(select(after)))
    return insert(table).from_select(list(new), row, include_defaults=False)
