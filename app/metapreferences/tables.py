"""Tables of what people said about their choices, the patches that follow, and every time one of them began or ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, BigId, PublicId


class MetaEvent(Base):
    """One answer to a meta-question, as it was asked and why. The current one is the row that no other supersedes."""

    __tablename__ = "meta_event"
    __table_args__ = (
        UniqueConstraint("supersedes"),
        UniqueConstraint("annotator_id", "client_token"),
        CheckConstraint("form IN ('plain', 'mirrored', 'reversed')", name="form_known"),
        CheckConstraint("elapsed_ms IS NULL OR elapsed_ms >= 0", name="elapsed_not_negative"),
        Index("ix_meta_event_study_id_kind_id", "study_id", "kind", "id"),
        Index("ix_meta_event_annotator_id_id", "annotator_id", "id"),
        Index("ix_meta_event_assignment_id", "assignment_id"),
    )

    id: Mapped[str] = mapped_column(PublicId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    assignment_id: Mapped[str | None] = mapped_column(ForeignKey("assignment.id"))
    judgment_id: Mapped[str | None] = mapped_column(ForeignKey("judgment.id"))
    """The choice it was tapped beside, for a kind that is asked on the ballot."""
    supersedes: Mapped[str | None] = mapped_column(ForeignKey("meta_event.id"))
    kind: Mapped[str] = mapped_column(String(8))
    template: Mapped[str] = mapped_column(String(64))
    """Which wording: a kind has one for each thing it asks about, such as ``M1.length``."""
    template_version: Mapped[int]
    form: Mapped[str] = mapped_column(String(16), default="plain")
    """plain; mirrored, asks the opposite; reversed, the same with its yes and no options the other way round."""
    text: Mapped[str]
    option_order: Mapped[list[str]] = mapped_column(JSON)
    evidence: Mapped[list[str]] = mapped_column(JSON)
    """Judgments that were shown or counted."""
    trigger: Mapped[dict[str, Any]]
    """statistic, value, threshold, model_version, random; cases: own choices that the answer was to turn over, put before it held"""
    preview_effect: Mapped[dict[str, Any] | None]
    """Labels that each answer would have moved when it was asked; for researchers, never shown to people."""
    answer: Mapped[dict[str, Any]]
    """choice, and what goes with it: ranking, points, stands."""
    answer_text: Mapped[str | None]
    source: Mapped[str] = mapped_column(String(16), default="page")
    client_token: Mapped[str | None] = mapped_column(String(80))
    work_session: Mapped[int | None]
    shown_at: Mapped[datetime]
    answered_at: Mapped[datetime]
    elapsed_ms: Mapped[int | None]


class Patch(Base):
    """The logged, revocable effect of an answer on labels, weights or rows. Whether it holds is told by its events."""

    __tablename__ = "patch"
    __table_args__ = (
        CheckConstraint("scope IN ('person', 'group', 'study')", name="scope_known"),
        CheckConstraint("scope <> 'person' OR annotator_id IS NOT NULL", name="person_named"),
        CheckConstraint("scope <> 'group' OR group_label IS NOT NULL", name="group_named"),
        CheckConstraint("shown >= 0 AND stood >= 0 AND stood <= shown", name="stood_within_shown"),
        Index("ix_patch_study_id_kind", "study_id", "kind"),
        Index("ix_patch_annotator_id", "annotator_id"),
        Index("ix_patch_source_event_id", "source_event_id"),
    )

    id: Mapped[str] = mapped_column(PublicId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    scope: Mapped[str] = mapped_column(String(16))
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    """Who said so; the person whose patch it is where ``scope`` is person."""
    group_label: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(8))
    target_type: Mapped[str] = mapped_column(String(32))
    """influence, judgment, pair, class, person"""
    target_id: Mapped[str] = mapped_column(String(200))
    var: Mapped[str] = mapped_column(String(32))
    packed: Mapped[dict[str, Any]] = mapped_column("value")
    """The value under ``v``: SQLite would take a bare number for no JSON."""
    stood: Mapped[int] = mapped_column(default=0)
    """Of the cases it would turn over that the person was shown, those they stood by."""
    shown: Mapped[int] = mapped_column(default=0)
    source_event_id: Mapped[str | None] = mapped_column(ForeignKey("meta_event.id"))
    sources: Mapped[list[str]] = mapped_column(JSON)
    """Judgments it rests on."""
    active_from: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    @property
    def value(self) -> Any:
        """A number, a text, a list, or an object that says where it holds; None where its giver has withdrawn."""
        return self.packed.get("v")


class PatchEvent(Base):
    """A patch began or ended: ``made``, ``revoked``, ``restored``; or a kind was switched, with no patch named: ``off``, ``on``."""

    __tablename__ = "patch_event"
    __table_args__ = (
        CheckConstraint("act IN ('made', 'revoked', 'restored', 'off', 'on')", name="act_known"),
        CheckConstraint("(patch_id IS NULL) = (act IN ('off', 'on'))", name="switch_names_no_patch"),
        Index("ix_patch_event_study_id_id", "study_id", "id"),
        Index("ix_patch_event_patch_id", "patch_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    patch_id: Mapped[str | None] = mapped_column(ForeignKey("patch.id"))
    kind: Mapped[str] = mapped_column(String(8))
    act: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime]
    by_annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    by_researcher_id: Mapped[int | None] = mapped_column(ForeignKey("researcher.id"))
    why: Mapped[str | None] = mapped_column(String(64))
    """replaced, taken_back, withdrawn, switched, undone"""
