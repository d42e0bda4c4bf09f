"""Storing items."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

import orjson
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.kit.ids import token_hash
from app.studies.errors import ItemChanged
from app.studies.importing.rows import ItemRow
from app.studies.tables import Item, Pair, Response, Study


@dataclass(frozen=True)
class Stored:
    added_item_ids: list[int]
    unchanged: int
    new_pair_ids: list[int]
    report: Any = None


def store_items(session: Session, study: Study, rows: list[ItemRow], *, now: datetime) -> Stored:
    known = dict(
        session.execute(select(Item.external_id, Item.content_hash).where(Item.study_id == study.id)).all()
    )
    fresh, unchanged = [], 0
    for row in rows:
        digest = token_hash(orjson.dumps(row, option=orjson.OPT_SORT_KEYS, default=str).decode())
        if row.id in known:
            if known[row.id] != digest:
                raise ItemChanged
            unchanged += 1
            continue
        known[row.id] = digest
        fresh.append((row, digest))
    added, pairs = [], []
    for row, digest in fresh:
        prompt_hash = token_hash(orjson.dumps(row.prompt).decode())
        item = session.execute(
            insert(Item)
            .values(
                study_id=study.id,
                external_id=row.id,
                prompt=row.prompt,
                topic=row.topic,
                kind=row.kind,
                gold=row.gold,
                given_split=row.split,
                details=row.metadata,
                flags=[],
                content_hash=digest,
                prompt_hash=prompt_hash,
                search_text=row.prompt[-1]["content"][:300],
                added_at=now,
            )
            .returning(Item.id)
        ).scalar_one()
        added.append(item)
        ids = {}
        for position, one in enumerate(row.responses):
            ids[one.id] = session.execute(
                insert(Response)
                .values(
                    item_id=item,
                    study_id=study.id,
                    external_id=one.id,
                    position=position,
                    model=one.model,
                    text=one.text,
                    embedding=one.embedding,
                    details=one.metadata,
                    variant_of=one.variant_of,
                    variant=one.variant,
                    flags=[],
                    masks=[],
                )
                .returning(Response.id)
            ).scalar_one()
        for a, b in row.pairs or combinations([r.id for r in row.responses], 2):
            pairs.append(
                session.execute(
                    insert(Pair)
                    .values(study_id=study.id, item_id=item, first_id=ids[a], second_id=ids[b])
                    .returning(Pair.id)
                ).scalar_one()
            )
    return Stored(added, unchanged, pairs)
