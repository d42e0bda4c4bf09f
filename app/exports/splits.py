"""Which part of a dataset a request goes to: decided by a hash, given once, kept in every later export."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.db.session import Database
from app.exports import near_duplicates
from app.exports.near_duplicates import Groups
from app.exports.rowwise import parts
from app.exports.tables import PromptSplit
from app.kit.ids import keyed_hash
from app.studies.tables import Item, Study

FOLDS = 5
_SYNONYMS = {
    "training": "train", "val": "validation", "valid": "validation", "dev": "validation", "eval": "validation",
    "heldout": "test", "held_out": "test",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_]{1,32}")
_BATCH = 2000


@dataclass(frozen=True)
class Placer:
    """Where a request goes. ``pending`` holds places that are decided but not stored, for a preview."""

    salt: str
    shares: tuple[int, int, int]
    pending: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    def place(self, prompt_hash: str, split: str | None, fold: int | None) -> tuple[str, int]:
        """The stored place, else the pending one, else what the hash says."""
        if split is not None and fold is not None:
            return split, fold
        return self.pending.get(prompt_hash) or self.by_hash(prompt_hash)

    def by_hash(self, prompt_hash: str) -> tuple[str, int]:
        """Split and fold from a keyed hash of the normalised request: the same for the same study, whatever else is there."""
        digest = keyed_hash(self.salt, prompt_hash)
        percent = int(digest[:12], 16) % 10_000 / 100
        train, validation, _ = self.shares
        split = "train" if percent < train else "validation" if percent < train + validation else "test"
        return split, int(digest[12:20], 16) % FOLDS


@dataclass(frozen=True)
class SplitReport:
    """What giving places came upon."""

    new_requests: int = 0
    near_duplicate_groups: int = 0
    templates: int = 0
    """Groups so large that they are templates; their requests were placed one by one."""
    joined_two: int = 0
    """Groups whose members already stood in different parts; each kept its own."""


def salt_of(study: Study) -> str:
    """The salt of this study's splits. It says nothing about the secret that ids are salted with, so it may be published."""
    return keyed_hash(study.secret, "split")


def given_name(text: str | None) -> str | None:
    """A split that an item brought along, under its usual name; None where it brought none or one no reader could take."""
    name = (text or "").strip().lower()
    name = _SYNONYMS.get(name, name)
    return name if name != "all" and _NAME.fullmatch(name) else None


def joined(scheme: str) -> ColumnElement[bool]:
    """The condition that finds an item's stored place."""
    return and_(
        PromptSplit.study_id == Item.study_id,
        PromptSplit.scheme == scheme,
        PromptSplit.prompt_hash == Item.prompt_hash,
    )


def ensure(
    database: Database,
    study: Study,
    *,
    scheme: str,
    shares: tuple[int, int, int],
    as_of: datetime,
    now: datetime,
) -> SplitReport:
    """Store a place for every request that was there by ``as_of`` and has none yet; places once given never change."""
    placer = Placer(salt_of(study), shares)
    with database.read() as session:
        prompts, groups = _group(session, study.id, scheme=scheme, as_of=as_of)
    decision = _Decision(prompts, groups, placer)
    insert = sqlite.insert if database.is_sqlite else postgresql.insert
    places = decision.places()
    while part := list(islice(places, _BATCH)):
        rows = [
            {"study_id": study.id, "scheme": scheme, "prompt_hash": h, "split": s, "fold": f, "given_at": now}
            for h, s, f in part
        ]
        with database.write() as session:
            session.execute(insert(PromptSplit).on_conflict_do_nothing(), rows)
    return decision.report()


def pending(
    session: Session, study_id: int, placer: Placer, *, scheme: str, as_of: datetime
) -> dict[str, tuple[str, int]]:
    """The places that requests without one would be given, for a preview; nothing is stored."""
    prompts, groups = _group(session, study_id, scheme=scheme, as_of=as_of)
    return {h: (s, f) for h, s, f in _Decision(prompts, groups, placer).places()}


def _group(session: Session, study_id: int, *, scheme: str, as_of: datetime) -> tuple[_Prompts, Groups]:
    """Every request with its near-duplicates; none at all where each has its place, which is soon found out."""
    there = and_(Item.study_id == study_id, Item.added_at <= as_of)
    missing = session.scalar(
        select(Item.id)
        .outerjoin(PromptSplit, joined(scheme))
        .where(there, PromptSplit.prompt_hash.is_(None))
        .limit(1)
    )
    if missing is None:
        return _Prompts(), Groups(np.zeros(0, np.int64), 0)
    prompts = _Prompts.read(session, there, scheme)
    return prompts, near_duplicates.group(prompts.keys, lambda places: prompts.texts(session, places))


