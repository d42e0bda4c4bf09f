"""Tables of what was computed from judgments: whole fits with their provenance, and the figures of each pair."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, BigId


class Fit(Base):
    """One computation over a study's judgments. ``state`` names the judgments it saw, so that it is known when it is old."""

    __tablename__ = "fit"
    __table_args__ = (
        Index("ix_fit_study_id_kind_id", "study_id", "kind", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    kind: Mapped[str] = mapped_column(String(32))
    """``report``; ``features`` of the responses; ``selection``: what to ask next, by the study's policy."""
    method: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    seed: Mapped[int] = mapped_column(BigId)
    state: Mapped[str] = mapped_column(String(200))
    judgments: Mapped[int]
    result: Mapped[dict[str, Any]]
    seconds: Mapped[float] = mapped_column(Float)
    made_at: Mapped[datetime]


class FitPart(Base):
    """An array of a fit, too large for its result; in several chunks where it is long. Kept for the latest fits only."""

    __tablename__ = "fit_part"

    fit_id: Mapped[int] = mapped_column(ForeignKey("fit.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(48), primary_key=True)
    chunk: Mapped[int] = mapped_column(primary_key=True, default=0)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    """In NumPy's own file format, without pickled objects."""


class PairFigure(Base):
    """What the last fit says of one pair. Shares are of the response whose id sorts first; variances as METHOD 4.1 splits them."""

    __tablename__ = "pair_figure"
    __table_args__ = (Index("ix_pair_figure_study_id_divided", "study_id", "divided"),)

    pair_id: Mapped[int] = mapped_column(ForeignKey("pair.id"), primary_key=True, autoincrement=False)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    fit_id: Mapped[int] = mapped_column(BigId)
    votes: Mapped[int]
    people: Mapped[int]
    first: Mapped[int]
    second: Mapped[int]
    ties: Mapped[int]
    neither: Mapped[int]
    share: Mapped[float | None] = mapped_column(Float)
    """Of decided people, how many prefer the first: the estimate, between ``low`` and ``high``."""
    low: Mapped[float | None] = mapped_column(Float)
    high: Mapped[float | None] = mapped_column(Float)
    epistemic: Mapped[float | None] = mapped_column(Float)
    between_groups: Mapped[float | None] = mapped_column(Float)
    between_people: Mapped[float | None] = mapped_column(Float)
    within_person: Mapped[float | None] = mapped_column(Float)
    conflict: Mapped[float | None] = mapped_column(Float)
    """Probability that groups really differ on this pair."""
    influence_shift: Mapped[float | None] = mapped_column(Float)
    divided: Mapped[float] = mapped_column(Float, default=0.0)
    """What the list of disagreement is sorted by: the part that more votes and repeats would not take away."""
    corner: Mapped[str | None] = mapped_column(String(32))
    next_step: Mapped[str | None] = mapped_column(String(48))
    why: Mapped[str | None] = mapped_column(String(200))


class ResponseTrait(Base):
    """How much of each influence a response's text shows, kept so that it is read once; ``version`` names the definitions."""

    __tablename__ = "response_trait"
    __table_args__ = (Index("ix_response_trait_study_id", "study_id"),)

    response_id: Mapped[int] = mapped_column(ForeignKey("response.id"), primary_key=True, autoincrement=False)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    version: Mapped[str] = mapped_column(String(64))
    numbers: Mapped[dict[str, Any]]


class PersonFigure(Base):
    """What the last fit says of one person: their own pattern, and which learned group they choose like."""

    __tablename__ = "person_figure"
    __table_args__ = (Index("ix_person_figure_study_id_learned", "study_id", "learned"),)

    annotator_id: Mapped[int] = mapped_column(
        ForeignKey("annotator.id"), primary_key=True, autoincrement=False
    )
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    fit_id: Mapped[int] = mapped_column(BigId)
    judgments: Mapped[int]
    median_seconds: Mapped[float | None] = mapped_column(Float)
    left_share: Mapped[float | None] = mapped_column(Float)
    repeats: Mapped[int]
    repeats_itself: Mapped[float | None] = mapped_column(Float)
    agrees: Mapped[float | None] = mapped_column(Float)
    course: Mapped[list[Any]] = mapped_column(default=list)
    """Median seconds of stretches of their answers, first to last."""
    flags: Mapped[list[Any]] = mapped_column(default=list)
    tendencies: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """By influence: how often the answer with more of it was chosen, of decided choices in which the two differ clearly."""
    learned: Mapped[int | None]
    """Number of the learned group, from 0; None in none."""


class LearnedGroup(Base):
    """A group of people who choose alike, as a fit found it. Its number and the name a researcher gave stay from fit to fit."""

    __tablename__ = "learned_group"

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fit_id: Mapped[int] = mapped_column(BigId)
    people: Mapped[int]
    """0 where the last fit did not find it."""
    name: Mapped[str | None] = mapped_column(String(80))
    named_by: Mapped[int | None] = mapped_column(ForeignKey("researcher.id"))
    named_at: Mapped[datetime | None]


class NamedInfluence(Base):
    """An influence that the study's own votes proposed and a person named: responses that have one of ``terms`` against those without."""

    __tablename__ = "named_influence"
    __table_args__ = (
        Index("ix_named_influence_study_id", "study_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    name: Mapped[str] = mapped_column(String(80))
    terms: Mapped[list[Any]] = mapped_column(default=list)
    named_by: Mapped[int | None] = mapped_column(ForeignKey("researcher.id"))
    named_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    """When it was taken out of the register; None while it is in it."""
