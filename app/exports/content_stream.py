"""Items, responses and the parts that requests are in, streamed."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from app.exports import splits
from app.exports.records import (
    ItemRecord,
    ResponseRecord,
    SplitRecord,
)
from app.exports.rowwise import rows
from app.exports.state import State
from app.exports.tables import PromptSplit
from app.exports.tidying import messages
from app.studies.tables import Item, Response


def items(state: State) -> Iterator[ItemRecord]:
    """Every item that was there by then, voted on or not."""
    query = (
        select(
            Item.external_id,
            Item.prompt,
            Item.prompt_hash,
            Item.topic,
            Item.kind,
            Item.gold,
            Item.flags,
            Item.retired_at,
            Item.details,
            PromptSplit.split,
            PromptSplit.fold,
        )
        .outerjoin(PromptSplit, splits.joined(state.options.split))
        .where(Item.study_id == state.study.id, Item.added_at <= state.as_of)
        .order_by(Item.id)
    )
    for row in rows(state.session, query):
        yield ItemRecord(
            item_id=row.external_id,
            prompt_id=row.prompt_hash[:16],
            prompt_sha256=row.prompt_hash,
            prompt=messages(row.prompt),
            topic=row.topic,
            kind=row.kind or state.spec.item_kind,
            gold_response_id=row.gold,
            flags=[str(f) for f in row.flags or []],
            retired=row.retired_at is not None and row.retired_at <= state.as_of,
            split=state.placer.place(row.prompt_hash, row.split, row.fold)[0],
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
        select(Item.prompt_hash, PromptSplit.split, PromptSplit.fold)
        .outerjoin(PromptSplit, splits.joined(state.options.split))
        .where(Item.study_id == state.study.id, Item.added_at <= state.as_of)
        .distinct()
        .order_by(Item.prompt_hash)
    )
    for prompt_hash, split, fold in rows(state.session, query):
        placed = state.placer.place(prompt_hash, split, fold)
        yield SplitRecord(prompt_hash[:16], prompt_hash, *placed)
