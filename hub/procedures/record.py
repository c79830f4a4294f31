"""A procedure record of the portal (LayThuTuc, CONTRACTS 3 [seen]): what the hub reads out of it, and its hash.

The record is kept whole beside what is read here; a value that is not where it should be is left out, never made up.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from hub.procedures.names import tidy
from hub.staging import content_hash

CODE, NAME = "MATTHC", "TENTTHC"
PUBLIC = "1"
LEVELS = {"0": "Bộ", "1": "Tỉnh", "2": "Huyện", "3": "Xã"}
LOCAL_LEVELS = ("1", "3")
"""Handled by the province or its communes: what a provincial list should hold. The district level ended 2025-07-01."""


@dataclass(frozen=True, slots=True)
class Procedure:
    """One version of a procedure as it is stored; `record` is JSON text of the whole source record."""

    code: str
    name: str
    field_code: str | None
    field_name: str | None
    levels: tuple[str, ...]
    decision: str | None
    public: bool
    content_hash: str
    record: str


def read_procedure(code: str, name: str, record: dict[str, Any]) -> Procedure:
    """LayThuTuc's answer as it is stored. `code` and `name` are the list's; its name counts when there is no other."""
    field = first(record.get("LINHVUCTHUCHIEN"))
    return Procedure(
        code=code,
        name=tidy(record.get(NAME)) or name,
        field_code=tidy(field.get("MALINHVUC")) or None,
        field_name=tidy(field.get("TENLINHVUC")) or None,
        levels=_levels(record.get("CAPTHUCHIEN")),
        decision=tidy(record.get("IDQUYETDINHCONGBO")) or None,
        public=tidy(record.get("TRANGTHAI")) == PUBLIC,
        content_hash=hash_of(record),
        record=json_text(record),
    )


def hash_of(record: dict[str, Any]) -> str:
    """Equal for equal content, whatever the order of the keys."""
    return content_hash(orjson.dumps(record, option=orjson.OPT_SORT_KEYS))


def json_text(record: dict[str, Any]) -> str:
    """JSON that PostgreSQL takes: it cannot hold the character U+0000, which becomes U+2400 (its picture)."""
    return orjson.dumps(record).decode().replace("\\u0000", "\\u2400")


def first(value: Any) -> dict[str, Any]:
    """The first object of a list that may also come as a single object, or not at all."""
    if isinstance(value, list):
        value = next((entry for entry in value if isinstance(entry, dict)), None)
    return value if isinstance(value, dict) else {}


def _levels(value: Any) -> tuple[str, ...]:
    """Codes of CAPTHUCHIEN in order; entries are objects, numbers or texts."""
    entries = value if isinstance(value, list) else [value]
    codes = {tidy(entry.get("CAPTHUCHIEN") if isinstance(entry, dict) else entry) for entry in entries}
    return tuple(sorted(codes & LEVELS.keys()))
