"""The hub's tables in PostgreSQL (SQLAlchemy Core): what was read, what is held, what is owed and what was answered."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def time_column(name: str, *, nullable: bool = True, now: bool = False) -> Column:
    """A time with its zone; `now`: filled in by the server."""
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable,
        server_default=func.clock_timestamp() if now else None,
    )


run = Table(
    "run",
    metadata,
    Column("run_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False, comment="sync, procedures, redrive, migration"),
    Column(
        "province",
        Text,
        nullable=False,
        comment="slug of provinces/<slug>.yaml; 'national' for the national list",
    ),
    Column("state", Text, nullable=False, server_default="running", comment="running, failed, done"),
    Column("stage", Text, nullable=False, server_default="open", comment="the last stage that ended well"),
    Column(
        "fixed",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="a window asked for by a person",
    ),
    Column("dry_run", Boolean, nullable=False, server_default=text("false")),
    time_column("since"),
    time_column("until", nullable=False),
    Column("goal", DateTime(timezone=True), comment="a resumed run goes on from its old window's end to here"),
    Column("page", Integer, nullable=False, server_default="0", comment="pages landed"),
    Column("position", JSONB, comment="where the connector goes on after the last landed page"),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("error", Text),
    time_column("started_at", nullable=False, now=True),
    time_column("ended_at"),
    Index(None, "province", "run_id"),
)

message = Table(
    "message",
    metadata,
    Column("message_id", BigInteger, Identity(), primary_key=True),
    Column("run_id", ForeignKey("run.run_id"), nullable=False, index=True),
    Column("province", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("page", Integer, nullable=False),
    Column("media_type", Text),
    Column("http_status", SmallInteger),
    Column("digest", Text, nullable=False, comment="SHA-256 of the body as received, hex"),
    Column("size", Integer, nullable=False, comment="bytes as received"),
    Column("records", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="zstd"),
    Column("error", Text, comment="why the body could not be read, when it could not"),
    time_column("received_at", nullable=False),
)

STAGED = (
    ("message_id", BigInteger),
    ("position", Integer),
    ("source_key", Text),
    ("changed_at", DateTime(timezone=True)),
    ("dossier_code", Text),
    ("national_code", Text),
    ("content_hash", Text),
    ("steps_hash", Text),
    ("procedure_code", Text),
    ("status", SmallInteger),
    ("channel", SmallInteger),
    ("applicant_name", Text),
    ("applicant_kind", SmallInteger),
    ("citizen_number", Text),
    ("subject_length", Integer),
    ("agency_name", Text),
    ("submitted_at", DateTime(timezone=True)),
    ("received_at", DateTime(timezone=True)),
    ("due_at", DateTime(timezone=True)),
    ("finished_at", DateTime(timezone=True)),
    ("returned_at", DateTime(timezone=True)),
    ("portal", SmallInteger),
    ("tax_code", Text),
    ("phone", Text),
    ("commune", Text),
    ("fee_amounts", Text),
    ("result_links", Integer),
    ("held_reasons", Text),
    ("note_kinds", Text),
    ("record", JSONB),
    ("steps", JSONB),
    ("held_steps", JSONB),
    ("notes", JSONB),
)
"""Columns of a run's staging table, in COPY order. `record` is the canonical dossier without its steps; `fee_amounts`,
`held_reasons` (of progress steps) and `note_kinds` are lists with a space between, empty for none; `result_links`
counts result papers that have both a code and a link."""

HELD = (
    ("message_id", BigInteger),
    ("position", Integer),
    ("source_key", Text),
    ("changed_at", DateTime(timezone=True)),
    ("dossier_code", Text),
    ("content_hash", Text),
    ("mapped", JSONB),
    ("findings", JSONB),
)
"""Columns of a run's holding table, in COPY order; its rows enter quarantine in the merge transaction."""


