"""The verbs about meta-answers and patches: keep an answer with what follows from it, take a patch away, put it back, switch a kind.

Each is one transaction of the caller's: an answer and its patches are stored together or not at all, and nothing is altered
but by a later event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.judgments.tables import Judgment
from app.kit.ids import new_id
from app.metapreferences import reads
from app.metapreferences.errors import (
    EndedByPerson,
    EndedByResearcher,
    PatchActive,
    PatchRevoked,
    PersonGone,
    Replaced,
)
from app.metapreferences.rules import BEGINS, FOR_GOOD
from app.metapreferences.tables import MetaEvent, Patch, PatchEvent
from app.people.tables import Annotator
from app.questions import registry
from app.questions.protocol import MetaAnswer, MetaView, PatchDraft
from app.questions.wording import words
from app.studies import reads as studies
from app.studies.tables import Study


@dataclass(frozen=True)
class Asked:
    """A meta-question as it was shown."""

    kind: str
    template: str
    version: int
    text: str
    options: tuple[str, ...]
    form: str = "plain"
    evidence: tuple[str, ...] = ()
    trigger: dict[str, Any] = field(default_factory=dict)
    preview: dict[str, Any] | None = None
    assignment_id: str | None = None
    judgment_id: str | None = None
    work_session: int | None = None


@dataclass(frozen=True)
class By:
    """Who did it: a person about their own patches, a researcher, or neither (the study's own rules)."""

    annotator_id: int | None = None
    researcher_id: int | None = None


def record(
    session: Session,
    study_id: int,
    annotator: Annotator,
    asked: Asked,
    answer: MetaAnswer,
    drafts: Sequence[PatchDraft],
    *,
    now: datetime,
    shown_at: datetime,
    supersedes: MetaEvent | None = None,
    source: str = "page",
    client_token: str | None = None,
    elapsed_ms: int | None = None,
) -> MetaEvent:
    """Keep an answer and make its patches. Where it replaces an earlier answer, that one's patches end in the same moment."""
    given = {k: v for k, v in asdict(answer).items() if k != "text" and v}
    given["choice"] = answer.choice
    event = MetaEvent(
        id=new_id(now), study_id=study_id, annotator_id=annotator.id, assignment_id=asked.assignment_id,
        judgment_id=asked.judgment_id, supersedes=supersedes.id if supersedes else None, kind=asked.kind,
        template=asked.template, template_version=asked.version, form=asked.form, text=asked.text,
        option_order=list(asked.options), evidence=list(asked.evidence), trigger=asked.trigger,
        preview_effect=asked.preview, answer=given, answer_text=answer.text or None, source=source,
        client_token=client_token, work_session=asked.work_session, shown_at=shown_at, answered_at=now,
        elapsed_ms=_elapsed(elapsed_ms, shown_at, now),
    )  # fmt: skip
    session.add(event)
    session.flush()
    by = By(annotator_id=annotator.id)
    if supersedes is not None:
        for old in reads.list_patches_of_event(session, supersedes.id):
            if reads.holds(session, old.id):
                _act(session, old, "revoked", by=by, now=now, why="replaced")
    for draft in drafts:
        make(session, study_id, draft, kind=asked.kind, by=by, now=now, event_id=event.id)
    return event


def make(
    session: Session,
    study_id: int,
    draft: PatchDraft,
    *,
    kind: str,
    by: By,
    now: datetime,
    event_id: str | None = None,
    group: str | None = None,
) -> Patch:
    """Give a patch effect from now on."""
    patch = Patch(
        id=new_id(now), study_id=study_id, scope=draft.scope, annotator_id=by.annotator_id, group_label=group,
        kind=kind, target_type=draft.target_type, target_id=draft.target_id, var=draft.var, packed={"v": draft.value},
        stood=draft.stood, shown=draft.shown, source_event_id=event_id, sources=list(draft.sources), active_from=now,
    )  # fmt: skip
    session.add(patch)
    session.flush()
    _act(session, patch, "made", by=by, now=now)
    return patch


def revoke(session: Session, patch: Patch, *, by: By, now: datetime, why: str = "undone") -> None:
    """End a patch. Raises PatchRevoked where it holds no longer."""
    if not reads.holds(session, patch.id):
        raise PatchRevoked
    _act(session, patch, "revoked", by=by, now=now, why=why)


def restore(session: Session, patch: Patch, *, by: By, now: datetime) -> None:
    """Give an ended patch effect again: whoever ended it last decides that.

    Raises:
        PatchActive: It has effect already.
        PersonGone, Replaced: Whoever said it has withdrawn, or has answered anew since.
        EndedByResearcher: A researcher ended it, and a person asks.
        EndedByPerson: The person took it back, and somebody else asks.
    """
    last = reads.last_act(session, patch.id)
    if last is None or last.act in BEGINS:
        raise PatchActive
    if patch.annotator_id is not None:
        said_by = session.get_one(Annotator, patch.annotator_id)
        if said_by.withdrawn_at is not None:
            raise PersonGone
        if last.why in FOR_GOOD:
            raise Replaced
    if by.annotator_id is not None and not last.by_person:
        raise EndedByResearcher
    if by.annotator_id is None and last.by_person:
        raise EndedByPerson
    _act(session, patch, "restored", by=by, now=now)


def switch(session: Session, study_id: int, kind: str, *, on: bool, by: By, now: datetime) -> bool:
    """Let the patches of a kind have effect in a study, or none. Returns whether that changed anything."""
    if (kind not in reads.switched_off(session, study_id)) == on:
        return False
    session.add(
        PatchEvent(
            study_id=study_id, patch_id=None, kind=kind, act="on" if on else "off", at=now,
            by_annotator_id=by.annotator_id, by_researcher_id=by.researcher_id, why="switched",
        )
    )  # fmt: skip
    session.flush()
    return True


def withdraw(session: Session, annotator: Annotator, *, now: datetime) -> int:
    """End what a person who leaves has said, and blank their words. Returns how many patches ended."""
    ended = 0
    for patch in session.scalars(select(Patch).where(Patch.annotator_id == annotator.id)):
        if reads.holds(session, patch.id):
            _act(session, patch, "revoked", by=By(annotator_id=annotator.id), now=now, why="withdrawn")
            ended += 1
        patch.packed, patch.sources = {}, []
    session.execute(
        update(MetaEvent)
        .where(MetaEvent.annotator_id == annotator.id)
        .values(
            answer={}, answer_text=None, text="", evidence=[], option_order=[], trigger={}, preview_effect=None,
            client_token=None, elapsed_ms=None,
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    session.flush()
    return ended


def note_view(
    session: Session, annotator: Annotator, judgment: Judgment, *, now: datetime
) -> MetaEvent | None:
    """Keep what was tapped beside a choice (M12: is this your view, or a guess?) and its effect; the tap of an answer that was
    changed or taken back ends with it. To be called after every comparison that was recorded, changed or retracted.
    """
    if judgment.view is None and judgment.revision == 1:
        return None
    kind = registry.meta_kinds()["view_or_guess"]
    assignment_id = judgment.assignment_id
    before = reads.open_view_events(session, assignment_id) if assignment_id else []
    same = [e for e in before if e.judgment_id == judgment.id]
    if same:
        return same[0]
    old = before[0] if before else None
    if judgment.view is None or judgment.choice in {"skip", "retracted"}:
        for event in before:
            _end_patches(session, event, by=By(annotator_id=annotator.id), now=now, why="taken_back")
        return None
    answer = MetaAnswer(judgment.view)
    view = MetaView(str(annotator.id), judgment_id=judgment.id)
    study = session.get_one(Study, judgment.study_id)
    spec = studies.spec_of(session, study, judgment.protocol_version)
    asked = Asked(
        kind.code, kind.code, kind.version, words(spec.display.language)("M12.text"), tuple(o.value for o in kind.options()),
        evidence=(judgment.id,), judgment_id=judgment.id, work_session=judgment.work_session,
        trigger={"statistic": "first_items", "value": None, "threshold": None},
    )  # fmt: skip
    return record(
        session, judgment.study_id, annotator, asked, answer, kind.effects(answer, view), now=now, shown_at=now,
        supersedes=old, source=judgment.source,
    )  # fmt: skip


def _elapsed(said: int | None, shown_at: datetime, now: datetime) -> int | None:
    """Milliseconds as the client says, else as the server saw; a tap beside a choice has no time of its own."""
    if said is not None:
        return said
    return int((now - shown_at).total_seconds() * 1000) if now > shown_at else None


def _end_patches(session: Session, event: MetaEvent, *, by: By, now: datetime, why: str) -> None:
    for patch in reads.list_patches_of_event(session, event.id):
        if reads.holds(session, patch.id):
            _act(session, patch, "revoked", by=by, now=now, why=why)


def _act(session: Session, patch: Patch, act: str, *, by: By, now: datetime, why: str | None = None) -> None:
    session.add(
        PatchEvent(
            study_id=patch.study_id, patch_id=patch.id, kind=patch.kind, act=act, at=now,
            by_annotator_id=by.annotator_id, by_researcher_id=by.researcher_id, why=why,
        )
    )  # fmt: skip
    patch.revoked_at = None if act in {"made", "restored"} else now
    session.flush()
