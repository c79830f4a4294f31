"""What the way in keeps: messages, files and versions of dossiers. Every function works in the caller's transaction."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson
import zstandard
from sqlalchemy import Connection, text

from hub.errors import HubError, NotYet
from hub.inbound.files import File
from hub.staging import printable


@dataclass(frozen=True, slots=True)
class Kept:
    """A dossier that is taken; `record` is JSON of the canonical application, its files by digest."""

    national_code: str
    procedure_code: str
    content_hash: str
    record: dict[str, Any] = field(repr=False)
    files: list[File] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Local:
    """A procedure as the province has it."""

    code: str
    name: str


def keep_message(
    connection: Connection,
    province: str,
    digest: str,
    size: int,
    body: bytes | None,
    answer: int,
    description: str,
    national_code: str | None = None,
    procedure_code: str | None = None,
) -> int:
    """Keep a message and what it is answered; the same bytes again only count. Gives the message's id."""
    found = connection.scalar(
        text(
            "INSERT INTO inbound_message (province, national_code, procedure_code, digest, size, body, answer,"
            " description) VALUES (:province, :code, :procedure, :digest, :size, :body, :answer, :description)"
            " ON CONFLICT (province, digest) DO UPDATE SET times = inbound_message.times + 1,"
            " seen_at = clock_timestamp(), answer = excluded.answer, description = excluded.description"
            " RETURNING message_id"
        ),
        {
            "province": province,
            "code": printable(national_code) if national_code else None,
            "procedure": procedure_code,
            "digest": digest,
            "size": size,
            "body": None if body is None else zstandard.compress(body, 3),
            "answer": answer,
            "description": printable(description),
        },
    )
    return int(found or 0)


def local_procedure(connection: Connection, province: str, base: str) -> Local | None:
    """The province's own procedure of a national base code; None when it has none. Of several forms the shortest.

    Raises:
        NotYet: the province's list was never read, so nobody knows.
    """
    row = connection.execute(
        text(
            "SELECT local_code, name FROM province_procedure WHERE province = :province AND procedure_code = :base"
            " AND gone_at IS NULL ORDER BY length(local_code), local_code LIMIT 1"
        ),
        {"province": province, "base": base},
    ).one_or_none()
    if row is not None:
        return Local(row.local_code, row.name)
    query = text("SELECT EXISTS (SELECT FROM province_procedure WHERE province = :province)")
    if not connection.scalar(query, {"province": province}):
        raise NotYet(
            "the province's own procedure list was never read, so no procedure can be told to be missing",
            where=province,
            next_step=f"Read it: lienthong procedures pull --province {province}",
        )
    return None


def keep_dossier(connection: Connection, province: str, kept: Kept, local: Local, message_id: int) -> int:
    """Keep a dossier and its files; the same content again is the same version. Gives the version's number."""
    who = {"province": province, "code": kept.national_code}
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
    connection.execute(lock, {"key": f"lienthong.{province}.inbound.{kept.national_code}"})
    last = connection.execute(
        text(
            "SELECT version, content_hash FROM inbound_dossier WHERE province = :province AND national_code = :code"
            " ORDER BY version DESC LIMIT 1"
        ),
        who,
    ).one_or_none()
    if last is not None and last.content_hash == kept.content_hash:
        return int(last.version)
    version = 1 if last is None else int(last.version) + 1
    for file in kept.files:
        connection.execute(
            text(
                "INSERT INTO inbound_file (digest, size, content) VALUES (:digest, :size, :content)"
                " ON CONFLICT (digest) DO NOTHING"
            ),
            {"digest": file.digest, "size": len(file.content), "content": file.content},
        )
    connection.execute(
        text(
            "INSERT INTO inbound_dossier (province, national_code, version, procedure_code, procedure_code_local,"
            " procedure_name, content_hash, record, message_id) VALUES (:province, :code, :version, :procedure, :local,"
            " :name, :hash, CAST(:record AS jsonb), :message_id)"
        ),
        who
        | {
            "version": version,
            "procedure": kept.procedure_code,
            "local": local.code,
            "name": local.name,
            "hash": kept.content_hash,
            "record": orjson.dumps(kept.record).decode(),
            "message_id": message_id,
        },
    )
    return version


def file_content(connection: Connection, digest: str) -> bytes:
    """A kept file.

    Raises:
        Damaged: it is not there, or not what it was.
    """
    found = connection.scalar(text("SELECT content FROM inbound_file WHERE digest = :digest"), {"digest": digest})
    content = bytes(found or b"")
    if sha256(content).hexdigest() != digest:
        raise Damaged(
            f"the kept file {digest[:12]}… is not what it was",
            next_step="Restore the table inbound_file from its backup, or ask the portal to send the dossier again.",
        )
    return content


class Damaged(HubError):
    """A kept file whose content no longer has its digest."""
