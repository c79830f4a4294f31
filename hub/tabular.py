"""A long table as a file, row by row, so that its length needs no memory: CSV or Excel."""

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.errors import ConfigurationError

SHEET = 1_000_000
"""Rows of one Excel sheet; more go on in the next one."""
LONGEST = 32_767
"""Characters of one Excel cell."""
_FORMULA = frozenset("=+-@\t\r")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

Rows = Iterable[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The name of an Excel sheet and its headings with their widths in characters."""

    name: str
    headings: dict[str, int]


def write_table(sheet: Sheet, rows: Rows, path: Path) -> int:
    """Write the file that the path's ending asks for (.csv, .xlsx), whole or not at all; gives the number of rows.

    Raises:
        ConfigurationError: another ending, or the folder cannot be written.
    """
    writer = writer_for(path)
    with whole(path) as fresh:
        return writer(sheet, rows, fresh)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside the wanted one, its owner's only, that takes its place when everything is in it, and goes when not.

    Raises:
        ConfigurationError: it cannot be written there.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        yield fresh
        fresh.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be written: {error.strerror}",
            where=str(path),
            next_step="Close it where it is open, or give another place for it.",
        ) from None
    finally:
        with suppress(OSError):
            fresh.unlink()


def writer_for(path: Path) -> Callable[[Sheet, Rows, Path], int]:
    """How a file of this name is written; ConfigurationError for an ending that is none of the two."""
    writers = {".csv": _csv, ".xlsx": _excel}
    if path.suffix.lower() not in writers:
        raise ConfigurationError(
            f"'{path.suffix or path.name}' is not a kind of file that can be written",
            where=str(path),
            next_step="Give a name that ends in .csv or .xlsx.",
        )
    return writers[path.suffix.lower()]


def _csv(sheet: Sheet, rows: Rows, path: Path) -> int:
    """With the byte order mark that Excel needs for Vietnamese; what it would take as a formula is quoted."""
    written = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(sheet.headings)
        for row in rows:
            writer.writerow(f"'{cell}" if str(cell)[:1] in _FORMULA else cell for cell in row)
            written += 1
    return written


def _excel(sheet: Sheet, rows: Rows, path: Path) -> int:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book, bold = Workbook(write_only=True), Font(bold=True)

    def cell_of(page: Any, value: Any) -> Any:
        """A text is a text, never a formula."""
        if not isinstance(value, str):
            return value
        cell = WriteOnlyCell(page, value=_CONTROL.sub("", value)[:LONGEST])
        cell.data_type = "s"
        return cell

    def new_page(number: int) -> Any:
        page = book.create_sheet(sheet.name if number == 1 else f"{sheet.name} {number}")
        for column, width in enumerate(sheet.headings.values(), 1):
            page.column_dimensions[get_column_letter(column)].width = width
        page.freeze_panes = "A2"
        headings = [cell_of(page, heading) for heading in sheet.headings]
        for cell in headings:
            cell.font = bold
        page.append(headings)
        return page

    page, written = new_page(1), 0
    for row in rows:
        if written and written % SHEET == 0:
            page = new_page(written // SHEET + 1)
        page.append([cell_of(page, value) for value in row])
        written += 1
    book.save(path)
    return written
