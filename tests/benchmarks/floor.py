"""The floor that speeds are compared with: the smallest FastAPI application that inserts a row and commits it durably.

Served as ``uvicorn --factory tests.benchmarks.floor:application`` with SOUNDINGS_DATABASE_URL set. On SQLite with the product's durable
settings (WAL, synchronous FULL) and one writer at a time; on PostgreSQL as the server is set.
"""

from __future__ import annotations

import os
import threading
from contextlib import nullcontext
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI

COLUMNS = sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text, nullable=False)
VOTES = sa.Table("floor_vote", sa.MetaData(), *COLUMNS)


def engine_of(url: str) -> sa.Engine:
    """An engine with the product's durability and pool."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_size=10, max_overflow=10)
    engine = sa.create_engine(url, pool_size=2)

    @sa.event.listens_for(engine, "connect")
    def pragmas(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for line in ("busy_timeout=15000", "journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {line}")

    sa.event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def application() -> FastAPI:
    """One route: a JSON body in, a row stored, its number out."""
    url = os.environ["SOUNDINGS_DATABASE_URL"]
    engine = engine_of(url)
    VOTES.metadata.create_all(engine)
    gate = threading.Lock() if url.startswith("sqlite") else nullcontext()
    app = FastAPI(openapi_url=None, telemetry={"tracing": False, "metrics": False})

    @app.post("/votes", status_code=201)
    def vote(body: dict[str, Any]) -> dict[str, int]:
        with gate, engine.begin() as connection:
            row = connection.execute(VOTES.insert().values(body=str(body)))
            return {"id": int(row.inserted_primary_key[0])}

    @app.get("/")
    def ready() -> dict[str, str]:
        return {"state": "ready"}

    return app
