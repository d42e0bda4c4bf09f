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
from app.aggregation.observations import Observations, observations, state
from app.aggregation.tables import Fit, PairFigure
from app.assignments.tables import Assignment, PairLoad
from app.db.session import Database
from app.inference import entropy_split, preference_outlook, rank_design, rank_posterior
from app.inference.preference_fit import fitted
from app.inference.preference_outlook import Outlook, Parts, expected_information
from app.inference.preference_posterior import PreferencePosterior, PreferenceVotes, read
from app.inference.rank_posterior import RankPosterior
from app.people.tables import Annotator
from app.querying import keeping, pool_features, registry, router
from app.querying.pool_features import PoolFeatures
from app.querying.protocol import Acquisition, CandidateView, Expected, Floats, Learns
from app.querying.selection import KIND, NO_GROUP, VERSION
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Study

FIRST_FIT, FIT_EVERY, FIT_SHARE = 20, 50, 8
"""A whole fit after 20 votes, then whenever an eighth more came, 50 at least; in between votes are taken in one by one."""
MOST_GROUPS = 8
MOST_PENDING = 200
SEED = 20_260_101


@dataclass(frozen=True)
class _Log:
    """A study's votes as the model takes them, in order, and how far they are what an earlier refresh saw."""

    votes: PreferenceVotes
    groups: tuple[str, ...]
    weights: Floats
    digest: str
    spent: dict[str, int]


@dataclass(frozen=True)
class _Scored:
    """What is stored of a refresh."""

    score: NDArray[np.float32]
    fades: NDArray[np.float16]
    split: NDArray[np.float16] | None
    result: dict[str, Any]
    model: dict[str, NDArray[Any]]


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
        log = _log(spec, seen, pool)
        kept = None
        if last is not None and last.result["features"] == pool.version and "fitted_at" in last.result:
            kept = keeping.load(session, last)
            kept_at = (last.result["log"], last.result["fitted_at"], tuple(last.result["groups"]))
    if policy.model == "preference":
        posterior, fitted_at = _learnt(log, pool, None if kept is None else (kept, *kept_at), whole=whole)
        scored = _by_preference(policy, posterior, pool, log, load, pending, steps)
        scored.result["fitted_at"] = fitted_at
    else:
        scored = _by_ranking(policy, spec, seen, pool, load, pending)
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


def _log(spec: StudySpec, seen: Observations, pool: PoolFeatures) -> _Log:
    """Votes that chose a side or a tie, on pairs that have features."""
    place = np.searchsorted(pool.pair_id, seen.pairs.id)
    place = np.minimum(place, max(pool.pair_id.size - 1, 0))
    there = pool.pair_id[place] == seen.pairs.id
    used = seen.decided() & there[seen.pair]
    at = place[seen.pair[used]]
    sign = np.where(pool.first[at] == seen.pairs.first[seen.pair[used]], 1.0, -1.0)
    groups, group, weights = _groups(spec, seen)
    y = seen.y[used]
    outcome = np.where(sign > 0, y, 1 - y)
    side = np.where(seen.first_left[used], 1.0, -1.0) * sign
    who = seen.people.id[seen.person[used]]
    where = group[seen.person[used]]
    x = pool.x[at].astype(np.float64)
    votes = read(x, who, outcome, group=where, side=side, design=pool.design(len(groups)))
    spent = np.bincount(group[seen.person], minlength=len(groups)) if seen.n else np.zeros(len(groups), int)
    return _Log(
        votes, groups, weights, digest_of(votes), dict(zip(groups, spent.tolist(), strict=True))
    )  # fmt: skip


def digest_of(votes: PreferenceVotes) -> str:
    """Names votes in their order, so that a log that only grew can be told from one that changed."""
    told = hashlib.sha256()
    told.update(np.ascontiguousarray(votes.x.astype(np.float32)).tobytes())
    for part in (votes.person, votes.group, votes.said, votes.side):
        told.update(np.ascontiguousarray(part).tobytes())
    return told.hexdigest()[:32]


def _groups(spec: StudySpec, seen: Observations) -> tuple[tuple[str, ...], NDArray[np.int64], Floats]:
    """Labels, each person's group, and weights that add up to 1. Small groups beyond eight are one."""
    if spec.people.groups is None or not seen.people.groups:
        return (NO_GROUP,), np.zeros(seen.people.id.size, np.int64), np.ones(1)
    size = np.bincount(seen.people.group[seen.people.group >= 0], minlength=len(seen.people.groups))
    order = np.argsort(-size, kind="stable")[: MOST_GROUPS - 1]
    labels = [seen.people.groups[i] for i in sorted(order.tolist())]
    number = {seen.people.groups.index(label): i for i, label in enumerate(labels)}
    group = np.array([number.get(int(g), len(labels)) for g in seen.people.group], np.int64)
    if (group == len(labels)).any():
        labels.append(NO_GROUP)
    given = spec.people.groups.weights
    wanted = [float(given.get(label, 0.0)) for label in labels] if given else None
    if wanted is None or sum(wanted) <= 0:
        wanted = [float(n) for n in np.bincount(group, minlength=len(labels))]
    return tuple(labels), group, preference_outlook.group_weights(wanted, len(labels))


