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
    Select,
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
            return bool(session.execute(self._together, values).scalar_one())
        return all(self._one(session, index, values) for index in range(len(self._writes)))

    def _one(self, session: Session, index: int, values: dict[str, Any]) -> bool:
        statement, names = self._apart[index]
        done = session.execute(statement, {name: values[name] for name in names})
        return bool(done.rowcount == 1)  # type: ignore[attr-defined]

    @cached_property
    def _apart(self) -> list[tuple[Insert | Update, list[str]]]:
        found: list[tuple[Insert | Update, list[str]]] = []
        for write in self._writes:
            statement = write if isinstance(write, Update) else _insert(*write)
            wanted = [name for name, bind in statement.compile().binds.items() if bind.required]
            found.append((statement, wanted))
        return found

    @cached_property
    def _together(self) -> Select[Any]:
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
        return select(func.count()).select_from(before)


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
