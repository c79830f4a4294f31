"""The findings as a file for the people who mend the lists: Excel, CSV or JSON."""

from pathlib import Path

import orjson

from hub.errors import ConfigurationError
from hub.procedures.quality.findings import KINDS, Quality
from hub.tabular import Sheet, write_table

SHEET = Sheet(
    "Chất lượng TTHC",
    {
        "Loại": 44,
        "kind": 16,
        "Mã TTHC": 12,
        "Mã của tỉnh": 26,
        "Dòng": 8,
        "đến dòng": 8,
        "Tên TTHC": 70,
        "Trường": 22,
        "Căn cứ": 80,
        "Việc cần làm": 60,
    },
)


def write_findings(found: Quality, path: Path) -> Path:
    """Write the file that the path's ending asks for (.xlsx, .csv, .json).

    Raises:
        ConfigurationError: another ending, or the folder cannot be written.
    """
    if path.suffix.lower() != ".json":
        write_table(SHEET, _rows(found), path)
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be written: {error.strerror}", where=str(path), next_step="Give another place with --out."
        ) from None
    return path


def _rows(found: Quality) -> list[tuple[object, ...]]:
    return [
        (
            KINDS[one.kind].nghia,
            one.kind,
            one.code,
            one.local_code or "",
            one.row or "",
            one.last or "",
            one.name,
            one.field,
            one.evidence,
            one.todo,
        )
        for one in found.findings
    ]
