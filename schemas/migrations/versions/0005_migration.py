"""migration and cutover: attempts, chunks, the account of every dossier, files, proofs; who succeeds a province."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "migration",
        sa.Column("migration_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False, comment="slug of migrations/<plan>.yaml"),
        sa.Column("kind", sa.Text(), nullable=False, comment="rehearsal or cutover"),
        sa.Column("state", sa.Text(), server_default="reading", nullable=False, comment="one of ATTEMPT_STATES"),
        sa.Column(
            "plan_digest", sa.Text(), nullable=False, comment="SHA-256 of the plan's file when the attempt began, hex"
        ),
        sa.Column(
            "plan_fixed",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="what of the plan may not change under the attempt: sources, target, recode, freeze, attachments",
        ),
        sa.Column("target", sa.Text(), nullable=False, comment="slug of the new province"),
        sa.Column(
            "mark", sa.DateTime(timezone=True), nullable=False, comment="the history reaches to here; deltas go on"
        ),
        sa.Column(
            "read_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="every source is read at least to here; the next delta goes on",
        ),
        sa.Column(
            "target_mark", sa.Text(), nullable=True, comment="the target's own snapshot mark, to which a rollback goes"
        ),
        sa.Column(
            "target_before",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="the target's state at the mark: dossiers, files, digest",
        ),
        sa.Column(
            "counts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="why the last step ended, when it ended badly"),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("migration_id", name=op.f("pk_migration")),
    )
    op.create_index("ix_migration_plan", "migration", ["plan", "migration_id"], unique=False)
    op.create_index(
        "uq_migration_cutover",
        "migration",
        ["plan"],
        unique=True,
        postgresql_where=sa.text("kind = 'cutover' AND state <> 'rolled_back'"),
    )
    op.create_index(
        "uq_migration_rehearsal",
        "migration",
        ["plan"],
        unique=True,
        postgresql_where=sa.text("kind = 'rehearsal' AND state IN ('reading', 'loading')"),
    )
    op.create_table(
        "migration_decision",
        sa.Column("decision_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False, comment="commune, agency_code or dossier_code"),
        sa.Column("code", sa.Text(), nullable=False, comment="what stands in the source"),
        sa.Column(
            "source_key",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="one record; blank: every record with the code",
        ),
        sa.Column("decided", sa.Text(), nullable=False, comment="the code it becomes"),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_migration_decision")),
    )
    op.create_index(
        "uq_migration_decision", "migration_decision", ["plan", "source", "field", "code", "source_key"], unique=True
    )
    op.create_table(
        "migrated",
        sa.Column("migration_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column(
            "dossier_code",
            sa.Text(),
            nullable=True,
            comment="the source's code, which stays the dossier's code; absent when it has none",
        ),
        sa.Column("national_code", sa.Text(), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column(
            "finished",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="status 3, 8 or 10: history",
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "content_hash",
            sa.Text(),
            nullable=False,
            comment="of the recoded record with its steps; of the raw one when held",
        ),
        sa.Column(
            "state",
            sa.Text(),
            server_default="read",
            nullable=False,
            comment="read, loading, unknown, migrated, held, out_of_scope",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is held or out of scope"),
        sa.Column(
            "findings",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what holds it, with field, value, rule",
        ),
        sa.Column(
            "record",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="the canonical record, recoded, with its steps; absent when the mapping failed",
        ),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False, comment="the chunk that brought this version"),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True, comment="created, updated, unchanged: the target's last word"),
        sa.Column("target_id", sa.Text(), nullable=True, comment="the target's own id of it"),
        sa.Column("loaded_hash", sa.Text(), nullable=True, comment="content hash that the target last took"),
        sa.Column("answer", sa.Text(), nullable=True, comment="the target's words"),
        sa.Column("intent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["migration_id"], ["migration.migration_id"], name=op.f("fk_migrated_migration_id_migration")
        ),
        sa.PrimaryKeyConstraint("migration_id", "source", "source_key", name=op.f("pk_migrated")),
    )
    op.create_index("ix_migrated_code", "migrated", ["migration_id", "dossier_code"], unique=False)
    op.create_index(
        "ix_migrated_national",
        "migrated",
        ["migration_id", "national_code"],
        unique=False,
        postgresql_where=sa.text("national_code IS NOT NULL"),
    )
    op.create_index(
        "ix_migrated_owed",
        "migrated",
        ["migration_id", "source", "received_at", "source_key"],
        unique=False,
        postgresql_where=sa.text("state IN ('read', 'loading', 'unknown')"),
    )
    op.create_index(
        "ix_migrated_in_progress",
        "migrated",
        ["migration_id", "source"],
        unique=False,
        postgresql_where=sa.text("NOT finished"),
    )
    op.create_index(
        "ix_migrated_intent",
        "migrated",
        ["migration_id", "source"],
        unique=False,
        postgresql_where=sa.text("intent_at IS NOT NULL"),
    )
    op.create_index(
        "ix_migrated_reason",
        "migrated",
        ["migration_id", "state", "reason"],
        unique=False,
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index(
        "uq_migrated_code",
        "migrated",
        ["migration_id", "dossier_code"],
        unique=True,
        postgresql_where=sa.text("state IN ('read', 'loading', 'unknown', 'migrated')"),
    )
    op.create_table(
        "migrated_file",
        sa.Column("migration_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False, comment="the source's id of the file"),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Text(),
            server_default="owed",
            nullable=False,
            comment="owed, sending, migrated, missing, refused",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is missing or refused"),
        sa.Column("size", sa.BigInteger(), nullable=True, comment="bytes"),
        sa.Column("digest", sa.Text(), nullable=True, comment="SHA-256, hex, of what was fetched"),
        sa.Column("stated", sa.Text(), nullable=True, comment="SHA-256 that the source states, where it does"),
        sa.Column("target_id", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["migration_id"], ["migration.migration_id"], name=op.f("fk_migrated_file_migration_id_migration")
        ),
        sa.PrimaryKeyConstraint("migration_id", "source", "source_key", "file_id", name=op.f("pk_migrated_file")),
    )
    op.create_index(
        "ix_migrated_file_owed",
        "migrated_file",
        ["migration_id", "source"],
        unique=False,
        postgresql_where=sa.text("state IN ('owed', 'sending')"),
    )
    op.create_table(
        "migration_chunk",
        sa.Column("migration_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="slug of the source's province file"),
        sa.Column("number", sa.Integer(), nullable=False, comment="from 1, by source"),
        sa.Column("kind", sa.Text(), nullable=False, comment="history, delta or final"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "run_id", sa.BigInteger(), nullable=True, comment="the run that reads it; its position is kept there"
        ),
        sa.Column("state", sa.Text(), server_default="open", nullable=False, comment="open, reading, failed, done"),
        sa.Column(
            "counts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="records, read, held, …",
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["migration_id"], ["migration.migration_id"], name=op.f("fk_migration_chunk_migration_id_migration")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_migration_chunk_run_id_run")),
        sa.PrimaryKeyConstraint("migration_id", "source", "number", name=op.f("pk_migration_chunk")),
    )
    op.create_table(
        "migration_event",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("migration_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="state, alert, milestone, approval, refusal, rollback, opening, decision, plan_changed",
        ),
        sa.Column("name", sa.Text(), server_default="", nullable=False, comment="which milestone, alert or state"),
        sa.Column("who", sa.Text(), server_default="hub", nullable=False, comment="a person's name, or 'hub'"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "details", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["migration_id"], ["migration.migration_id"], name=op.f("fk_migration_event_migration_id_migration")
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_migration_event")),
    )
    op.create_index(op.f("ix_migration_event_migration_id"), "migration_event", ["migration_id"], unique=False)
    op.create_index("ix_migration_event_plan", "migration_event", ["plan", "kind", "event_id"], unique=False)
    op.create_table(
        "migration_proof",
        sa.Column("proof_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("migration_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "counts",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="per source and status; per field; files",
        ),
        sa.Column("unaccounted", sa.BigInteger(), nullable=False, comment="source dossiers in no state, or in two"),
        sa.Column(
            "equal", sa.Boolean(), nullable=False, comment="nothing unaccounted, and both sides equal in every field"
        ),
        sa.Column("folder", sa.Text(), nullable=False, comment="where the evidence lies"),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 over the manifest of the evidence files, hex"),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["migration_id"], ["migration.migration_id"], name=op.f("fk_migration_proof_migration_id_migration")
        ),
        sa.PrimaryKeyConstraint("proof_id", name=op.f("pk_migration_proof")),
    )
    op.create_index(op.f("ix_migration_proof_migration_id"), "migration_proof", ["migration_id"], unique=False)
    op.create_table(
        "migration_tick",
        sa.Column("migration_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read", sa.BigInteger(), nullable=False, comment="source records read so far"),
        sa.Column(
            "expected",
            sa.BigInteger(),
            nullable=True,
            comment="what the sources say there is in all, as far as they say it",
        ),
        sa.Column("migrated", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("out_of_scope", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["migration_id"], ["migration.migration_id"], name=op.f("fk_migration_tick_migration_id_migration")
        ),
        sa.PrimaryKeyConstraint("migration_id", "at", name=op.f("pk_migration_tick")),
    )
    op.create_table(
        "succession",
        sa.Column("province", sa.Text(), nullable=False, comment="slug of the new province"),
        sa.Column("dossier_code", sa.Text(), nullable=False, comment="its code there: the old code"),
        sa.Column("predecessor", sa.Text(), nullable=False, comment="slug of the old province"),
        sa.Column(
            "outgoing_code", sa.Text(), nullable=False, comment="the one code under which the national side knows it"
        ),
        sa.Column("known_nationally", sa.Boolean(), nullable=False, comment="the old province had it delivered"),
        sa.Column("finished", sa.Boolean(), nullable=False, comment="history at the opening: never reported as new"),
        sa.Column("settled_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("migration_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["migration_id"], ["migration.migration_id"], name=op.f("fk_succession_migration_id_migration")
        ),
        sa.PrimaryKeyConstraint("province", "dossier_code", name=op.f("pk_succession")),
    )
    op.create_index("ix_succession_predecessor", "succession", ["predecessor", "dossier_code"], unique=False)
    op.create_table(
        "migration_difference",
        sa.Column("proof_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="only_source, only_target, twice, unread, gone, changed, field, file",
        ),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("ours", sa.Text(), nullable=True, comment="what the hub sent; masked in every output"),
        sa.Column("theirs", sa.Text(), nullable=True, comment="what the target has; masked in every output"),
        sa.ForeignKeyConstraint(
            ["proof_id"], ["migration_proof.proof_id"], name=op.f("fk_migration_difference_proof_id_migration_proof")
        ),
    )
    op.create_index(op.f("ix_migration_difference_proof_id"), "migration_difference", ["proof_id"], unique=False)
    op.add_column(
        "dossier",
        sa.Column(
            "succeeded_by",
            sa.Text(),
            nullable=True,
            comment="the new province that took it over at a cutover; it is closed here",
        ),
    )
    op.drop_constraint(op.f("uq_dossier_outgoing_code"), "dossier", type_="unique")
    op.create_index(
        "uq_dossier_outgoing_code",
        "dossier",
        ["outgoing_code"],
        unique=True,
        postgresql_where=sa.text("succeeded_by IS NULL"),
    )
    op.alter_column(
        "run",
        "kind",
        existing_type=sa.TEXT(),
        comment="sync, procedures, redrive, migration",
        existing_comment="sync, procedures, redrive",
        existing_nullable=False,
    )


def downgrade() -> None:

    op.alter_column(
        "run",
        "kind",
        existing_type=sa.TEXT(),
        comment="sync, procedures, redrive",
        existing_comment="sync, procedures, redrive, migration",
        existing_nullable=False,
    )
    op.drop_index("uq_dossier_outgoing_code", table_name="dossier", postgresql_where=sa.text("succeeded_by IS NULL"))
    op.create_unique_constraint(
        op.f("uq_dossier_outgoing_code"), "dossier", ["outgoing_code"], postgresql_nulls_not_distinct=False
    )
    op.drop_column("dossier", "succeeded_by")
    op.drop_index(op.f("ix_migration_difference_proof_id"), table_name="migration_difference")
    op.drop_table("migration_difference")
    op.drop_index("ix_succession_predecessor", table_name="succession")
    op.drop_table("succession")
    op.drop_table("migration_tick")
    op.drop_index(op.f("ix_migration_proof_migration_id"), table_name="migration_proof")
    op.drop_table("migration_proof")
    op.drop_index("ix_migration_event_plan", table_name="migration_event")
    op.drop_index(op.f("ix_migration_event_migration_id"), table_name="migration_event")
    op.drop_table("migration_event")
    op.drop_table("migration_chunk")
    op.drop_index(
        "ix_migrated_file_owed", table_name="migrated_file", postgresql_where=sa.text("state IN ('owed', 'sending')")
    )
    op.drop_table("migrated_file")
    op.drop_index(
        "uq_migrated_code",
        table_name="migrated",
        postgresql_where=sa.text("state IN ('read', 'loading', 'unknown', 'migrated')"),
    )
    op.drop_index("ix_migrated_national", table_name="migrated", postgresql_where=sa.text("national_code IS NOT NULL"))
    op.drop_index("ix_migrated_code", table_name="migrated")
    op.drop_index("ix_migrated_in_progress", table_name="migrated", postgresql_where=sa.text("NOT finished"))
    op.drop_index("ix_migrated_intent", table_name="migrated", postgresql_where=sa.text("intent_at IS NOT NULL"))
    op.drop_index("ix_migrated_reason", table_name="migrated", postgresql_where=sa.text("state = 'held'"))
    op.drop_index(
        "ix_migrated_owed", table_name="migrated", postgresql_where=sa.text("state IN ('read', 'loading', 'unknown')")
    )
    op.drop_table("migrated")
    op.drop_index("uq_migration_decision", table_name="migration_decision")
    op.drop_table("migration_decision")
    op.drop_index(
        "uq_migration_rehearsal",
        table_name="migration",
        postgresql_where=sa.text("kind = 'rehearsal' AND state IN ('reading', 'loading')"),
    )
    op.drop_index(
        "uq_migration_cutover",
        table_name="migration",
        postgresql_where=sa.text("kind = 'cutover' AND state <> 'rolled_back'"),
    )
    op.drop_index("ix_migration_plan", table_name="migration")
    op.drop_table("migration")
