"""Storing items: all or nothing in the caller's transaction, the same item again is unchanged."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

import orjson
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.studies.errors import ItemChanged
from app.studies.importing.errors import MOST_NAMED
from app.studies.importing.oddities import Report, Seen, inspect
from app.studies.importing.rows import ItemRow
from app.studies.tables import Item, Pair, Response, Study

BATCH = 1000
SHOWN = 300


@dataclass(frozen=True)
class Stored:
    """What was new, what was there already, and what was odd."""

    added_item_ids: list[int]
    unchanged: int
    new_pair_ids: list[int]
    report: Report


@dataclass(frozen=True)
class Compared:
    """Rows beside what the study holds: new ones with their digests, those that are there alike, those there with other content."""

    fresh: list[tuple[ItemRow, str]]
    unchanged: int
    changed: list[ItemRow]


def compare(session: Session, study: Study, rows: Sequence[ItemRow]) -> Compared:
    """What storing ``rows`` would add. Reads only the items that they name."""
    known: dict[str, str] = {}
    for start in range(0, len(rows), BATCH):
        ids = [row.id for row in rows[start : start + BATCH]]
        known |= dict(
            session.execute(
                select(Item.external_id, Item.content_hash).where(
                    Item.study_id == study.id, Item.external_id.in_(ids)
                )
            ).all()
        )
    digests = [(row, hashlib.sha256(row.content()).hexdigest()) for row in rows]
    return Compared(
        fresh=[(row, digest) for row, digest in digests if row.id not in known],
        unchanged=sum(known.get(row.id) == digest for row, digest in digests),
        changed=[row for row, digest in digests if known.get(row.id, digest) != digest],
    )


def store_items(session: Session, study: Study, rows: Sequence[ItemRow], *, now: datetime) -> Stored:
    """Store what is new of ``rows``, whose ids are distinct. Two imports into one study wait for each other.

    Raises:
        ItemChanged: An id is there with other content; the first twenty are named and nothing is stored.
    """
    session.execute(select(Study.id).where(Study.id == study.id).with_for_update(key_share=True))
    compared = compare(session, study, rows)
    if compared.changed:
        raise _changed(compared.changed)
    last_pair = _last_id(session, Pair, study.id)
    report = Report()
    added: list[int] = []
    for start in range(0, len(compared.fresh), BATCH):
        batch = [(row, digest, inspect(row)) for row, digest in compared.fresh[start : start + BATCH]]
        last_item = _last_id(session, Item, study.id)
        _insert(session, Item, (_item(study.id, row, digest, seen, now) for row, digest, seen in batch))
        ids = _ids_after(session, Item, study.id, last_item)
        by_item = [(item_id, row, seen) for item_id, (row, _, seen) in zip(ids, batch, strict=True)]
        _insert(session, Response, (r for one in by_item for r in _responses(study.id, *one)))
        responses = _response_ids(session, ids)
        _insert(session, Pair, (p for one in by_item for p in _pairs(study.id, one[0], one[1], responses)))
        added += ids
        for _, row, seen in by_item:
            report.add(row, seen)
    pairs = _ids_after(session, Pair, study.id, last_pair)
    return Stored(added, compared.unchanged, pairs, report)


def _changed(rows: list[ItemRow]) -> ItemChanged:
    names = ", ".join(repr(r.id) for r in rows[:5]) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
    there = "1 item is there" if len(rows) == 1 else f"{len(rows)} items are there"
    return ItemChanged(
        f"{there} with other content: {names}. Give changed items new ids.",
        errors=[
            {"where": r.where or r.id, "message": f"item {r.id!r} is there with other content"}
            for r in rows[:MOST_NAMED]
        ],
    )


def prompt_hash(turns: list[dict[str, str]]) -> str:
    """SHA-256 of the prompt with case, width and white space folded: the unit that splits keep together."""
    folded = [
        [t["role"], " ".join(unicodedata.normalize("NFKC", t["content"]).casefold().split())] for t in turns
    ]
    return hashlib.sha256(orjson.dumps(folded)).hexdigest()


def _insert(session: Session, table: Any, rows: Iterable[dict[str, Any]]) -> None:
    """Insert in bulk. Ids are read back afterwards: rows of one statement get theirs in order, under the study's lock."""
    given = list(rows)
    if given:
        session.execute(insert(table.__table__), given)


def _last_id(session: Session, table: Any, study_id: int) -> int:
    return session.scalar(select(func.max(table.id)).where(table.study_id == study_id)) or 0


def _ids_after(session: Session, table: Any, study_id: int, last: int) -> list[int]:
    mine = select(table.id).where(table.study_id == study_id, table.id > last)
    return list(session.scalars(mine.order_by(table.id)))


def _response_ids(session: Session, items: list[int]) -> dict[tuple[int, str], int]:
    """Ids of the responses of new items, by item and by their own name."""
    found = session.execute(
        select(Response.item_id, Response.external_id, Response.id).where(
            Response.item_id.between(items[0], items[-1])
        )
    )
    return {(item_id, name): response_id for item_id, name, response_id in found}


def _item(study_id: int, row: ItemRow, digest: str, seen: Seen, now: datetime) -> dict[str, Any]:
    asked = next(
        (t["content"] for t in reversed(row.prompt) if t["role"] == "user"), row.prompt[-1]["content"]
    )
    return {
        "study_id": study_id,
        "external_id": row.id,
        "prompt": row.prompt,
        "topic": row.topic,
        "kind": row.kind,
        "gold": row.gold,
        "given_split": row.split,
        "details": row.metadata,
        "flags": seen.flags,
        "content_hash": digest,
        "prompt_hash": prompt_hash(row.prompt),
        "search_text": " ".join(asked.split())[:SHOWN],
        "added_at": now,
    }


def _responses(study_id: int, item_id: int, row: ItemRow, seen: Seen) -> Iterator[dict[str, Any]]:
    for position, (one, (flags, masks)) in enumerate(zip(row.responses, seen.responses, strict=True)):
        yield {
            "item_id": item_id,
            "study_id": study_id,
            "external_id": one.id,
            "position": position,
            "model": one.model,
            "text": one.text,
            "embedding": one.embedding,
            "details": one.metadata,
            "variant_of": one.variant_of,
            "variant": one.variant,
            "flags": flags,
            "masks": masks,
        }


def _pairs(
    study_id: int, item_id: int, row: ItemRow, responses: dict[tuple[int, str], int]
) -> Iterator[dict[str, Any]]:
    order = {one.id: n for n, one in enumerate(row.responses)}
    listed = combinations(order, 2) if row.pairs is None else row.pairs
    for pair in listed:
        first, second = (responses[item_id, name] for name in sorted(pair, key=order.__getitem__))
        yield {"study_id": study_id, "item_id": item_id, "first_id": first, "second_id": second}
