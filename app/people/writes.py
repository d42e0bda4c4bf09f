"""The verbs about people: accounts, tokens, browser sessions, joining, leaving out and withdrawing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.kit.errors import NotFound
from app.kit.ids import handle, new_seed, new_token, resume_code, token_hash
from app.people import invites, reads, rules
from app.people.errors import EmailTaken, UnknownResumeCode, WrongSignIn
from app.people.tables import (
    Annotator,
    AnnotatorEvent,
    ApiToken,
    BrowserSession,
    Invite,
    Researcher,
    SessionAnnotator,
)


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(),))


@cache
def _dummy_hash() -> str:
    """Verified against when the account is unknown, so that both refusals take as long."""
    return _hasher().hash("no such account")


def create_researcher(
    session: Session, email: str, *, password: str | None, role: str = "researcher", now: datetime
) -> Researcher:
    """A new account. Raises Malformed for a bad address, role or short password, EmailTaken when there is one."""
    address = rules.checked_email(email)
    if reads.find_researcher(session, address) is not None:
        raise EmailTaken
    hashed = None if password is None else _hasher().hash(rules.checked_password(password))
    made = Researcher(email=address, password_hash=hashed, role=rules.checked_role(role), created_at=now)
    session.add(made)
    session.flush()
    return made


def set_password(session: Session, researcher: Researcher, password: str) -> None:
    """Replace the password and end every browser session of the account."""
    researcher.password_hash = _hasher().hash(rules.checked_password(password))
    session.execute(delete(BrowserSession).where(BrowserSession.researcher_id == researcher.id))


def check_sign_in(session: Session, email: str, password: str) -> Researcher:
    """The account that this e-mail and password open. Raises WrongSignIn, without saying which of the two was wrong."""
    found = reads.find_researcher(session, email)
    stored = found.password_hash if found is not None and found.password_hash else _dummy_hash()
    right = _hasher().verify(password, stored)
    if not right or found is None or found.password_hash is None or found.disabled_at is not None:
        raise WrongSignIn
    return found


def issue_token(
    session: Session,
    *,
    researcher_id: int | None = None,
    annotator_id: int | None = None,
    name: str | None = None,
    now: datetime,
) -> str:
    """A new bearer token, returned this once; only its hash is stored."""
    token = new_token("snd_")
    session.add(
        ApiToken(
            token_hash=token_hash(token),
            researcher_id=researcher_id,
            annotator_id=annotator_id,
            name=name,
            created_at=now,
        )
    )
    session.flush()
    return token


def revoke_token(session: Session, *, researcher_id: int, token_id: int, now: datetime) -> None:
    """End one of the researcher's tokens. Raises NotFound when it is not theirs."""
    found = session.get(ApiToken, token_id)
    if found is None or found.researcher_id != researcher_id:
        raise NotFound
    found.revoked_at = now


def open_browser_session(session: Session, *, now: datetime, days: int) -> tuple[BrowserSession, str]:
    """A row for this browser and the cookie value that names it."""
    token = new_token()
    made = BrowserSession(token_hash=token_hash(token), created_at=now, expires_at=now + timedelta(days=days))
    session.add(made)
    session.flush()
    return made, token


def end_browser_session(session: Session, token: str) -> None:
    """Sign out: the cookie names nothing any more."""
    session.execute(delete(BrowserSession).where(BrowserSession.token_hash == token_hash(token)))


def sweep_browser_sessions(session: Session, *, now: datetime) -> None:
    """Forget sessions that have run out."""
    session.execute(delete(BrowserSession).where(BrowserSession.expires_at <= now))


