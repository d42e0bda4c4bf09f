"""Tables of assignments: the questions put, how full each pair is, the open pool, and each person's counters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, BigId, PublicId

_SEEN = "retest_of IS NULL AND pair_id IS NOT NULL AND state IN ('open', 'answered')"

_RETEST = "retest_of IS NOT NULL"


class Assignment(Base):
    """A question put to a person. Why *this* question can be read from the row alone."""

    __tablename__ = "assignment"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'answered', 'expired')", name="state_known"),
        CheckConstraint("propensity > 0 AND propensity <= 1", name="propensity_is_probability"),
        CheckConstraint(
            "(pair_id IS NULL) = (left_id IS NULL) AND (pair_id IS NULL) = (right_id IS NULL)",
            name="sides_with_pair",
        ),
        CheckConstraint("left_id <> right_id", name="two_sides"),
        Index(
            "uq_assignment_open",
            "annotator_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "uq_assignment_seen",
            "annotator_id",
            "pair_id",
            unique=True,
            sqlite_where=text(_SEEN),
            postgresql_where=text(_SEEN),
        ),
        Index(
            "ix_assignment_lease",
            "study_id",
            "expires_at",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_assignment_annotator_id_id", "annotator_id", "id"),
        Index("ix_assignment_annotator_id_slot", "annotator_id", "slot"),
        Index(
            "ix_assignment_retest",
            "annotator_id",
            "slot",
            sqlite_where=text(_RETEST),
            postgresql_where=text(_RETEST),
        ),
        Index("ix_assignment_pair_id", "pair_id"),
        Index(
            "ix_assignment_meta",
            "annotator_id",
            "shown_at",
            sqlite_where=text("kind <> 'comparison'"),
            postgresql_where=text("kind <> 'comparison'"),
        ),
    )

    id: Mapped[str] = mapped_column(PublicId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    kind: Mapped[str] = mapped_column(String(32), default="comparison")
    """``comparison`` or a meta-question's kind, ``M1`` to ``M16``."""
    item_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"))
    pair_id: Mapped[int | None] = mapped_column(ForeignKey("pair.id"))
    left_id: Mapped[int | None] = mapped_column(ForeignKey("response.id"))
    right_id: Mapped[int | None] = mapped_column(ForeignKey("response.id"))
    protocol_version: Mapped[int]
    policy: Mapped[str] = mapped_column(String(48))
    """The policy that drew it; ``retest`` and ``explore`` branches are told in ``draw``."""
    score: Mapped[float | None] = mapped_column(Float)
    propensity: Mapped[float] = mapped_column(Float)
    """Probability that this person's draw gave this pair, all branches together."""
    seed: Mapped[int] = mapped_column(BigId)
    draw: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """How the probability came about: branch, pool size, eligible, candidates, explore share, note."""
    retest_of: Mapped[str | None] = mapped_column(PublicId)
    """The earlier judgment this asks again."""
    is_gold: Mapped[bool] = mapped_column(default=False)
    payload: Mapped[dict[str, Any] | None]
    """A meta-question as shown: template, rendered text, option order, evidence, trigger."""
    slot: Mapped[int]
    """Place in the person's sequence of sides, from 0; skipped and expired questions do not use one up."""
    work_session: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(String(16), default="open")
    shown_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class PairLoad(Base):
    """How full a pair is. ``position`` is its place in the dense open pool, None while it cannot be drawn."""

    __tablename__ = "pair_load"
    __table_args__ = (
        CheckConstraint("counted >= 0 AND reserved >= 0", name="not_negative"),
        UniqueConstraint("study_id", "position"),
    )

    pair_id: Mapped[int] = mapped_column(ForeignKey("pair.id"), primary_key=True, autoincrement=False)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), index=True)
    topic: Mapped[str | None] = mapped_column(String(200))
    counted: Mapped[int] = mapped_column(default=0)
    """First, on-time, non-skip judgments."""
    reserved: Mapped[int] = mapped_column(default=0)
    """Live assignments."""
    cap: Mapped[int]
    retired: Mapped[bool] = mapped_column(default=False)
    gold: Mapped[bool] = mapped_column(default=False)
    """A check: drawn apart from the pool, by everyone, without a cap."""
    position: Mapped[int | None]


class Pool(Base):
    """The size of a study's dense open pool: positions 0 to ``open_pairs - 1`` are taken."""

    __tablename__ = "pool"
    __table_args__ = (CheckConstraint("open_pairs >= 0", name="not_negative"),)

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True, autoincrement=False)
    open_pairs: Mapped[int] = mapped_column(default=0)


class Spending(Base):
    """Judgments given and assignments live, in sixteen shards so that people answering at once do not queue on one row."""

    __tablename__ = "spending"
    __table_args__ = (CheckConstraint("judgments >= 0 AND live >= 0", name="not_negative"),)

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    shard: Mapped[int] = mapped_column(primary_key=True)
    judgments: Mapped[int] = mapped_column(default=0)
    live: Mapped[int] = mapped_column(default=0)


class PersonLoad(Base):
    """Counters of one person, so that neither their history nor the study's size is read when asking."""

    __tablename__ = "person_load"
    __table_args__ = (CheckConstraint("slot >= 0 AND answered >= 0 AND seen_open >= 0", name="not_negative"),)

    annotator_id: Mapped[int] = mapped_column(
        ForeignKey("annotator.id"), primary_key=True, autoincrement=False
    )
    slot: Mapped[int] = mapped_column(default=0)
    """Comparisons answered other than by a skip: the index into the person's blocks of sides."""
    answered: Mapped[int] = mapped_column(default=0)
    """Questions answered other than by a skip: what ``per_annotator`` limits."""
    voided: Mapped[int] = mapped_column(default=0)
    """Answers taken back, given after a skip or late, or repeats skipped: while there are any, repeats are listed rather than counted."""
    repeats: Mapped[int] = mapped_column(default=0)
    """Earlier answers asked again, those whose hold ran out apart."""
    seen_open: Mapped[int] = mapped_column(default=0)
    """Pairs of the open pool that this person has seen and so cannot draw."""
    work_session: Mapped[int] = mapped_column(default=1)
    session_started_at: Mapped[datetime | None]
    session_answered: Mapped[int] = mapped_column(default=0)
    session_active_ms: Mapped[int] = mapped_column(BigId, default=0)
    break_offered_at: Mapped[int] = mapped_column(default=0)
    """The session's count of answers when a break was last offered."""
    session_ended_at: Mapped[datetime | None]
    last_active_at: Mapped[datetime | None]
    quick_run: Mapped[int] = mapped_column(default=0)
    quick_noted: Mapped[bool] = mapped_column(default=False)
    reviewed_slot: Mapped[int | None]
    """The slot at which they last said what fits them of what the study has learned; None where they never did."""