def place_of_fit(n: int) -> int:
    """After how many votes the last whole fit is due, when there are ``n``."""
    at = 0
    while (following := FIRST_FIT if at == 0 else at + max(FIT_EVERY, at // FIT_SHARE)) <= n:
        at = following
    return at


def _learnt(
    log: _Log,
    pool: PoolFeatures,
    kept: tuple[PreferencePosterior, str, int, tuple[str, ...]] | None,
    *,
    whole: bool,
) -> tuple[PreferencePosterior, int]:
    """The posterior of the log, and after how many votes its last whole fit was."""
    n = log.votes.n
    design = pool.design(len(log.groups))
    if whole:
        return fitted(log.votes, design), n
    if kept is not None:
        posterior, digest, fitted_at, groups = kept
        same = groups == log.groups and posterior.n <= n and fitted_at >= place_of_fit(n)
        if same and digest == digest_of(log.votes.part(slice(0, posterior.n))):
            return posterior.learn(log.votes.part(slice(posterior.n, n))), fitted_at
    at = place_of_fit(n)
    return fitted(log.votes.part(slice(0, at)), design).learn(log.votes.part(slice(at, n))), at


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


def _by_preference(
    policy: Acquisition,
    posterior: PreferencePosterior,
    pool: PoolFeatures,
    log: _Log,
    load: NDArray[np.int32],
    pending: list[tuple[int, str]],
    steps: list[tuple[int, str]],
) -> _Scored:
    place = (
        {int(p): i for i, p in enumerate(pool.pair_id)} if pending and pool.pair_id.size < 50_000 else None
    )
    waiting = []
    for pair, label in pending:
        at = place.get(pair, -1) if place is not None else _find(pool.pair_id, pair)
        if at >= 0:
            group = log.groups.index(label) if label in log.groups else int(np.argmax(log.weights))
            waiting.append((pool.x[at].astype(np.float64), group))
    seen = preference_outlook.outlook(posterior, pool.x, weight=log.weights, pending=waiting)
    told = preference_outlook.parts(seen, log.weights)
    g, n = len(log.groups), pool.pair_id.size
    score, fades = np.zeros((g, n), np.float32), np.zeros((g, n), np.float16)
    for group in range(g):
        score[group] = policy.score(view_of(seen, told, group, pool.pair_id, load))
        information = expected_information(seen.mean[:, group], seen.variance[:, group] + seen.people)
        fades[group] = np.minimum(information * seen.variance[:, group], 60_000)
    score = _called_for(score, log.groups, pool.pair_id, steps)
    split = np.stack([told.share, told.epistemic, told.groups, told.people, told.noise]).astype(np.float16)
    result = {
        "groups": list(log.groups), "weights": log.weights.tolist(), "model": posterior.method, "pending": len(waiting),
        "converged": posterior.converged, "hash": keeping.name(posterior), "columns": list(pool.columns),
        "vote_moves": {label: _moves(seen, i) for i, label in enumerate(log.groups)},
        "mean_bits": {name: float(split[i].astype(np.float64).mean()) if n else None for i, name in enumerate(("share", "epistemic", "groups", "people", "noise"))},
    }  # fmt: skip
    shares = np.zeros((g, n), np.float16)
    for group in range(g):
        flat = entropy_split.flattened(seen.variance[:, group] + seen.people)
        shares[group] = entropy_split.logistic(seen.mean[:, group] * flat)
    kept = {"group_share": shares, **keeping.arrays(posterior)}
    return _Scored(score, fades, split, result, kept)


def _moves(seen: Outlook, group: int) -> float:
    """By how much the share of the best pair is expected to move with one vote of a group: what other steps are priced against.

    E |p after - p now| is about slope * sqrt(2 / pi) * s, with s^2 = w v^2 / (1 + w v) the variance of the logit's change.
    """
    spread = seen.variance[:, group] + seen.people
    information = expected_information(seen.mean[:, group], spread)
    v = seen.variance[:, group]
    change = information * v**2 / (1 + information * v)
    slope = expected_information(seen.mean[:, group], spread)
    return float((slope * np.sqrt(2 / np.pi * change)).max(initial=0.0))


def _steps(session: Session, study_id: int) -> list[tuple[int, str]]:
    """Pairs that the last report wants more votes on from one group, with the group."""
    rows = session.execute(
        select(PairFigure.pair_id, PairFigure.next_step).where(
            PairFigure.study_id == study_id, PairFigure.next_step.startswith(f"{router.MORE}:")
        )
    )
    return [(int(pair), (step or "").partition(":")[2]) for pair, step in rows]


def _called_for(
    score: NDArray[np.float32],
    groups: tuple[str, ...],
    pair_id: NDArray[np.int64],
    steps: list[tuple[int, str]],
) -> NDArray[np.float32]:
    """Scores with the pairs that need votes of a group most worth twice as much to its people; the best is 0 again."""
    for pair, group in steps:
        at = _find(pair_id, pair)
        if at >= 0 and group in groups:
            score[groups.index(group), at] += np.log(router.CALLED_FOR)
    return score - score.max(axis=1, keepdims=True) if score.shape[1] else score


def _find(ids: NDArray[np.int64], wanted: int) -> int:
    at = int(np.searchsorted(ids, wanted))
    return at if at < ids.size and ids[at] == wanted else -1


def view_of(
    seen: Outlook, told: Parts, group: int, pair_id: NDArray[np.int64], load: NDArray[np.int32]
) -> CandidateView:
    """All pairs as a policy looks at them, for a person of one group."""
    known = seen.mean.shape[1] > 1

    def whole(part: NDArray[np.float32]) -> Floats:
        return part.astype(np.float64)

    expected = Expected(
        whole(seen.mean[:, group]), whole(seen.variance[:, group]), whole(seen.people), whole(seen.overall_mean),
        whole(seen.overall_variance), whole(seen.shared[:, group]), whole(seen.reach[:, group]),
        told.groups if known else told.people, known,
    )  # fmt: skip
    return CandidateView(pair_id, load.astype(np.int64), np.ones(pair_id.size, np.int64), expected=expected)


def _by_ranking(
    policy: Acquisition,
    spec: StudySpec,
    seen: Observations,
    pool: PoolFeatures,
    load: NDArray[np.int32],
    pending: list[tuple[int, str]],
) -> _Scored:
    """Gains of the study's goal, between sources."""
    n, goal = pool.pair_id.size, spec.querying.goal
    result: dict[str, Any] = {"groups": [NO_GROUP], "weights": [1.0], "model": "davidson", "goal": goal, "sources": len(pool.sources)}  # fmt: skip
    usable = 2 <= len(pool.sources) <= rank_posterior.MOST_ITEMS
    if not usable:
        result["note"] = f"{len(pool.sources) or 'too many'} sources cannot be ranked"
        evenly = CandidateView(pool.pair_id, load.astype(np.int64), np.ones(n, np.int64))
        zero = np.zeros((1, n))
        return _Scored(
            np.asarray(policy.score(evenly), np.float32).reshape(1, n), zero.astype(np.float16), None, result, {}
        )  # fmt: skip
    posterior = _ranked(seen, pool)
    top = max(1, min(10, round(len(pool.sources) / 10))) if goal == "top_k" else None
    left, right = pool.left.astype(np.int64), pool.right.astype(np.int64)
    asked = [i for pair, _ in pending if (i := _find(pool.pair_id, pair)) >= 0 and left[i] != right[i]]
    gains = rank_design.gains(
        posterior, goal, top_k=top, pending=[(int(left[i]), int(right[i])) for i in asked]
    )
    view = CandidateView(
        pool.pair_id, load.astype(np.int64), np.ones(n, np.int64), candidate_left=left, candidate_right=right, rank_gain=gains
    )  # fmt: skip
    mean, variance = posterior.differences()
    fades = (rank_design.expected_information(mean, variance, posterior.tie_strength) * variance)[left, right]
    result |= {"pending": len(asked), "top_k": top, "hash": hashlib.sha256(gains.tobytes()).hexdigest()[:12]}
    return _Scored(
        np.asarray(policy.score(view), np.float32).reshape(1, n),
        np.asarray(fades, np.float16).reshape(1, n),
        None,
        result,
        {},
    )


def _ranked(seen: Observations, pool: PoolFeatures) -> RankPosterior:
    """The posterior of the sources' strengths, from all votes between two different ones."""
    at = np.minimum(np.searchsorted(pool.pair_id, seen.pairs.id), max(pool.pair_id.size - 1, 0))
    there = pool.pair_id[at] == seen.pairs.id
    row = at[seen.pair]
    one, two = pool.left[row].astype(np.int64), pool.right[row].astype(np.int64)
    used = seen.decided() & there[seen.pair] & (one != two)
    same = pool.first[row] == seen.pairs.first[seen.pair]
    y = np.where(same, seen.y, 1 - seen.y)
    return rank_posterior.counted(one[used], two[used], y[used], n_items=len(pool.sources))
