"""Working the figures out and keeping them, so that pages read and never compute. Runs as a job; people never wait for it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.aggregation import keeping, traits
from app.aggregation.tables import Fit, LearnedGroup, PairFigure, PersonFigure
from app.db.session import Database
from app.reports.report import SEED, VERSION, Analysis
from app.studies.tables import Study

KIND, METHOD = "report", "soundings-report"
BATCH = 1000
KEPT = 20
"""Fits kept of a study; older ones go."""


def fit(database: Database, study_id: int, *, now: datetime) -> Fit:
    """Work out the report of a study as it stands and keep it, with the figures of every pair.

    The judgments are read in one snapshot; what is written goes in small transactions, so that people who answer meanwhile
    wait for none of it.
    """
    began = time.perf_counter()
    traits.keep(database, study_id)
    keeping.keep(database, study_id, now=now)
    with database.read() as session:
        study = session.get_one(Study, study_id)
        analysis = Analysis(session, study, now=now)
        result = analysis.document()
        state, judgments, pairs = analysis.state, analysis.seen.n, analysis.disagreement.rows
        people, groups = analysis.person_rows(), result["groups"]["sizes"]
        del analysis
    seconds = time.perf_counter() - began
    with database.write() as session:
        made = Fit(
            study_id=study_id, kind=KIND, method=METHOD, version=VERSION, seed=SEED, state=state, judgments=judgments,
            result=result, seconds=seconds, made_at=now,
        )  # fmt: skip
        session.add(made)
        session.flush()
        fit_id = made.id
        session.expunge(made)
    for table, key, figures in ((PairFigure, "pair_id", pairs), (PersonFigure, "annotator_id", people)):
        for start in range(0, len(figures), BATCH):
            rows = [{**row, "study_id": study_id, "fit_id": fit_id} for row in figures[start : start + BATCH]]
            with database.write() as session:
                _store(session, table, [key], rows)
    with database.write() as session:
        sizes = [
            {"number": n, "people": size, "study_id": study_id, "fit_id": fit_id}
            for n, size in enumerate(groups)
        ]
        if sizes:
            _store(session, LearnedGroup, ["study_id", "number"], sizes)
        gone = (LearnedGroup.study_id == study_id) & (LearnedGroup.fit_id < fit_id)
        session.execute(update(LearnedGroup).where(gone).values(people=0, fit_id=fit_id))
        for table in (PairFigure, PersonFigure):
            session.execute(delete(table).where(table.study_id == study_id, table.fit_id < fit_id))
        old = session.scalars(
            select(Fit.id)
            .where(Fit.study_id == study_id, Fit.kind == KIND)
            .order_by(Fit.id.desc())
            .offset(KEPT)
        ).all()
        if old:
            session.execute(delete(Fit).where(Fit.id.in_(old)))
    return made


def _store(session: Session, table: Any, key: list[str], rows: list[dict[str, Any]]) -> None:
    """Put figures in place of older ones; those of a later fit stay, should two run at once."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    fresh = {name: getattr(statement.excluded, name) for name in rows[0] if name not in key}
    session.execute(
        statement.on_conflict_do_update(
            index_elements=key, set_=fresh, where=table.fit_id < statement.excluded.fit_id
        ),
        rows,
    )


def latest(session: Session, study_id: int) -> Fit | None:
    """The last fit of a study, or None before there was one."""
    return session.scalar(
        select(Fit).where(Fit.study_id == study_id, Fit.kind == KIND).order_by(Fit.id.desc()).limit(1)
    )


def current(session: Session, study: Study, *, now: datetime) -> dict[str, Any]:
    """The report of the judgments there are at this moment: the kept one where nothing has changed since, else worked out."""
    kept = latest(session, study.id)
    if kept is not None and kept.version == VERSION and kept.state == Analysis.state_of(session, study):
        return kept.result
    return Analysis(session, study, now=now).document()
