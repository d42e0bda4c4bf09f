"""What researchers do to patches: take one away, put it back, switch a kind, settle an influence. Each act is logged with who and when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.judgments import refits
from app.kit.errors import Malformed, NotFound, Where
from app.metapreferences import reads, writes
from app.metapreferences.tables import Patch
from app.metapreferences.writes import By
from app.questions.protocol import PatchDraft
from app.studies import writes as studies
from app.studies.spec import META_KINDS
from app.studies.tables import Study

SETTLED_BY = "M1"


def revoke(session: Session, study: Study, patch_id: str, *, by: int | None, now: datetime) -> Patch:
    """End a patch of this study. Raises NotFound, PatchRevoked."""
    patch = _of(session, study, patch_id)
    writes.revoke(session, patch, by=By(researcher_id=by), now=now, why="switched")
    _note(session, study, "patch_revoked", by, now, patch=patch)
    return patch


def restore(session: Session, study: Study, patch_id: str, *, by: int | None, now: datetime) -> Patch:
    """Give a patch of this study effect again. Raises NotFound, PatchActive, PersonGone, Replaced, EndedByPerson."""
    patch = _of(session, study, patch_id)
    writes.restore(session, patch, by=By(researcher_id=by), now=now)
    _note(session, study, "patch_restored", by, now, patch=patch)
    return patch


def switch(session: Session, study: Study, kind: str, *, on: bool, by: int | None, now: datetime) -> bool:
    """Let the patches of a kind have effect, or none; whether that changed anything. Raises Malformed for a kind there is not."""
    if kind not in META_KINDS:
        message = f"{kind!r} is not one of {', '.join(META_KINDS)}"
        raise Malformed(message, errors=[{"where": "kind", "message": message}])
    _one_at_a_time(session, study)
    changed = writes.switch(session, study.id, kind, on=on, by=By(researcher_id=by), now=now)
    if changed:
        _note(session, study, "kind_switched_on" if on else "kind_switched_off", by, now, of=kind)
    return changed


def settle(
    session: Session,
    study: Study,
    influence: str,
    endorsed: float,
    *,
    group: str | None = None,
    by: int | None,
    now: datetime,
) -> Patch:
    """Say for the whole study, or for one group, how much of an influence should count; it stands in place of people's own answers
    until it is revoked. An earlier settlement of the same thing ends.

    Raises:
        Malformed: The share is not within 0 to 1.
    """
    _one_at_a_time(session, study)
    errors: list[Where] = []
    if not 0.0 <= endorsed <= 1.0:
        errors.append(
            {"where": "endorsed", "message": "a share from 0 (should not count) to 1 (should count)"}
        )
    if not influence:
        errors.append({"where": "influence", "message": "name an influence"})
    if errors:
        raise Malformed("; ".join(f"{e['where']}: {e['message']}" for e in errors), errors=errors)
    scope = "study" if group is None else "group"
    who = By(researcher_id=by)
    for listed in reads.list_patches(session, study.id, target_id=influence):
        old = listed.patch
        same = (old.scope, old.group_label, old.target_type, old.var) == (
            scope,
            group,
            "influence",
            "endorsed",
        )
        if same and reads.holds(session, old.id):
            writes.revoke(session, old, by=who, now=now, why="replaced")
    draft = PatchDraft(scope, "influence", influence, "endorsed", endorsed)
    patch = writes.make(session, study.id, draft, kind=SETTLED_BY, by=who, now=now, group=group)
    _note(session, study, "influence_settled", by, now, patch=patch, endorsed=endorsed, group=group)
    return patch


def _one_at_a_time(session: Session, study: Study) -> None:
    """Let one settlement or switch of a study through at a time: the second sees what the first did. SQLite has one writer anyway."""
    session.execute(select(Study.id).where(Study.id == study.id).with_for_update(key_share=True))


def _of(session: Session, study: Study, patch_id: str) -> Patch:
    patch = reads.get_patch(session, patch_id, lock=True)
    if patch.study_id != study.id:
        raise NotFound
    return patch


def _note(
    session: Session, study: Study, what: str, by: int | None, now: datetime, *, patch: Patch | None = None, **more: object
) -> None:  # fmt: skip
    told: dict[str, object] = (
        {} if patch is None else {"patch": patch.id, "of": patch.kind, "about": patch.target_id}
    )
    told |= {k: v for k, v in more.items() if v is not None}
    studies.log(session, study, what, by=by, now=now, **told)
    refits.ask_for_fit(session, study.id, now=now, delay_s=0)
