"""dossiers that citizens file on the national portal: messages, files, dossiers, steps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")
_EMPTY = sa.text("'{}'::jsonb")


def upgrade() -> None:
    op.create_table(
        "inbound_message",
        sa.Column("message_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("national_code", sa.Text(), nullable=True, comment="MaHoSo, where it could be read"),
        sa.Column("procedure_code", sa.Text(), nullable=True, comment="MaTTHC as base code, where it could be read"),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of the body as received, hex"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes as received"),
        sa.Column(
            "body",
            sa.LargeBinary(),
            nullable=True,
            comment="zstd; absent when the message was larger than it may be",
        ),
        sa.Column("answer", sa.SmallInteger(), nullable=False, comment="what was answered last: 200, 404 or 500"),
        sa.Column("description", sa.Text(), nullable=False, comment="the words of that answer"),
        sa.Column(
            "times", sa.Integer(), server_default="1", nullable=False, comment="how often this very message came"
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_inbound_message")),
        sa.UniqueConstraint("province", "digest", name=op.f("uq_inbound_message_province_digest")),
    )
    op.create_index(op.f("ix_inbound_message_province_national_code"), "inbound_message", ["province", "national_code"])
    op.create_table(
        "inbound_file",
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of the file, hex"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_inbound_file")),
    )
    op.execute("ALTER TABLE inbound_file ALTER COLUMN content SET STORAGE EXTERNAL")
    op.create_table(
        "inbound_dossier",
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("national_code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="1, and one more for each other content"),
        sa.Column("procedure_code", sa.Text(), nullable=False),
        sa.Column("procedure_code_local", sa.Text(), nullable=False, comment="the province's own code"),
        sa.Column("procedure_name", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column(
            "record", postgresql.JSONB(), nullable=False, comment="the canonical application, its files by digest"
        ),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Text(),
            server_default="received",
            nullable=False,
            comment="received, sending, unknown, held, handed_over, superseded",
        ),
        sa.Column(
            "given", postgresql.JSONB(), server_default=_EMPTY, nullable=False, comment="what the system gave: number"
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is held or unknown"),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("intent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["inbound_message.message_id"], name=op.f("fk_inbound_dossier_message_id_inbound_message")
        ),
        sa.PrimaryKeyConstraint("province", "national_code", "version", name=op.f("pk_inbound_dossier")),
    )
    op.create_index(
        "ix_inbound_dossier_owed",
        "inbound_dossier",
        ["province", "national_code"],
        postgresql_where=sa.text("state NOT IN ('handed_over', 'superseded')"),
    )
    op.create_table(
        "inbound_step",
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("national_code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("step_key", sa.Text(), nullable=False, comment="place in the sequence, operation, item"),
        sa.Column("state", sa.Text(), nullable=False, comment="begun: sent, not answered yet; done"),
        sa.Column("given", postgresql.JSONB(), server_default=_EMPTY, nullable=False, comment="what its answer gave"),
        sa.Column("answer", sa.Text(), nullable=True, comment="the peer's code and words"),
        sa.Column("begun_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["province", "national_code", "version"],
            ["inbound_dossier.province", "inbound_dossier.national_code", "inbound_dossier.version"],
            name=op.f("fk_inbound_step_province_inbound_dossier"),
        ),
        sa.PrimaryKeyConstraint("province", "national_code", "version", "step_key", name=op.f("pk_inbound_step")),
    )


def downgrade() -> None:
    op.drop_table("inbound_step")
    op.drop_index(
        "ix_inbound_dossier_owed",
        table_name="inbound_dossier",
        postgresql_where=sa.text("state NOT IN ('handed_over', 'superseded')"),
    )
    op.drop_table("inbound_dossier")
    op.drop_table("inbound_file")
    op.drop_index(op.f("ix_inbound_message_province_national_code"), table_name="inbound_message")
    op.drop_table("inbound_message")
