"""Waivers: a person's word that a finding does not hold a record, kept, and honoured where the gate sets rows apart.

A waiver is for one source record, one reason, one field and the value that stood there: another value is held again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

CONFLICT = "conflicting_duplicate"
LATE = "late_step"

SPARED = """
WITH decided AS (
    SELECT DISTINCT ON (code) coalesce(s.national_code, s.dossier_code) AS code, s.dossier_code
    FROM {staging} s JOIN waiver w ON w.province = :province AND w.source_key = s.source_key
         AND w.reason = 'conflicting_duplicate' AND w.value = s.dossier_code AND w.ended_at IS NULL
    WHERE NOT EXISTS (
        SELECT FROM dossier o WHERE o.outgoing_code = coalesce(s.national_code, s.dossier_code)
        AND o.succeeded_by IS NULL AND (o.province, o.dossier_code) IS DISTINCT FROM (:province, s.dossier_code))
    ORDER BY code, w.waiver_id DESC
)
DELETE FROM failing f USING {staging} s, waiver w
WHERE f.waivable AND s.message_id = f.message_id AND s.position = f.position
  AND w.province = :province AND w.source_key = s.source_key AND w.ended_at IS NULL
  AND w.reason = f.reason AND w.field = f.field AND w.value IS NOT DISTINCT FROM (s.record ->> f.field)
  AND (f.reason <> 'conflicting_duplicate'
       OR (coalesce(s.national_code, s.dossier_code), s.dossier_code) IN (SELECT code, dossier_code FROM decided))
"""
"""A decision between a province's records says nothing of a national dossier that is another's: the merge could not
write a second one, and would fail for the whole province. Of two that were decided for one national dossier, before
they named the same one, the later decision counts."""


def spare_waived(connection: Connection, province: str, staging: str) -> int:
    """Take what is waived out of the gate's temporary table `failing` (message_id, position, reason, field, waivable).

    Returns:
        Findings that were taken out.
    """
    return connection.execute(text(SPARED.format(staging=staging)), {"province": province}).rowcount


@dataclass(frozen=True, slots=True)
class Waiver:
    """One decision, as it enters the table."""

    province: str
    source_key: str
    dossier_code: str | None
    reason: str
    field: str
    value: str | None


def keep(connection: Connection, waiver: Waiver, who: str, why: str) -> int:
    """Write the waiver, unless the same one stands already. Returns the number of the one that stands."""
    given = {name: getattr(waiver, name) for name in waiver.__dataclass_fields__} | {"who": who, "why": why}
    standing = connection.scalar(text(STANDING), given)
    return int(standing or connection.execute(text(WRITTEN), given).scalar_one())


STANDING = """
SELECT waiver_id FROM waiver WHERE province = :province AND source_key = :source_key AND reason = :reason
AND field = :field AND value IS NOT DISTINCT FROM CAST(:value AS text) AND ended_at IS NULL
"""

WRITTEN = """
INSERT INTO waiver (province, source_key, dossier_code, reason, field, value, who, why)
VALUES (:province, :source_key, :dossier_code, :reason, :field, CAST(:value AS text), :who, :why) RETURNING waiver_id
"""


def end(connection: Connection, waiver_ids: Sequence[int], who: str) -> list[int]:
    """End these waivers. Returns those that still stood."""
    return list(
        connection.scalars(
            text(
                "UPDATE waiver SET ended_at = clock_timestamp(), ended_by = :who"
                " WHERE waiver_id = ANY(:ids) AND ended_at IS NULL RETURNING waiver_id"
            ),
            {"ids": list(waiver_ids), "who": who},
        )
    )


def end_others(connection: Connection, winner: Waiver, who: str, national: str | None = None) -> int:
    """End what was decided before for other records of the same reason and field, and of the same value or, by their
    held versions, the same `national` code. Returns how many."""
    return connection.execute(
        text(
            "UPDATE waiver w SET ended_at = clock_timestamp(), ended_by = :who WHERE province = :province"
            " AND reason = :reason AND field = :field AND source_key <> :source_key AND ended_at IS NULL"
            " AND (value IS NOT DISTINCT FROM CAST(:value AS text) OR value = CAST(:national AS text) OR EXISTS ("
            "  SELECT FROM quarantine q WHERE q.province = w.province AND q.dossier_code = w.dossier_code"
            "  AND q.kind = 'dossier' AND q.source_key = w.source_key"
            "  AND q.mapped ->> 'national_code' IN (CAST(:value AS text), CAST(:national AS text))))"
        ),
        {name: getattr(winner, name) for name in winner.__dataclass_fields__} | {"who": who, "national": national},
    ).rowcount


def of_record(connection: Connection, province: str, source_key: str) -> list[dict[str, Any]]:
    """Every waiver of a source record, ended ones too, oldest first."""
    query = text(
        "SELECT waiver_id, reason, field, value, who, why, at, ended_at, ended_by FROM waiver"
        " WHERE province = :province AND source_key = :source_key ORDER BY waiver_id"
    )
    rows = connection.execute(query, {"province": province, "source_key": source_key})
    return [dict(row._mapping) for row in rows]
