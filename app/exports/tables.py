"""Tables of exports and of the split each prompt was given once and keeps."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PublicId


class Export(Base):
    """One export: its frozen options, state and files."""

    __tablename__ = "export"
    __table_args__ = (
        UniqueConstraint("study_id", "number"),
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="state_known"),
    )

    id: Mapped[str] = mapped_column(PublicId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    number: Mapped[int]
    options: Mapped[dict[str, Any]]
    as_of: Mapped[datetime]
    """What had happened by this moment is in the export; remaking it later reads the same."""
    state: Mapped[str] = mapped_column(String(16), default="queued")
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    counts: Mapped[dict[str, Any] | None]
    files: Mapped[list[Any] | None]
    """``{"path", "bytes", "sha256", "rows"}`` of each file."""
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of SHA256SUMS."""
    error: Mapped[str | None]
    holds_withdrawn: Mapped[bool] = mapped_column(default=False)
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("researcher.id"))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class PromptSplit(Base):
    """The split and fold a normalised prompt was given in its first export, kept ever after."""

    __tablename__ = "prompt_split"

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    scheme: Mapped[str] = mapped_column(String(32), primary_key=True)
    """The proportions, such as 90/5/5."""
    prompt_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    split: Mapped[str] = mapped_column(String(32))
    fold: Mapped[int]
    given_at: Mapped[datetime]
