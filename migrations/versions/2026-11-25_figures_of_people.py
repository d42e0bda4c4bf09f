"""Figures of each person, and the groups of people who choose alike.

Revision: figures_of_people
Follows: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "figures_of_people"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "person_figure",
        sa.Column("annotator_id", _ID, autoincrement=False, nullable=False),
        sa.Column("study_id", _ID, nullable=False),
        sa.Column("fit_id", _ID, nullable=False),
        sa.Column("judgments", sa.Integer(), nullable=False),
        sa.Column("median_seconds", sa.Float(), nullable=True),
        sa.Column("left_share", sa.Float(), nullable=True),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("repeats_itself", sa.Float(), nullable=True),
        sa.Column("agrees", sa.Float(), nullable=True),
        sa.Column("course", sa.JSON(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("tendencies", sa.JSON(), nullable=False),
        sa.Column("learned", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_person_figure_annotator_id_annotator")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_person_figure_study_id_study")),
        sa.PrimaryKeyConstraint("annotator_id", name=op.f("pk_person_figure")),
    )
    op.create_index("ix_person_figure_study_id_learned", "person_figure", ["study_id", "learned"])
    op.create_table(
        "learned_group",
        sa.Column("study_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fit_id", _ID, nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=True),
        sa.Column("named_by", _ID, nullable=True),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["named_by"], ["researcher.id"], name=op.f("fk_learned_group_named_by_researcher")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_learned_group_study_id_study")),
        sa.PrimaryKeyConstraint("study_id", "number", name=op.f("pk_learned_group")),
    )


def downgrade() -> None:
    op.drop_table("learned_group")
    op.drop_index("ix_person_figure_study_id_learned", "person_figure")
    op.drop_table("person_figure")
