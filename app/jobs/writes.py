"""The verbs about jobs: ask for one, take one, report on it. A job taken by a worker that died is taken again by another."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import exists, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from app.db.base import table_of
from app.jobs.tables import Job

LEASE = timedelta(minutes=5)
MOST_ATTEMPTS = 3


def enqueue(
    session: Session,
    kind: str,
    key: str,
    *,
    now: datetime,
    payload: dict[str, Any] | None = None,
    delay_s: float = 0,
) -> None:
    """Ask for work. While a job with this key waits, asking again changes nothing."""
    row = {"kind": kind, "key": key, "payload": payload or {}, "run_at": now + timedelta(seconds=delay_s)}
    row |= {"state": "queued", "attempts": 0, "progress": 0.0, "created_at": now}
    session.execute(_asking(session.get_bind().dialect.name), row)


@cache
def _asking(dialect: str) -> Any:
    """Built once a dialect: it runs with every fifth vote."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table_of(Job)).on_conflict_do_nothing(
        index_elements=["key"], index_where=text("state = 'queued'")
    )


def ask_to_select(session: Session, study_id: int, *, now: datetime, delay_s: float = 0) -> None:
    """Have a worker work out anew what to ask next in a study: after answers, new items, or a change of its settings."""
    enqueue(session, "select", f"select:{study_id}", now=now, payload={"study_id": study_id}, delay_s=delay_s)


def take(session: Session, *, worker: str, now: datetime) -> Job | None:
    """The next job that is due, or one whose worker's lease ran out; nobody else gets it until the lease ends.

    A job whose key a live worker is at waits until that is done: the same work never runs twice at once.
    """
    at_it = aliased(Job)
    busy = exists(
        select(at_it.id).where(
            at_it.key == Job.key, at_it.id != Job.id, at_it.state == "running", at_it.lease_until >= now
        )
    )
    due = (Job.state == "queued") & (Job.run_at <= now) & ~busy
    lost = (Job.state == "running") & (Job.lease_until < now)
    found = session.scalar(
        select(Job).where(due | lost).order_by(Job.run_at, Job.id).limit(1).with_for_update(skip_locked=True)
    )
    if found is None:
        return None
    if found.attempts >= MOST_ATTEMPTS:
        found.state, found.finished_at = "failed", now
        found.error = found.error or "the worker stopped in the middle, three times"
        session.flush()
        return None
    found.state, found.worker = "running", worker
    found.attempts += 1
    found.lease_until = now + LEASE
    session.flush()
    return found


def progress(session: Session, job_id: int, share: float, *, now: datetime) -> None:
    """Say how far a job is (0..1) and keep its lease."""
    session.execute(update(Job).where(Job.id == job_id).values(progress=share, lease_until=now + LEASE))


def finish(session: Session, job_id: int, *, now: datetime) -> None:
    """The work is done."""
    session.execute(
        update(Job)
        .where(Job.id == job_id)
        .values(state="done", progress=1.0, finished_at=now, lease_until=None)
    )


def fail(session: Session, job_id: int, message: str, *, now: datetime) -> None:
    """The work failed: tried again with a growing pause, three times in all."""
    job = session.get_one(Job, job_id)
    job.error = message[:2000]
    job.lease_until = None
    if job.attempts >= MOST_ATTEMPTS or _another_waits(session, job):
        job.state, job.finished_at = "failed", now
    else:
        job.state, job.run_at = "queued", now + timedelta(seconds=5 * 4**job.attempts)
    session.flush()


def _another_waits(session: Session, job: Job) -> bool:
    return session.scalar(select(Job.id).where(Job.key == job.key, Job.state == "queued")) is not None
