"""The background work of selection: learn from the votes that came, and score every pair anew. Nobody who answers waits for it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
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
from app.querying import favoured, keeping, pool_features, registry, router, scoring
from app.querying.pool_features import PoolFeatures
from app.querying.protocol import Learns
from app.querying.selection import KIND, NO_GROUP, VERSION
from app.querying.vote_log import Kept, learnt, vote_log
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Study

MOST_PENDING = 200
SEED = 20_260_101


@dataclass(frozen=True)
class _Basis:
    """What a refresh starts from, beside judgments and features, and ``name``: the same where none of it has changed.

    load: int64 (n, 2), pairs with judgments or live assignments, and how many.  pending: pairs asked about and not answered, with
    the person's group.  steps: pairs that need votes of a group, with the group.  verify: pairs to be checked by people who know.
    """

    load: NDArray[np.int64]
    pending: list[tuple[int, str]]
    steps: list[tuple[int, str]]
    verify: NDArray[np.int64]
    state: str
    name: str

    @classmethod
    def read(cls, session: Session, study_id: int, spec: StudySpec, policy: Learns, features: int) -> _Basis:
        load, pending, at = _load(session, study_id), _pending(session, study_id), state(session, study_id)
        steps, verify = _steps(session, study_id), favoured.to_verify(session, study_id)
        settings = spec.model_dump_json(include={"querying", "people", "collection"})
        pairs = session.get_one(Fit, features).judgments
        parts = (
            VERSION, policy.name, policy.version, settings, features, pairs, at, pending, steps, verify.tolist(),
        )  # fmt: skip
        told = hashlib.sha256(repr(parts).encode())
        told.update(np.ascontiguousarray(load).tobytes())
        return cls(load, pending, steps, verify, at, told.hexdigest()[:32])


def refresh(
    database: Database,
    study_id: int,
    *,
    now: datetime,
    sentence_model: str | None = None,
    whole: bool = False,
) -> Fit | None:
    """Take in what was answered since the last refresh and score every pair; None where the policy goes by no model, or
    there are no pairs. Where nothing has changed since, the last refresh is returned as it is.

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
        basis = _Basis.read(session, study_id, spec, policy, features)
        last = fit_parts.latest(session, study_id, KIND)
        if last is not None and _stands(session, last, basis, whole=whole):
            session.expunge(last)
            return last
        pool, seen = pool_features.load(session, features), observations(session, study_id)
        log, probes = vote_log(spec, seen, pool), favoured.probes(session, study_id)
        kept = None
        if last is not None and last.result["features"] == pool.version and "fitted_at" in last.result:
            model = keeping.load(session, last)
            kept = (
                Kept(model, last.result["log"], last.result["fitted_at"], tuple(last.result["groups"]))
                if model
                else None
            )
    load = _placed(basis.load, pool)
    if policy.model == "preference":
        posterior, fitted_at = learnt(log, pool, kept, whole=whole)
        scored = scoring.by_preference(policy, posterior, pool, log, load, basis.pending, basis.steps)
        scored.result.update(fitted_at=fitted_at, experts=favoured.who_know(posterior, log.answers()))
    else:
        scored = scoring.by_ranking(policy, spec, seen, pool, load, basis.pending)
    raised = favoured.starved(probes, pool.pair_id, load, cap=spec.collection.per_pair.max)
    scored.result.update(
        probes=int(raised.size), policy_version=policy.version, temperature=policy.temperature, explore=spec.querying.explore,
        log=log.digest, votes=log.votes.n, features=pool.version, feature_kind=pool.method, spent=log.spent,
        basis=basis.name, complete=True,
    )  # fmt: skip
    arrays: dict[str, NDArray[Any]] = {
        "pair_id": pool.pair_id, "score": scored.score, "fades": scored.fades, "load": load, "verify": basis.verify,
        "probes": pool.pair_id[raised], **({} if scored.split is None else {"split": scored.split}), **scored.model,
    }  # fmt: skip
    made = Fit(
        study_id=study_id, kind=KIND, method=policy.name, version=VERSION, seed=SEED, state=basis.state,
        judgments=log.votes.n, result=scored.result, seconds=time.perf_counter() - began, made_at=now,
    )  # fmt: skip
    _store(database, made, arrays)
    return made


def _stands(session: Session, last: Fit, basis: _Basis, *, whole: bool) -> bool:
    """Whether a refresh would say again what the last one says, and all that is kept of it is there."""
    if last.result.get("basis") != basis.name:
        return False
    fitted_at = last.result.get("fitted_at")
    if whole and fitted_at not in {None, last.judgments}:
        return False
    needed = ["score"] if fitted_at is None else ["score", keeping.PREFIX + "mean"]
    return fit_parts.are_there(session, last.id, needed)


def _store(database: Database, made: Fit, arrays: dict[str, NDArray[Any]]) -> None:
    with database.write() as session:
        session.add(made)
        session.flush()
        for name, array in arrays.items():
            fit_parts.store(session, made.id, name, array)
        session.expunge(made)
    with database.write() as session:
        fit_parts.prune(session, made.study_id, KIND, parts=2, rows=200)


def posterior_of(session: Session, study_id: int) -> tuple[Fit, PreferencePosterior] | None:
    """The preference model of the last refresh, for whoever reports on it; None where there is none."""
    last = fit_parts.latest(session, study_id, KIND)
    if last is None or "fitted_at" not in last.result:
        return None
    found = keeping.load(session, last)
    return None if found is None else (last, found)


def _load(session: Session, study_id: int) -> NDArray[np.int64]:
    rows = session.execute(
        select(PairLoad.pair_id, PairLoad.counted + PairLoad.reserved)
        .where(PairLoad.study_id == study_id, PairLoad.counted + PairLoad.reserved > 0)
        .order_by(PairLoad.pair_id)
        .execution_options(yield_per=20_000)
    )
    parts = [np.array([tuple(r) for r in batch], np.int64) for batch in rows.partitions(20_000)]
    return np.concatenate(parts) if parts else np.zeros((0, 2), np.int64)


def _placed(load: NDArray[np.int64], pool: PoolFeatures) -> NDArray[np.int32]:
    """Judgments and live assignments of each pair of the pool."""
    out = np.zeros(pool.pair_id.size, np.int32)
    if out.size:
        at = np.minimum(np.searchsorted(pool.pair_id, load[:, 0]), out.size - 1)
        there = pool.pair_id[at] == load[:, 0]
        out[at[there]] = load[there, 1]
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
        select(PairFigure.pair_id, PairFigure.next_step)
        .where(PairFigure.study_id == study_id, PairFigure.next_step.startswith(f"{router.MORE}:"))
        .order_by(PairFigure.pair_id)
    )
    return [(int(pair), (step or "").partition(":")[2]) for pair, step in rows]
