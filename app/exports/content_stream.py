"""Items, responses and the parts that requests are in, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orjson import loads
from sqlalchemy import select

from app.exports.given_places import Place
from app.exports.records import (
    ItemRecord,
    ResponseRecord,
    SplitRecord,
)
from app.exports.rowwise import parts, rows, unread
from app.exports.state import State
from app.exports.tidying import messages
from app.studies.tables import Item, Response


def items(state: State) -> Iterator[ItemRecord]:
    """Every item that was there by then, voted on or not."""
    query = (
        select(
            Item.external_id,
            unread(Item.prompt).label("prompt"),
            Item.prompt_hash,
            Item.topic,
            Item.kind,
            Item.gold,
            Item.flags,
            Item.retired_at,
            Item.details,
        )
        .where(Item.study_id == state.study.id, Item.added_at <= state.as_of)
        .order_by(Item.id)
    )
    for row, (split, _) in _placed(state, query):
        yield ItemRecord(
            item_id=row.external_id,
            prompt_id=row.prompt_hash[:16],
            prompt_sha256=row.prompt_hash,
            prompt=messages(loads(row.prompt)),
            topic=row.topic,
            kind=row.kind or state.spec.item_kind,
            gold_response_id=row.gold,
            flags=[str(f) for f in row.flags or []],
            retired=row.retired_at is not None and row.retired_at <= state.as_of,
            split=split,
            details=row.details or {},
        )


def responses(state: State) -> Iterator[ResponseRecord]:
    """Every response of every such item, in the item's order."""
    query = (
        select(
            Response.external_id,
            Item.external_id.label("item"),
            Response.position,
            Response.text,
            Response.model,
            Response.variant_of,
            Response.variant,
            Response.flags,
            Response.details,
        )
        .join(Item, Item.id == Response.item_id)
        .where(Item.study_id == state.study.id, Item.added_at <= state.as_of)
        .order_by(Item.id, Response.position, Response.id)
    )
    for row in rows(state.session, query):
        yield ResponseRecord(
            response_id=row.external_id,
            item_id=row.item,
            position=row.position,
            text=row.text,
            source=row.model,
            variant_of=row.variant_of,
            variant=row.variant,
            flags=[str(f) for f in row.flags or []],
            details=row.details or {},
        )


def split_rows(state: State) -> Iterator[SplitRecord]:
    """Every request with the part and the fold it was given."""
    query = (
        select(Item.prompt_hash)
        .where(Item.study_id == state.study.id, Item.added_at <= state.as_of)
        .distinct()
        .order_by(Item.prompt_hash)
    )
    for row, placed in _placed(state, query):
        yield SplitRecord(row.prompt_hash[:16], row.prompt_hash, *placed)


def _placed(state: State, query: Any) -> Iterator[tuple[Any, Place]]:
    """Rows that have a ``prompt_hash``, each with the part and the fold of its request."""
    for chunk in parts(state.session, query):
        yield from zip(chunk, state.placer.places([row.prompt_hash for row in chunk]), strict=True)
