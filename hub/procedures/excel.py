"""Read a procedure list that the national portal exports to Excel; every problem is told with sheet, row and column."""

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.errors import ConfigurationError
from hub.procedures.names import folded, tidy

COLUMNS = {
    "code": "Mã TTHC",
    "name": "Tên TTHC",
    "field_name": "Lĩnh vực",
    "audience": "Đối tượng",
    "agency": "Cơ quan công khai",
    "level": "Cấp thực hiện",
    "state": "Tình trạng",
    "decision": "QĐ Công bố",
}
"""The columns of the export [seen], by the name they have here."""
REQUIRED = ("code", "name", "field_name", "level", "decision")
_ALSO = {
    "code": ("Mã thủ tục", "Mã thủ tục hành chính", "Mã số TTHC"),
    "name": ("Tên thủ tục", "Tên thủ tục hành chính"),
    "decision": ("Quyết định công bố", "Số quyết định công bố"),
}
_WORDS = {folded(name): key for key, name in COLUMNS.items()} | {
    folded(name): key for key, names in _ALSO.items() for name in names
}
HEADER_WITHIN = 30
"""Rows of titles that may stand above the header."""
LARGEST = 50 * 1024 * 1024
LARGEST_UNPACKED = 20 * LARGEST
SHOWN = 10
"""Problems that are told one by one."""
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    SyntaxError,
)
"""What openpyxl raises for a file that is damaged or is another kind of zip; SyntaxError is XML's."""
_BROKEN_CELLS = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!")


@dataclass(frozen=True, slots=True)
class Line:
    """One procedure of the list; `values` are all columns by their heading, as the file has them."""

    sheet: str
    row: int
    code: str
    name: str
    field_name: str | None
    level: str | None
    decision: str | None
    state: str | None
    values: dict[str, str] = field(compare=False)

    def at(self, column: str) -> str:
        return f"sheet {self.sheet}, row {self.row}, column {COLUMNS[column]}"


@dataclass(frozen=True, slots=True)
class ExcelList:
    """A list that was read whole: its lines in order, each code once, and how many lines were repeats of one."""

    file: str
    lines: tuple[Line, ...]
    repeated: int
    absent: tuple[str, ...]
    passed_over: tuple[str, ...]


def read_list(path: Path) -> ExcelList:
    """Read every sheet that has the list's header; sheets without one are named in `passed_over`.

    Raises:
        ConfigurationError: it is no .xlsx, a required column is missing, or cells cannot be used. All problems are
            found before anything is said; nothing is half-read.
    """
    lines: list[Line] = []
    problems: list[str] = []
    passed_over, absent, headers = list[str](), set[str](), 0
    candidates: list[tuple[str, int, list[str]]] = []
    for sheet, rows in _sheets(path):
        header = _header(rows)
        if header is None:
            passed_over.append(sheet)
            candidates += [(sheet, number, cells) for number, cells in enumerate(rows[:HEADER_WITHIN], 1)]
            continue
        number, places = header
        headers += 1
        if lacking := [key for key in REQUIRED if key not in places]:
            raise _missing_column(path, sheet, number, rows[number - 1], lacking)
        absent |= {name for key, name in COLUMNS.items() if key not in places}
        headings = rows[number - 1]
        for row, cells in enumerate(rows[number:], number + 1):
            line = _line(sheet, row, cells, places, headings, problems)
            if line is not None:
                lines.append(line)
    if not lines and not problems:
        raise _no_list(path, candidates, found=headers > 0)
    unique = _unique(lines, problems)
    if problems:
        raise _problems(path, problems)
    return ExcelList(path.name, tuple(unique), len(lines) - len(unique), tuple(sorted(absent)), tuple(passed_over))


def _line(
    sheet: str, row: int, cells: list[str], places: dict[str, int], headings: list[str], problems: list[str]
) -> Line | None:
    """The procedure of a row; None for an empty row, and for one whose problem was written down."""
    values = {key: cells[place] if place < len(cells) else "" for key, place in places.items()}
    if not values["code"] and not values["name"]:
        return None
    before = len(problems)
    for key in ("code", "name"):
        if not values[key]:
            problems.append(f"sheet {sheet}, row {row}, column {COLUMNS[key]}: the cell is empty")
        elif values[key].upper() in _BROKEN_CELLS:
            problems.append(f"sheet {sheet}, row {row}, column {COLUMNS[key]}: the cell shows {values[key]}")
    if len(problems) > before:
        return None
    return Line(
        sheet,
        row,
        values["code"],
        values["name"],
        values["field_name"] or None,
        values["level"] or None,
        values["decision"] or None,
        values.get("state") or None,
        {heading: cell for heading, cell in zip(headings, cells, strict=False) if heading},
    )


