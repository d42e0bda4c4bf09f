"""All that one person gave, what they said about their choices with it: for their own download."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.judgments import mine as judgments
from app.kit.clock import iso
from app.metapreferences import reads
from app.metapreferences.tables import MetaEvent, Patch
from app.people.tables import Annotator
from app.studies.tables import Study


def everything(session: Session, study: Study, annotator: Annotator) -> dict[str, Any]:
    """As ``judgments.mine.everything``, with every answer about the choices and whether it has effect."""
    patches: dict[str | None, list[dict[str, Any]]] = {}
    for listed in reads.list_patches(session, study.id, annotator_id=annotator.id):
        patches.setdefault(listed.patch.source_event_id, []).append(_effect(listed.patch, listed.active))
    answers = [
        {**_answer(e), "effects": patches.get(e.id, [])}
        for e in reads.list_all_of_person(session, annotator.id)
    ]
    return {**judgments.everything(session, study, annotator), "meta_answers": answers}


def _answer(event: MetaEvent) -> dict[str, Any]:
    return {
        "meta_answer_id": event.id,
        "replaces": event.supersedes,
        "kind": event.kind,
        "question": event.text,
        "options": event.option_order,
        "about": event.evidence,
        "answer": event.answer,
        "text": event.answer_text,
        "answered_at": iso(event.answered_at),
        "elapsed_ms": event.elapsed_ms,
    }


def _effect(patch: Patch, active: bool) -> dict[str, Any]:
    return {
        "patch_id": patch.id,
        "about": patch.target_id,
        "what": patch.var,
        "value": patch.value,
        "stood": patch.stood,
        "shown": patch.shown,
        "active": active,
    }