@dataclass
class _Prompts:
    """Every different request, as arrays: n is the number of requests.

    hashes: uint8 (n, 32).  items: int64 (n,), the number of an item that asks it.  keys: uint64 (n, 8), for near-duplicates.
    stored, given: int8 (n,), the place it has or an item brought along, as a place in ``names``; -1 = none.
    fold: int8 (n,), -1 = none.
    """

    names: list[str] = field(default_factory=list)
    hashes: np.ndarray = field(default_factory=lambda: np.zeros((0, 32), np.uint8))
    items: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    keys: np.ndarray = field(default_factory=lambda: np.zeros((0, near_duplicates.BANDS), np.uint64))
    stored: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int8))
    given: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int8))
    fold: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int8))

    @classmethod
    def read(cls, session: Session, there: ColumnElement[bool], scheme: str) -> _Prompts:
        """In the order of hashes. Of several items that ask the same the first that brought a place along decides."""
        query = (
            select(
                Item.id, Item.prompt_hash, Item.prompt, Item.given_split, PromptSplit.split, PromptSplit.fold
            )
            .outerjoin(PromptSplit, joined(scheme))
            .where(there)
            .order_by(Item.prompt_hash, Item.id)
        )
        found: dict[str, list[Any]] = {k: [] for k in ("hashes", "items", "keys", "stored", "given", "fold")}
        names: dict[str, int] = {}
        last = None
        for chunk in parts(session, query):
            fresh = []
            for row in chunk:
                given = given_name(row.given_split)
                code = -1 if given is None else names.setdefault(given, len(names))
                if row.prompt_hash != last:
                    fresh.append([row, code])
                elif fresh and fresh[-1][1] < 0:
                    fresh[-1][1] = code
                elif not fresh and found["given"][-1][-1] < 0:
                    found["given"][-1][-1] = code
                last = row.prompt_hash
            if not fresh:
                continue
            rows = [f[0] for f in fresh]
            raw = bytes.fromhex("".join(r.prompt_hash for r in rows))
            found["hashes"].append(np.frombuffer(raw, np.uint8).reshape(-1, 32))
            found["items"].append(np.asarray([r.id for r in rows], np.int64))
            found["keys"].append(near_duplicates.bands([_text(r.prompt) for r in rows]))
            places = [-1 if r.split is None else names.setdefault(r.split, len(names)) for r in rows]
            found["stored"].append(np.asarray(places, np.int8))
            found["given"].append(np.asarray([f[1] for f in fresh], np.int8))
            found["fold"].append(np.asarray([-1 if r.fold is None else r.fold for r in rows], np.int8))
        return cls(list(names), **{k: np.concatenate(found.pop(k)) for k in list(found)})

    def texts(self, session: Session, places: Sequence[int]) -> Iterator[tuple[int, str]]:
        """The requests at these places."""
        for start in range(0, len(places), 500):
            part = {int(self.items[i]): i for i in places[start : start + 500]}
            rows = session.execute(select(Item.id, Item.prompt).where(Item.id.in_(list(part))))
            yield from ((part[r.id], _text(r.prompt)) for r in rows)


@dataclass(frozen=True)
class _Decision:
    """Where requests without a place go: a group where its stored member stands, else where an item named one, else
    where the hash of its first member says.
    """

    prompts: _Prompts
    groups: Groups
    placer: Placer

    @cached_property
    def standing(self) -> tuple[np.ndarray, np.ndarray]:
        """For each leader how many different places its group has already, and one of them; int64 (n,) each."""
        given = self.prompts
        known = np.where(given.stored >= 0, given.stored, given.given).astype(np.int64)
        there = known >= 0
        base = max(1, len(given.names))
        both = np.unique(self.groups.leader[there] * base + known[there])
        count = np.bincount(both // base, minlength=known.size)
        one = np.full(known.size, -1)
        one[both // base] = both % base
        return count, one

    def places(self) -> Iterator[tuple[str, str, int]]:
        """Hash, split and fold of every request that has no place yet."""
        given, leader = self.prompts, self.groups.leader
        count, one = self.standing
        fold = np.full(leader.size, -1)
        stored = np.flatnonzero(given.fold >= 0)[::-1]
        fold[leader[stored]] = given.fold[stored]
        for place in np.flatnonzero(given.stored < 0).tolist():
            first = int(leader[place])
            name = given.hashes[place].tobytes().hex()
            own = self.placer.by_hash(name)
            shared = own if first == place else self.placer.by_hash(given.hashes[first].tobytes().hex())
            if given.given[place] >= 0:
                split = given.names[given.given[place]]
            elif count[first] == 1:
                split = given.names[one[first]]
            else:
                split = own[0] if count[first] else shared[0]
            yield name, split, int(fold[first]) if fold[first] >= 0 else shared[1]

    def report(self) -> SplitReport:
        """What was come upon."""
        return SplitReport(
            new_requests=int((self.prompts.stored < 0).sum()),
            near_duplicate_groups=self.groups.together,
            templates=self.groups.dissolved,
            joined_two=int((self.standing[0] > 1).sum()),
        )


def _text(prompt: list[Any]) -> str:
    return "\n".join(str(m.get("content", "")) for m in prompt)
