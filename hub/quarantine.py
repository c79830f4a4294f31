"""Quarantine, read: what is held and why, how many wait for what, and everything that is known of one item."""

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select, text

from hub.audit import entries
from hub.context import Hub
from hub.errors import ConfigurationError
from hub.messages import STREAM, body_of
from hub.waivers import of_record
from hub.worklist.chosen import LAST_NUMBER, Chosen
from schemas import tables
from schemas.personal_fields import FREE_TEXT, MASKS

ITEM = tables.quarantine.c

VALUES = 5
"""Values that a group names; how many more there are is counted."""

LONGEST = 200
"""Characters of a value by which items are grouped."""

GROUPS = """
WITH counted AS (
    SELECT q.province, q.kind, f.reason, f.field,
           CASE WHEN f.field <> ALL(:personal) THEN left(f.value, :longest) END AS value,
           count(*) AS items, count(DISTINCT hashtextextended(coalesce(q.dossier_code, q.source_key), 0)) AS dossiers,
           min(q.held_at) AS since,
           count(DISTINCT hashtextextended(coalesce(q.dossier_code, q.source_key), 0))
             FILTER (WHERE q.held_at > :now - interval '2 days') AS days_0_1,
           count(DISTINCT hashtextextended(coalesce(q.dossier_code, q.source_key), 0))
             FILTER (WHERE q.held_at <= :now - interval '2 days' AND q.held_at > :now - interval '8 days')
             AS days_2_7,
           count(DISTINCT hashtextextended(coalesce(q.dossier_code, q.source_key), 0))
             FILTER (WHERE q.held_at <= :now - interval '8 days' AND q.held_at > :now - interval '31 days')
             AS days_8_30,
           count(DISTINCT hashtextextended(coalesce(q.dossier_code, q.source_key), 0))
             FILTER (WHERE q.held_at <= :now - interval '31 days') AS older,
           GROUPING(CASE WHEN f.field <> ALL(:personal) THEN left(f.value, :longest) END) = 0 AS by_value
    FROM quarantine q, jsonb_to_recordset(q.findings) AS f (reason text, field text, value text)
    WHERE {fits} {same_finding}
    GROUP BY GROUPING SETS ((1, 2, 3, 4), (1, 2, 3, 4, 5))
)
SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY province, kind, reason, field, by_value
                                 ORDER BY dossiers DESC, value) AS place,
           count(*) FILTER (WHERE value IS NOT NULL) OVER (PARTITION BY province, kind, reason, field) AS different
    FROM counted
) x WHERE NOT by_value OR (place <= :values AND value IS NOT NULL)
ORDER BY province, kind, reason, field, by_value, place
"""
"""One pass over the open items. A dossier that two findings hold is in both groups: it waits for both."""

AGES = ("days_0_1", "days_2_7", "days_8_30", "older")


class NoSuchItem(ConfigurationError):
    """A quarantine item number that does not exist."""


def held_items(
    engine: Engine, province: str | None = None, reason: str | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """Open items, oldest change first."""
    return listed(engine, Chosen(province=province, reason=reason), limit)


def listed(engine: Engine, chosen: Chosen, limit: int | None = None, after: int | None = None) -> list[dict[str, Any]]:
    """Open items that fit, oldest change first; `after`: those behind this item in that order.

    Raises:
        NoSuchItem: there is no item `after`.
    """
    fits, given = chosen.sql()
    if after is not None:
        before = item(engine, after)
        fits += (
            " AND (coalesce(q.changed_at, 'infinity'), q.item_id)"
            " > (coalesce(CAST(:changed AS timestamptz), 'infinity'), :after)"
        )
        given |= {"changed": before["changed_at"], "after": after}
    query = text(
        "SELECT q.item_id, q.province, q.kind, q.stage, q.dossier_code, q.source_key, q.reason, q.findings, q.state,"
        " q.assignee, q.version, q.changed_at, q.held_at, q.message_id, q.position,"
        " jsonb_build_object('applicant_name', q.mapped -> 'applicant_name', 'identifiers', q.mapped -> 'identifiers',"
        " 'phone', q.mapped -> 'phone', 'email', q.mapped -> 'email', 'tax_code', q.mapped -> 'tax_code',"
        " 'address', q.mapped -> 'address', 'applicant_account', q.mapped -> 'applicant_account') AS person"
        f" FROM quarantine q WHERE {fits} ORDER BY q.changed_at, q.item_id LIMIT :limit"
    )
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query, {**given, "limit": limit})]


