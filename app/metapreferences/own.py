"""What a person does to their own patches: take one back, let it count again. Labels that rest on them are worked out anew."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.judgments import refits
from app.kit.errors import NotFound
from app.metapreferences import reads, writes
from app.metapreferences.tables import Patch
from app.metapreferences.writes import By
from app.people.tables import Annotator


def undo(session: Session, annotator: Annotator, patch_id: str, *, now: datetime) -> Patch:
    """Take back what changed because this person said so. Raises NotFound for anybody else's, PatchRevoked."""
    patch = _of(session, annotator, patch_id)
    writes.revoke(session, patch, by=By(annotator_id=annotator.id), now=now)
    refits.ask_for_fit(session, annotator.study_id, now=now)
    return patch


def redo(session: Session, annotator: Annotator, patch_id: str, *, now: datetime) -> Patch:
    """Let it count again, where it was they who took it back. Raises NotFound, PatchActive, EndedByResearcher, Replaced."""
    patch = _of(session, annotator, patch_id)
    writes.restore(session, patch, by=By(annotator_id=annotator.id), now=now)
    refits.ask_for_fit(session, annotator.study_id, now=now)
    return patch


def _of(session: Session, annotator: Annotator, patch_id: str) -> Patch:
    patch = reads.get_patch(session, patch_id, lock=True)
    if patch.annotator_id != annotator.id:
        raise NotFound
    return patch
