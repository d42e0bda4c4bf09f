"""The table of judgments and the unique keys that make a double click one vote."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, PublicId


class Judgment(Base):
    """One answer to a comparison. The current one of an assignment is the row that no other supersedes."""

    __tablename__ = "judgment"
    __table_args__ = (
        UniqueConstraint("assignment_id", "revision"),
        UniqueConstraint("supersedes"),
        UniqueConstraint("annotator_id", "client_token"),
        CheckConstraint(
            "choice IN ('left', 'right', 'tie', 'neither', 'skip', 'retracted')", name="choice_known"
        ),
        CheckConstraint("strength IS NULL OR strength BETWEEN 1 AND 3", name="strength_range"),
        CheckConstraint("confidence IS NULL OR confidence BETWEEN 1 AND 3", name="confidence_range"),
        CheckConstraint(
            "predicted_share IS NULL OR predicted_share BETWEEN 0 AND 1", name="predicted_share_range"
        ),
        CheckConstraint("revision >= 1", name="revision_from_one"),
        CheckConstraint("(revision = 1) = (supersedes IS NULL)", name="revision_names_earlier"),
        CheckConstraint("left_id <> right_id", name="two_sides"),
        CheckConstraint("source = 'import' OR assignment_id IS NOT NULL", name="asked_unless_imported"),
        Index("ix_judgment_study_id_id", "study_id", "id"),
        Index("ix_judgment_annotator_id_id", "annotator_id", "id"),
        Index("ix_judgment_pair_id", "pair_id"),
        Index(
            "ix_judgment_import_key",
            "study_id",
            "import_key",
            sqlite_where=text("import_key IS NOT NULL"),
            postgresql_where=text("import_key IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(PublicId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    assignment_id: Mapped[str | None] = mapped_column(ForeignKey("assignment.id"))
    revision: Mapped[int] = mapped_column(default=1)
    supersedes: Mapped[str | None] = mapped_column(ForeignKey("judgment.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    pair_id: Mapped[int] = mapped_column(ForeignKey("pair.id"))
    left_id: Mapped[int] = mapped_column(ForeignKey("response.id"))
    right_id: Mapped[int] = mapped_column(ForeignKey("response.id"))
    choice: Mapped[str] = mapped_column(String(16))
    """left, right, tie, neither, skip; ``retracted`` when the person took the answer back."""
    strength: Mapped[int | None]
    aspects: Mapped[dict[str, Any] | None]
    rationale: Mapped[str | None]
    reason_tags: Mapped[list[str] | None]
    skip_reason: Mapped[str | None] = mapped_column(String(32))
    tie_reason: Mapped[str | None] = mapped_column(String(32))
    better: Mapped[str | None]
    stance: Mapped[str | None] = mapped_column(String(32))
    spans: Mapped[list[Any] | None]
    """Marks as ``{"response_id", "start", "end", "tag"}`` in code points of the stored text."""
    predicted_share: Mapped[float | None] = mapped_column(Float)
    """Share of others expected to choose what this person chose."""
    confidence: Mapped[int | None]
    view: Mapped[str | None] = mapped_column(String(32))
    """M12: my_view, leaning, guess or checkable."""
    client_token: Mapped[str | None] = mapped_column(String(80))
    elapsed_ms: Mapped[int | None]
    """Milliseconds from showing to answering as the client says, else as the server saw."""
    timing: Mapped[dict[str, Any] | None]
    """active_ms, first_choice_ms, changes, ends reached, times left, panel dwell, device, first_panel, server_timed."""
    retest_of: Mapped[str | None] = mapped_column(PublicId)
    is_gold: Mapped[bool] = mapped_column(default=False)
    saw_peer_reasons: Mapped[bool] = mapped_column(default=False)
    work_session: Mapped[int | None]
    protocol_version: Mapped[int]
    late: Mapped[bool] = mapped_column(default=False)
    counts: Mapped[bool] = mapped_column(default=True)
    """Whether it fills a place of its pair: a first, on-time, non-skip judgment."""
    source: Mapped[str] = mapped_column(String(16), default="page")
    """page, api, import or simulated"""
    created_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    """When the answer was given; for imported votes the file's timestamp, None where it had none."""
    import_key: Mapped[str | None] = mapped_column(String(64))
    """Hash of an imported row's fields, so that the same row is recognised when it comes again."""
    extra: Mapped[dict[str, Any] | None]
