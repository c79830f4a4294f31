"""The work list as a file for the vendor: CSV or Excel, one line for each finding, personal data masked."""

import csv
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from hub import audit
from hub.errors import ConfigurationError
from hub.sidebyside import masked
from hub.worklist.chosen import Chosen
from schemas.reasons import ENGINEER, NATIONAL, PROVINCE, VENDOR, explain
from schemas.records import VIET_NAM

HEADINGS = {
    "Mục": 8,
    "Tỉnh": 12,
    "Mã hồ sơ": 28,
    "Khóa bản ghi nguồn": 28,
    "Lý do": 44,
    "Mã lý do": 22,
    "Trường": 18,
    "Giá trị": 36,
    "Quy tắc": 34,
    "Thay đổi lúc": 17,
    "Giữ lại từ": 17,
    "Bên xử lý": 26,
    "Người phụ trách": 20,
}
"""Columns with their widths in characters."""

WHO = {
    PROVINCE: "Tỉnh (cơ quan nhập hồ sơ)",
    VENDOR: "Nhà cung cấp phần mềm",
    ENGINEER: "Kỹ sư tích hợp",
    NATIONAL: "Đơn vị vận hành trục quốc gia",
}

MAY_UNMASK = "LIENTHONG_MAY_UNMASK"
"""Environment: names of persons who may write a file with personal data in clear, separated by commas."""

ROWS = """
SELECT q.item_id, q.province, q.dossier_code, q.source_key, f.reason, f.field, f.value, f.rule, q.stage,
       q.changed_at, q.held_at, q.assignee
FROM quarantine q, jsonb_to_recordset(q.findings) AS f (reason text, field text, value text, rule text)
WHERE {fits} ORDER BY q.changed_at, q.item_id
"""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_FORMULA = frozenset("=+-@\t\r")
_LONGEST = 32_767
_SHEET = 1_000_000
"""Lines of one sheet; Excel's own end is at 1,048,576."""


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
    writer = {".csv": _csv, ".xlsx": _excel}.get(path.suffix.lower())
    if writer is None:
        raise ConfigurationError(
            f"'{path.suffix or path.name}' is not a kind of file that can be written",
            where=str(path),
            next_step="Give a name that ends in .csv or .xlsx.",
        )
    if unmasked:
        may_unmask(audit.person(who))
        if not (why or "").strip():
            raise ConfigurationError(
                "personal data in clear needs a reason", where="--why", next_step="Say what the file is for."
            )
    with _whole(path) as fresh, engine.begin() as connection:
        count = writer(fresh, _lines(connection, chosen, unmasked=unmasked))
        details: dict[str, Any] = {"lines": count, "filter": chosen.words(), "file": path.name}
        details |= {"unmasked": unmasked, "why": why}
        audit.write(connection, who or audit.HUB, "export", province=chosen.province, **details)
    return count


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file beside the wanted one that takes its place when everything is in it, and goes when not."""
    fresh = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        yield fresh
        fresh.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be written: {error.strerror}",
            where=str(path),
            next_step="Close it where it is open, or give another place with --to.",
        ) from None
    finally:
        with suppress(OSError):
            fresh.unlink()


def _lines(connection: Connection, chosen: Chosen, *, unmasked: bool) -> Iterator[tuple[Any, ...]]:
    """One line for each finding, oldest change first, read from a cursor on the server."""
    fits, given = chosen.sql()
    streamed = {"stream_results": True, "yield_per": 2_000}
    for row in connection.execute(text(ROWS.format(fits=fits)), given, execution_options=streamed):
        words = explain(row.reason)
        value = row.value or ""
        yield (
            row.item_id,
            row.province,
            row.dossier_code or "",
            row.source_key,
            words.nghia[:1].upper() + words.nghia[1:],
            row.reason,
            row.field,
            value if unmasked or not value else masked(row.field, value),
            row.rule or row.stage,
            _local(row.changed_at),
            _local(row.held_at),
            WHO.get(words.who, words.who),
            row.assignee or "",
        )


def _local(moment: datetime | None) -> str:
    """dd/MM/yyyy HH:mm in Viet Nam."""
    return moment.astimezone(VIET_NAM).strftime("%d/%m/%Y %H:%M") if moment else ""


def _csv(path: Path, lines: Iterator[tuple[Any, ...]]) -> int:
    """With the byte order mark that Excel needs for Vietnamese; what it would take for a formula is quoted."""
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(HEADINGS)
        for line in lines:
            writer.writerow(f"'{value}" if str(value)[:1] in _FORMULA else value for value in line)
            count += 1
    return count


def _excel(path: Path, lines: Iterator[tuple[Any, ...]]) -> int:
    """Sheets of a million lines at most, the heading kept in sight; every text is a text, never a formula."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book, bold = Workbook(write_only=True), Font(bold=True)

    def cells(sheet: Any, values: Sequence[Any], *, heading: bool = False) -> list[Any]:
        row = []
        for value in values:
            cell = WriteOnlyCell(sheet, value=_CONTROL.sub("", value)[:_LONGEST] if isinstance(value, str) else value)
            if isinstance(value, str):
                cell.data_type = "s"
            if heading:
                cell.font = bold
            row.append(cell)
        return row

    def fresh_sheet(number: int) -> Any:
        sheet = book.create_sheet("Hồ sơ giữ lại" if number == 1 else f"Hồ sơ giữ lại {number}")
        for place, width in enumerate(HEADINGS.values(), 1):
            sheet.column_dimensions[get_column_letter(place)].width = width
        sheet.freeze_panes = "A2"
        sheet.append(cells(sheet, list(HEADINGS), heading=True))
        return sheet

    sheet, count = fresh_sheet(1), 0
    for line in lines:
        if count and count % _SHEET == 0:
            sheet = fresh_sheet(count // _SHEET + 1)
        sheet.append(cells(sheet, line))
        count += 1
    book.save(path)
    return count
