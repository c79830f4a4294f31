"""data quality: warnings, outcomes of rules, measures of runs, waivers, audit; who works on a held item."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")
_STATES_BEFORE = "held, redriven, corrected, superseded"
_STATES = "held, redriven, waived, corrected, superseded"


def upgrade() -> None:
    op.create_table(
        "warning",
        sa.Column("warning_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True, comment="what stood in the field; masked in every output"),
        sa.Column("rule", sa.Text(), nullable=False, comment="file and line of the expectation"),
        sa.Column("run_id", sa.BigInteger(), nullable=False, comment="the run that warned first"),
        sa.Column("seen_run_id", sa.BigInteger(), nullable=False, comment="the run that met it last"),
        sa.Column("warned_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("warning_id", name=op.f("pk_warning")),
    )
    op.create_index(
        "uq_warning_open",
        "warning",
        ["province", "dossier_code", "reason", "field"],
        unique=True,
        postgresql_where=sa.text("gone_at IS NULL"),
    )
    op.create_table(
        "rule_outcome",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("suite", sa.Text(), nullable=False, comment="name of the suite's file"),
        sa.Column("number", sa.Integer(), nullable=False, comment="place in the suite, from 0"),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False, comment="file and line"),
        sa.Column("expect", sa.Text(), nullable=False, comment="name of the expectation in Great Expectations"),
        sa.Column(
            "arguments",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="arguments, as they ran",
        ),
        sa.Column("level", sa.Text(), nullable=False, comment="hold, warn or stop"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("evaluated", sa.BigInteger(), nullable=False, comment="rows that the rule looked at"),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_rule_outcome_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "suite", "number", name=op.f("pk_rule_outcome")),
    )
    op.create_index(op.f("ix_rule_outcome_province_at"), "rule_outcome", ["province", "at"])
    op.create_table(
        "measure",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="records, freshness_hours, filled, share"),
        sa.Column("key", sa.Text(), server_default="", nullable=False, comment="canonical field, or field=value"),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_measure_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "name", "key", name=op.f("pk_measure")),
    )
    op.create_index(op.f("ix_measure_province_name_at"), "measure", ["province", "name", "at"])
    op.create_table(
        "waiver",
        sa.Column("waiver_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False, comment="the finding that is waived"),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column(
            "value", sa.Text(), nullable=True, comment="the value for which it is waived; another value is held again"
        ),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True, comment="who decided otherwise later"),
        sa.PrimaryKeyConstraint("waiver_id", name=op.f("pk_waiver")),
    )
    op.create_index(op.f("ix_waiver_province_source_key"), "waiver", ["province", "source_key"])
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("who", sa.Text(), nullable=False, comment="a person's name, or 'hub' for what a run did"),
        sa.Column("action", sa.Text(), nullable=False, comment="assign, note, waive, redrive, export, accept, …"),
        sa.Column("province", sa.Text(), nullable=True),
        sa.Column("item_id", sa.BigInteger(), nullable=True, comment="the quarantine item it is about"),
        sa.Column("details", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_item_id"), "audit", ["item_id"])
    op.add_column("quarantine", sa.Column("assignee", sa.Text(), nullable=True, comment="who works on it"))
    op.add_column(
        "quarantine",
        sa.Column(
            "version",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="one more with each change a person makes; two at once are told apart by it",
        ),
    )
    op.add_column(
        "province_procedure",
        sa.Column("place", sa.Integer(), nullable=True, comment="its line in the list that named it last, from 1"),
    )
    op.alter_column("quarantine", "state", comment=_STATES, existing_comment=_STATES_BEFORE)
    op.create_index(
        "ix_quarantine_open",
        "quarantine",
        ["province", "changed_at", "item_id"],
        postgresql_where=sa.text("state = 'held'"),
    )


def downgrade() -> None:
    op.drop_index("ix_quarantine_open", table_name="quarantine")
    op.alter_column("quarantine", "state", comment=_STATES_BEFORE, existing_comment=_STATES)
    op.drop_column("province_procedure", "place")
    op.drop_column("quarantine", "version")
    op.drop_column("quarantine", "assignee")
    for table in ("audit", "waiver", "measure", "rule_outcome", "warning"):
        op.drop_table(table)
