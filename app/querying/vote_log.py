"""A study's votes as the preference model takes them, and the model they lead to: a fold over the log."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.aggregation.observations import Observations
from app.inference import preference_outlook
from app.inference.preference_fit import fitted
from app.inference.preference_posterior import PreferencePosterior, PreferenceVotes, read
from app.querying.pool_features import PoolFeatures
from app.querying.protocol import Floats
from app.querying.selection import NO_GROUP
from app.studies.spec import StudySpec

FIRST_FIT, FIT_EVERY, FIT_SHARE = 20, 50, 8
"""A whole fit after 20 votes, then whenever an eighth more came, 50 at least; in between votes are taken in one by one."""
MOST_GROUPS = 8


@dataclass(frozen=True)
class VoteLog:
    """A study's votes as the model takes them, in order, and how far they are what an earlier refresh saw."""

    votes: PreferenceVotes
    groups: tuple[str, ...]
    weights: Floats
    digest: str
    spent: dict[str, int]

    def answers(self) -> dict[int, int]:
        """How many votes each person gave."""
        who, count = np.unique(self.votes.person, return_counts=True)
        return dict(zip(who.tolist(), count.tolist(), strict=True))


def vote_log(spec: StudySpec, seen: Observations, pool: PoolFeatures) -> VoteLog:
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
    return VoteLog(
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


@dataclass(frozen=True)
class Kept:
    """The model of an earlier refresh: of which log, when fitted as a whole, and with which groups."""

    posterior: PreferencePosterior
    digest: str
    fitted_at: int
    groups: tuple[str, ...]


def learnt(
    log: VoteLog, pool: PoolFeatures, kept: Kept | None, *, whole: bool
) -> tuple[PreferencePosterior, int]:
    """The posterior of the log, and after how many votes its last whole fit was."""
    n = log.votes.n
    design = pool.design(len(log.groups))
    if whole:
        return fitted(log.votes, design), n
    if kept is not None:
        seen = kept.posterior.n
        same = kept.groups == log.groups and seen <= n and kept.fitted_at >= place_of_fit(n)
        if same and kept.digest == digest_of(log.votes.part(slice(0, seen))):
            return kept.posterior.learn(log.votes.part(slice(seen, n))), kept.fitted_at
    at = place_of_fit(n)
    return fitted(log.votes.part(slice(0, at)), design).learn(log.votes.part(slice(at, n))), at
