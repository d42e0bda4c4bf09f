"""What people say about their choices: answers to meta-questions, the patches that follow, and when each began or ended.

Revision: 0003
Follows: figures_of_people
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "figures_of_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "meta_event",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("annotator_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("assignment_id", sa.String(length=26), nullable=True),
        sa.Column("judgment_id", sa.String(length=26), nullable=True),
        sa.Column("supersedes", sa.String(length=26), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("form", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("option_order", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("trigger", sa.JSON(), nullable=False),
        sa.Column("preview_effect", sa.JSON(), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("answer_text", sa.Text(), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("client_token", sa.String(length=80), nullable=True),
        sa.Column("work_session", sa.Integer(), nullable=True),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("elapsed_ms", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "form IN ('plain', 'mirrored', 'reversed')", name=op.f("ck_meta_event_form_known")
        ),
        sa.CheckConstraint(
            "elapsed_ms IS NULL OR elapsed_ms >= 0", name=op.f("ck_meta_event_elapsed_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_meta_event_annotator_id_annotator")
        ),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignment.id"], name=op.f("fk_meta_event_assignment_id_assignment")
        ),
        sa.ForeignKeyConstraint(
            ["judgment_id"], ["judgment.id"], name=op.f("fk_meta_event_judgment_id_judgment")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_meta_event_study_id_study")),
        sa.ForeignKeyConstraint(
            ["supersedes"], ["meta_event.id"], name=op.f("fk_meta_event_supersedes_meta_event")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meta_event")),
        sa.UniqueConstraint(
            "annotator_id", "client_token", name=op.f("uq_meta_event_annotator_id_client_token")
        ),
        sa.UniqueConstraint("supersedes", name=op.f("uq_meta_event_supersedes")),
    )
    with op.batch_alter_table("meta_event", schema=None) as batch_op:
        batch_op.create_index("ix_meta_event_annotator_id_id", ["annotator_id", "id"], unique=False)
        batch_op.create_index("ix_meta_event_assignment_id", ["assignment_id"], unique=False)
        batch_op.create_index("ix_meta_event_study_id_kind_id", ["study_id", "kind", "id"], unique=False)

    op.create_table(
        "patch",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("annotator_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("group_label", sa.String(length=200), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("target_type", sa.String(length=32), nullable=False),
        sa.Column("target_id", sa.String(length=200), nullable=False),
        sa.Column("var", sa.String(length=32), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("stood", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("source_event_id", sa.String(length=26), nullable=True),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("active_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("scope <> 'group' OR group_label IS NOT NULL", name=op.f("ck_patch_group_named")),
        sa.CheckConstraint(
            "scope <> 'person' OR annotator_id IS NOT NULL", name=op.f("ck_patch_person_named")
        ),
        sa.CheckConstraint("scope IN ('person', 'group', 'study')", name=op.f("ck_patch_scope_known")),
        sa.CheckConstraint(
            "shown >= 0 AND stood >= 0 AND stood <= shown", name=op.f("ck_patch_stood_within_shown")
        ),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_patch_annotator_id_annotator")
        ),
        sa.ForeignKeyConstraint(
            ["source_event_id"], ["meta_event.id"], name=op.f("fk_patch_source_event_id_meta_event")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_patch_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patch")),
    )
    with op.batch_alter_table("patch", schema=None) as batch_op:
        batch_op.create_index("ix_patch_annotator_id", ["annotator_id"], unique=False)
        batch_op.create_index("ix_patch_source_event_id", ["source_event_id"], unique=False)
        batch_op.create_index("ix_patch_study_id_kind", ["study_id", "kind"], unique=False)

    op.create_table(
        "patch_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("patch_id", sa.String(length=26), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_annotator_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("by_researcher_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("why", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(patch_id IS NULL) = (act IN ('off', 'on'))", name=op.f("ck_patch_event_switch_names_no_patch")
        ),
        sa.CheckConstraint(
            "act IN ('made', 'revoked', 'restored', 'off', 'on')", name=op.f("ck_patch_event_act_known")
        ),
        sa.ForeignKeyConstraint(
            ["by_annotator_id"], ["annotator.id"], name=op.f("fk_patch_event_by_annotator_id_annotator")
        ),
        sa.ForeignKeyConstraint(
            ["by_researcher_id"], ["researcher.id"], name=op.f("fk_patch_event_by_researcher_id_researcher")
        ),
        sa.ForeignKeyConstraint(["patch_id"], ["patch.id"], name=op.f("fk_patch_event_patch_id_patch")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_patch_event_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patch_event")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("patch_event", schema=None) as batch_op:
        batch_op.create_index("ix_patch_event_patch_id", ["patch_id"], unique=False)
        batch_op.create_index("ix_patch_event_study_id_id", ["study_id", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("patch_event", schema=None) as batch_op:
        batch_op.drop_index("ix_patch_event_study_id_id")
        batch_op.drop_index("ix_patch_event_patch_id")

    op.drop_table("patch_event")
    with op.batch_alter_table("patch", schema=None) as batch_op:
        batch_op.drop_index("ix_patch_study_id_kind")
        batch_op.drop_index("ix_patch_source_event_id")
        batch_op.drop_index("ix_patch_annotator_id")

    op.drop_table("patch")
    with op.batch_alter_table("meta_event", schema=None) as batch_op:
        batch_op.drop_index("ix_meta_event_study_id_kind_id")
        batch_op.drop_index("ix_meta_event_assignment_id")
        batch_op.drop_index("ix_meta_event_annotator_id_id")

    op.drop_table("meta_event")
