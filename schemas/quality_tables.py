"""Tables of data quality: what was warned of, what each rule found, what is usual, waivers, and who did what."""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Identity, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from schemas.tables import metadata, time_column

warning = Table(
    "warning",
    metadata,
    Column("warning_id", BigInteger, Identity(), primary_key=True),
    Column("province", Text, nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", Text, comment="what stood in the field; masked in every output"),
    Column("rule", Text, nullable=False, comment="file and line of the expectation"),
    Column("run_id", BigInteger, nullable=False, comment="the run that warned first"),
    Column("seen_run_id", BigInteger, nullable=False, comment="the run that met it last"),
    time_column("warned_at", nullable=False, now=True),
    time_column("gone_at"),
    Index(
        "uq_warning_open",
        "province",
        "dossier_code",
        "reason",
        "field",
        unique=True,
        postgresql_where=text("gone_at IS NULL"),
    ),
)
"""What a rule of level `warn` found in a dossier that is delivered all the same. Gone when a newer version passes."""

rule_outcome = Table(
    "rule_outcome",
    metadata,
    Column("run_id", ForeignKey("run.run_id"), primary_key=True),
    Column("suite", Text, primary_key=True, comment="name of the suite's file"),
    Column("number", Integer, primary_key=True, comment="place in the suite, from 0"),
    Column("province", Text, nullable=False),
    Column("rule", Text, nullable=False, comment="file and line"),
    Column("expect", Text, nullable=False, comment="name of the expectation in Great Expectations"),
    Column("arguments", JSONB, nullable=False, server_default=text("'{}'::jsonb"), comment="arguments, as they ran"),
    Column("level", Text, nullable=False, comment="hold, warn or stop"),
    Column("reason", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("evaluated", BigInteger, nullable=False, comment="rows that the rule looked at"),
    Column("failed", BigInteger, nullable=False),
    time_column("at", nullable=False, now=True),
    Index(None, "province", "at"),
)
"""What every rule of a suite found in a run: also those that nothing failed."""

measure = Table(
    "measure",
    metadata,
    Column("run_id", ForeignKey("run.run_id"), primary_key=True),
    Column("name", Text, primary_key=True, comment="records, freshness_hours, filled, share"),
    Column("key", Text, primary_key=True, server_default="", comment="canonical field, or field=value"),
    Column("province", Text, nullable=False),
    Column("value", Double, nullable=False),
    time_column("at", nullable=False, now=True),
    Index(None, "province", "name", "at"),
)
"""What a run looked like as a whole; the next runs are compared with it."""

waiver = Table(
    "waiver",
    metadata,
    Column("waiver_id", BigInteger, Identity(), primary_key=True),
    Column("province", Text, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("dossier_code", Text),
    Column("reason", Text, nullable=False, comment="the finding that is waived"),
    Column("field", Text, nullable=False),
    Column("value", Text, comment="the value for which it is waived; another value is held again"),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    time_column("at", nullable=False, now=True),
    time_column("ended_at"),
    Column("ended_by", Text, comment="who decided otherwise later"),
    Index(None, "province", "source_key"),
)
"""A person's decision that a finding does not hold this record any more. It counts until it is ended."""

audit = Table(
    "audit",
    metadata,
    Column("audit_id", BigInteger, Identity(), primary_key=True),
    time_column("at", nullable=False, now=True),
    Column("who", Text, nullable=False, comment="a person's name, or 'hub' for what a run did"),
    Column("action", Text, nullable=False, comment="assign, note, waive, redrive, export, accept, …"),
    Column("province", Text),
    Column("item_id", BigInteger, index=True, comment="the quarantine item it is about"),
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
)
"""Who did what and why; rows are only added."""
