"""Tables of studies: versions, members, the log of changes, items, responses and pairs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, BigId


class Study(Base):
    """One elicitation project. Its specification lives in versions; ``version`` names the present one."""

    __tablename__ = "study"
    __table_args__ = (
        UniqueConstraint("slug"),
        CheckConstraint("state IN ('draft', 'open', 'paused', 'closed')", name="state_known"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    slug: Mapped[str] = mapped_column(String(80))
    title: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16), default="draft")
    owner_id: Mapped[int] = mapped_column(ForeignKey("researcher.id"))
    version: Mapped[int] = mapped_column(default=1)
    secret: Mapped[str] = mapped_column(String(64))
    """Salts ids and splits of this study's exports; never leaves the database."""
    simulated: Mapped[bool] = mapped_column(default=False)
    """True where the judgments come from simulated people; every page and card says so."""
    created_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class StudyVersion(Base):
    """One protocol version: the whole specification as it held from ``created_at`` on."""

    __tablename__ = "study_version"

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    spec: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("researcher.id"))


class StudyMember(Base):
    """A researcher's part in a study."""

    __tablename__ = "study_member"
    __table_args__ = (CheckConstraint("role IN ('owner', 'editor', 'viewer')", name="role_known"),)

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    researcher_id: Mapped[int] = mapped_column(ForeignKey("researcher.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))
    added_at: Mapped[datetime]


class StudyEvent(Base):
    """The log of a study: every change, who made it, before and after."""

    __tablename__ = "study_event"
    __table_args__ = (Index("ix_study_event_study_id_id", "study_id", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    at: Mapped[datetime]
    by_researcher_id: Mapped[int | None] = mapped_column(ForeignKey("researcher.id"))
    kind: Mapped[str] = mapped_column(String(48))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Item(Base):
    """One prompt with its responses; never altered once imported, only retired."""

    __tablename__ = "item"
    __table_args__ = (
        UniqueConstraint("study_id", "external_id"),
        Index("ix_item_study_id_id", "study_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    external_id: Mapped[str] = mapped_column(String(200))
    prompt: Mapped[list[Any]]
    """Turns as ``{"role", "content"}``, the last one the asker's."""
    topic: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str | None] = mapped_column(String(16))
    """value, fact or mixed; None where the study's own holds."""
    gold: Mapped[str | None] = mapped_column(String(200))
    """The id of the response that a check expects, if this item is one."""
    given_split: Mapped[str | None] = mapped_column(String(32))
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The item's metadata as imported."""
    flags: Mapped[list[str]] = mapped_column(default=list)
    """Oddities seen on import: empty_response, identical_responses, names_itself, very_long."""
    content_hash: Mapped[str] = mapped_column(String(64))
    prompt_hash: Mapped[str] = mapped_column(String(64), index=True)
    """SHA-256 of the normalised prompt: the unit of splits."""
    search_text: Mapped[str]
    """The start of the request, for tables and search."""
    added_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class Response(Base):
    """One model output. ``external_id`` is unique in its item."""

    __tablename__ = "response"
    __table_args__ = (UniqueConstraint("item_id", "external_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    external_id: Mapped[str] = mapped_column(String(200))
    position: Mapped[int]
    """Place in the item's list, from 0."""
    model: Mapped[str | None] = mapped_column(String(200))
    text: Mapped[str]
    embedding: Mapped[list[Any] | None]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    variant_of: Mapped[str | None] = mapped_column(String(200))
    variant: Mapped[str | None] = mapped_column(String(64))
    flags: Mapped[list[str]] = mapped_column(default=list)
    masks: Mapped[list[Any]] = mapped_column(default=list)
    """Spans ``[start, end]`` in code points where the text names its own model."""


class Pair(Base):
    """Two responses of one item, unordered; ``first`` is the one listed first in the item."""

    __tablename__ = "pair"
    __table_args__ = (
        UniqueConstraint("first_id", "second_id"),
        CheckConstraint("first_id <> second_id", name="two_responses"),
        Index("ix_pair_study_id_id", "study_id", "id"),
        Index("ix_pair_item_id", "item_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    first_id: Mapped[int] = mapped_column(ForeignKey("response.id"))
    second_id: Mapped[int] = mapped_column(ForeignKey("response.id"))
