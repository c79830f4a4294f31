"""One message of the national portal: checked, kept with its files in one transaction, and only then answered.

The answer is `{status 200|404|500, message success|error, description}` [seen in one procedure]. 200: the dossier is
kept. 404: the province has no procedure for MaTTHC. 500: the message cannot be taken, with the reason. Whatever was
answered, the message stays in `inbound_message`.
"""

import hashlib
import logging
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from hub.context import Hub
from hub.errors import NotYet
from hub.inbound.files import BadFile, File, files_of
from hub.inbound.store import Kept, keep_dossier, keep_message, local_procedure
from hub.staging import content_hash, printable
from mappings import Mapping
from mappings.paths import value_at
from mappings.planned import FieldPlan
from schemas.findings import Finding
from schemas.reasons import explain

log = logging.getLogger(__name__)

TAKEN, UNMAPPED, REFUSED = 200, 404, 500
LONGEST_CODE = 64
"""Characters of a dossier code; the longest form that is known has about 30."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the portal is answered; `code` is the dossier's, where one could be read, for the log."""

    status: int
    description: str
    code: str | None = None

    def body(self) -> bytes:
        """The answer as it goes over the wire."""
        message = "success" if self.status == TAKEN else "error"
        return orjson.dumps({"status": self.status, "message": message, "description": self.description})


def receive(hub: Hub, body: bytes) -> Reply:
    """Take one message. Raises only what the database raises: then nothing is kept and nothing is promised."""
    digest = hashlib.sha256(body).hexdigest()
    reply: Reply | None
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        message = None
    if not isinstance(message, dict):
        reply = Reply(REFUSED, "Thông điệp không phải là một đối tượng JSON")
        with hub.engine.begin() as connection:
            keep_message(connection, hub.slug, digest, len(body), body, reply.status, reply.description)
        return reply
    mapped = hub.portal_mapping().map(message)
    record = dict(mapped.record)
    code, procedure = record["national_code"], record["procedure_code"]
    unfit = _unfit(hub.portal_mapping(), message, code)
    if unfit is not None:
        code = None  # what is no code is not kept as one; the message itself is
    try:
        files = files_of(record["documents"], hub.inbound.largest_file)
        reply = _refusal(mapped.findings) or unfit
    except BadFile as bad:
        files, reply = [], Reply(REFUSED, str(bad))
    with hub.engine.begin() as connection:
        local = None
        try:
            local = local_procedure(connection, hub.slug, procedure) if procedure else None
        except NotYet as unknown:
            log.error("%s", unknown)
            reply = reply or Reply(REFUSED, "Chưa đọc danh mục thủ tục của tỉnh, đề nghị gửi lại sau")
        if reply is None and local is None:
            reply = Reply(UNMAPPED, f"Thủ tục {procedure} không có trong danh mục của tỉnh")
        elif any(finding.reason == "unmapped_procedure" for finding in mapped.findings):
            reply = Reply(UNMAPPED, "Mã thủ tục không phải là mã thủ tục quốc gia")
        reply = reply and replace(reply, code=code)
        answer = reply or Reply(TAKEN, f"Đã tiếp nhận hồ sơ {code}", code)
        message_id = keep_message(
            connection, hub.slug, digest, len(body), body, answer.status, answer.description, code, procedure
        )
        if reply is None and local is not None:
            kept = _kept(record, files, code, procedure, hub.clock())
            keep_dossier(connection, hub.slug, kept, local, message_id)
    return answer


def refuse_large(hub: Hub, digest: str, size: int) -> Reply:
    """The answer to a message over the limit, whose body was not kept."""
    reply = Reply(REFUSED, f"Thông điệp lớn hơn giới hạn {_mb(hub.inbound.largest_message)}")
    with hub.engine.begin() as connection:
        keep_message(connection, hub.slug, digest, size, None, reply.status, reply.description)
    return reply


def _refusal(findings: list[Finding]) -> Reply | None:
    """Why a record cannot be taken, all reasons at once and no values; None when it can."""
    reasons = [
        f"{explain(finding.reason).nghia} ({finding.path or finding.field})"
        for finding in findings
        if finding.reason != "unmapped_procedure"
    ]
    return Reply(REFUSED, f"Hồ sơ không hợp lệ: {'; '.join(dict.fromkeys(reasons))}") if reasons else None


def _unfit(portal: Mapping, message: dict[str, Any], code: str | None) -> Reply | None:
    """Why a dossier code cannot be one, as it was said: cleaning would make another dossier's code of it."""
    rules = [plan for plan in portal.plans if isinstance(plan, FieldPlan) and plan.target == "national_code"]
    said = [value_at(path, message) for rule in rules for path in rule.paths if path is not None]
    place = next((rule.where.path for rule in rules), "national_code")
    if any(unicodedata.category(sign) == "Cc" for one in said if isinstance(one, str) for sign in one.strip()):
        return Reply(REFUSED, f"Mã hồ sơ có ký tự điều khiển ({place})")
    if code is not None and len(code) > LONGEST_CODE:
        return Reply(REFUSED, f"Mã hồ sơ dài hơn {LONGEST_CODE} ký tự ({place})")
    return None


def _kept(record: dict[str, Any], files: list[File], code: str, procedure: str, now: datetime) -> Kept:
    """The record as it is stored: its files by digest. The hash is of what the portal said, not of when."""
    documents = [
        {"name": file.name, "component_code": file.component_code, "digest": file.digest, "size": len(file.content),
         "media_type": file.media_type}
        for file in files
    ]  # fmt: skip
    stored = _printable({**record, "documents": documents})
    said = content_hash(orjson.dumps(stored, option=orjson.OPT_SORT_KEYS))
    if stored["submitted_at"] is None:
        stored["submitted_at"] = now
    return Kept(code, procedure, said, orjson.loads(orjson.dumps(stored)), files)


def _printable(value: Any) -> Any:
    """The value without NULs, which PostgreSQL does not store."""
    if isinstance(value, dict):
        return {name: _printable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_printable(one) for one in value]
    return printable(value) if isinstance(value, str) else value


def _mb(size: int) -> str:
    return f"{size / 1024**2:.0f} MB"