def _unique(lines: Iterable[Line], problems: list[str]) -> list[Line]:
    """Each code once; a code with two names is a problem."""
    known: dict[str, Line] = {}
    for line in lines:
        first = known.setdefault(line.code, line)
        if folded(first.name) != folded(line.name):
            problems.append(
                f"{line.at('code')}: {line.code} is also in row {first.row} with another name "
                f"(“{_short(first.name)}”, here “{_short(line.name)}”)"
            )
    return list(known.values())


def _header(rows: Sequence[list[str]]) -> tuple[int, dict[str, int]] | None:
    """The header's row (from 1) and the place of each column: the row that names most of them, at least two."""
    best: tuple[int, dict[str, int]] | None = None
    for number, cells in enumerate(rows[:HEADER_WITHIN], 1):
        places: dict[str, int] = {}
        for place, cell in enumerate(cells):
            key = _WORDS.get(folded(cell))
            if key:
                places.setdefault(key, place)
        if len(places) >= 2 and (best is None or len(places) > len(best[1])):
            best = number, places
    return best


def _sheets(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """Every visible sheet with its cells as tidy text."""
    from openpyxl import load_workbook

    _refuse_other_files(path)
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(part.file_size for part in packed.infolist()) > LARGEST_UNPACKED:
                raise ValueError("it unpacks to more than a list of procedures has")
        book = load_workbook(path, read_only=True, data_only=True)
        try:
            for sheet in book.worksheets:
                if sheet.sheet_state == "visible":
                    # Programs that export lists write a wrong size of the sheet, which would cut it.
                    sheet.reset_dimensions()
                    yield sheet.title, [[_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)]
        finally:
            book.close()
    except _UNREADABLE as error:
        raise ConfigurationError(
            f"this is not an Excel file that can be read ({type(error).__name__})",
            where=str(path),
            next_step="Open it in Excel and save it as .xlsx (Excel Workbook).",
        ) from error


def _refuse_other_files(path: Path) -> None:
    """Say what the file is, when its first bytes already tell that it is no .xlsx."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be read: {error.strerror}", where=str(path), next_step="Check the path."
        ) from None
    what = None
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        what = "this is an old .xls, or an Excel file with a password"
    elif b"<html" in head.lower() or b"<table" in head.lower():
        what = "this is a web page, though its name may say Excel"
    elif not head.startswith(b"PK"):
        what = "this is not an Excel file"
    elif size > LARGEST:
        what = f"the file has {size / 2**20:.0f} MB, more than a list of procedures has ({LARGEST // 2**20} MB)"
    if what:
        raise ConfigurationError(
            what,
            where=str(path),
            next_step="Open it in Excel and save it as .xlsx (Excel Workbook), without a password.",
        )


def _cell(value: Any) -> str:
    """A cell as text. A code that Excel took for a number has lost its last zeros; six decimals bring them back."""
    if isinstance(value, float) and 1 <= value < 10 and not value.is_integer():
        return f"{value:.6f}"
    return tidy(int(value) if isinstance(value, float) and value.is_integer() else value)


def _missing_column(path: Path, sheet: str, row: int, cells: list[str], lacking: list[str]) -> ConfigurationError:
    from rapidfuzz import fuzz, process

    others = {folded(cell): cell for cell in cells if cell and folded(cell) not in _WORDS}
    told = []
    for key in lacking:
        near = process.extractOne(folded(COLUMNS[key]), others.keys(), scorer=fuzz.token_set_ratio, score_cutoff=75)
        told.append(f"“{COLUMNS[key]}”" + (f" (is it “{others[near[0]]}”?)" if near else ""))
    return ConfigurationError(
        f"missing column {', '.join(told)}",
        where=f"{path}, sheet {sheet}, row {row}",
        next_step=f"Needed: {', '.join(COLUMNS[key] for key in REQUIRED)}; the order does not matter.",
    )


def _no_list(path: Path, candidates: list[tuple[str, int, list[str]]], *, found: bool) -> ConfigurationError:
    if found:
        return ConfigurationError(
            "the list is empty: there is nothing under its header",
            where=str(path),
            next_step="Export it again; nothing was changed.",
        )
    named = [(sheet, row, cell) for sheet, row, cells in candidates for cell in cells if folded(cell) in _WORDS]
    seen = f"; only “{named[0][2]}” was found (sheet {named[0][0]}, row {named[0][1]})" if named else ""
    return ConfigurationError(
        f"no sheet has the header of a procedure list{seen}",
        where=str(path),
        next_step=f"Needed in one row: {', '.join(COLUMNS[key] for key in REQUIRED)}.",
    )


def _problems(path: Path, problems: list[str]) -> ConfigurationError:
    shown = "\n".join(f"  {problem}" for problem in problems[:SHOWN])
    rest = f"\n  and {len(problems) - SHOWN:,} more" if len(problems) > SHOWN else ""
    number = "1 cell" if len(problems) == 1 else f"{len(problems):,} cells"
    return ConfigurationError(
        f"{number} cannot be used\n{shown}{rest}",
        where=str(path),
        next_step="Mend the list and import it again; nothing was changed.",
    )


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57].rstrip() + "…"
