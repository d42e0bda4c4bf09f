"""Database sessions for routes. A route asks for ``ReadSession`` or ``WriteSession``, never both.

``WriteSession`` commits when the route function has ended and before the response is sent (``scope="function"``): with
FastAPI's default scope a person could be thanked for a vote that was then not stored. On SQLite writers wait for one another
at an asyncio gate, which holds no worker thread, so that readers are never starved by a queue of writers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from app.db.session import Database
from app.kit.clock import utc_now
from app.kit.settings import Settings


def database(request: Request) -> Database:
    """The application's database."""
    found: Database = request.app.state.database
    return found


def settings(request: Request) -> Settings:
    """The application's settings."""
    found: Settings = request.app.state.settings
    return found


async def writers_gate(request: Request) -> AsyncIterator[None]:
    """One writer at a time on SQLite; on PostgreSQL everyone goes through."""
    gate: asyncio.Semaphore | None = request.app.state.gate
    if gate is None:
        yield
        return
    async with gate:
        yield


def session_for_read(request: Request) -> Iterator[Session]:
    """A session that cannot write."""
    with database(request).read() as session:
        yield session


def session_for_write(
    request: Request, _: Annotated[None, Depends(writers_gate, scope="function")]
) -> Iterator[Session]:
    """A transaction that is durable before the response leaves, or leaves no trace when the route raises."""
    with database(request).write() as session:
        yield session


ReadSession = Annotated[Session, Depends(session_for_read, scope="function")]
WriteSession = Annotated[Session, Depends(session_for_write, scope="function")]
Now = Annotated[datetime, Depends(utc_now)]
Config = Annotated[Settings, Depends(settings)]
