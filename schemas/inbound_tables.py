"""Tables of the way in: what the national portal sent, the dossiers and files in it, and how each was handed over."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from schemas.tables import metadata, time_column

inbound_message = Table(
    "inbound_message",
    metadata,
    Column("message_id", BigInteger, Identity(), primary_key=True),
    Column("province", Text, nullable=False),
    Column("national_code", Text, comment="MaHoSo, where it could be read"),
    Column("procedure_code", Text, comment="MaTTHC as base code, where it could be read"),
    Column("digest", Text, nullable=False, comment="SHA-256 of the body as received, hex"),
    Column("size", BigInteger, nullable=False, comment="bytes as received"),
    Column("body", LargeBinary, comment="zstd; absent when the message was larger than it may be"),
    Column("answer", SmallInteger, nullable=False, comment="what was answered last: 200, 404 or 500"),
    Column("description", Text, nullable=False, comment="the words of that answer"),
    Column("times", Integer, nullable=False, server_default="1", comment="how often this very message came"),
    time_column("received_at", nullable=False, now=True),
    time_column("seen_at", nullable=False, now=True),
    UniqueConstraint("province", "digest"),
    Index(None, "province", "national_code"),
)
"""Every message of an account that is known, whatever was answered; the same bytes again are the same row."""

inbound_file = Table(
    "inbound_file",
    metadata,
    Column("digest", Text, primary_key=True, comment="SHA-256 of the file, hex"),
    Column("size", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    time_column("received_at", nullable=False, now=True),
)
"""Files by their content: what comes twice is kept once."""

inbound_dossier = Table(
    "inbound_dossier",
    metadata,
    Column("province", Text, primary_key=True),
    Column("national_code", Text, primary_key=True),
    Column("version", Integer, primary_key=True, comment="1, and one more for each other content"),
    Column("procedure_code", Text, nullable=False),
    Column("procedure_code_local", Text, nullable=False, comment="the province's own code"),
    Column("procedure_name", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("record", JSONB, nullable=False, comment="the canonical application, its files by digest"),
    Column("message_id", ForeignKey("inbound_message.message_id"), nullable=False),
    Column(
        "state",
        Text,
        nullable=False,
        server_default="received",
        comment="received, sending, unknown, held, handed_over, superseded",
    ),
    Column("given", JSONB, nullable=False, server_default=text("'{}'::jsonb"), comment="what the system gave: number"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("reason", Text, comment="why it is held or unknown"),
    time_column("received_at", nullable=False, now=True),
    time_column("intent_at"),
    time_column("answered_at"),
    Index(
        "ix_inbound_dossier_owed",
        "province",
        "national_code",
        postgresql_where=text("state NOT IN ('handed_over', 'superseded')"),
    ),
)
"""One row for each version of a dossier; versions are handed over one after the other."""

inbound_step = Table(
    "inbound_step",
    metadata,
    Column("province", Text, primary_key=True),
    Column("national_code", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("step_key", Text, primary_key=True, comment="place in the sequence, operation, item"),
    Column("state", Text, nullable=False, comment="begun: sent, not answered yet; done"),
    Column("given", JSONB, nullable=False, server_default=text("'{}'::jsonb"), comment="what its answer gave"),
    Column("answer", Text, comment="the peer's code and words"),
    time_column("begun_at", nullable=False, now=True),
    time_column("done_at"),
    ForeignKeyConstraint(
        ["province", "national_code", "version"],
        ["inbound_dossier.province", "inbound_dossier.national_code", "inbound_dossier.version"],
    ),
)
"""The journal of a hand-over: a step is written before its call and again after its answer."""
