"""Count each person's repeats as they are put, and find their questions about choices by time, so that asking reads no history.

Revision: asking_without_history
Follows: named_influences_end
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "asking_without_history"
down_revision = "named_influences_end"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person_load", sa.Column("repeats", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE person_load SET repeats = (SELECT count(*) FROM assignment a WHERE a.annotator_id = person_load.annotator_id "
        "AND a.retest_of IS NOT NULL AND a.state IN ('open', 'answered'))"
    )
    with op.batch_alter_table("person_load") as table:
        table.alter_column("repeats", server_default=None)
    op.create_index(
        "ix_assignment_meta",
        "assignment",
        ["annotator_id", "shown_at"],
        sqlite_where=sa.text("kind <> 'comparison'"),
        postgresql_where=sa.text("kind <> 'comparison'"),
    )


def downgrade() -> None:
    op.drop_index("ix_assignment_meta", "assignment")
    op.drop_column("person_load", "repeats")
