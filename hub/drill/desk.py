"""The person who decides, as a drill plays it: the exported work list, each line filled in with its first candidate."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hub.migration.deciding.filled import NEEDED


def fill_in(sheet: Path, groups: Sequence[dict[str, Any]]) -> int:
    """Write the first candidate of each line's group into its last column, once for a record and field; a line that has
    none stays blank. Returns how many were filled in."""
    first = {
        (one["source"], one["field"], one["code"] or ""): one["candidates"][0]["code"]
        for one in groups
        if one["candidates"]
    }
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        headings, lines = list(reader.fieldnames or ()), list(reader)
    filled: set[tuple[str, ...]] = set()
    for line in lines:
        source, field, code, record = (line[NEEDED[name]] for name in ("source", "field", "code", "record"))
        if (source, field, code) in first and (source, field, record) not in filled:
            filled.add((source, field, record))
            line[NEEDED["decided"]] = first[source, field, code]
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, headings)
        writer.writeheader()
        writer.writerows(lines)
    return len(filled)
