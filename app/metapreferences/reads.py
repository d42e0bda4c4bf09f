"""Every SELECT about meta-answers and patches. Each can be asked as of a moment, so that an export can be made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, Text, bindparam, cast, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.db.base import table_of
from app.kit.errors import NotFound
from app.metapreferences.rules import BEGINS, Act, Held, standing
from app.metapreferences.tables import MetaEvent, Patch, PatchEvent
from app.people.tables import Annotator

_SHOWN_BESIDE = select(
    select(table_of(MetaEvent).c.id)
    .where(
        table_of(MetaEvent).c.annotator_id == bindparam("who"),
        cast(table_of(MetaEvent).c.evidence, Text).like(bindparam("which")),
    )
    .exists()
)


def active_patches(session: Session, study_id: int, *, as_of: datetime | None = None) -> tuple[Held, ...]:
    """The patches that hold (or held at ``as_of``), oldest first: last made or restored, their kind not switched off, and not
    said by someone who has withdrawn since.
    """
    holding, off = standing(_acts(session, study_id, as_of))
    query = (
        select(Patch)
        .outerjoin(Annotator, Annotator.id == Patch.annotator_id)
        .where(
            Patch.study_id == study_id,
            or_(Patch.annotator_id.is_(None), Annotator.withdrawn_at.is_(None)),
        )
        .order_by(Patch.id)
    )
    return tuple(held(p) for p in session.scalars(query) if p.id in holding and p.kind not in off)


def held(patch: Patch) -> Held:
    """A stored patch as labels read it."""
    return Held(
        patch.id, patch.kind, patch.scope, patch.annotator_id, patch.group_label, patch.target_type, patch.target_id,
        patch.var, patch.value, patch.stood, patch.shown, patch.source_event_id, tuple(patch.sources), patch.active_from,
    )  # fmt: skip


def _acts(session: Session, study_id: int, as_of: datetime | None) -> list[Act]:
    query = _act_rows().where(PatchEvent.study_id == study_id)
    if as_of is not None:
        query = query.where(PatchEvent.at <= as_of)
    return [Act(*row) for row in session.execute(query.order_by(PatchEvent.id))]


def _act_rows() -> Select[int, str | None, str, str, bool, str | None]:
    return select(
        PatchEvent.id, PatchEvent.patch_id, PatchEvent.kind, PatchEvent.act, PatchEvent.by_annotator_id.is_not(None),
        PatchEvent.why,
    )  # fmt: skip


def _acts_of_person(session: Session, study_id: int, annotator_id: int) -> list[Act]:
    """What happened to one person's patches, and the study's switches: cost does not grow with what others said, because every
    question that is put asks for it.
    """
    own = _act_rows().join(Patch, Patch.id == PatchEvent.patch_id).where(Patch.annotator_id == annotator_id)
    rows = [*session.execute(own), *session.execute(_switches(study_id))]
    return [Act(*row) for row in rows]


def _switches(study_id: int) -> Select[int, str | None, str, str, bool, str | None]:
    """Kinds switched. The study is compared as a sum, so that the few rows that name no patch are found by that, not by the study."""
    return _act_rows().where(PatchEvent.patch_id.is_(None), PatchEvent.study_id + 0 == study_id)


def state(session: Session, study_id: int, *, as_of: datetime | None = None) -> str:
    """Names the patches there are: it changes when one begins or ends, a kind is switched, or a person withdraws."""
    events = select(func.count(), func.max(PatchEvent.id)).where(PatchEvent.study_id == study_id)
    if as_of is not None:
        events = events.where(PatchEvent.at <= as_of)
    rows, last = session.execute(events).one()
    gone = session.scalar(
        select(func.count()).where(Annotator.study_id == study_id, Annotator.withdrawn_at.is_not(None))
    )
    return f"{rows}:{last or '-'}:{gone}"


@dataclass(frozen=True)
class Listed:
    """A patch with whether it holds; ``switched_off`` where its kind is; ``last``, what happened to it last."""

    patch: Patch
    active: bool
    switched_off: bool
    last: Act


def list_patches(
    session: Session, study_id: int, *, annotator_id: int | None = None, target_id: str | None = None
) -> list[Listed]:
    """All patches of a study (or of one person, or on one target), newest first, those of people who withdrew left out."""
    query = (
        select(Patch)
        .outerjoin(Annotator, Annotator.id == Patch.annotator_id)
        .where(
            Patch.study_id == study_id,
            or_(Patch.annotator_id.is_(None), Annotator.withdrawn_at.is_(None)),
        )
        .order_by(Patch.id.desc())
    )
    if annotator_id is not None:
        query = query.where(Patch.annotator_id == annotator_id)
    if target_id is not None:
        query = query.where(Patch.target_id == target_id)
    patches = session.scalars(query).all()
    if not patches:
        return []
    acts = (
        _acts(session, study_id, None)
        if annotator_id is None
        else _acts_of_person(session, study_id, annotator_id)
    )
    holding, off = standing(acts)
    last = {a.patch_id: a for a in sorted(acts, key=lambda a: a.number)}
    return [Listed(p, p.id in holding and p.kind not in off, p.kind in off, last[p.id]) for p in patches]


def get_patch(session: Session, patch_id: str, *, lock: bool = False) -> Patch:
    """Raises NotFound."""
    query = select(Patch).where(Patch.id == patch_id)
    found = session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NotFound
    return found


def last_act(session: Session, patch_id: str) -> Act | None:
    """What happened to a patch last."""
    row = session.execute(
        _act_rows().where(PatchEvent.patch_id == patch_id).order_by(PatchEvent.id.desc()).limit(1)
    ).one_or_none()
    return None if row is None else Act(*row)


def holds(session: Session, patch_id: str) -> bool:
    """Whether a patch was last made or restored, whatever its kind's switch says."""
    last = last_act(session, patch_id)
    return last is not None and last.act in BEGINS


