"""When a person last reviewed what the study has learned about them.

Revision: reviewed_slot
Follows: named_influences
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "reviewed_slot"
down_revision = "named_influences"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("person_load", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reviewed_slot", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("person_load", schema=None) as batch_op:
        batch_op.drop_column("reviewed_slot")
