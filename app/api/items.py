"""Items in: JSON lines or a JSON list, all or nothing."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.api.deps import ResearcherId
from app.api.problems import answers
from app.assignments import intake
from app.http.sessions import Now, WriteSession
from app.http.uploads import Body
from app.studies import reads
from app.studies.importing.rows import read_body

router = APIRouter(tags=["items"])

ITEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["prompt", "responses"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 200},
        "prompt": {"description": "A text, or turns of role and content"},
        "responses": {"type": "array", "minItems": 2, "items": {"type": "object", "required": ["text"]}},
    },
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {"schema": {"type": "string", "description": "One item a line"}},
            "application/json": {"schema": {"type": "array", "items": ITEM_SCHEMA}},
        },
    }
}


class ItemsAdded(BaseModel):
    added: int
    unchanged: int
    pairs: int


@router.post(
    "/studies/{slug}/items",
    response_model=ItemsAdded,
    responses=answers(401, 403, 404, 409, 413, 422),
    openapi_extra=BODY,
    max_body_size=4_096_000_000,
)
def add(
    slug: str, request: Request, body: Body, session: WriteSession, who: ResearcherId, now: Now
) -> dict[str, Any]:
    """Add items. One bad row and nothing is stored; each bad line is named. The same item again is ``unchanged``."""
    study = reads.get_study(session, slug, researcher_id=who, need="editor")
    rows = read_body(body, content_type=request.headers.get("content-type", ""))
    added = intake.add_items(session, study, rows, by=who, now=now)
    return {"added": added.added, "unchanged": added.unchanged, "pairs": added.pairs}
