"""The list of what does not count as the rows of a file: one row for each indicator in which a dossier does not."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from hub.kpi.measuring import Line
from hub.kpi.model import INDICATORS
from hub.tabular import Sheet, write_table
from schemas.records import VIET_NAM

SHEET = Sheet(
    "Chưa tính",
    {
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
    },
)


def write_lines(lines: Iterable[Line], path: Path) -> int:
    """Write them all as the path's ending asks for (.csv, .xlsx); gives the number of rows.

    Raises:
        ConfigurationError: another ending, or the folder cannot be written.
    """
    return write_table(SHEET, map(_cells, lines), path)


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
