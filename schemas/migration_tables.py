"""Tables of a migration: attempts at a plan, the chunks they read, the account of every dossier, files and proofs."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from schemas.tables import metadata, time_column

ATTEMPT_STATES = (
    "reading",
    "loading",
    "following",
    "frozen",
    "proved",
    "approved",
    "refused",
    "opened",
    "rolling_back",
    "rolled_back",
)
"""States of an attempt in order; `refused` goes back to `following`, `rolling_back` follows any before `opened` and
goes on to `rolled_back` alone."""

OVER = ("opened", "rolling_back", "rolled_back")
"""States in which nothing is read or handed over any more."""

KNOWN_TO_TARGET = "state IN ('read', 'loading', 'unknown', 'migrated')"
"""Rows that own their dossier code: what is to be loaded, or is."""

OWED = "state IN ('read', 'loading', 'unknown')"
"""Rows that wait for the target, or for its answer."""

migration = Table(
    "migration",
    metadata,
    Column("migration_id", BigInteger, Identity(), primary_key=True),
    Column("plan", Text, nullable=False, comment="slug of migrations/<plan>.yaml"),
    Column("kind", Text, nullable=False, comment="rehearsal or cutover"),
    Column("state", Text, nullable=False, server_default="reading", comment="one of ATTEMPT_STATES"),
    Column("plan_digest", Text, nullable=False, comment="SHA-256 of the plan's file when the attempt began, hex"),
    Column(
        "plan_fixed",
        JSONB,
        nullable=False,
        server_default=text("'{}'::jsonb"),
        comment="what of the plan may not change under the attempt: sources, target, recode, freeze, attachments",
    ),
    Column("target", Text, nullable=False, comment="slug of the new province"),
    Column("mark", DateTime(timezone=True), nullable=False, comment="the history reaches to here; deltas go on"),
    Column(
        "read_until", DateTime(timezone=True), comment="every source is read at least to here; the next delta goes on"
    ),
    Column("target_mark", Text, comment="the target's own snapshot mark, to which a rollback goes"),
    Column("target_before", JSONB, comment="the target's state at the mark: dossiers, files, digest"),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("error", Text, comment="why the last step ended, when it ended badly"),
    time_column("started_at", nullable=False, now=True),
    time_column("frozen_at"),
    time_column("opened_at"),
    time_column("ended_at"),
    Index("ix_migration_plan", "plan", "migration_id"),
    Index(
        "uq_migration_cutover",
        "plan",
        unique=True,
        postgresql_where=text("kind = 'cutover' AND state <> 'rolled_back'"),
    ),
    Index(
        "uq_migration_rehearsal",
        "plan",
        unique=True,
        postgresql_where=text("kind = 'rehearsal' AND state IN ('reading', 'loading')"),
    ),
)
"""One attempt at a plan. There is one cutover at a time, and one rehearsal under way."""

migration_chunk = Table(
    "migration_chunk",
    metadata,
    Column("migration_id", ForeignKey("migration.migration_id"), primary_key=True),
    Column("source", Text, primary_key=True, comment="slug of the source's province file"),
    Column("number", Integer, primary_key=True, comment="from 1, by source"),
    Column("kind", Text, nullable=False, comment="history, delta or final"),
    time_column("since"),
    time_column("until", nullable=False),
    Column("run_id", ForeignKey("run.run_id"), comment="the run that reads it; its position is kept there"),
    Column("state", Text, nullable=False, server_default="open", comment="open, reading, failed, done"),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'::jsonb"), comment="records, read, held, …"),
    time_column("started_at"),
    time_column("ended_at"),
)
"""A window of changes of one source; a kill costs the page that was being read."""

migrated = Table(
    "migrated",
    metadata,
    Column("migration_id", ForeignKey("migration.migration_id"), nullable=False),
    Column("source", Text, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("dossier_code", Text, comment="the source's code, which stays the dossier's code; absent when it has none"),
    Column("national_code", Text),
    Column("status", SmallInteger),
    Column("finished", Boolean, nullable=False, server_default=text("false"), comment="status 3, 8 or 10: history"),
    time_column("received_at"),
    time_column("changed_at"),
    Column(
        "content_hash", Text, nullable=False, comment="of the recoded record with its steps; of the raw one when held"
    ),
    Column(
        "state",
        Text,
        nullable=False,
        server_default="read",
        comment="read, loading, unknown, migrated, held, out_of_scope",
    ),
    Column("reason", Text, comment="why it is held or out of scope"),
    Column("findings", JSONB, comment="what holds it, with field, value, rule"),
    Column("record", JSONB, comment="the canonical record, recoded, with its steps; absent when the mapping failed"),
    Column("message_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("chunk", Integer, nullable=False, comment="the chunk that brought this version"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("outcome", Text, comment="created, updated, unchanged: the target's last word"),
    Column("target_id", Text, comment="the target's own id of it"),
    Column("loaded_hash", Text, comment="content hash that the target last took"),
    Column("answer", Text, comment="the target's words"),
    time_column("intent_at"),
    time_column("loaded_at"),
    PrimaryKeyConstraint("migration_id", "source", "source_key"),
    Index(
        "uq_migrated_code",
        "migration_id",
        "dossier_code",
        unique=True,
        postgresql_where=text(KNOWN_TO_TARGET),
    ),
    Index(
        "ix_migrated_owed",
        "migration_id",
        "source",
        "received_at",
        "source_key",
        postgresql_where=text("state IN ('read', 'loading', 'unknown')"),
    ),
    Index("ix_migrated_code", "migration_id", "dossier_code"),
    Index(
        "ix_migrated_national",
        "migration_id",
        "national_code",
        postgresql_where=text("national_code IS NOT NULL"),
    ),
    Index("ix_migrated_in_progress", "migration_id", "source", postgresql_where=text("NOT finished")),
    Index("ix_migrated_reason", "migration_id", "state", "reason", postgresql_where=text("state = 'held'")),
    Index("ix_migrated_intent", "migration_id", "source", postgresql_where=text("intent_at IS NOT NULL")),
)
"""The account: one row for each source record that was read. Each is migrated, held or out of scope in the end."""

migrated_file = Table(
    "migrated_file",
    metadata,
    Column("migration_id", ForeignKey("migration.migration_id"), nullable=False),
    Column("source", Text, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("file_id", Text, nullable=False, comment="the source's id of the file"),
    Column("dossier_code", Text, nullable=False),
    Column("name", Text),
    Column("state", Text, nullable=False, server_default="owed", comment="owed, sending, migrated, missing, refused"),
    Column("reason", Text, comment="why it is missing or refused"),
    Column("size", BigInteger, comment="bytes"),
    Column("digest", Text, comment="SHA-256, hex, of what was fetched"),
    Column("stated", Text, comment="SHA-256 that the source states, where it does"),
    Column("target_id", Text),
    time_column("at"),
    PrimaryKeyConstraint("migration_id", "source", "source_key", "file_id"),
    Index(
        "ix_migrated_file_owed",
        "migration_id",
        "source",
        postgresql_where=text("state IN ('owed', 'sending')"),
    ),
)
"""Attachments in scope: listed with the dossier, fetched, compared by digest, handed to the target."""

migration_decision = Table(
    "migration_decision",
    metadata,
    Column("decision_id", BigInteger, Identity(), primary_key=True),
    Column("plan", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("field", Text, nullable=False, comment="commune, agency_code or dossier_code"),
    Column("code", Text, nullable=False, comment="what stands in the source"),
    Column(
        "source_key", Text, nullable=False, server_default="", comment="one record; blank: every record with the code"
    ),
    Column("decided", Text, nullable=False, comment="the code it becomes"),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    time_column("at", nullable=False, now=True),
    Index("uq_migration_decision", "plan", "source", "field", "code", "source_key", unique=True),
)
"""What a person decided where nothing else does; it holds for every attempt at the plan."""

migration_proof = Table(
    "migration_proof",
    metadata,
    Column("proof_id", BigInteger, Identity(), primary_key=True),
    Column("migration_id", ForeignKey("migration.migration_id"), nullable=False, index=True),
    Column("counts", JSONB, nullable=False, comment="per source and status; per field; files"),
    Column("unaccounted", BigInteger, nullable=False, comment="source dossiers in no state, or in two"),
    Column("equal", Boolean, nullable=False, comment="nothing unaccounted, and both sides equal in every field"),
    Column("folder", Text, nullable=False, comment="where the evidence lies"),
    Column("digest", Text, nullable=False, comment="SHA-256 over the manifest of the evidence files, hex"),
    time_column("at", nullable=False, now=True),
)

migration_difference = Table(
    "migration_difference",
    metadata,
    Column("proof_id", ForeignKey("migration_proof.proof_id"), nullable=False, index=True),
    Column("source", Text),
    Column("dossier_code", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="only_source, only_target, twice, unread, gone, changed, field, file"),
    Column("field", Text),
    Column("ours", Text, comment="what the hub sent; masked in every output"),
    Column("theirs", Text, comment="what the target has; masked in every output"),
)

migration_tick = Table(
    "migration_tick",
    metadata,
    Column("migration_id", ForeignKey("migration.migration_id"), nullable=False),
    time_column("at", nullable=False),
    Column("read", BigInteger, nullable=False, comment="source records read so far"),
    Column("expected", BigInteger, comment="what the sources say there is in all, as far as they say it"),
    Column("migrated", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("out_of_scope", BigInteger, nullable=False),
    Column("files", BigInteger, nullable=False, server_default="0"),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("migration_id", "at"),
)
"""Where an attempt stood at a time; the burn-up is drawn from it."""

migration_event = Table(
    "migration_event",
    metadata,
    Column("event_id", BigInteger, Identity(), primary_key=True),
    Column("plan", Text, nullable=False),
    Column("migration_id", ForeignKey("migration.migration_id"), index=True),
    time_column("at", nullable=False, now=True),
    Column(
        "kind",
        Text,
        nullable=False,
        comment="state, alert, milestone, approval, refusal, rollback, opening, decision, plan_changed",
    ),
    Column("name", Text, nullable=False, server_default="", comment="which milestone, alert or state"),
    Column("who", Text, nullable=False, server_default="hub", comment="a person's name, or 'hub'"),
    Column("text", Text, nullable=False),
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Index("ix_migration_event_plan", "plan", "kind", "event_id"),
)
"""What happened and who did it; rows are only added."""

succession = Table(
    "succession",
    metadata,
    Column("province", Text, primary_key=True, comment="slug of the new province"),
    Column("dossier_code", Text, primary_key=True, comment="its code there: the old code"),
    Column("predecessor", Text, nullable=False, comment="slug of the old province"),
    Column("outgoing_code", Text, nullable=False, comment="the one code under which the national side knows it"),
    Column("known_nationally", Boolean, nullable=False, comment="the old province had it delivered"),
    Column("finished", Boolean, nullable=False, comment="history at the opening: never reported as new"),
    time_column("settled_until", nullable=False),
    Column("migration_id", ForeignKey("migration.migration_id"), nullable=False),
    Index("ix_succession_predecessor", "predecessor", "dossier_code"),
)
"""A dossier of the new province that began in an old one. What happened until `settled_until` the old province has
reported; the new one reports what comes after it, under the code that the national side knows."""
