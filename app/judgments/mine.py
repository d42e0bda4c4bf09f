"""One person's own view of what they gave: for their download and for the page about them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.judgments import reads
from app.kit.clock import iso
from app.people.tables import Annotator, AnnotatorEvent
from app.studies import masking
from app.studies.tables import Item, Response, Study


def everything(session: Session, study: Study, annotator: Annotator) -> dict[str, Any]:
    """All that this person gave, as JSON: consent, attributes, every answer with what it was given to, replaced ones too.

    Which AI wrote a text is not told, here as elsewhere, so that nobody learns to spot them.
    """
    rows = reads.list_all_of_person(session, annotator.id)
    items = {i.id: i for i in session.scalars(select(Item).where(Item.id.in_({r.item_id for r in rows})))}
    wanted = {r.left_id for r in rows} | {r.right_id for r in rows}
    texts = {r.id: r for r in session.scalars(select(Response).where(Response.id.in_(wanted)))}
    events = session.scalars(
        select(AnnotatorEvent).where(AnnotatorEvent.annotator_id == annotator.id).order_by(AnnotatorEvent.id)
    )
    return {
        "study": {"slug": study.slug, "title": study.title},
        "pseudonym": annotator.pseudonym,
        "joined_at": iso(annotator.joined_at),
        "consented_at": iso(annotator.consented_at),
        "consent_version": annotator.consent_version,
        "attributes": annotator.attributes,
        "opted_out_topics": annotator.opted_out_topics,
        "events": [{"at": iso(e.at), "kind": e.kind, "detail": e.detail} for e in events],
        "judgments": [_one(r, items[r.item_id], texts[r.left_id], texts[r.right_id]) for r in rows],
        "meta_answers": [],
    }


def _one(row: Any, item: Item, left: Response, right: Response) -> dict[str, Any]:
    return {
        "judgment_id": row.id,
        "replaces": row.supersedes,
        "answered_at": iso(row.answered_at),
        "item_id": item.external_id,
        "prompt": item.prompt,
        "left": masking.shown(left.text, left.masks),
        "right": masking.shown(right.text, right.masks),
        "choice": row.choice,
        "strength": row.strength,
        "aspects": row.aspects,
        "rationale": row.rationale,
        "reason_tags": row.reason_tags,
        "skip_reason": row.skip_reason,
        "tie_reason": row.tie_reason,
        "better": row.better,
        "stance": row.stance,
        "spans": [
            {
                "side": "left" if s["response_id"] == row.left_id else "right",
                "start": masking.shown_offset(s["start"], _side(s, row, left, right).masks, is_end=False),
                "end": masking.shown_offset(s["end"], _side(s, row, left, right).masks, is_end=True),
                "tag": s["tag"],
            }
            for s in row.spans or []
        ],
        "predicted_share": row.predicted_share,
        "confidence": row.confidence,
        "view": row.view,
        "elapsed_ms": row.elapsed_ms,
        "timing": row.timing,
        "late": row.late,
    }


def _side(span: dict[str, Any], row: Any, left: Response, right: Response) -> Response:
    return left if span["response_id"] == row.left_id else right
