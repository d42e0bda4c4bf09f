"""Storing items: all or nothing in the caller's transaction, the same item again is unchanged."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

import orjson
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.studies.errors import ItemChanged
from app.studies.importing import oddities
from app.studies.importing.oddities import Report
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


def store_items(session: Session, study: Study, rows: list[ItemRow], *, now: datetime) -> Stored:
    """Store what is new of ``rows``.

    Raises:
        ItemChanged: An id is there with other content; each is named and nothing is stored.
    """
    known = dict(
        session.execute(select(Item.external_id, Item.content_hash).where(Item.study_id == study.id)).all()
    )
    digests = {row.id: hashlib.sha256(row.content()).hexdigest() for row in rows}
    changed = [row for row in rows if known.get(row.id, digests[row.id]) != digests[row.id]]
    if changed:
        names = ", ".join(repr(r.id) for r in changed[:5])
        raise ItemChanged(
            f"{len(changed)} items are there with other content: {names}. Give changed items new ids.",
            errors=[
                {"where": r.where or r.id, "message": f"item {r.id!r} is there with other content"}
                for r in changed[:20]
            ],
        )
    fresh = [row for row in rows if row.id not in known]
    added: list[int] = []
    pairs: list[int] = []
    for start in range(0, len(fresh), BATCH):
        batch = fresh[start : start + BATCH]
        items = _insert(session, Item, [_item(study.id, row, digests[row.id], now) for row in batch])
        by_item = list(zip(items, batch, strict=True))
        responses = _insert(
            session, Response, [r for i, row in by_item for r in _responses(study.id, i, row)]
        )
        pairs += _insert(session, Pair, list(_pairs(study.id, by_item, responses)))
        added += items
    return Stored(added, len(rows) - len(fresh), pairs, oddities.look(fresh))


def prompt_hash(turns: list[dict[str, str]]) -> str:
    """SHA-256 of the prompt with case, width and white space folded: the unit that splits keep together."""
    folded = [
        [t["role"], " ".join(unicodedata.normalize("NFKC", t["content"]).casefold().split())] for t in turns
    ]
    return hashlib.sha256(orjson.dumps(folded)).hexdigest()


def _insert(session: Session, table: Any, rows: list[dict[str, Any]]) -> list[int]:
    """Insert and return the ids in the order of the rows."""
    if not rows:
        return []
    statement = insert(table).returning(table.id, sort_by_parameter_order=True)
    return list(session.scalars(statement, rows))


def _item(study_id: int, row: ItemRow, digest: str, now: datetime) -> dict[str, Any]:
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
        "flags": oddities.flags_of_item(row),
        "content_hash": digest,
        "prompt_hash": prompt_hash(row.prompt),
        "search_text": " ".join(asked.split())[:SHOWN],
        "added_at": now,
    }


def _responses(study_id: int, item_id: int, row: ItemRow) -> Iterator[dict[str, Any]]:
    for position, one in enumerate(row.responses):
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
            "flags": oddities.flags_of(one),
            "masks": oddities.masks(one),
        }


def _pairs(
    study_id: int, by_item: list[tuple[int, ItemRow]], responses: list[int]
) -> Iterator[dict[str, Any]]:
    at = 0
    for item_id, row in by_item:
        ids = {one.id: responses[at + n] for n, one in enumerate(row.responses)}
        order = {one.id: n for n, one in enumerate(row.responses)}
        at += len(row.responses)
        for first, second in row.pairs or combinations([r.id for r in row.responses], 2):
            a, b = sorted((first, second), key=order.__getitem__)
            yield {"study_id": study_id, "item_id": item_id, "first_id": ids[a], "second_id": ids[b]}
