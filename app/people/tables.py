"""Tables of people: researchers, annotators, sessions, tokens, invitations, and the events that changed a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, BigId, PublicId


class Researcher(Base):
    """Someone with an account: runs studies. ``role`` is researcher or admin (kept as text)."""

    __tablename__ = "researcher"
    __table_args__ = (UniqueConstraint("email"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(320))
    password_hash: Mapped[str | None]
    role: Mapped[str] = mapped_column(String(32), default="researcher")
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Annotator(Base):
    """A person in one study, known to researchers by a pseudonym only."""

    __tablename__ = "annotator"
    __table_args__ = (
        UniqueConstraint("study_id", "pseudonym"),
        UniqueConstraint("study_id", "external_id"),
        UniqueConstraint("resume_hash"),
        CheckConstraint("source IN ('page', 'api', 'import', 'simulated')", name="source_known"),
        Index("ix_annotator_study_id_id", "study_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    pseudonym: Mapped[str] = mapped_column(String(64))
    external_id: Mapped[str | None] = mapped_column(String(200))
    """The id the researcher or a panel gave (owner only); a person's own e-mail is never asked for."""
    source: Mapped[str] = mapped_column(String(16), default="page")
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    group_label: Mapped[str | None] = mapped_column(String(200))
    """The value of the study's group key, or None where the study defines no groups or the person said none."""
    consent_version: Mapped[int | None]
    """The protocol version whose consent text was agreed to; None when consent was given outside."""
    consent_scope: Mapped[str] = mapped_column(String(32), default="release")
    consented_at: Mapped[datetime | None]
    joined_at: Mapped[datetime]
    invite_id: Mapped[int | None] = mapped_column(BigId)
    """The invitation used; no foreign key, because a personal invitation names its annotator in turn."""
    panel_session: Mapped[str | None] = mapped_column(String(200))
    """The panel provider's session id, where one was given on joining."""
    resume_hash: Mapped[str | None] = mapped_column(String(64))
    opted_out_topics: Mapped[list[str]] = mapped_column(default=list)
    practised_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    left_out_at: Mapped[datetime | None]
    left_out_reason: Mapped[str | None]
    side_seed: Mapped[int] = mapped_column(BigId)
    """Seed of this person's blocks of eight sides."""


class AnnotatorEvent(Base):
    """What changed about a person, and when, so that an earlier state can be rebuilt for an export."""

    __tablename__ = "annotator_event"
    __table_args__ = (
        Index("ix_annotator_event_annotator_id_at", "annotator_id", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(32))
    """joined, attributes, consent, opted_out, left_out, taken_back_in, withdrawn"""
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    by_researcher_id: Mapped[int | None] = mapped_column(ForeignKey("researcher.id"))


class BrowserSession(Base):
    """One browser, known by the hash of a random cookie; it can be revoked, unlike a signed cookie."""

    __tablename__ = "browser_session"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_browser_session_expires_at", "expires_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    researcher_id: Mapped[int | None] = mapped_column(ForeignKey("researcher.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class SessionAnnotator(Base):
    """Which annotator this browser is, study by study."""

    __tablename__ = "session_annotator"

    session_id: Mapped[int] = mapped_column(
        ForeignKey("browser_session.id", ondelete="CASCADE"), primary_key=True
    )
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), index=True)


class ApiToken(Base):
    """A bearer token of a researcher or of an annotator; only its hash is kept."""

    __tablename__ = "api_token"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("(researcher_id IS NULL) <> (annotator_id IS NULL)", name="one_holder"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    researcher_id: Mapped[int | None] = mapped_column(ForeignKey("researcher.id"))
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"), index=True)
    name: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Invite(Base):
    """A way in: one link for many, a personal link for one, or a panel provider's address."""

    __tablename__ = "invite"
    __table_args__ = (
        UniqueConstraint("code_hash"),
        CheckConstraint("kind IN ('link', 'personal', 'prolific')", name="kind_known"),
        CheckConstraint("used >= 0 AND (max_uses IS NULL OR used <= max_uses)", name="within_limit"),
        Index("ix_invite_study_id", "study_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[str] = mapped_column(PublicId, unique=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    kind: Mapped[str] = mapped_column(String(16))
    code_hash: Mapped[str] = mapped_column(String(64))
    code: Mapped[str | None]
    """The code itself for many-person links, which researchers copy again later; None for personal ones."""
    label: Mapped[str | None] = mapped_column(String(200))
    """For a personal link, whom it is for; becomes the annotator's external id."""
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    max_uses: Mapped[int | None]
    used: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("researcher.id"))
