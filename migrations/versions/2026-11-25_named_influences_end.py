"""A named influence that is taken out keeps its row with the time, so that labels of a moment before can be made again.

Revision: named_influences_end
Follows: reviewed_slot
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "named_influences_end"
down_revision = "reviewed_slot"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("named_influence", schema=None) as batch_op:
        batch_op.add_column(sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.drop_constraint(op.f("uq_named_influence_study_id_name"), type_="unique")


def downgrade() -> None:
    op.execute("DELETE FROM named_influence WHERE removed_at IS NOT NULL")
    with op.batch_alter_table("named_influence", schema=None) as batch_op:
        batch_op.drop_column("removed_at")
        batch_op.create_unique_constraint(op.f("uq_named_influence_study_id_name"), ["study_id", "name"])
