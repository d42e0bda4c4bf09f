"""Which part of a dataset a request goes to: decided by a hash, given once, kept in every later export."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import orjson
from sqlalchemy import ColumnElement, Integer, String, and_, func, literal, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.db.base import Moment
from app.db.session import Database
from app.exports import near_duplicates
from app.exports.given_places import GivenPlaces, Place
from app.exports.near_duplicates import Groups
from app.exports.rowwise import plain, unread
from app.exports.tables import PromptSplit
from app.kit.ids import keyed_hash
from app.studies.tables import Item, Study

FOLDS = 5
_SYNONYMS = {
    "training": "train", "val": "validation", "valid": "validation", "dev": "validation", "eval": "validation",
    "heldout": "test", "held_out": "test",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_]{1,32}")
_BATCH = 5000


@dataclass(frozen=True)
class Placer:
    """Where a request goes: where it was given a place, else where its hash says. ``given`` is what is stored, and for a preview
    what would be.
    """

    salt: str
    shares: tuple[int, int, int]
    given: GivenPlaces = field(default_factory=GivenPlaces)

    def places(self, hashes: Sequence[str]) -> list[Place]:
        """Part and fold of each of these requests."""
        kinds = self.given.kinds
        return [
            kinds[code] if code >= 0 else self.by_hash(name)
            for code, name in zip(self.given.codes(hashes).tolist(), hashes, strict=True)
        ]

    def by_hash(self, prompt_hash: str) -> Place:
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
    with database.read() as session:
        decision = _decide(session, study, scheme=scheme, shares=shares, as_of=as_of)
    places = decision.places()
    while part := list(islice(places, _BATCH)):
        with database.write() as session:
            _store(session, part, study_id=study.id, scheme=scheme, now=now)
    return decision.report()


def with_pending(
    session: Session, study: Study, *, scheme: str, shares: tuple[int, int, int], as_of: datetime
) -> GivenPlaces:
    """The stored places and those that requests without one would be given, for a preview; nothing is stored."""
    stored = GivenPlaces.load(session, study.id, scheme)
    places = _decide(session, study, scheme=scheme, shares=shares, as_of=as_of).places()
    fresh = iter(lambda: list(islice(places, _BATCH)), [])
    return stored.joined(GivenPlaces.gather(fresh))


def _store(
    session: Session, places: list[tuple[str, str, int]], *, study_id: int, scheme: str, now: datetime
) -> None:
    """One statement for many rows, handed over as lists: a statement a row takes longer than finding all the places."""
    always = (literal(study_id), literal(scheme), literal(now, Moment))
    insert: Any
    if session.get_bind().dialect.name == "postgresql":
        insert = postgresql.insert
        columns = zip(zip(*places, strict=True), (String, String, Integer), strict=True)
        told = [func.unnest(literal(list(values), postgresql.ARRAY(kind))) for values, kind in columns]
        rows = select(*always, *told)
    else:
        insert = sqlite.insert
        each = func.json_each(orjson.dumps(places).decode()).table_valued("value")
        rows = select(*always, *(func.json_extract(each.c.value, f"$[{n}]") for n in range(3))).where(true())
    into = ("study_id", "scheme", "given_at", "prompt_hash", "split", "fold")
    session.execute(insert(PromptSplit).from_select(into, rows).on_conflict_do_nothing())


def _decide(
    session: Session, study: Study, *, scheme: str, shares: tuple[int, int, int], as_of: datetime
) -> _Decision:
    """Every request with its near-duplicates; none at all where each has its place, which is soon found out."""
    there = and_(Item.study_id == study.id, Item.added_at <= as_of)
    prompts, groups = _Prompts(), Groups(np.zeros(0, np.int64), 0)
    stored = and_(
        PromptSplit.study_id == Item.study_id,
        PromptSplit.scheme == scheme,
        PromptSplit.prompt_hash == Item.prompt_hash,
    )
    missing = select(Item.id).where(there, ~select(PromptSplit.fold).where(stored).exists())
    if session.scalar(missing.limit(1)) is not None:
        given = GivenPlaces.load(session, study.id, scheme)
        prompts = _Prompts.read(session, there, given)
        groups = near_duplicates.group(prompts.signs, lambda places: prompts.texts(session, places))
        prompts.signs = prompts.signs[:0]
    return _Decision(prompts, groups, Placer(salt_of(study), shares))


@dataclass
class _Prompts:
    """Every different request, as arrays in the order of hashes: n is the number of requests.

    hashes: uint8 (n, 32).  items: int64 (n,), the number of an item that asks it.  signs: uint8 (n, 32), for near-duplicates.
    stored, given: int8 (n,), the part it has or an item brought along, as a place in ``names``; -1 = none.
    fold: int8 (n,), -1 = none.
    """

    names: list[str] = field(default_factory=list)
    hashes: np.ndarray = field(default_factory=lambda: np.zeros((0, 32), np.uint8))
    items: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    signs: np.ndarray = field(default_factory=lambda: np.zeros((0, near_duplicates.BINS), np.uint8))
    stored: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int8))
    given: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int8))
    fold: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int8))

    @classmethod
    def read(cls, session: Session, there: ColumnElement[bool], places: GivenPlaces) -> _Prompts:
        """Of several items that ask the same the first stands for all, and the first that brought a part along decides."""
        n = session.scalar(select(func.count()).select_from(Item).where(there)) or 0
        names = {split: number for number, split in enumerate(dict.fromkeys(s for s, _ in places.kinds))}
        found = cls(
            hashes=np.zeros((n, 32), np.uint8),
            items=np.zeros(n, np.int64),
            signs=np.zeros((n, near_duplicates.BINS), np.uint8),
            stored=np.zeros(n, np.int8),
            given=np.zeros(n, np.int8),
            fold=np.zeros(n, np.int8),
        )
        columns = (Item.id, Item.prompt_hash, unread(Item.prompt), Item.given_split)
        start = 0
        for chunk in plain(session, select(*columns).where(there).order_by(Item.id)):
            part = slice(start, start + len(chunk))
            items, hashes, texts, given = zip(*chunk, strict=True)
            brought = [given_name(name) for name in given]
            found.items[part] = items
            found.hashes[part] = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, 32)
            found.signs[part] = near_duplicates.signatures([_text(orjson.loads(text)) for text in texts])
            found.given[part] = [-1 if b is None else names.setdefault(b, len(names)) for b in brought]
            codes = places.codes(hashes)
            found.stored[part] = np.asarray([*(names[split] for split, _ in places.kinds), -1])[codes]
            found.fold[part] = np.asarray([*(fold for _, fold in places.kinds), -1])[codes]
            start = part.stop
        found.names = list(names)
        found._keep_first()
        return found

    def _keep_first(self) -> None:
        """Bring the requests into the order of their hashes, each once."""
        digits = self.hashes.view(">u8")
        order = np.lexsort(digits.T[::-1])
        new = np.zeros(order.size, bool)
        new[:1] = True
        for column in digits.T:
            ordered = column[order]
            new[1:] |= ordered[1:] != ordered[:-1]
        which = np.cumsum(new) - 1
        bring = np.flatnonzero(self.given[order] >= 0)[::-1]
        given = np.full(int(new.sum()), -1, np.int8)
        given[which[bring]] = self.given[order[bring]]
        first = order[new]
        self.given = given
        self.hashes, self.items = self.hashes[first], self.items[first]
        self.signs, self.stored, self.fold = self.signs[first], self.stored[first], self.fold[first]

    def texts(self, session: Session, places: Sequence[int]) -> Iterator[tuple[int, str]]:
        """The requests at these places."""
        for start in range(0, len(places), 500):
            part = {int(self.items[i]): i for i in places[start : start + 500]}
            rows = session.execute(select(Item.id, unread(Item.prompt)).where(Item.id.in_(list(part))))
            yield from ((part[number], _text(orjson.loads(text))) for number, text in rows)


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
        """For each leader how many different places its group has already, and one of them; int32 and int16 (n,)."""
        given = self.prompts
        known = np.where(given.stored >= 0, given.stored, given.given).astype(np.int64)
        there = known >= 0
        base = max(1, len(given.names))
        both = np.unique(self.groups.leader[there] * base + known[there])
        count = np.bincount(both // base, minlength=known.size).astype(np.int32)
        one = np.full(known.size, -1, np.int16)
        one[both // base] = both % base
        return count, one

    def places(self) -> Iterator[tuple[str, str, int]]:
        """Hash, split and fold of every request that has no place yet."""
        given, leader = self.prompts, self.groups.leader
        count, one = self.standing
        fold = np.full(leader.size, -1, np.int8)
        stored = np.flatnonzero(given.fold >= 0)[::-1]
        fold[leader[stored]] = given.fold[stored]
        for place in map(int, np.flatnonzero(given.stored < 0)):
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
