"""Database sessions for routes. A route asks for ``ReadSession`` or ``WriteSession``, never both.

``WriteSession`` commits when the route function has ended and before the response is sent (``scope="function"``): with
FastAPI's default scope a person could be thanked for a vote that was then not stored. On SQLite writers wait for one another
at an asyncio gate, which holds no worker thread, so that readers are never starved by a queue of writers. Two pass it, one at work
and the next, which stands ready in its thread while the first one's answer is sent off. Sessions are opened without a worker thread,
because nothing is sent before their first statement; only the commit takes one. Changing threads costs more than most statements: the
routes that are called with every vote do all of it in one (``in_one_write``).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from app.db.session import Database
from app.kit.clock import utc_now
from app.kit.settings import Settings

Result = TypeVar("Result")


def database(request: Request) -> Database:
    """The application's database."""
    found: Database = request.app.state.database
    return found


async def settings(request: Request) -> Settings:
    """The application's settings."""
    found: Settings = request.app.state.settings
    return found


async def now(request: Request) -> datetime:  # noqa: ARG001 - a coroutine, so that telling the time takes no worker thread
    """The present moment."""
    return utc_now()


async def session_for_read(request: Request) -> AsyncIterator[Session]:
    """A session that cannot write."""
    found = database(request)
    session = found.reading()
    try:
        yield session
    finally:
        await _close(found, session)


async def session_for_write(request: Request) -> AsyncIterator[Session]:
    """A transaction that is durable before the response leaves, or leaves no trace when the route raises. On SQLite few are let in
    at a time, on PostgreSQL everyone is.
    """
    found, gate = database(request), request.app.state.gate
    async with gate or contextlib.nullcontext():
        session = found.writing()
        try:
            yield session
            if session.in_transaction():
                await run_in_threadpool(session.commit)
        finally:
            await _close(found, session)


async def _close(found: Database, session: Session) -> None:
    """Give the connection back, rolled back where it was not committed: over the network in a worker thread."""
    if found.is_sqlite or not session.in_transaction():
        session.close()
        return
    try:
        await run_in_threadpool(session.close)
    except BaseException:
        session.close()
        raise


async def in_one_write(request: Request, work: Callable[[Session], Result]) -> Result:
    """What ``work`` returns, called in a worker thread with a session whose transaction is durable when this returns, or left no
    trace when it raises.

    For the routes that are called with every vote: what a ``WriteSession`` does without the turns through FastAPI's dependencies,
    and with one change of threads, because the answer of a coroutine is put in its form where that runs.
    """
    gate = request.app.state.gate
    async with gate or contextlib.nullcontext():
        return await run_in_threadpool(_written, database(request), work)


def _written(found: Database, work: Callable[[Session], Result]) -> Result:
    with found.write() as session:
        return work(session)


ReadSession = Annotated[Session, Depends(session_for_read, scope="function")]
WriteSession = Annotated[Session, Depends(session_for_write, scope="function")]
Now = Annotated[datetime, Depends(now)]
Config = Annotated[Settings, Depends(settings)]
