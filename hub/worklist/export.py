"""The work list as a file for the vendor: CSV or Excel, one line for each finding, personal data masked."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from hub import audit
from hub.errors import ConfigurationError
from hub.tabular import Sheet, whole, writer_for
from hub.worklist.chosen import Chosen
from schemas.personal_fields import masked_finding
from schemas.reasons import explain
from schemas.records import VIET_NAM
from schemas.wording import nghia, value_for_people

HEADINGS = {
    "Mục": 8,
    "Tỉnh": 12,
    "Mã hồ sơ": 28,
    "Khóa bản ghi nguồn": 28,
    "Lý do": 44,
    "Mã lý do": 22,
    "Trường": 18,
    "Giá trị": 36,
    "Đối chiếu với": 36,
    "Quy tắc": 34,
    "Thay đổi lúc": 17,
    "Giữ lại từ": 17,
    "Bên xử lý": 26,
    "Người phụ trách": 20,
}
"""Columns with their widths in characters."""

MAY_UNMASK = "LIENTHONG_MAY_UNMASK"
"""Environment: names of persons who may write a file with personal data in clear, separated by commas."""

ROWS = """
SELECT q.item_id, q.province, q.dossier_code, q.source_key, f.reason, f.field, f.value, f.detail, f.rule,
       q.stage, q.changed_at, q.held_at, q.assignee, q.mapped
FROM quarantine q, jsonb_to_recordset(q.findings) AS f (reason text, field text, value text, detail text, rule text)
WHERE {fits} ORDER BY q.changed_at, q.item_id
"""

SHEET = Sheet("Hồ sơ giữ lại", HEADINGS)


def may_unmask(who: str) -> None:
    """Raises ConfigurationError unless `LIENTHONG_MAY_UNMASK` names this person."""
    allowed = {" ".join(name.split()) for name in os.environ.get("LIENTHONG_MAY_UNMASK", "").split(",")} - {""}
    if who not in allowed:
        raise ConfigurationError(
            f"{who} may not export personal data in clear",
            where=MAY_UNMASK,
            next_step="Leave --unmasked out, or have the operator of the hub add the name to this variable.",
        )


def export(engine: Engine, chosen: Chosen, path: Path, *, who: str | None, why: str | None, unmasked: bool) -> int:
    """Write what fits to a .csv or .xlsx file, whole or not at all, and a line of the audit. Returns its lines.

    With `unmasked` a name and a reason are needed, and the permission (`may_unmask`); the file is its owner's only.

    Raises:
        ConfigurationError: another ending, no permission, or the file cannot be written.
    """
    writer = writer_for(path)
    if unmasked:
        may_unmask(audit.person(who))
        if not (why or "").strip():
            raise ConfigurationError(
                "personal data in clear needs a reason", where="--why", next_step="Say what the file is for."
            )
    with engine.begin() as connection, whole(path) as fresh:  # no file without its line, no line without its file
        count = writer(SHEET, _lines(connection, chosen, unmasked=unmasked), fresh)
        details: dict[str, Any] = {"lines": count, "filter": chosen.words(), "file": path.name}
        details |= {"unmasked": unmasked, "why": why}
        audit.write(connection, who or audit.HUB, "export", province=chosen.province, **details)
    return count


def _lines(connection: Connection, chosen: Chosen, *, unmasked: bool) -> Iterator[tuple[Any, ...]]:
    """One line for each finding, oldest change first, read from a cursor on the server."""
    fits, given = chosen.sql()
    streamed = {"stream_results": True, "yield_per": 2_000}
    for row in connection.execute(text(ROWS.format(fits=fits)), given, execution_options=streamed):
        words = explain(row.reason)
        found = {"field": row.field, "value": row.value or "", "detail": row.detail or ""}
        if not unmasked:
            found = masked_finding(found, row.mapped)
        yield (
            row.item_id,
            row.province,
            row.dossier_code or "",
            row.source_key,
            words.nghia[:1].upper() + words.nghia[1:],
            row.reason,
            row.field,
            value_for_people(row.field, found["value"]),
            nghia(found["detail"]),
            row.rule or row.stage,
            _local(row.changed_at),
            _local(row.held_at),
            words.ai,
            row.assignee or "",
        )


def _local(moment: datetime | None) -> str:
    """dd/MM/yyyy HH:mm in Viet Nam."""
    return moment.astimezone(VIET_NAM).strftime("%d/%m/%Y %H:%M") if moment else ""
