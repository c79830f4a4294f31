"""A run's staging: mapped records turned into COPY lines, and the unlogged tables that take them."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import Connection, text
from sqlalchemy.schema import CreateTable, DropTable

from hub.store import raw_cursor
from mappings import Mapped
from schemas.findings import Finding
from schemas.tables import HELD, STAGED, holding_table, staging_table

_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\ufffd"})


def _text(value: Any) -> str:
    """One value as COPY text."""
    if value is None:
        return _NULL
    if isinstance(value, str):
        return value if value.isprintable() and "\\" not in value else value.translate(_ESCAPES)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _words(values: list[Any]) -> str:
    """Words and numbers that hold no spaces, as one COPY text."""
    return " ".join(map(str, values)) if values else ""


def _json(value: Any) -> bytes:
    """A value as JSON in COPY text."""
    return _escaped(orjson.dumps(value))


def _escaped(body: bytes) -> bytes:
    """JSON in COPY text: it holds no line ends or tabs, only its backslashes are doubled."""
    if b"\\u0000" in body:  # PostgreSQL stores no NUL
        body = orjson.dumps(_without_nul(orjson.loads(body)))
    return body.replace(b"\\", b"\\\\")


def _without_nul(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nul(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_nul(one) for one in value]
    return printable(value) if isinstance(value, str) else value


def printable(text: str) -> str:
    """A text as PostgreSQL can store it: NUL becomes the replacement character."""
    return text.replace("\0", "\ufffd")


def content_hash(body: bytes) -> str:
    """128-bit BLAKE2b, hex: equal content, equal hash."""
    return blake2b(body, digest_size=16).hexdigest()


@dataclass
class Batch:
    """The records of one message as COPY lines without their message id, which is known when the message is kept."""

    staged: list[bytes] = field(default_factory=list)
    held: list[bytes] = field(default_factory=list)

    @property
    def records(self) -> int:
        return len(self.staged) + len(self.held)

    def add(self, position: int, source_key: str, changed_at: datetime | None, mapped: Mapped) -> None:
        """Take one mapped record: with findings it is held, without it is staged."""
        if mapped.findings:
            self.held.append(_held_line(position, source_key, changed_at, mapped))
        else:
            self.staged.append(_staged_line(position, source_key, changed_at, mapped))


def _staged_line(position: int, source_key: str, changed_at: datetime | None, mapped: Mapped) -> bytes:
    """Columns of schemas.tables.STAGED after message_id, in their order."""
    record = dict(mapped.record)
    steps = orjson.dumps(record.pop("steps", []))
    body = orjson.dumps(record)
    held_steps = [{"step": step, "finding": finding.as_dict()} for step, finding in mapped.held_steps]
    identifiers = record["identifiers"]
    get = record.get
    scalars = (
        str(position),
        _text(source_key),
        _text(changed_at),
        _text(get("dossier_code")),
        _text(get("national_code")),
        content_hash(body),
        content_hash(steps),
        _text(get("procedure_code")),
        _text(get("status")),
        _text(get("channel")),
        _text(get("applicant_name")),
        _text(get("applicant_kind")),
        _text(identifiers[0]["number"] if identifiers else None),
        str(len(get("subject") or "")),
        _text(get("agency_name")),
        _text(get("submitted_at")),
        _text(get("received_at")),
        _text(get("due_at")),
        _text(get("finished_at")),
        _text(get("returned_at")),
        _text(get("portal")),
        _text(get("tax_code")),
        _text(get("phone")),
        _text(get("commune")),
        _words([fee["amount"] for fee in get("fees") or () if fee.get("amount") is not None]),
        str(sum(bool(result.get("url") and result.get("result_code")) for result in get("results") or ())),
        _words([finding.reason for _, finding in mapped.held_steps]),
        _words([note.kind for note in mapped.notes]),
    )
    values = (
        "\t".join(scalars).encode(),
        _escaped(body),
        _escaped(steps),
        _json(held_steps) if held_steps else b"[]",
        _json([note.as_dict() for note in mapped.notes]) if mapped.notes else b"[]",
    )
    return b"\t".join(values) + b"\n"


def _held_line(position: int, source_key: str, changed_at: datetime | None, mapped: Mapped) -> bytes:
    """Columns of schemas.tables.HELD after message_id, in their order."""
    body = orjson.dumps(mapped.record)
    scalars = (
        str(position),
        _text(source_key),
        _text(changed_at),
        _text(mapped.record.get("dossier_code")),
        content_hash(body + b"|" + orjson.dumps([finding.value for finding in mapped.findings])),
    )
    return b"\t".join(("\t".join(scalars).encode(), _escaped(body), _findings(mapped.findings))) + b"\n"


def _findings(findings: list[Finding]) -> bytes:
    return _json([finding.as_dict() for finding in findings])


def copy_batch(connection: Connection, run_id: int, message_id: int, batch: Batch) -> None:
    """COPY a message's rows into the run's staging and holding tables, inside the caller's transaction."""
    lead = b"%d\t" % message_id
    for table, columns, lines in (
        (staging_table(run_id).name, STAGED, batch.staged),
        (holding_table(run_id).name, HELD, batch.held),
    ):
        if lines:
            names = ", ".join(name for name, _ in columns)
            with raw_cursor(connection).copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                copy.write(lead + lead.join(lines))


def create_staging(connection: Connection, run_id: int) -> None:
    for table in (staging_table(run_id), holding_table(run_id)):
        connection.execute(CreateTable(table, if_not_exists=True))


def clear_staging(connection: Connection, run_id: int) -> None:
    connection.execute(text(f"TRUNCATE {staging_table(run_id).name}, {holding_table(run_id).name}"))


def drop_staging(connection: Connection, run_id: int) -> None:
    for table in (staging_table(run_id), holding_table(run_id)):
        connection.execute(DropTable(table, if_exists=True))


def staged_count(connection: Connection, run_id: int) -> int:
    """Rows in both tables; equals the records of the landed messages unless a crash emptied them."""
    tables = (staging_table(run_id).name, holding_table(run_id).name)
    return sum(int(connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0) for name in tables)
