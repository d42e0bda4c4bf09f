"""Fits, the figures of each pair, and traits of responses.

Revision: 0002
Follows: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(length=200), nullable=False),
        sa.Column("judgments", sa.Integer(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_fit_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fit")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("fit", schema=None) as batch_op:
        batch_op.create_index("ix_fit_study_id_kind_id", ["study_id", "kind", "id"], unique=False)

    op.create_table(
        "response_trait",
        sa.Column(
            "response_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["response_id"], ["response.id"], name=op.f("fk_response_trait_response_id_response")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_response_trait_study_id_study")),
        sa.PrimaryKeyConstraint("response_id", name=op.f("pk_response_trait")),
    )
    with op.batch_alter_table("response_trait", schema=None) as batch_op:
        batch_op.create_index("ix_response_trait_study_id", ["study_id"], unique=False)

    op.create_table(
        "pair_figure",
        sa.Column(
            "pair_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("second", sa.Integer(), nullable=False),
        sa.Column("ties", sa.Integer(), nullable=False),
        sa.Column("neither", sa.Integer(), nullable=False),
        sa.Column("share", sa.Float(), nullable=True),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("epistemic", sa.Float(), nullable=True),
        sa.Column("between_groups", sa.Float(), nullable=True),
        sa.Column("between_people", sa.Float(), nullable=True),
        sa.Column("within_person", sa.Float(), nullable=True),
        sa.Column("conflict", sa.Float(), nullable=True),
        sa.Column("influence_shift", sa.Float(), nullable=True),
        sa.Column("divided", sa.Float(), nullable=False),
        sa.Column("corner", sa.String(length=32), nullable=True),
        sa.Column("next_step", sa.String(length=48), nullable=True),
        sa.Column("why", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["pair_id"], ["pair.id"], name=op.f("fk_pair_figure_pair_id_pair")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_pair_figure_study_id_study")),
        sa.PrimaryKeyConstraint("pair_id", name=op.f("pk_pair_figure")),
    )
    with op.batch_alter_table("pair_figure", schema=None) as batch_op:
        batch_op.create_index("ix_pair_figure_study_id_divided", ["study_id", "divided"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("pair_figure", schema=None) as batch_op:
        batch_op.drop_index("ix_pair_figure_study_id_divided")

    op.drop_table("pair_figure")
    with op.batch_alter_table("response_trait", schema=None) as batch_op:
        batch_op.drop_index("ix_response_trait_study_id")

    op.drop_table("response_trait")
    with op.batch_alter_table("fit", schema=None) as batch_op:
        batch_op.drop_index("ix_fit_study_id_kind_id")

    op.drop_table("fit")
