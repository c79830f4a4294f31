"""Two records that claim one dossier code: the canonical fields in which they differ, masked."""

from typing import Any

import orjson
from sqlalchemy import Engine, text

from schemas.personal_fields import masked_finding
from schemas.records import DOSSIER
from schemas.wording import for_people

MOST = 15
"""Fields that are shown."""
_LONGEST = 60

RIVAL = """
SELECT source_key, mapped AS record FROM quarantine WHERE province = :province AND state = 'held'
  AND kind = 'dossier' AND dossier_code = :dossier_code AND source_key <> :source_key
UNION ALL SELECT source_key, record FROM dossier WHERE province = :province AND dossier_code = :dossier_code
  AND source_key <> :source_key
LIMIT 1
"""


def differences(engine: Engine, found: dict[str, Any]) -> list[dict[str, str]]:
    """{field, this, rival} of an item held as conflicting_duplicate and its first rival; empty for any other.

    Progress steps are left out: the merged dossier keeps them apart.
    """
    if not any(one["reason"] == "conflicting_duplicate" for one in found["findings"]):
        return []
    with engine.connect() as connection:
        rival = connection.execute(text(RIVAL), found).one_or_none()
    if rival is None:
        return []
    ours, theirs, told = found["mapped"] or {}, rival.record or {}, list[dict[str, str]]()
    for name in (one.name for one in DOSSIER if one.name != "steps"):
        this, other = ours.get(name), theirs.get(name)
        if (this or None) != (other or None):
            told.append({"field": name, "this": _shown(name, this, ours), "rival": _shown(name, other, theirs)})
    return told[:MOST]


def _shown(name: str, value: Any, record: dict[str, Any]) -> str:
    if value in (None, "", []):
        return "–"
    if isinstance(value, list) and name != "identifiers":
        return f"{len(value)} entries"
    said = value if isinstance(value, str) else orjson.dumps(value).decode()
    return for_people(masked_finding({"field": name, "value": said}, record)["value"])[:_LONGEST]
