"""Rows of a query as they come from the database, in parts, and the cursor closed whenever the reader stops.

The session's connection is asked directly: a million rows need no mapped objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy.orm import Session

PART = 1000


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
