"""Asking for a dry run in the background, following it, and keeping what it told beside the study's other fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.aggregation.tables import Fit
from app.db.session import Database
from app.jobs import writes as jobs
from app.jobs.tables import Job
from app.jobs.worker import Handler
from app.kit.errors import Conflict
from app.simulation.dry_run import dry_run
from app.simulation.plan import Plan
from app.studies import reads as studies
from app.studies.tables import Study

KIND, METHOD, VERSION = "dry_run", "soundings-dry-run", 2
KEPT = 5
"""Dry runs kept of a study; older ones go."""


class AlreadyRunning(Conflict):
    code, title = "dry_run_running", "A dry run of this study is on its way; wait until it has ended"


def ask(session: Session, study: Study, plan: Plan, *, now: datetime) -> None:
    """Have a worker do a dry run. Raises Malformed for a plan out of range, AlreadyRunning."""
    plan.checked()
    if on_its_way(session, study.id) is not None:
        raise AlreadyRunning
    jobs.enqueue(session, KIND, _key(study.id), now=now, payload={"study_id": study.id, "plan": asdict(plan)})


def on_its_way(session: Session, study_id: int) -> Job | None:
    """The dry run that waits or runs, with how far it is."""
    return session.scalar(
        select(Job)
        .where(Job.key == _key(study_id), Job.state.in_(("queued", "running")))
        .order_by(Job.id.desc())
        .limit(1)
    )


def last_failure(session: Session, study_id: int) -> Job | None:
    """The last dry run, if it failed."""
    last = session.scalar(select(Job).where(Job.key == _key(study_id)).order_by(Job.id.desc()).limit(1))
    return last if last is not None and last.state == "failed" else None


def make(
    database: Database,
    payload: dict[str, Any],
    handlers: Mapping[str, Handler],
    *,
    now: datetime,
    report: Callable[[float], None],
) -> None:
    """Do the dry run that ``payload`` names and keep what it tells. Only this row is written to the study's database."""
    told = payload["plan"]
    plan = Plan(**{**told, "policies": tuple(told["policies"])})
    study_id = int(payload["study_id"])
    with database.read() as session:
        study = session.get_one(Study, study_id)
        state = f"{studies.count_pairs(session, study_id)}:{study.version}"
    found = dry_run(database, study_id, plan, handlers=handlers, now=now, report=report)
    with database.write() as session:
        session.add(
            Fit(
                study_id=study_id, kind=KIND, method=METHOD, version=VERSION, seed=plan.seed, state=state, judgments=plan.votes,
                result=found, seconds=0.0, made_at=now,
            )
        )  # fmt: skip
        session.flush()
        for old in list_kept(session, study_id)[KEPT:]:
            session.delete(old)


def list_kept(session: Session, study_id: int) -> list[Fit]:
    """Dry runs of a study as they are told now, newest first."""
    rows = session.scalars(
        select(Fit)
        .where(Fit.study_id == study_id, Fit.kind == KIND, Fit.version == VERSION)
        .order_by(Fit.id.desc())
    )
    return list(rows)


def is_old(session: Session, study: Study, kept: Fit) -> bool:
    """Whether the study's items or settings have changed since."""
    return kept.state != f"{studies.count_pairs(session, study.id)}:{study.version}"


def _key(study_id: int) -> str:
    return f"{KIND}:{study_id}"
