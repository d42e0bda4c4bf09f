"""Statements of the way of one vote: compiled once, then handed to the driver as they are.

What SQLAlchemy does around every statement (finding the compiled form, a context, a result with its description, events) takes several
times as long as what the database does with most of them, and a vote sends a dozen. A ``Prepared`` keeps the words of a statement
and how its parameters and columns are converted, and runs on the connection of the session, inside its transaction. It is for
statements on tables, not classes: the session's objects are neither written before nor refreshed after.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Insert, Select, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.visitors import cloned_traverse


@dataclass(frozen=True)
class _Parameter:
    """A place for a value: the caller's ``given`` under its name, or one that is always the same."""

    name: str
    given: str | None = None
    convert: Callable[[Any], Any] | None = None
    fixed: Any = None

    def of(self, values: dict[str, Any]) -> Any:
        if self.given is None:
            return self.fixed
        value = values[self.given]
        return value if self.convert is None else self.convert(value)


class _Compiled:
    """A statement in the words of one database."""

    def __init__(self, statement: Select[Any] | Insert | Update, dialect: Any, row: Any) -> None:
        made: Any = _with_its_constants(statement).compile(dialect=dialect)
        blank = {bind.key: None for bind in made.binds.values() if bind.required}
        full = made.construct_expanded_state(blank)
        self.text: str = full.statement
        names = full.positiontup if made.positional else full.parameters
        self.places = [_place(name, made.binds.get(name), full.parameters, dialect) for name in names]
        self.positional: bool = made.positional
        self._dialect = dialect
        told = statement.column_descriptions if isinstance(statement, Select) else []
        self._types = [column["type"] for column in told]
        self.row = row or _row_with(column["name"] for column in told)
        self._conversions: list[tuple[int, Callable[[Any], Any]]] | None = None

    def values(self, given: dict[str, Any]) -> list[Any] | dict[str, Any]:
        """What the driver is given beside the text. Raises KeyError where a parameter is missing."""
        if self.positional:
            return [place.of(given) for place in self.places]
        return {place.name: place.of(given) for place in self.places}

    def rows(self, cursor: Any) -> list[Any]:
        """All rows that the driver has, each a named tuple."""
        found = cursor.fetchall()
        if self._conversions is None:
            self._conversions = list(self._converting(cursor.description))
        if self._conversions:
            found = [list(row) for row in found]
            for row in found:
                for index, convert in self._conversions:
                    row[index] = convert(row[index])
        return [self.row._make(row) for row in found]

    def _converting(self, description: Any) -> Iterator[tuple[int, Callable[[Any], Any]]]:
        for index, (kind, told) in enumerate(zip(self._types, description, strict=True)):
            convert = kind.dialect_impl(self._dialect).result_processor(self._dialect, told[1])
            if convert is not None:
                yield index, convert


def _with_its_constants(statement: Any) -> Any:
    """The statement with the words and whole numbers that are always the same in its text, where a database that plans sees them: by a
    parameter it cannot tell that a partial index serves, or has to plan anew every time.
    """

    def write(bind: Any) -> None:
        values = bind.value if isinstance(bind.value, list | tuple) else [bind.value]
        if not bind.required and all(isinstance(value, str | int) for value in values):
            bind.literal_execute = True

    return cloned_traverse(statement, {}, {"bindparam": write})


def _row_with(names: Iterable[str]) -> Any:
    return namedtuple("Row", names, rename=True)  # noqa: PYI024 - the names are known here only


def _place(name: str, bind: Any, parameters: Any, dialect: Any) -> _Parameter:
    if bind is None:  # one of the values of a list, which are the same every time
        return _Parameter(name, fixed=parameters[name])
    convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if bind.required:
        return _Parameter(name, bind.key, convert)
    return _Parameter(name, fixed=bind.value if convert is None else convert(bind.value))


class Prepared:
    """A statement that is the same every time but for its parameters, which are given by name.

    A list of values must be part of it; the driver's errors are raised as SQLAlchemy raises them, without the parameters.
    """

    def __init__(
        self, statement: Select[Any] | Insert | Update, *, row: type[tuple[Any, ...]] | None = None
    ) -> None:
        """``row`` is the named tuple that rows become; by default one with the names of the columns."""
        self._statement, self._row = statement, row
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, session: Session, given: dict[str, Any]) -> list[Any]:
        """Every row, as a named tuple."""
        compiled, cursor = self._send(session.connection(), given)
        found = compiled.rows(cursor)
        cursor.close()
        return found

    def one(self, session: Session, given: dict[str, Any]) -> Any:
        """The first row of a query that always has one. Raises IndexError where it has none."""
        return self.rows(session, given)[0]

    def find(self, session: Session, given: dict[str, Any]) -> Any | None:
        """The first row, or None where there is none."""
        found = self.rows(session, given)
        return found[0] if found else None

    def write(self, connection: Connection, given: dict[str, Any]) -> int:
        """Send a write, on a session's connection; how many rows it concerned."""
        _, cursor = self._send(connection, given)
        concerned = int(cursor.rowcount)
        cursor.close()
        return concerned

    def _send(self, connection: Connection, given: dict[str, Any]) -> tuple[_Compiled, Any]:
        dialect: Any = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _Compiled(self._statement, dialect, self._row)
        values = compiled.values(given)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(compiled.text, values)
        except dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(
                compiled.text, None, error, dialect.loaded_dbapi.Error, dialect=dialect
            ) from error
        return compiled, cursor
