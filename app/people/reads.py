"""Every SELECT about people: accounts, sessions, tokens, annotators and invitations."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, cast, func, literal_column, select
from sqlalchemy.orm import Session

from app.kit.errors import NotFound
from app.kit.ids import token_hash
from app.people.tables import (
    Annotator,
    AnnotatorEvent,
    ApiToken,
    BrowserSession,
    Invite,
    Researcher,
    SessionAnnotator,
)

# Statements of the way of one vote are built once.
_HOLDER = select(ApiToken.researcher_id, ApiToken.annotator_id).where(
    ApiToken.token_hash == bindparam("hash"), ApiToken.revoked_at.is_(None)
)
_BROWSER = select(BrowserSession).where(
    BrowserSession.token_hash == bindparam("hash"), BrowserSession.expires_at > bindparam("now")
)
_ANNOTATOR = select(Annotator).where(Annotator.id == bindparam("who"))
_OF_SESSION = (
    select(Annotator)
    .join(SessionAnnotator, SessionAnnotator.annotator_id == Annotator.id)
    .where(
        SessionAnnotator.session_id == bindparam("session"),
        SessionAnnotator.study_id == bindparam("study"),
        Annotator.withdrawn_at.is_(None),
    )
)


def alone(who: ColumnElement[int]) -> ColumnElement[Any]:
    """On PostgreSQL: the lock that lets one request of a person through at a time, held until the transaction ends. What is read in
    the same statement is read before the lock is there.
    """
    return func.pg_advisory_xact_lock(
        literal_column("1396854100"), cast(who % literal_column("2147483648"), Integer)
    )


@dataclass(frozen=True)
class Holder:
    """Whom a bearer token speaks for: one of the two is set."""

    researcher_id: int | None
    annotator_id: int | None


def find_researcher(session: Session, email: str) -> Researcher | None:
    return session.scalar(select(Researcher).where(Researcher.email == email.strip().lower()))


def get_researcher(session: Session, researcher_id: int) -> Researcher:
    found = session.get(Researcher, researcher_id)
    if found is None or found.disabled_at is not None:
        raise NotFound
    return found


def emails(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Addresses of these researchers by number."""
    rows = session.execute(select(Researcher.id, Researcher.email).where(Researcher.id.in_(ids)))
    return {row.id: row.email for row in rows}


def find_holder(session: Session, token: str) -> Holder | None:
    """Whose token this is, or None when it is unknown or revoked."""
    row = session.execute(_HOLDER, {"hash": token_hash(token)}).one_or_none()
    return None if row is None else Holder(row.researcher_id, row.annotator_id)


def list_tokens(session: Session, researcher_id: int) -> Sequence[ApiToken]:
    return session.scalars(
        select(ApiToken)
        .where(ApiToken.researcher_id == researcher_id, ApiToken.revoked_at.is_(None))
        .order_by(ApiToken.id.desc())
    ).all()


def find_browser_session(session: Session, token: str, *, now: datetime) -> BrowserSession | None:
    """The browser's session row, or None when unknown or run out."""
    return session.scalar(_BROWSER, {"hash": token_hash(token), "now": now})


def find_annotator_of_session(session: Session, session_id: int, study_id: int) -> Annotator | None:
    """Who this browser is in this study, unless that person has withdrawn."""
    return session.scalar(_OF_SESSION, {"session": session_id, "study": study_id})


def get_annotator(session: Session, annotator_id: int) -> Annotator:
    found = session.scalar(_ANNOTATOR, {"who": annotator_id})
    if found is None:
        raise NotFound
    return found


def find_annotator_by_external_id(session: Session, study_id: int, external_id: str) -> Annotator | None:
    return session.scalar(
        select(Annotator).where(Annotator.study_id == study_id, Annotator.external_id == external_id)
    )


def find_annotator_by_pseudonym(session: Session, study_id: int, pseudonym: str) -> Annotator | None:
    return session.scalar(
        select(Annotator).where(Annotator.study_id == study_id, Annotator.pseudonym == pseudonym)
    )


def find_annotator_by_resume_code(session: Session, code: str) -> Annotator | None:
    return session.scalar(
        select(Annotator).where(
            Annotator.resume_hash == token_hash(normal_resume_code(code)), Annotator.withdrawn_at.is_(None)
        )
    )


def list_events_of(session: Session, annotator_id: int) -> Sequence[AnnotatorEvent]:
    """What changed about a person, first to last."""
    return session.scalars(
        select(AnnotatorEvent).where(AnnotatorEvent.annotator_id == annotator_id).order_by(AnnotatorEvent.id)
    ).all()


def attributes(
    session: Session, study_id: int, *, as_of: datetime | None = None
) -> dict[int, dict[str, Any]]:
    """What each person of a study says of themselves, by database key, now or at ``as_of``."""
    query = select(Annotator.id, Annotator.attributes).where(Annotator.study_id == study_id)
    found: dict[int, dict[str, Any]] = {key: told or {} for key, told in session.execute(query)}
    if as_of is None:
        return found
    changes = (
        select(AnnotatorEvent.annotator_id, AnnotatorEvent.detail)
        .join(Annotator, Annotator.id == AnnotatorEvent.annotator_id)
        .where(Annotator.study_id == study_id, AnnotatorEvent.kind == "attributes", AnnotatorEvent.at > as_of)
        .order_by(AnnotatorEvent.at.desc(), AnnotatorEvent.id.desc())
    )
    return found | {key: (detail or {}).get("before") or {} for key, detail in session.execute(changes)}


def normal_resume_code(code: str) -> str:
    """A resume code as typed, brought to the form it was given in."""
    return "-".join(code.strip().lower().replace("_", "-").replace(" ", "-").split("-"))


def count_annotators(session: Session, study_id: int) -> int:
    """People who joined and have not withdrawn."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Annotator)
            .where(Annotator.study_id == study_id, Annotator.withdrawn_at.is_(None))
        )
        or 0
    )


def list_annotators(session: Session, study_id: int) -> Sequence[Annotator]:
    """People who joined and have not withdrawn, in the order they came."""
    return session.scalars(
        select(Annotator)
        .where(Annotator.study_id == study_id, Annotator.withdrawn_at.is_(None))
        .order_by(Annotator.id)
    ).all()


def find_invite(session: Session, code: str) -> Invite | None:
    return session.scalar(select(Invite).where(Invite.code_hash == token_hash(code)))


def list_invites(session: Session, study_id: int) -> Sequence[Invite]:
    return session.scalars(select(Invite).where(Invite.study_id == study_id).order_by(Invite.id.desc())).all()


def pseudonyms(session: Session, study_id: int) -> dict[int, str]:
    """What the people of a study are known by, by database key."""
    rows = session.execute(select(Annotator.id, Annotator.pseudonym).where(Annotator.study_id == study_id))
    return {r.id: r.pseudonym for r in rows}
