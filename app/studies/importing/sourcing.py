"""Which answers of a study matched probes can be made from."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.studies.importing.probes import Source
from app.studies.tables import Item, Response


def probe_sources(session: Session, study_id: int) -> list[Source]:
    """Responses that a matched probe can be made from: of items that are asked about, and no probes themselves."""
    rows = session.execute(
        select(Item.external_id, Item.prompt, Response.external_id, Response.text, Item.topic, Item.kind)
        .join(Item, Item.id == Response.item_id)
        .where(Response.study_id == study_id, Item.retired_at.is_(None), Item.gold.is_(None))
        .order_by(Response.id)
    ).all()
    probes = set(
        session.scalars(
            select(Item.external_id)
            .join(Response, Response.item_id == Item.id)
            .where(Response.study_id == study_id, Response.variant_of.is_not(None))
        )
    )
    return [Source(*row) for row in rows if row[0] not in probes]
