"""What asking each pair once more is worth to the study's policy, worked out for every pair and group at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.aggregation.observations import Observations
from app.inference import entropy_split, preference_outlook, rank_design, rank_posterior
from app.inference.crowd_effects import CrowdFit, crowd_effects
from app.inference.errors import NotConverged
from app.inference.preference_outlook import Outlook, Parts, expected_information
from app.inference.preference_posterior import PreferencePosterior
from app.inference.rank_posterior import RankPosterior
from app.querying import keeping, router
from app.querying.pool_features import PoolFeatures
from app.querying.protocol import Acquisition, CandidateView, Expected, Floats, Ints
from app.querying.selection import NO_GROUP
from app.querying.vote_log import VoteLog
from app.studies.spec import StudySpec


@dataclass(frozen=True)
class Scored:
    """What is stored of a refresh."""

    score: NDArray[np.float32]
    fades: NDArray[np.float16]
    split: NDArray[np.float16] | None
    result: dict[str, Any]
    model: dict[str, NDArray[Any]]


def by_preference(
    policy: Acquisition,
    posterior: PreferencePosterior,
    pool: PoolFeatures,
    log: VoteLog,
    load: NDArray[np.int32],
    pending: list[tuple[int, str]],
    steps: list[tuple[int, str]],
) -> Scored:
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
    return Scored(score, fades, split, result, kept)


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
        told.groups if known else told.people, known, seen.votes,
    )  # fmt: skip
    return CandidateView(pair_id, load.astype(np.int64), np.ones(pair_id.size, np.int64), expected=expected)


def by_ranking(
    policy: Acquisition,
    spec: StudySpec,
    seen: Observations,
    pool: PoolFeatures,
    load: NDArray[np.int32],
    pending: list[tuple[int, str]],
) -> Scored:
    """Gains of the study's goal, between sources."""
    n, goal = pool.pair_id.size, spec.querying.goal
    result: dict[str, Any] = {"groups": [NO_GROUP], "weights": [1.0], "model": "davidson", "goal": goal, "sources": len(pool.sources)}  # fmt: skip
    usable = 2 <= len(pool.sources) <= rank_posterior.MOST_ITEMS
    if not usable:
        result["note"] = f"{len(pool.sources) or 'too many'} sources cannot be ranked"
        evenly = CandidateView(pool.pair_id, load.astype(np.int64), np.ones(n, np.int64))
        zero = np.zeros((1, n))
        return Scored(
            np.asarray(policy.score(evenly), np.float32).reshape(1, n), zero.astype(np.float16), None, result, {}
        )  # fmt: skip
    posterior, result["model"] = _ranked(seen, pool)
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
    return Scored(
        np.asarray(policy.score(view), np.float32).reshape(1, n),
        np.asarray(fades, np.float16).reshape(1, n),
        None,
        result,
        {},
    )


def _ranked(seen: Observations, pool: PoolFeatures) -> tuple[RankPosterior, str]:
    """The posterior of the sources' strengths, from all votes between two different ones; and by which model.

    A vote counts as far as its author tells sources apart (sensitivity, slips, pull to one side: see ``crowd_effects``); each vote
    alike where people cannot be told from each other, or there are so many votes that it matters little.
    """
    at = np.minimum(np.searchsorted(pool.pair_id, seen.pairs.id), max(pool.pair_id.size - 1, 0))
    there = pool.pair_id[at] == seen.pairs.id
    row = at[seen.pair]
    one, two = pool.left[row].astype(np.int64), pool.right[row].astype(np.int64)
    used = seen.decided() & there[seen.pair] & (one != two)
    same = pool.first[row] == seen.pairs.first[seen.pair]
    y = np.where(same, seen.y, 1 - seen.y)[used]
    on_left = np.where(same, seen.first_left, ~seen.first_left)[used]
    one, two, n = one[used], two[used], len(pool.sources)
    weight = _reliability(one, two, y, on_left, seen.person[used], n)
    model = "davidson" if weight is None else "crowd_davidson"
    return rank_posterior.counted(one, two, y, n_items=n, weight=weight), model


MOST_FOR_CROWD, FEWEST_FOR_CROWD = 100_000, 100


def _reliability(
    one: Ints, two: Ints, y: Floats, on_left: NDArray[np.bool_], person: Ints, n_items: int
) -> Floats | None:
    """How much of a vote each counts for, 0 to 1; None where that is not known."""
    if not FEWEST_FOR_CROWD <= y.size <= MOST_FOR_CROWD:
        return None
    left, right = np.where(on_left, one, two), np.where(on_left, two, one)
    try:
        fit = crowd_effects(left, right, np.where(on_left, y, 1 - y), n_items=n_items, annotator=person)
    except NotConverged:
        return None
    if not isinstance(fit, CrowdFit):
        return None
    found = fit.reliability[np.searchsorted(fit.annotator, person)]
    return np.asarray(np.clip(found, 0.0, 1.0), np.float64)
