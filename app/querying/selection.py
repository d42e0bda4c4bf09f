"""What to ask next, as worked out in the background: scores of every pair for each group, found again in no time when someone asks."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.aggregation import fit_parts
from app.aggregation.tables import Fit
from app.db.session import address_of
from app.querying import favoured
from app.querying.protocol import Floats, Ints, Stored

KIND, VERSION = "selection", 1
PARTS = ("pair_id", "score", "fades", "load", "split", "group_share", "verify", "probes")
SPLIT = ("share", "epistemic", "groups", "people", "noise")
MOST_KEPT = 8
NO_GROUP = ""
NONE = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Selection:
    """One refresh. ``epoch``: its number, that of the stored fit.

    pair_id: int64 (n,), ascending.  score: float32 (n_groups, n).  fades: float16 (n_groups, n).  load: int32 (n,), judgments
    and live assignments of each pair at the time.  split: float16 (5, n) as in ``SPLIT``, bits but for the share, or None where
    the policy goes by another model.  group_share: float16 (n_groups, n), how many of a group are expected to prefer the first
    response, likewise.  groups: labels in the order of ``score``; ``NO_GROUP`` for people who told none.
    verify: int64, pairs to be checked by people who know.  probes: int64, matched probes that have a share of their own.  experts:
    people who know.  result: as stored, for what a reader is told.
    """

    epoch: int
    policy: str
    policy_version: int
    groups: tuple[str, ...]
    weights: Floats
    pair_id: Ints
    score: NDArray[np.float32]
    fades: NDArray[np.float16]
    load: NDArray[np.int32]
    split: NDArray[np.float16] | None
    group_share: NDArray[np.float16] | None
    result: dict[str, Any]
    verify: Ints
    probes: Ints
    experts: frozenset[int]

    def places(self, pair_ids: Ints) -> Ints:
        """Where each pair stands, -1 for one that came later."""
        if not self.pair_id.size:
            return np.full(pair_ids.shape, -1, np.int64)
        at = np.minimum(np.searchsorted(self.pair_id, pair_ids), self.pair_id.size - 1)
        return np.where(self.pair_id[at] == pair_ids, at, -1).astype(np.int64)

    def stored(self, pair_ids: Ints, load: Ints, group: str | None, *, person: int | None = None) -> Stored:
        """Scores of these pairs for a person of the group; for one of a group not known here, by the mean worth over groups. A
        matter of fact is worth more to a person who knows.
        """
        at = self.places(pair_ids)
        known = at >= 0
        label = group or NO_GROUP
        if label in self.groups:
            row = self.groups.index(label)
            score, fades = self.score[row, at].astype(np.float64), self.fades[row, at].astype(np.float64)
        else:
            score = np.log(self.weights @ np.exp(self.score[:, at].astype(np.float64)) + 1e-300)
            fades = self.weights @ self.fades[:, at].astype(np.float64)
        if person in self.experts:
            score = score + favoured.weight(pair_ids, self.verify)
        score[~known], fades[~known] = np.nan, 0.0
        since = np.where(known, np.maximum(load - self.load[at], 0), 0)
        return Stored(score, fades, since.astype(np.int64))

    def told(self, pair_id: int) -> dict[str, float] | None:
        """What the model expects of a pair, for the assignment's row; None for a pair that came later or another model."""
        at = int(self.places(np.array([pair_id], np.int64))[0])
        if at < 0 or self.split is None:
            return None
        return {name: round(float(v), 4) for name, v in zip(SPLIT, self.split[:, at], strict=True)}

    def vote_price(self, group: str | None, *, seconds: float) -> float | None:
        """What an ordinary vote is worth: by how much it moves the share of its pair, for a second of the person's time.

        For ``router.choose_offer``; None where the policy goes by another model.
        """
        moves = self.result.get("vote_moves")
        if not moves:
            return None
        label = group or NO_GROUP
        return float(moves[label] if label in moves else max(moves.values())) / seconds

    def expected_share(self, pair_id: int, group: str | None) -> float | None:
        """How many of the person's group are expected to prefer the first response; None where the model does not say."""
        at = int(self.places(np.array([pair_id], np.int64))[0])
        if at < 0 or self.group_share is None:
            return None
        label = group or NO_GROUP
        if label in self.groups:
            return float(self.group_share[self.groups.index(label), at])
        return float(self.weights @ self.group_share[:, at].astype(np.float64))


_kept: OrderedDict[tuple[str, int, datetime], Selection] = OrderedDict()
_lock = Lock()


def current(session: Session, study_id: int, policy: str, policy_version: int) -> Selection | None:
    """The last refresh of the study, if it was for this policy: one small query, and the arrays once a refresh and process.

    Processes agree through the database: whoever asks reads the same newest row.
    """
    return of(session, fit_parts.newest(session, study_id, KIND), policy, policy_version)


def of(session: Session, named: fit_parts.Named | None, policy: str, policy_version: int) -> Selection | None:
    """The refresh that the fit of this kind is, if it was for this policy; its arrays are read once a process."""
    if named is None:
        return None
    key = (address_of(session), *named)
    with _lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
    if found is None:
        fit = session.get_one(Fit, named.id)
        if fit.method != policy or fit.version != VERSION:
            return None
        found = _read(session, fit)
        with _lock:
            _kept[key] = found
            while len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
    fits = (found.policy, found.policy_version) == (policy, policy_version) and found.result["complete"]
    return found if fits else None


def _read(session: Session, fit: Fit) -> Selection:
    found = fit_parts.load(session, fit.id, PARTS)
    return Selection(
        fit.id, fit.method, fit.result["policy_version"], tuple(fit.result["groups"]), np.array(fit.result["weights"]),
        found["pair_id"], found["score"], found["fades"], found["load"], found.get("split"), found.get("group_share"), fit.result,
        found.get("verify", NONE), found.get("probes", NONE), frozenset(fit.result.get("experts", ())),
    )  # fmt: skip
