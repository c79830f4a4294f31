"""Where is it now? Any code that a citizen may hold, old or new, answered with the dossier's place today."""

from typing import Any

from sqlalchemy import Engine, text

from schemas.identifiers import new_agency_code, old_agency_code
from schemas.migration_tables import KNOWN_TO_TARGET

ATTEMPT = """
SELECT max(migration_id) FROM migration WHERE plan = :plan AND kind = 'cutover' AND state <> 'rolled_back'
"""

INDEXED = f"""
SELECT source, source_key FROM migrated
WHERE migration_id = :id AND {KNOWN_TO_TARGET} AND dossier_code = ANY(:codes)
UNION
SELECT source, source_key FROM migrated
WHERE migration_id = :id AND source = ANY(:sources) AND source_key = ANY(:codes)
UNION
SELECT a.source, a.source_key FROM dossier d JOIN migrated a USING (dossier_code)
WHERE a.migration_id = :id AND a.{KNOWN_TO_TARGET} AND d.succeeded_by IS NULL AND d.outgoing_code = ANY(:codes)
"""

EVERYWHERE = """
SELECT source, source_key FROM migrated
WHERE migration_id = :id AND (dossier_code = ANY(:codes) OR national_code = ANY(:codes)
      OR (source, dossier_code) IN (SELECT province, dossier_code FROM dossier WHERE outgoing_code = ANY(:codes)))
"""
"""Reads the whole account: for held dossiers, and for codes of before the opening that no sync has met again."""

FOUND = """
WITH hit AS MATERIALIZED ({hits})
SELECT a.source, a.dossier_code, a.national_code, a.source_key, a.state, a.reason, a.status,
       m.state AS attempt, m.target, m.opened_at, x.outgoing_code, a.record -> 'former' AS former, a.target_id
FROM hit JOIN migrated a ON a.migration_id = :id AND a.source = hit.source AND a.source_key = hit.source_key
JOIN migration m ON m.migration_id = a.migration_id
LEFT JOIN succession x ON x.province = m.target AND x.dossier_code = a.dossier_code AND x.predecessor = a.source
     AND a.state = 'migrated'
ORDER BY a.source, a.dossier_code LIMIT 20
"""

HERE = """
SELECT province, dossier_code, outgoing_code, status, succeeded_by FROM dossier
WHERE province = ANY(:provinces) AND (dossier_code = ANY(:codes) OR outgoing_code = ANY(:codes))
ORDER BY succeeded_by IS NOT NULL, province, dossier_code LIMIT 20
"""


def forms_of(code: str) -> list[str]:
    """The code as given, and with its agency in the old and in the new form.

    >>> forms_of("000.00.53.H48-220921-0099")
    ['000.00.53.H48-220921-0099', 'H48.53-220921-0099']
    """
    code = code.strip()
    agency, dash, rest = code.partition("-")
    both = (new_agency_code(agency), old_agency_code(agency)) if dash else ()
    return list(dict.fromkeys([code, *(f"{one}-{rest}" for one in both if one)]))


def find(engine: Engine, plan: str, sources: list[str], target: str, code: str) -> list[dict[str, Any]]:
    """The dossiers that this code is or was the code of: `dossier_code`, `was_in`, `is_in`, `state`, `national_code`,
    `outgoing_code`, `status`, `reason`, `former` codes. Held ones come with their reason."""
    codes = forms_of(code)
    with engine.connect() as connection:
        given = {"id": connection.scalar(text(ATTEMPT), {"plan": plan}), "codes": codes, "sources": sources}
        for hits in (INDEXED, EVERYWHERE):
            if moved := connection.execute(text(FOUND.format(hits=hits)), given).mappings().all():
                break
        places = {"provinces": [target, *sources], "codes": codes}
        here = connection.execute(text(HERE), places).mappings().all()
    found = [_told(dict(row)) for row in moved]
    known = {(one["was_in"], one["dossier_code"]) for one in found} | {
        (one["is_in"], one["dossier_code"]) for one in found
    }
    for row in here:
        if (row["province"], row["dossier_code"]) not in known:
            one = {name: row[name] for name in ("dossier_code", "outgoing_code", "status")}
            was = row["province"]
            state = "stayed" if row["succeeded_by"] else "in_place"
            found.append({**one, "was_in": was, "is_in": was, "state": state, "reason": None, "former": []})
    return found


def _told(row: dict[str, Any]) -> dict[str, Any]:
    moved = row["state"] == "migrated" and row["attempt"] == "opened"
    return {
        "dossier_code": row["dossier_code"],
        "national_code": row["national_code"],
        "outgoing_code": row["outgoing_code"] or row["national_code"] or row["dossier_code"],
        "source_key": row["source_key"],
        "status": row["status"],
        "was_in": row["source"],
        "is_in": row["target"] if moved else row["source"],
        "since": row["opened_at"] if moved else None,
        "state": row["state"],
        "reason": row["reason"],
        "target_id": row["target_id"],
        "former": row["former"] or [],
    }
