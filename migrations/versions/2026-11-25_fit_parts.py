"""Arrays of fits: features of responses, and what to ask next.

Revision: fit_parts
Follows: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "fit_parts"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fit_part",
        sa.Column("fit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=48), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fit_id"], ["fit.id"], name=op.f("fk_fit_part_fit_id_fit"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("fit_id", "name", "chunk", name=op.f("pk_fit_part")),
    )


def downgrade() -> None:
    op.drop_table("fit_part")
