"""Influences that a study's votes proposed and a person named.

Revision: named_influences
Follows: fit_parts
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "named_influences"
down_revision = "fit_parts"
branch_labels = None
depends_on = None
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "named_influence",
        sa.Column("id", _ID, nullable=False),
        sa.Column("study_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("named_by", _ID, nullable=True),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["named_by"], ["researcher.id"], name=op.f("fk_named_influence_named_by_researcher")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_named_influence_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_named_influence")),
        sa.UniqueConstraint("study_id", "name", name=op.f("uq_named_influence_study_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_named_influence_study_id", "named_influence", ["study_id"])


def downgrade() -> None:
    op.drop_index("ix_named_influence_study_id", "named_influence")
    op.drop_table("named_influence")
