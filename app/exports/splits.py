"""Which part of a dataset a request goes to: decided by a hash, given once, kept in every later export."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.db.session import Database
from app.exports import near_duplicates
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
        places, report = decide(session, study.id, placer, scheme=scheme, as_of=as_of)
    rows = [
        {
            "study_id": study.id,
            "scheme": scheme,
            "prompt_hash": prompt,
            "split": split,
            "fold": fold,
            "given_at": now,
        }
        for prompt, (split, fold) in places.items()
    ]
    insert = sqlite.insert if database.is_sqlite else postgresql.insert
    for start in range(0, len(rows), _BATCH):
        with database.write() as session:
            session.execute(insert(PromptSplit).on_conflict_do_nothing(), rows[start : start + _BATCH])
    return report


def decide(
    session: Session, study_id: int, placer: Placer, *, scheme: str, as_of: datetime
) -> tuple[dict[str, tuple[str, int]], SplitReport]:
    """The places of requests that have none, without storing them."""
    there = and_(Item.study_id == study_id, Item.added_at <= as_of)
    missing = session.scalar(
        select(func.count(func.distinct(Item.prompt_hash)))
        .outerjoin(PromptSplit, joined(scheme))
        .where(there, PromptSplit.prompt_hash.is_(None))
    )
    if not missing:
        return {}, SplitReport()
    prompts = _Prompts.read(session, there, scheme)
    groups = near_duplicates.group(prompts.keys, prompts.texts)
    return _places(prompts, groups, placer)


@dataclass
class _Prompts:
    """Every different request: hash, minhash keys, stored place, given split, and an item that has it."""

    session: Session
    hashes: list[str]
    items: list[int]
    stored: list[tuple[str, int] | None]
    given: list[str | None]
    keys: np.ndarray

    @classmethod
    def read(cls, session: Session, there: ColumnElement[bool], scheme: str) -> _Prompts:
        query = (
            select(
                Item.id, Item.prompt_hash, Item.prompt, Item.given_split, PromptSplit.split, PromptSplit.fold
            )
            .outerjoin(PromptSplit, joined(scheme))
            .where(there)
            .order_by(Item.prompt_hash, Item.id)
        )
        made = cls(session, [], [], [], [], np.zeros((0, near_duplicates.BANDS), np.uint64))
        keys = [made.keys]
        last = None
        for chunk in parts(session, query):
            texts = []
            for row in chunk:
                if row.prompt_hash == last:
                    made.given[-1] = made.given[-1] or given_name(row.given_split)
                    continue
                last = row.prompt_hash
                made.hashes.append(row.prompt_hash)
                made.items.append(row.id)
                made.stored.append(None if row.split is None else (row.split, row.fold))
                made.given.append(given_name(row.given_split))
                texts.append(_text(row.prompt))
            keys.append(near_duplicates.bands(texts))
        made.keys = np.concatenate(keys)
        return made

    def texts(self, places: Sequence[int]) -> Iterator[tuple[int, str]]:
        for start in range(0, len(places), 500):
            part = {self.items[i]: i for i in places[start : start + 500]}
            rows = self.session.execute(select(Item.id, Item.prompt).where(Item.id.in_(list(part))))
            yield from ((part[r.id], _text(r.prompt)) for r in rows)


def _places(
    prompts: _Prompts, groups: near_duplicates.Groups, placer: Placer
) -> tuple[dict[str, tuple[str, int]], SplitReport]:
    """A group goes where its stored member stands, else where one was given, else where its first member's hash says."""
    leaders = groups.leader.tolist()
    standing: dict[int, set[str]] = {}
    folds: dict[int, int] = {}
    for place, leader in enumerate(leaders):
        stored, given = prompts.stored[place], prompts.given[place]
        split = stored[0] if stored else given
        if split is not None:
            standing.setdefault(leader, set()).add(split)
        if stored is not None:
            folds.setdefault(leader, stored[1])
    found: dict[str, tuple[str, int]] = {}
    for place, leader in enumerate(leaders):
        if prompts.stored[place] is not None:
            continue
        own = placer.by_hash(prompts.hashes[place])
        shared = placer.by_hash(prompts.hashes[leader])
        splits = standing.get(leader, set())
        split = prompts.given[place] or (
            next(iter(splits)) if len(splits) == 1 else own[0] if splits else shared[0]
        )
        found[prompts.hashes[place]] = (split, folds.get(leader, shared[1]))
    report = SplitReport(
        new_requests=len(found),
        near_duplicate_groups=groups.together,
        templates=groups.dissolved,
        joined_two=sum(len(s) > 1 for s in standing.values()),
    )
    return found, report


def _text(prompt: list[Any]) -> str:
    return "\n".join(str(m.get("content", "")) for m in prompt)
