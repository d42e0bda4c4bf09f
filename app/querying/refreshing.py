"""The background work of selection: learn from the votes that came, and score every pair anew. Nobody who answers waits for it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.aggregation import fit_parts
from app.aggregation.observations import observations, state
from app.aggregation.tables import Fit, PairFigure
from app.assignments.tables import Assignment, PairLoad
from app.db.session import Database
from app.inference.preference_posterior import PreferencePosterior
from app.people.tables import Annotator
from app.querying import keeping, pool_features, registry, router, scoring
from app.querying.pool_features import PoolFeatures
from app.querying.protocol import Learns
from app.querying.selection import KIND, NO_GROUP, VERSION
from app.querying.vote_log import learnt, vote_log
from app.studies import reads as studies
from app.studies.tables import Study

MOST_PENDING = 200
SEED = 20_260_101


def refresh(
    database: Database,
    study_id: int,
    *,
    now: datetime,
    sentence_model: str | None = None,
    whole: bool = False,
) -> Fit | None:
    """Take in what was answered since the last refresh and score every pair; None where the policy goes by no model, or
    there are no pairs.

    What is stored follows from the judgments, the items and the study's settings alone: votes are taken in, in their order, on
    top of a batch fit at a place in the log that depends on its length; a log that changed before its end is fitted anew.

    Args:
        whole: Fit all votes at once now, rather than when it is due.
    """
    began = time.perf_counter()
    with database.read() as session:
        spec = studies.spec_of(session, session.get_one(Study, study_id))
    policy, _ = registry.policy_for(spec.querying.policy)
    if not isinstance(policy, Learns):
        return None
    wanted = spec.querying.features if policy.model == "preference" else "identity"
    features = pool_features.keep(database, study_id, wanted, now=now, sentence_model=sentence_model)
    if features is None:
        return None
    with database.read() as session:
        pool = pool_features.load(session, features)
        seen, at = observations(session, study_id), state(session, study_id)
        load, pending = _load(session, study_id, pool), _pending(session, study_id)
        steps = _steps(session, study_id)
        last = fit_parts.latest(session, study_id, KIND)
        log = vote_log(spec, seen, pool)
        kept = None
        if last is not None and last.result["features"] == pool.version and "fitted_at" in last.result:
            kept = keeping.load(session, last)
            kept_at = (last.result["log"], last.result["fitted_at"], tuple(last.result["groups"]))
    if policy.model == "preference":
        posterior, fitted_at = learnt(log, pool, None if kept is None else (kept, *kept_at), whole=whole)
        scored = scoring.by_preference(policy, posterior, pool, log, load, pending, steps)
        scored.result["fitted_at"] = fitted_at
    else:
        scored = scoring.by_ranking(policy, spec, seen, pool, load, pending)
    scored.result.update(
        policy_version=policy.version, temperature=policy.temperature, explore=spec.querying.explore, log=log.digest,
        votes=log.votes.n, features=pool.version, feature_kind=pool.method, spent=log.spent, complete=True,
    )  # fmt: skip
    made = Fit(
        study_id=study_id, kind=KIND, method=policy.name, version=VERSION, seed=SEED, state=at, judgments=log.votes.n,
        result=scored.result, seconds=time.perf_counter() - began, made_at=now,
    )  # fmt: skip
    with database.write() as session:
        session.add(made)
        session.flush()
        arrays: dict[str, NDArray[Any]] = {
            "pair_id": pool.pair_id,
            "score": scored.score,
            "fades": scored.fades,
            "load": load,
        }
        if scored.split is not None:
            arrays["split"] = scored.split
        for name, array in {**arrays, **scored.model}.items():
            fit_parts.store(session, made.id, name, array)
        session.expunge(made)
    with database.write() as session:
        fit_parts.prune(session, study_id, KIND, parts=2, rows=200)
    return made


def posterior_of(session: Session, study_id: int) -> tuple[Fit, PreferencePosterior] | None:
    """The preference model of the last refresh, for whoever reports on it; None where there is none."""
    last = fit_parts.latest(session, study_id, KIND)
    if last is None or "fitted_at" not in last.result:
        return None
    found = keeping.load(session, last)
    return None if found is None else (last, found)


def _load(session: Session, study_id: int, pool: PoolFeatures) -> NDArray[np.int32]:
    """Judgments and live assignments of each pair."""
    out = np.zeros(pool.pair_id.size, np.int32)
    rows = session.execute(
        select(PairLoad.pair_id, PairLoad.counted + PairLoad.reserved)
        .where(PairLoad.study_id == study_id, PairLoad.counted + PairLoad.reserved > 0)
        .execution_options(yield_per=20_000)
    )
    for batch in rows.partitions(20_000):
        ids, load = (np.array(c) for c in zip(*batch, strict=True))
        at = np.minimum(np.searchsorted(pool.pair_id, ids), pool.pair_id.size - 1)
        there = pool.pair_id[at] == ids
        out[at[there]] = load[there]
    return out


def _pending(session: Session, study_id: int) -> list[tuple[int, str]]:
    """Questions put and not answered: pair and the person's group, the latest first."""
    rows = session.execute(
        select(Assignment.pair_id, Annotator.group_label)
        .join(Annotator, Annotator.id == Assignment.annotator_id)
        .where(
            Assignment.study_id == study_id, Assignment.state == "open", Assignment.retest_of.is_(None),
            Assignment.pair_id.is_not(None), Assignment.is_gold.is_(False),
        )
        .order_by(Assignment.id.desc())
        .limit(MOST_PENDING)
    )  # fmt: skip
    return [(int(pair), label or NO_GROUP) for pair, label in rows if pair is not None]


def _steps(session: Session, study_id: int) -> list[tuple[int, str]]:
    """Pairs that the last report wants more votes on from one group, with the group."""
    rows = session.execute(
        select(PairFigure.pair_id, PairFigure.next_step).where(
            PairFigure.study_id == study_id, PairFigure.next_step.startswith(f"{router.MORE}:")
        )
    )
    return [(int(pair), (step or "").partition(":")[2]) for pair, step in rows]
