"""A person's own choices as evidence beside a question: what they saw, masked as they saw it, and what they chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.assignments.tables import Assignment
from app.judgments.tables import Judgment
from app.kit.clock import iso
from app.studies import masking
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Item


def choices(
    session: Session, spec: StudySpec, annotator_id: int, judgment_ids: Sequence[str]
) -> list[dict[str, Any]]:
    """These choices of this person, in the order given; those of others, and those that are gone, are left out."""
    rows = {
        j.id: j
        for j in session.scalars(
            select(Judgment).where(Judgment.id.in_(list(judgment_ids)), Judgment.annotator_id == annotator_id)
        )
    }
    items = {
        i.id: i for i in session.scalars(select(Item).where(Item.id.in_({r.item_id for r in rows.values()})))
    }
    texts = studies.responses_by_id(
        session, sorted({r.left_id for r in rows.values()} | {r.right_id for r in rows.values()})
    )
    mask = spec.display.mask_model_names

    def shown(key: int) -> str:
        return masking.shown(texts[key].text, texts[key].masks) if mask else texts[key].text

    return [
        {
            "judgment_id": key,
            "assignment_id": rows[key].assignment_id,
            "item_id": items[rows[key].item_id].external_id,
            "prompt": items[rows[key].item_id].prompt,
            "left": {"text": shown(rows[key].left_id)},
            "right": {"text": shown(rows[key].right_id)},
            "choice": rows[key].choice,
            "answered_at": iso(rows[key].answered_at),
        }
        for key in judgment_ids
        if key in rows
    ]


def question(session: Session, spec: StudySpec, assignment: Assignment) -> dict[str, Any]:
    """A meta-question as CONTRACT section 5 lays it out. ``consequences`` are choices that some answers would turn over; an answer
    may say of each, under ``stands``, whether the person stands by that.
    """
    payload = assignment.payload or {}
    evidence = choices(session, spec, assignment.annotator_id, payload["evidence"])
    out = {
        "assignment_id": assignment.id,
        "kind": assignment.kind,
        "text": f"{payload['lead']} {payload['text']}".strip(),
        "evidence": [_public(e) for e in evidence],
        "options": payload["options"],
        "expires_at": iso(assignment.expires_at),
    }
    if payload.get("texts"):
        out["texts"] = payload["texts"]
    if payload.get("ranks"):
        out["ranking"] = 2
    if payload.get("cases"):
        turned = {c["judgment_id"]: c["turned"] for c in payload["cases"]}
        cases = choices(session, spec, assignment.annotator_id, list(turned))
        out["consequences"] = {
            "when": payload["needs_cases"],
            "cases": [{**_public(c), "turned": turned[c["judgment_id"]]} for c in cases],
        }
    return out


def _public(choice: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in choice.items() if k != "assignment_id"}