def groups(engine: Engine, chosen: Chosen, now: datetime) -> list[dict[str, Any]]:
    """Open items by province, kind, reason and field, most dossiers first.

    Each with `items`, `dossiers` (distinct), `since` (the oldest hold), `ages` (dossiers by days held),
    `values` [value, items,
    dossiers] and how many `more` values there are. Values of personal fields and of free text are not listed.
    """
    fits, given = chosen.sql()
    wanted = {"reason": chosen.reason, "field": chosen.field}
    same = "".join(f" AND f.{name} = :of_{name}" for name, one in wanted.items() if one is not None)
    given |= {f"of_{name}": one for name, one in wanted.items() if one is not None}
    given |= {"now": now, "personal": [*MASKS, *FREE_TEXT], "longest": LONGEST, "values": VALUES}
    found: list[dict[str, Any]] = []
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL work_mem = '64MB'"))
        for row in connection.execute(text(GROUPS.format(fits=fits, same_finding=same)), given):
            counts = {"items": row.items, "dossiers": row.dossiers}
            if row.by_value:
                found[-1]["values"].append({"value": row.value, **counts})
                continue
            key = {"province": row.province, "kind": row.kind, "reason": row.reason, "field": row.field}
            ages = {age: getattr(row, age) for age in AGES}
            found.append({**key, **counts, "since": row.since, "ages": ages, "values": [], "more": row.different})
    for group in found:
        group["more"] -= len(group["values"])
    return sorted(found, key=lambda group: (group["province"], group["kind"], -group["dossiers"], group["reason"]))


def total(engine: Engine, chosen: Chosen) -> int:
    """Open items that fit."""
    fits, given = chosen.sql()
    with engine.connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM quarantine q WHERE {fits}"), given) or 0)


def item(engine: Engine, item_id: int) -> dict[str, Any]:
    """One item whole, with what the mapping made of it.

    Raises:
        NoSuchItem: there is none of that number.
    """
    row = None
    if abs(item_id) <= LAST_NUMBER:
        with engine.connect() as connection:
            row = connection.execute(select(tables.quarantine).where(ITEM.item_id == item_id)).one_or_none()
    if row is None:
        raise NoSuchItem(f"there is no item {item_id}", where="quarantine", next_step="lienthong quarantine list")
    return dict(row._mapping)


def about(engine: Engine, found: dict[str, Any]) -> dict[str, Any]:
    """What stands around an item.

    `history` (audit), `waivers` of its record, `rivals` (other records of its code), `behind`: open items of the same
    record and what else waits for this one, `merged`: the version of the dossier that the hub has.
    """
    behind = text(
        "SELECT item_id, kind, stage, reason, changed_at FROM quarantine WHERE province = :province AND state = 'held'"
        " AND dossier_code = :dossier_code AND item_id <> :item_id"
        " AND (source_key = :source_key OR kind = 'step' OR :kind = 'step') ORDER BY changed_at, item_id LIMIT 100"
    )
    merged = text(
        "SELECT d.source_key, d.status, d.changed_at, d.delivered_hash = d.content_hash AS delivered,"
        " (SELECT count(*) FROM progress_step s WHERE s.province = d.province AND s.dossier_code = d.dossier_code"
        "  AND s.state <> 'delivered')"
        " + (SELECT count(*) FROM quarantine q WHERE q.province = d.province AND q.dossier_code = d.dossier_code"
        "    AND q.kind = 'step' AND q.stage = 'map' AND q.state = 'held') AS steps_waiting,"
        " (SELECT count(*) FROM quarantine q WHERE q.province = d.province AND q.dossier_code = d.dossier_code"
        "  AND q.kind = 'step' AND q.state = 'held') AS steps_held,"
        " (SELECT count(*) FROM progress_step s WHERE s.province = d.province AND s.dossier_code = d.dossier_code)"
        " AS steps_kept"
        " FROM dossier d WHERE d.province = :province AND d.dossier_code = :dossier_code"
    )
    with engine.connect() as connection:
        row = connection.execute(merged, found).one_or_none()
        return {
            "behind": [dict(one._mapping) for one in connection.execute(behind, found)],
            "merged": dict(row._mapping) if row else None,
            "rivals": rivals(engine, found),
            "waivers": of_record(connection, found["province"], found["source_key"]),
            "history": entries(engine, item_id=found["item_id"]),
        }


def rivals(engine: Engine, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Other open items of the same dossier code, and the dossier itself when it was merged from another record."""
    query = text(
        "SELECT item_id, source_key, changed_at FROM quarantine WHERE province = :province AND state = 'held'"
        " AND kind = 'dossier' AND dossier_code = :dossier_code AND source_key <> :source_key"
        " UNION ALL SELECT NULL, source_key, changed_at FROM dossier WHERE province = :province"
        " AND dossier_code = :dossier_code AND source_key <> :source_key"
    )
    if found["kind"] != "dossier":
        return []
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query, found)]


def raw_of(hub: Hub, message_id: int, position: int) -> bytes:
    """The one record as it was received, cut out of the kept message."""
    with hub.engine.connect() as connection:
        return hub.source.raw_record(STREAM, body_of(connection, message_id), position)
