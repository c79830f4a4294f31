"""A comparison as a file for the people who mend the list: Excel, CSV or JSON."""

import csv
import io
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from hub.errors import ConfigurationError
from hub.procedures.compare import KINDS, Comparison, Difference
from schemas.records import VIET_NAM

COLUMNS = ("kind", "procedure_code", "local_code", "name", "field", "province", "national", "hint")
_HEADINGS = {
    "Loại": 12,
    "Mã TTHC quốc gia": 18,
    "Mã của tỉnh": 28,
    "Tên TTHC": 70,
    "Khác ở": 12,
    "Giá trị của tỉnh": 50,
    "Giá trị quốc gia": 50,
    "Gợi ý": 50,
}
"""Headings of COLUMNS in the Excel file, with their widths in characters."""
_WORDS = {
    "missing": "Thiếu",
    "stale": "Khác",
    "unknown": "Không có trong CSDLQG",
    "closed": "Đã bãi bỏ",
    "doubled": "Trùng mã",
    "name": "Tên",
    "field": "Lĩnh vực",
    "decision": "Quyết định",
}
_SIZES = {"national": "TTHC cấp tỉnh, cấp xã toàn quốc", "listed": "Dòng trong danh mục của tỉnh", "agreeing": "Khớp"}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_FORMULA = frozenset("=+-@\t")
_LONGEST = 32_767


def write_comparison(comparison: Comparison, path: Path) -> Path:
    """Write the file that the path's ending asks for (.xlsx, .csv, .json), whole or not at all.

    Raises:
        ConfigurationError: another ending, or the folder cannot be written.
    """
    body = writer_for(path)(comparison)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(body)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True) if path.parent.is_dir() else None
        raise ConfigurationError(
            f"the file cannot be written: {error.strerror}",
            where=str(path),
            next_step="Close it where it is open, or give another place with --out.",
        ) from None
    return path


def writer_for(path: Path) -> Callable[[Comparison], bytes]:
    """How a file of this name is written; ConfigurationError for an ending that is none of the three."""
    writers = {".xlsx": _excel, ".csv": _csv, ".json": _json}
    if path.suffix.lower() not in writers:
        raise ConfigurationError(
            f"'{path.suffix or path.name}' is not a kind of file that can be written",
            where=str(path),
            next_step="Give a name that ends in .xlsx, .csv or .json.",
        )
    return writers[path.suffix.lower()]


def _values(one: Difference) -> tuple[Any, ...]:
    return tuple(getattr(one, name) for name in COLUMNS)


def _json(comparison: Comparison) -> bytes:
    return orjson.dumps(comparison.as_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _csv(comparison: Comparison) -> bytes:
    """With the byte order mark that Excel needs for Vietnamese; what it would take as a formula is quoted."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in comparison.differences:
        writer.writerow(f"'{value}" if str(value)[:1] in _FORMULA else value for value in _values(one))
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _excel(comparison: Comparison) -> bytes:
    """A sheet with the sums and one with every line, with a filter and the heading kept in sight."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    bold, fill = Font(bold=True), PatternFill("solid", fgColor="DDE7F0")
    wrapped = Alignment(wrap_text=True, vertical="top")

    def row(sheet: Any, values: Sequence[Any], *, heading: bool = False) -> None:
        cells = []
        for value in values:
            cell = WriteOnlyCell(sheet, value=_safe(value))
            if isinstance(value, str):
                cell.data_type = "s"
            cell.alignment = wrapped
            if heading:
                cell.font, cell.fill = bold, fill
            cells.append(cell)
        sheet.append(cells)

    sums = book.create_sheet("Tóm tắt")
    sums.column_dimensions["A"].width, sums.column_dimensions["B"].width = 36, 12
    sums.column_dimensions["C"].width = 80
    moment = comparison.at.astimezone(VIET_NAM).strftime("%d/%m/%Y %H:%M")
    row(sums, (f"Đối chiếu danh mục TTHC: {comparison.province}", "", f"{moment} · {comparison.source}"), heading=True)
    for name, count in comparison.counts().items():
        row(sums, (_SIZES.get(name) or f"{_WORDS[name]} ({name})", count, {**KINDS}.get(name, "")))  # type: ignore[call-overload]

    lines = book.create_sheet("Khác biệt")
    for number, width in enumerate(_HEADINGS.values(), 1):
        lines.column_dimensions[get_column_letter(number)].width = width
    lines.freeze_panes = "A2"
    lines.auto_filter.ref = f"A1:{get_column_letter(len(COLUMNS))}{len(comparison.differences) + 1}"
    row(lines, list(_HEADINGS), heading=True)
    for one in comparison.differences:
        kind, code, local, name, field, *rest = _values(one)
        row(lines, (_WORDS[kind], code, local, name, _WORDS.get(field, field), *rest))
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


def _safe(value: Any) -> Any:
    """What a cell can hold: no control characters, no more than Excel takes."""
    return _CONTROL.sub("", value)[:_LONGEST] if isinstance(value, str) else value
