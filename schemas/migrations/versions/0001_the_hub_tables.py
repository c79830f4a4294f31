"""the hub tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cursor",
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("changed_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("province", "stream", name=op.f("pk_cursor")),
    )
    op.create_table(
        "delivery",
        sa.Column("delivery_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False, comment="the content that is owed"),
        sa.Column(
            "state",
            sa.Text(),
            server_default="pending",
            nullable=False,
            comment="pending, sending, unknown, held, delivered",
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("answer_code", sa.Text(), nullable=True),
        sa.Column("answer_text", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is held"),
        sa.Column("run_id", sa.BigInteger(), nullable=False, comment="the run that made it"),
        sa.Column("sent_run_id", sa.BigInteger(), nullable=True, comment="the run that last sent it"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("intent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_delivery")),
    )
    op.create_index(
        "uq_delivery_owed",
        "delivery",
        ["province", "dossier_code"],
        unique=True,
        postgresql_where=sa.text("state <> 'delivered'"),
    )
    op.create_table(
        "dossier",
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column(
            "dossier_code",
            sa.Text(),
            nullable=False,
            comment="the province's code; MaHoSo unless a national code exists",
        ),
        sa.Column(
            "outgoing_code",
            sa.Text(),
            nullable=False,
            comment="the one code sent to the national side; never changes",
        ),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("procedure_code", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("steps_hash", sa.Text(), nullable=False),
        sa.Column("record", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "notes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False, comment="the run that last changed it"),
        sa.Column(
            "delivered_hash",
            sa.Text(),
            nullable=True,
            comment="content hash that the national side last accepted",
        ),
        sa.Column(
            "reconciled_hash",
            sa.Text(),
            nullable=True,
            comment="content hash that was last found equal on both sides",
        ),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("province", "dossier_code", name=op.f("pk_dossier")),
        sa.UniqueConstraint("outgoing_code", name=op.f("uq_dossier_outgoing_code")),
    )
    op.create_table(
        "procedure_version",
        sa.Column("procedure_code", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("field_code", sa.Text(), nullable=True),
        sa.Column("field_name", sa.Text(), nullable=True),
        sa.Column(
            "levels",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="codes of CAPTHUCHIEN, as text",
        ),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column(
            "record",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the answer of LayThuTuc, whole",
        ),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("procedure_code", "valid_from", name=op.f("pk_procedure_version")),
    )
    op.create_index(
        "uq_procedure_version_current",
        "procedure_version",
        ["procedure_code"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_table(
        "progress_step",
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("step_key", sa.Text(), nullable=False, comment="time | status | ordinal among equals"),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False, comment="order in the dossier, from 1"),
        sa.Column("record", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "state",
            sa.Text(),
            server_default="pending",
            nullable=False,
            comment="pending, sending, unknown, held, late, delivered",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is held"),
        sa.Column("run_id", sa.BigInteger(), nullable=False, comment="the run that brought it"),
        sa.Column("sent_run_id", sa.BigInteger(), nullable=True, comment="the run that last sent it"),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("province", "dossier_code", "step_key", name=op.f("pk_progress_step")),
    )
    op.create_index(
        "ix_progress_step_owed",
        "progress_step",
        ["province", "dossier_code"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('delivered', 'late')"),
    )
    op.create_table(
        "province_procedure",
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("local_code", sa.Text(), nullable=False),
        sa.Column(
            "procedure_code",
            sa.Text(),
            nullable=True,
            comment="base national code, where the local form has one",
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("field_name", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False, comment="pull or the name of an imported list"),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("province", "local_code", name=op.f("pk_province_procedure")),
    )
    op.create_table(
        "quarantine",
        sa.Column("item_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="dossier or step"),
        sa.Column("stage", sa.Text(), nullable=False, comment="map, check, merge or push"),
        sa.Column("dossier_code", sa.Text(), nullable=True, comment="absent when the record has none"),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="the first finding's reason"),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "mapped",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what the mapping made of it",
        ),
        sa.Column("message_id", sa.BigInteger(), nullable=True, comment="the message that holds the raw record"),
        sa.Column("position", sa.Integer(), nullable=True, comment="its place in that message, from 0"),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "state",
            sa.Text(),
            server_default="held",
            nullable=False,
            comment="held, redriven, corrected, superseded",
        ),
        sa.Column("run_id", sa.BigInteger(), nullable=False, comment="the run that held it first"),
        sa.Column("seen_run_id", sa.BigInteger(), nullable=False, comment="the run that met it last"),
        sa.Column("freed_run_id", sa.BigInteger(), nullable=True),
        sa.Column("held_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("freed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_quarantine")),
    )
    op.create_index("ix_quarantine_dossier", "quarantine", ["province", "dossier_code"], unique=False)
    op.create_index(
        "uq_quarantine_held",
        "quarantine",
        ["province", "kind", "source_key", "content_hash"],
        unique=True,
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_table(
        "reconciliation",
        sa.Column("reconciliation_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("compared", sa.Integer(), nullable=False),
        sa.Column("equal", sa.Integer(), nullable=False),
        sa.Column(
            "differences",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="counts by kind, and per field",
        ),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("reconciliation_id", name=op.f("pk_reconciliation")),
    )
    op.create_table(
        "run",
        sa.Column("run_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="sync, procedures, redrive"),
        sa.Column(
            "province",
            sa.Text(),
            nullable=False,
            comment="slug of provinces/<slug>.yaml; 'national' for the national list",
        ),
        sa.Column("state", sa.Text(), server_default="running", nullable=False, comment="running, failed, done"),
        sa.Column(
            "stage",
            sa.Text(),
            server_default="open",
            nullable=False,
            comment="the last stage that ended well",
        ),
        sa.Column(
            "fixed",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="a window asked for by a person",
        ),
        sa.Column("dry_run", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "goal",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="a resumed run goes on from its old window's end to here",
        ),
        sa.Column("page", sa.Integer(), server_default="0", nullable=False, comment="pages landed"),
        sa.Column(
            "position",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="where the connector goes on after the last landed page",
        ),
        sa.Column("attempt", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "counts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
    )
    op.create_index(op.f("ix_run_province_run_id"), "run", ["province", "run_id"], unique=False)
    op.create_table(
        "difference",
        sa.Column("reconciliation_id", sa.BigInteger(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="only_hub, only_national, status, field, steps, unknown",
        ),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("hub", sa.Text(), nullable=True),
        sa.Column("national", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["reconciliation_id"],
            ["reconciliation.reconciliation_id"],
            name=op.f("fk_difference_reconciliation_id_reconciliation"),
        ),
    )
    op.create_index(op.f("ix_difference_reconciliation_id"), "difference", ["reconciliation_id"], unique=False)
    op.create_table(
        "message",
        sa.Column("message_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("http_status", sa.SmallInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of the body as received, hex"),
        sa.Column("size", sa.Integer(), nullable=False, comment="bytes as received"),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="zstd"),
        sa.Column("error", sa.Text(), nullable=True, comment="why the body could not be read, when it could not"),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_message_run_id_run")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_message")),
    )
    op.create_index(op.f("ix_message_run_id"), "message", ["run_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_message_run_id"), table_name="message")
    op.drop_table("message")
    op.drop_index(op.f("ix_difference_reconciliation_id"), table_name="difference")
    op.drop_table("difference")
    op.drop_index(op.f("ix_run_province_run_id"), table_name="run")
    op.drop_table("run")
    op.drop_table("reconciliation")
    op.drop_index("uq_quarantine_held", table_name="quarantine", postgresql_where=sa.text("state = 'held'"))
    op.drop_index("ix_quarantine_dossier", table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_table("province_procedure")
    op.drop_index(
        "ix_progress_step_owed",
        table_name="progress_step",
        postgresql_where=sa.text("state NOT IN ('delivered', 'late')"),
    )
    op.drop_table("progress_step")
    op.drop_index(
        "uq_procedure_version_current",
        table_name="procedure_version",
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.drop_table("procedure_version")
    op.drop_table("dossier")
    op.drop_index("uq_delivery_owed", table_name="delivery", postgresql_where=sa.text("state <> 'delivered'"))
    op.drop_table("delivery")
    op.drop_table("cursor")