def switched_off(session: Session, study_id: int, *, as_of: datetime | None = None) -> frozenset[str]:
    """Kinds whose patches have no effect in this study."""
    query = _switches(study_id)
    if as_of is not None:
        query = query.where(PatchEvent.at <= as_of)
    return standing(Act(*row) for row in session.execute(query))[1]


def list_acts(session: Session, study_id: int, *, patch_id: str | None = None) -> Sequence[PatchEvent]:
    """What happened to patches and switches, oldest first."""
    query = select(PatchEvent).where(PatchEvent.study_id == study_id).order_by(PatchEvent.id)
    if patch_id is not None:
        query = query.where(PatchEvent.patch_id == patch_id)
    return session.scalars(query).all()


@cache
def _later() -> Any:
    """The answer that supersedes another. Kept, because describing a table anew costs more than a query of it."""
    return aliased(MetaEvent)


def current_events() -> Select[MetaEvent]:
    """Answers that no other supersedes."""
    later = _later()
    return select(MetaEvent).outerjoin(later, later.supersedes == MetaEvent.id).where(later.id.is_(None))


def list_events(
    session: Session,
    study_id: int,
    *,
    kind: str | None = None,
    annotator_id: int | None = None,
    as_of: datetime | None = None,
) -> Sequence[MetaEvent]:
    """Current answers of people who have not withdrawn, oldest first."""
    later = _later()
    joined = later.supersedes == MetaEvent.id
    if as_of is not None:
        joined &= later.answered_at <= as_of
    query = (
        select(MetaEvent)
        .join(Annotator, Annotator.id == MetaEvent.annotator_id)
        .outerjoin(later, joined)
        .where(MetaEvent.study_id == study_id, later.id.is_(None), Annotator.withdrawn_at.is_(None))
        .order_by(MetaEvent.id)
    )
    if kind is not None:
        query = query.where(MetaEvent.kind == kind)
    if annotator_id is not None:
        query = query.where(MetaEvent.annotator_id == annotator_id)
    if as_of is not None:
        query = query.where(MetaEvent.answered_at <= as_of)
    return session.scalars(query).all()


def list_all_of_person(session: Session, annotator_id: int) -> Sequence[MetaEvent]:
    """Everything the person ever said about their choices, with what was replaced: for their own download."""
    return session.scalars(
        select(MetaEvent).where(MetaEvent.annotator_id == annotator_id).order_by(MetaEvent.id)
    ).all()


def find_event_of(session: Session, assignment_id: str) -> MetaEvent | None:
    """The present answer to an asked meta-question, or None before one was given."""
    return session.scalar(
        current_events()
        .where(MetaEvent.assignment_id == assignment_id)
        .order_by(MetaEvent.id.desc())
        .limit(1)
    )


def find_event_by_token(session: Session, annotator_id: int, token: str) -> MetaEvent | None:
    return session.scalar(
        select(MetaEvent).where(MetaEvent.annotator_id == annotator_id, MetaEvent.client_token == token)
    )


def list_patches_of_event(session: Session, event_id: str) -> Sequence[Patch]:
    return session.scalars(select(Patch).where(Patch.source_event_id == event_id).order_by(Patch.id)).all()


def open_view_events(session: Session, assignment_id: str) -> Sequence[MetaEvent]:
    """Current taps on the ballot that belong to the answers of one comparison."""
    return session.scalars(_open_views(), {"which": assignment_id}).all()


@cache
def _open_views() -> Any:
    from app.judgments.tables import Judgment

    later = _later()
    return (
        select(MetaEvent)
        .join(Judgment, Judgment.id == MetaEvent.judgment_id)
        .outerjoin(later, later.supersedes == MetaEvent.id)
        .where(Judgment.assignment_id == bindparam("which"), later.id.is_(None))
    )


def was_evidence(session: Session, annotator_id: int, judgment_id: str) -> bool:
    """Whether this answer was shown to its giver beside a question about their choices: a repeat of it is no longer untouched."""
    return bool(session.scalar(_SHOWN_BESIDE, {"who": annotator_id, "which": f'%"{judgment_id}"%'}))