def staging_table(run_id: int) -> Table:
    """The run's own unlogged staging table; not part of the migrations, made and dropped by the run."""
    columns = [Column(name, kind) for name, kind in STAGED]
    return Table(f"staging_dossier_{run_id}", MetaData(), *columns, prefixes=["UNLOGGED"])


def holding_table(run_id: int) -> Table:
    """The run's own unlogged table of rows that will be held."""
    return Table(f"staging_held_{run_id}", MetaData(), *(Column(n, k) for n, k in HELD), prefixes=["UNLOGGED"])


dossier = Table(
    "dossier",
    metadata,
    Column("province", Text, primary_key=True),
    Column(
        "dossier_code",
        Text,
        primary_key=True,
        comment="the province's code; MaHoSo unless a national code exists",
    ),
    Column("outgoing_code", Text, nullable=False, comment="the one code sent to the national side; never changes"),
    Column("source_key", Text, nullable=False),
    Column("procedure_code", Text, nullable=False),
    Column("status", SmallInteger, nullable=False),
    time_column("changed_at"),
    time_column("received_at"),
    time_column("due_at"),
    Column("content_hash", Text, nullable=False),
    Column("steps_hash", Text, nullable=False),
    Column("record", JSONB, nullable=False),
    Column("notes", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("message_id", BigInteger, nullable=False),
    Column("run_id", BigInteger, nullable=False, comment="the run that last changed it"),
    Column("delivered_hash", Text, comment="content hash that the national side last accepted"),
    Column("reconciled_hash", Text, comment="content hash that was last found equal on both sides"),
    time_column("first_seen_at", nullable=False, now=True),
    Column("succeeded_by", Text, comment="the new province that took it over at a cutover; it is closed here"),
    Index("uq_dossier_outgoing_code", "outgoing_code", unique=True, postgresql_where=text("succeeded_by IS NULL")),
)

_OWED = "state NOT IN ('delivered', 'late')"

progress_step = Table(
    "progress_step",
    metadata,
    Column("province", Text, primary_key=True),
    Column("dossier_code", Text, primary_key=True),
    Column("step_key", Text, primary_key=True, comment="time | status | ordinal among equals"),
    time_column("happened_at", nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("ordinal", Integer, nullable=False, comment="order in the dossier, from 1"),
    Column("record", JSONB, nullable=False),
    Column(
        "state",
        Text,
        nullable=False,
        server_default="pending",
        comment="pending, sending, unknown, held, late, delivered",
    ),
    Column("reason", Text, comment="why it is held"),
    Column("run_id", BigInteger, nullable=False, comment="the run that brought it"),
    Column("sent_run_id", BigInteger, comment="the run that last sent it"),
    time_column("answered_at"),
    Index("ix_progress_step_owed", "province", "dossier_code", postgresql_where=text(_OWED)),
)

delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", BigInteger, Identity(), primary_key=True),
    Column("province", Text, nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("content_hash", Text, nullable=False, comment="the content that is owed"),
    Column(
        "state",
        Text,
        nullable=False,
        server_default="pending",
        comment="pending, sending, unknown, held, delivered",
    ),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("answer_code", Text),
    Column("answer_text", Text),
    Column("reason", Text, comment="why it is held"),
    Column("run_id", BigInteger, nullable=False, comment="the run that made it"),
    Column("sent_run_id", BigInteger, comment="the run that last sent it"),
    time_column("created_at", nullable=False, now=True),
    time_column("intent_at"),
    time_column("answered_at"),
    Index(
        "uq_delivery_owed",
        "province",
        "dossier_code",
        unique=True,
        postgresql_where=text("state <> 'delivered'"),
    ),
)
"""The outbox: one open row for a dossier whose content the national side does not have; delivered rows are history."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("item_id", BigInteger, Identity(), primary_key=True),
    Column("province", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="dossier or step"),
    Column("stage", Text, nullable=False, comment="map, check, merge or push"),
    Column("dossier_code", Text, comment="absent when the record has none"),
    Column("source_key", Text, nullable=False),
    Column("reason", Text, nullable=False, comment="the first finding's reason"),
    Column("findings", JSONB, nullable=False),
    Column("mapped", JSONB, comment="what the mapping made of it"),
    Column("message_id", BigInteger, comment="the message that holds the raw record"),
    Column("position", Integer, comment="its place in that message, from 0"),
    Column("content_hash", Text, nullable=False),
    time_column("changed_at"),
    Column(
        "state", Text, nullable=False, server_default="held", comment="held, redriven, waived, corrected, superseded"
    ),
    Column("assignee", Text, comment="who works on it"),
    Column(
        "version",
        Integer,
        nullable=False,
        server_default="0",
        comment="one more with each change a person makes; two at once are told apart by it",
    ),
    Column("run_id", BigInteger, nullable=False, comment="the run that held it first"),
    Column("seen_run_id", BigInteger, nullable=False, comment="the run that met it last"),
    Column("freed_run_id", BigInteger),
    time_column("held_at", nullable=False, now=True),
    time_column("freed_at"),
    Index(
        "uq_quarantine_held",
        "province",
        "kind",
        "source_key",
        "content_hash",
        unique=True,
        postgresql_where=text("state = 'held'"),
    ),
    Index("ix_quarantine_dossier", "province", "dossier_code"),
    Index("ix_quarantine_open", "province", "changed_at", "item_id", postgresql_where=text("state = 'held'")),
)

cursor = Table(
    "cursor",
    metadata,
    Column("province", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    time_column("changed_until", nullable=False),
    Column("run_id", BigInteger, nullable=False),
)

procedure_version = Table(
    "procedure_version",
    metadata,
    Column("procedure_code", Text, primary_key=True),
    Column("valid_from", DateTime(timezone=True), primary_key=True),
    time_column("valid_to"),
    Column("name", Text, nullable=False),
    Column("field_code", Text),
    Column("field_name", Text),
    Column("levels", JSONB, nullable=False, comment="codes of CAPTHUCHIEN, as text"),
    Column("decision", Text),
    Column("public", Boolean, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("record", JSONB, nullable=False, comment="the answer of LayThuTuc, whole"),
    Column("source", Text, nullable=False, server_default="pull", comment="pull, or the file name of an imported list"),
    Column("run_id", BigInteger, nullable=False),
    Index(
        "uq_procedure_version_current",
        "procedure_code",
        unique=True,
        postgresql_where=text("valid_to IS NULL"),
    ),
)

province_procedure = Table(
    "province_procedure",
    metadata,
    Column("province", Text, primary_key=True),
    Column("local_code", Text, primary_key=True),
    Column("procedure_code", Text, comment="base national code, where the local form has one"),
    Column("name", Text, nullable=False),
    Column("field_name", Text),
    Column("level", Text),
    Column("decision", Text),
    Column("source", Text, nullable=False, comment="pull or the name of an imported list"),
    Column("content_hash", Text, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    time_column("seen_at", nullable=False),
    time_column("gone_at"),
    Column("place", Integer, comment="its line in the list that named it last, from 1"),
)

reconciliation = Table(
    "reconciliation",
    metadata,
    Column("reconciliation_id", BigInteger, Identity(), primary_key=True),
    Column("run_id", BigInteger),
    Column("province", Text, nullable=False),
    Column("compared", Integer, nullable=False),
    Column("equal", Integer, nullable=False),
    Column("differences", JSONB, nullable=False, comment="counts by kind, and per field"),
    time_column("at", nullable=False, now=True),
)

difference = Table(
    "difference",
    metadata,
    Column("reconciliation_id", ForeignKey("reconciliation.reconciliation_id"), nullable=False, index=True),
    Column("dossier_code", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="only_hub, only_national, status, field, steps, unknown"),
    Column("field", Text),
    Column("hub", Text),
    Column("national", Text),
)
