"""The verbs about studies: create, change, open, pause, close, share. Each leaves a line in the study's log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.kit import ids
from app.kit.errors import Malformed, NotFound
from app.people import reads as people
from app.studies import reads, rules
from app.studies.errors import NothingToAsk, SlugFixed, SlugTaken, StateNotAllowed
from app.studies.spec import StudySpec
from app.studies.tables import Study, StudyEvent, StudyMember, StudyVersion


def create_study(
    session: Session, spec: StudySpec, *, owner_id: int, now: datetime, simulated: bool = False
) -> Study:
    """A draft study at version 1, owned by ``owner_id``. Raises SlugTaken."""
    if session.scalar(select(Study.id).where(Study.slug == spec.slug)) is not None:
        raise SlugTaken(f"There is a study at {spec.slug!r} already.")
    study = Study(
        slug=spec.slug,
        title=spec.title,
        owner_id=owner_id,
        secret=ids.new_secret(),
        simulated=simulated,
        created_at=now,
    )
    session.add(study)
    session.flush()
    session.add(_version(study, spec, now=now, by=owner_id))
    session.add(StudyMember(study_id=study.id, researcher_id=owner_id, role="owner", added_at=now))
    log(session, study, "created", by=owner_id, now=now)
    session.flush()
    return study


def change_spec(
    session: Session, study: Study, spec: StudySpec, *, by: int, now: datetime
) -> list[dict[str, Any]]:
    """Make a new protocol version; earlier judgments keep theirs. Returns what changed; nothing happens where nothing did.

    The row is locked, so that two colleagues saving at once make two versions one after the other.
    """
    session.refresh(study, with_for_update=True)
    before = reads.spec_of(session, study)
    if spec.slug != study.slug:
        raise SlugFixed(f"This study's address is {study.slug!r}; make a new study for another one.")
    changes = rules.differences(before.model_dump(mode="json"), spec.model_dump(mode="json"))
    if not changes:
        return []
    study.version += 1
    study.title = spec.title
    session.add(_version(study, spec, now=now, by=by))
    log(session, study, "changed", by=by, now=now, version=study.version, changes=changes)
    session.flush()
    return changes


def set_state(session: Session, study: Study, state: str, *, by: int | None, now: datetime) -> None:
    """Open, pause or close. Raises StateNotAllowed, or NothingToAsk when there is no pair to open with."""
    if state not in {"open", "paused", "closed"}:
        raise Malformed(
            f"{state!r} is not a state; use open, paused or closed",
            errors=[{"where": "state", "message": "unknown"}],
        )
    session.refresh(study, with_for_update=True)
    if not rules.may_change_to(study.state, state):
        raise StateNotAllowed(f"A study that is {study.state} cannot become {state}.")
    if state == study.state:
        return
    if state == "open" and reads.count_pairs(session, study.id) == 0:
        raise NothingToAsk
    log(session, study, "state", by=by, now=now, before=study.state, after=state)
    study.state = state
    if state == "open":
        study.opened_at = study.opened_at or now
    if state == "closed":
        study.closed_at = now
    session.flush()


def share(session: Session, study: Study, email: str, role: str, *, by: int | None, now: datetime) -> None:
    """Give a colleague with an account a part in the study, or change it. Raises Malformed, NotFound."""
    if role not in {"editor", "viewer"}:
        raise Malformed(
            f"{role!r} is not a role; use editor or viewer", errors=[{"where": "role", "message": "unknown"}]
        )
    colleague = people.find_researcher(session, email)
    if colleague is None or colleague.disabled_at is not None:
        raise NotFound("There is no account with this e-mail.")
    member = session.get(StudyMember, (study.id, colleague.id))
    if member is None:
        session.add(StudyMember(study_id=study.id, researcher_id=colleague.id, role=role, added_at=now))
    elif member.role == "owner":
        raise Malformed("The owner stays the owner.", errors=[{"where": "email", "message": "the owner"}])
    else:
        member.role = role
    log(session, study, "shared", by=by, now=now, researcher_id=colleague.id, role=role)
    session.flush()


def log(session: Session, study: Study, kind: str, *, by: int | None, now: datetime, **detail: Any) -> None:
    """A line in the study's log."""
    session.add(StudyEvent(study_id=study.id, at=now, by_researcher_id=by, kind=kind, detail=detail))


def _version(study: Study, spec: StudySpec, *, now: datetime, by: int | None) -> StudyVersion:
    return StudyVersion(
        study_id=study.id,
        number=study.version,
        spec=spec.model_dump(mode="json"),
        created_at=now,
        created_by=by,
    )
