"""Exact duplicates: the same request with the same two answers loaded twice counts as one pair."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.aggregation.protocol import Flags, Ints
from app.exports.given_places import starts_of
from app.exports.rowwise import plain, rows
from app.studies.tables import Item, Pair, Response


@dataclass(frozen=True)
class Merged:
    """Where each pair's votes go. into: int64 (n_pairs,), itself or an earlier pair.  flipped: bool (n_pairs,)."""

    into: Ints
    flipped: Flags

    @property
    def count(self) -> int:
        """Pairs whose votes went to another."""
        return int((self.into != np.arange(self.into.size)).sum())


def find(session: Session, study_id: int, pair_ids: Ints) -> Merged:
    """Compare the texts of pairs whose requests agree in their normalised form; only those can be duplicates."""
    into = np.arange(pair_ids.size, dtype=np.int64)
    flipped = np.zeros(pair_ids.size, bool)
    if not _any_twice(session, study_id):
        return Merged(into, flipped)
    first_of: dict[bytes, tuple[int, bytes]] = {}
    for pair_id, prompt, first, second in _suspects(session, study_id):
        place = int(np.searchsorted(pair_ids, pair_id))
        if place >= pair_ids.size or pair_ids[place] != pair_id:
            continue
        ends = hashlib.sha256(first.encode()).digest(), hashlib.sha256(second.encode()).digest()
        if ends[0] == ends[1]:
            continue
        request = orjson.dumps([(m.get("role"), m.get("content")) for m in prompt])
        key = hashlib.sha256(request + b"".join(sorted(ends))).digest()
        earlier, its_first = first_of.setdefault(key, (place, ends[0]))
        into[place], flipped[place] = earlier, its_first != ends[0]
    return Merged(into, flipped)


def _any_twice(session: Session, study_id: int) -> bool:
    """Whether any request is there twice, seen in the order in which items lie rather than that of hashes."""
    query = select(Item.prompt_hash).where(Item.study_id == study_id).order_by(Item.id)
    found = [starts_of([row[0] for row in chunk]) for chunk in plain(session, query)]
    starts = np.sort(np.concatenate([np.zeros(0, np.uint64), *found]))
    return bool((starts[1:] == starts[:-1]).any())


def _suspects(session: Session, study_id: int) -> Iterator[Any]:
    twice = (
        select(Item.prompt_hash)
        .where(Item.study_id == study_id)
        .group_by(Item.prompt_hash)
        .having(func.count() > 1)
    )
    first, second = aliased(Response), aliased(Response)
    query = (
        select(Pair.id, Item.prompt, first.text, second.text)
        .join(Item, Item.id == Pair.item_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .where(Pair.study_id == study_id, Item.prompt_hash.in_(twice))
        .order_by(Pair.id)
    )
    return rows(session, query)
