"""The list of what does not count as a file, row by row, so that its length needs no memory: CSV or Excel."""

import csv
import os
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from hub.errors import ConfigurationError
from hub.kpi.measuring import Line
from hub.kpi.model import INDICATORS
from schemas.records import VIET_NAM

HEADINGS = {
    "Chỉ tiêu": 34,
    "indicator": 16,
    "Mã hồ sơ": 34,
    "Mã TTHC": 12,
    "Đơn vị xử lý": 36,
    "Trạng thái": 10,
    "Ngày tiếp nhận": 18,
    "Ngày hẹn trả": 18,
    "Lý do": 44,
    "reason": 22,
    "Cần gì để được tính": 60,
    "Ai xử lý": 28,
}
"""Columns with their width in Excel, in characters."""
SHEET = 1_000_000
"""Rows of one Excel sheet; more go on in the next one."""
_FORMULA = frozenset("=+-@\t")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def write_lines(lines: Iterable[Line], path: Path) -> int:
    """Write the file that the path's ending asks for (.csv, .xlsx), whole or not at all; gives the number of rows.

    Raises:
        ConfigurationError: another ending, or the folder cannot be written.
    """
    writer = writer_for(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = writer(lines, temporary)
        temporary.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be written: {error.strerror}",
            where=str(path),
            next_step="Close it where it is open, or give another place with --out.",
        ) from None
    finally:
        if path.parent.is_dir():
            temporary.unlink(missing_ok=True)
    return written


def writer_for(path: Path) -> Callable[[Iterable[Line], Path], int]:
    """How a file of this name is written; ConfigurationError for an ending that is none of the two."""
    writers = {".csv": _csv, ".xlsx": _excel}
    if path.suffix.lower() not in writers:
        raise ConfigurationError(
            f"'{path.suffix or path.name}' is not a kind of file that can be written",
            where=str(path),
            next_step="Give a name that ends in .csv or .xlsx.",
        )
    return writers[path.suffix.lower()]


def _cells(line: Line) -> tuple[Any, ...]:
    words = line.why
    return (
        INDICATORS[line.indicator].ten,
        line.indicator,
        line.code,
        line.procedure_code or "",
        line.unit or "",
        line.status if line.status is not None else "",
        _moment(line.received_at),
        _moment(line.due_at),
        words.nghia,
        line.reason,
        words.can,
        words.ai,
    )


def _moment(value: datetime | None) -> str:
    return value.astimezone(VIET_NAM).strftime("%d/%m/%Y %H:%M") if value else ""


def _csv(lines: Iterable[Line], path: Path) -> int:
    """With the byte order mark that Excel needs for Vietnamese; what it would take as a formula is quoted."""
    written = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(HEADINGS)
        for written, line in enumerate(lines, 1):  # noqa: B007 - the count is what is given back
            writer.writerow(f"'{cell}" if str(cell)[:1] in _FORMULA else cell for cell in _cells(line))
    return written


def _excel(lines: Iterable[Line], path: Path) -> int:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)

    def text_of(sheet: Any, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        cell = WriteOnlyCell(sheet, value=_CONTROL.sub("", value))
        cell.data_type = "s"
        return cell

    def new_sheet(number: int) -> Any:
        sheet = book.create_sheet(f"Chưa tính {number}" if number > 1 else "Chưa tính")
        for column, width in enumerate(HEADINGS.values(), 1):
            sheet.column_dimensions[get_column_letter(column)].width = width
        sheet.freeze_panes = "A2"
        sheet.append(list(HEADINGS))
        return sheet

    sheet, written = new_sheet(1), 0
    for written, line in enumerate(lines, 1):
        if written > 1 and written % SHEET == 1:
            sheet = new_sheet(written // SHEET + 1)
        sheet.append([text_of(sheet, cell) for cell in _cells(line)])
    book.save(path)
    return written
