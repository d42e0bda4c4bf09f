"""Votes collected elsewhere: JSON lines, a JSON list or CSV, all or nothing."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.api.deps import ResearcherId
from app.api.problems import answers
from app.http.sessions import Now, WriteSession
from app.http.uploads import Body
from app.judgments.importing.files import read_body, read_bundle
from app.judgments.importing.store import bring_in
from app.studies import reads

router = APIRouter(tags=["judgments"])

VOTE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["annotator_id", "item_id", "left", "right", "choice"],
    "properties": {
        "annotator_id": {"type": "string", "minLength": 1, "maxLength": 200},
        "item_id": {"type": "string", "minLength": 1, "maxLength": 200},
        "left": {"type": "string", "description": "Id of the response shown on the left"},
        "right": {"type": "string", "description": "Id of the response shown on the right"},
        "choice": {"enum": ["left", "right", "tie", "neither", "skip"]},
        "timestamp": {"type": "string", "description": "ISO 8601, or empty"},
        "extra": {"type": "object"},
    },
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {"schema": {"type": "string", "description": "One vote a line"}},
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"type": "array", "items": VOTE_SCHEMA},
                        {
                            "type": "object",
                            "required": ["judgments"],
                            "properties": {
                                "judgments": {"type": "array", "items": VOTE_SCHEMA},
                                "annotators": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "required": ["annotator_id"],
                                        "description": "annotator_id, and any attributes",
                                    },
                                },
                            },
                        },
                    ]
                }
            },
        },
    }
}


class JudgmentsAdded(BaseModel):
    added: int
    unchanged: int


@router.post(
    "/studies/{slug}/judgments/import",
    response_model=JudgmentsAdded,
    responses=answers(401, 403, 404, 413, 422),
    openapi_extra=BODY,
    max_body_size=4_096_000_000,
)
def bring(
    slug: str, request: Request, body: Body, session: WriteSession, who: ResearcherId, now: Now
) -> dict[str, Any]:
    """Bring votes collected elsewhere. One bad row and nothing is stored; each bad line is named. A row that was imported before
    is ``unchanged``. Exports of Argilla, Label Studio, Potato and arenas are known by their fields.
    """
    study = reads.get_study(session, slug, researcher_id=who, need="editor")
    bundle = read_bundle(body)
    read, told = bundle or (read_body(body, content_type=request.headers.get("content-type", "")), [])
    brought = bring_in(session, study, read.all_or_nothing(), annotators=told, by=who, now=now)
    return {"added": brought.added, "unchanged": brought.unchanged}