def attach(session: Session, browser: BrowserSession, annotator: Annotator) -> None:
    """From now on this browser is ``annotator`` in their study."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    row = {"session_id": browser.id, "study_id": annotator.study_id, "annotator_id": annotator.id}
    session.execute(
        insert(SessionAnnotator)
        .values(row)
        .on_conflict_do_update(index_elements=["session_id", "study_id"], set_={"annotator_id": annotator.id})
    )


@dataclass(frozen=True)
class Joined:
    """A person in a study; ``resume_code`` is told once and is None for someone who was known already."""

    annotator: Annotator
    resume_code: str | None
    created: bool


def join(
    session: Session,
    study_id: int,
    *,
    now: datetime,
    source: str = "page",
    external_id: str | None = None,
    attributes: dict[str, Any] | None = None,
    group_key: str | None = None,
    consent_version: int | None = None,
    consented: bool = True,
    invite: Invite | None = None,
    panel_session: str | None = None,
    opted_out_topics: list[str] | None = None,
) -> Joined:
    """A new person, or the known one where ``external_id`` was seen before.

    The caller has checked that the study takes people. An invitation is used up in the same transaction.

    Raises:
        InviteUsedUp: The invitation has run out, was revoked, or has reached its limit.
    """
    if external_id is not None:
        known = reads.find_annotator_by_external_id(session, study_id, external_id)
        if known is not None:
            if attributes:
                set_attributes(session, known, attributes, group_key=group_key, now=now)
            return Joined(known, None, created=False)
    if invite is not None:
        invites.use_invite(session, invite, now=now)
    code = resume_code()
    details = attributes or {}
    annotator = Annotator(
        study_id=study_id,
        pseudonym=_free_handle(session, study_id),
        external_id=external_id,
        source=source,
        attributes=details,
        group_label=rules.group_of(group_key, details),
        consent_version=consent_version,
        consented_at=now if consented else None,
        joined_at=now,
        invite_id=invite.id if invite else None,
        panel_session=panel_session,
        resume_hash=token_hash(code),
        opted_out_topics=opted_out_topics or [],
        side_seed=new_seed(),
    )
    session.add(annotator)
    session.flush()
    if invite is not None and invite.kind == "personal":
        invite.annotator_id = annotator.id
    note(session, annotator, "joined", now=now, attributes=details, consent_version=consent_version)
    return Joined(annotator, code, created=True)


def bring_in(
    session: Session,
    study_id: int,
    wanted: dict[str, dict[str, Any]],
    *,
    group_key: str | None,
    now: datetime,
) -> dict[str, int]:
    """Database keys of people known by ids of their own from elsewhere, made where they are new; many at once.

    They have no way in: nobody is invited by having voted somewhere else. ``wanted`` maps each id to attributes, which are merged
    into what is known.
    """
    known = {
        one.external_id: one
        for one in session.scalars(
            select(Annotator).where(Annotator.study_id == study_id, Annotator.external_id.is_not(None))
        )
        if one.external_id in wanted
    }
    for name, one in known.items():
        if wanted[str(name)]:
            set_attributes(session, one, wanted[str(name)], group_key=group_key, now=now)
    fresh = [name for name in wanted if name not in known]
    taken = set(session.scalars(select(Annotator.pseudonym).where(Annotator.study_id == study_id)))
    made = []
    for name in fresh:
        pseudonym = next((h for h in (handle() for _ in range(200)) if h not in taken), None)
        pseudonym = pseudonym or f"{handle()}-{new_seed() % 1_000_000:06d}"
        taken.add(pseudonym)
        made.append(
            Annotator(
                study_id=study_id,
                pseudonym=pseudonym,
                external_id=name,
                source="import",
                attributes=wanted[name],
                group_label=rules.group_of(group_key, wanted[name]),
                consented_at=None,
                joined_at=now,
                resume_hash=token_hash(resume_code()),
                opted_out_topics=[],
                side_seed=new_seed(),
            )
        )
    session.add_all(made)
    session.flush()
    session.add_all(
        AnnotatorEvent(
            annotator_id=one.id,
            at=now,
            kind="joined",
            detail={"attributes": one.attributes, "imported": True},
        )
        for one in made
    )
    session.flush()
    return {str(one.external_id): one.id for one in (*known.values(), *made)}


def renew_resume_code(session: Session, annotator: Annotator) -> str:
    """A fresh resume code; the one before stops working."""
    code = resume_code()
    annotator.resume_hash = token_hash(code)
    session.flush()
    return code


def resume(session: Session, code: str) -> Annotator:
    """The person whose code this is. Raises UnknownResumeCode."""
    found = reads.find_annotator_by_resume_code(session, code)
    if found is None:
        raise UnknownResumeCode
    return found


def set_attributes(
    session: Session,
    annotator: Annotator,
    attributes: dict[str, Any],
    *,
    group_key: str | None,
    now: datetime,
) -> None:
    """Merge what is now known of a person; the change is kept as an event."""
    merged = {**annotator.attributes, **attributes}
    if merged == annotator.attributes:
        return
    note(session, annotator, "attributes", now=now, before=annotator.attributes, after=merged)
    annotator.attributes = merged
    annotator.group_label = rules.group_of(group_key, merged)
    session.flush()


def opt_out(session: Session, annotator: Annotator, topics: list[str], *, now: datetime) -> None:
    """Which topics the person does not want to see, replacing what was said before."""
    note(session, annotator, "opted_out", now=now, before=annotator.opted_out_topics, after=topics)
    annotator.opted_out_topics = topics


def leave_out(session: Session, annotator: Annotator, *, reason: str, by: int | None, now: datetime) -> None:
    """Leave a person out of exports, reversibly and with a reason."""
    annotator.left_out_at, annotator.left_out_reason = now, reason
    note(session, annotator, "left_out", now=now, by=by, reason=reason)


def take_back_in(session: Session, annotator: Annotator, *, by: int | None, now: datetime) -> None:
    """Undo ``leave_out``."""
    annotator.left_out_at, annotator.left_out_reason = None, None
    note(session, annotator, "taken_back_in", now=now, by=by)


def withdraw(session: Session, annotator: Annotator, *, now: datetime) -> None:
    """The person leaves and takes their data along: sessions and tokens end and what could point to them is erased.

    Their judgments stay as counts only (see ``judgments.writes.erase``): no report or later export reads them.
    """
    annotator.withdrawn_at = now
    annotator.attributes, annotator.group_label = {}, None
    annotator.external_id, annotator.panel_session, annotator.resume_hash = None, None, None
    annotator.opted_out_topics = []
    session.execute(delete(AnnotatorEvent).where(AnnotatorEvent.annotator_id == annotator.id))
    session.execute(update(ApiToken).where(ApiToken.annotator_id == annotator.id).values(revoked_at=now))
    session.execute(delete(SessionAnnotator).where(SessionAnnotator.annotator_id == annotator.id))
    session.execute(
        update(Invite).where(Invite.annotator_id == annotator.id).values(label=None, annotator_id=None)
    )
    note(session, annotator, "withdrawn", now=now)


def note(
    session: Session, annotator: Annotator, kind: str, *, now: datetime, by: int | None = None, **detail: Any
) -> None:
    """Keep what changed about a person, and when."""
    session.add(
        AnnotatorEvent(annotator_id=annotator.id, at=now, kind=kind, detail=detail, by_researcher_id=by)
    )


def _free_handle(session: Session, study_id: int) -> str:
    for _ in range(50):
        name = handle()
        if reads.find_annotator_by_pseudonym(session, study_id, name) is None:
            return name
    return f"{handle()}-{new_seed() % 1_000_000:06d}"


def carry_over(session: Session, old_session_id: int, new_session_id: int) -> None:
    """Let a browser that gets a new session row stay who it is in the studies it joined."""
    session.execute(
        update(SessionAnnotator)
        .where(SessionAnnotator.session_id == old_session_id)
        .values(session_id=new_session_id)
    )
