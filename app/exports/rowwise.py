"""Rows of a query as they come from the database, in parts, and the cursor closed whenever the reader stops.

The session's connection is asked directly: a million rows need no mapped objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, cast
from sqlalchemy.orm import Session

PART = 1000
"""Rows at a time. More are slower: the garbage collector walks over those that wait."""


def rows(session: Session, query: Any, *, part: int = PART) -> Iterator[Any]:
    """One row after the other; on PostgreSQL through a server-side cursor, so that memory stays flat."""
    for chunk in parts(session, query, part=part):
        yield from chunk


def parts(session: Session, query: Any, *, part: int = PART) -> Iterator[Sequence[Any]]:
    """The same rows in lists."""
    result = session.connection().execute(query, execution_options={"yield_per": part})
    try:
        yield from result.partitions(part)
    finally:
        result.close()


def plain(session: Session, query: Any) -> Iterator[list[Any]]:
    """Lists of plain tuples as the driver gives them: for numbers, texts and what ``unread`` and ``as_number`` make of the rest."""
    result = session.connection().execute(query, execution_options={"yield_per": PART})
    try:
        while chunk := result.cursor_strategy.fetchmany(
            result, result.cursor, PART
        ):  # the cursor alone lacks a first row
            yield list(chunk)
    finally:
        result.close()


def unread(document: Any) -> ColumnElement[str]:
    """A JSON column as its text, for ``orjson.loads``: reading it on the way would double what a row costs."""
    return cast(document, Text)


def as_number(flag: Any) -> ColumnElement[int]:
    """A yes or no as 1 or 0, for the same reason."""
    return cast(flag, Integer)
