"""The state of each province, counted from the hub's tables in distinct dossier codes."""

from typing import Any

from sqlalchemy import Connection, Engine, text

from hub.succession import Closed, closed

COUNTS = """
WITH held AS (
    SELECT DISTINCT coalesce(dossier_code, source_key) AS code FROM quarantine
    WHERE province = :province AND kind = 'dossier' AND state = 'held'
), known AS (
    SELECT dossier_code AS code FROM dossier WHERE province = :province
), settled AS (
    SELECT d.* FROM dossier d WHERE d.province = :province AND d.delivered_hash IS NOT NULL
      AND d.dossier_code NOT IN (SELECT code FROM held)
      AND NOT EXISTS (SELECT FROM delivery x WHERE x.province = d.province AND x.dossier_code = d.dossier_code
                      AND x.state IN ('pending', 'sending', 'unknown'))
)
SELECT (SELECT count(*) FROM (SELECT code FROM known UNION SELECT code FROM held) both_kinds) AS pulled,
       (SELECT count(*) FROM held) AS held,
       (SELECT count(*) FROM known) AS merged,
       (SELECT count(*) FROM settled) AS delivered,
       (SELECT count(*) FROM progress_step WHERE province = :province AND state = 'delivered') AS steps_delivered,
       (SELECT count(*) FROM delivery WHERE province = :province AND state IN ('unknown', 'sending')
         AND dossier_code NOT IN (SELECT code FROM held)) AS unknown,
       (SELECT count(*) FROM delivery WHERE province = :province AND state = 'pending'
         AND dossier_code NOT IN (SELECT code FROM held)) AS waiting,
       (SELECT count(*) FROM settled WHERE reconciled_hash = delivered_hash) AS reconciled
"""

BY_REASON = """
SELECT reason, count(DISTINCT coalesce(dossier_code, source_key)) FROM quarantine
WHERE province = :province AND kind = :kind AND state = 'held' GROUP BY reason ORDER BY 2 DESC, 1
"""

LAST_RUN = """
SELECT run_id, state, stage, since, until, fixed, dry_run, attempt, counts, error, started_at, ended_at
FROM run WHERE province = :province AND kind IN ('sync', 'redrive') ORDER BY run_id DESC LIMIT 1
"""

EVER = "SELECT EXISTS (SELECT FROM run WHERE province = :province)"
"""Whether anything was ever done for the province: whatever is counted came with a run."""

NOTHING = dict.fromkeys(
    ("pulled", "held", "merged", "delivered", "steps_delivered", "unknown", "reconciled", "waiting"), 0
)

AT_WORK = """
SELECT EXISTS (SELECT FROM pg_locks l, unnest(ARRAY['sync', 'push', 'redrive']) AS purpose
               WHERE l.locktype = 'advisory' AND l.objsubid = 1
               AND ((l.classid::bigint << 32) | l.objid::bigint)
                   = hashtextextended('lienthong.' || :province || '.' || purpose, 0))
"""
"""Whether a process holds the province now; a killed one holds nothing."""


def province_status(engine: Engine, province: str) -> dict[str, Any]:
    """Where one province stands: totals since the beginning, what is held by reason, and the last run.

    Every dossier is in exactly one of `delivered`, `held`, `waiting` and `unknown`: one of which a newer version is
    held, owed or unknown does not count as delivered. `unchanged` is the last run's; `closed` names the new province
    that took over from one which a cutover ended.
    """
    ended = closed(engine, province)
    with engine.connect() as connection:
        if not connection.scalar(text(EVER), {"province": province}):
            return _told(NOTHING, {}, {}, {}, ended)
        counts = _one(connection, COUNTS, province)
        last = _one(connection, LAST_RUN, province)
        if last and last["state"] == "running" and not connection.scalar(text(AT_WORK), {"province": province}):
            last["state"] = "interrupted"
        held, steps = (_by_reason(connection, province, kind) for kind in ("dossier", "step"))
        return _told(counts, last, held, steps, ended)


def _told(
    counts: dict[str, int], last: dict[str, Any], held: dict[str, int], steps: dict[str, int], ended: Closed | None
) -> dict[str, Any]:
    return {
        "pulled": counts["pulled"],
        "unchanged": last.get("counts", {}).get("unchanged", 0),
        **{name: counts[name] for name in NOTHING if name != "pulled"},
        "held_by_reason": held,
        "held_steps_by_reason": steps,
        "last_run": last or None,
        "closed": ended.as_dict() if ended else None,
    }


def _one(connection: Connection, query: str, province: str) -> dict[str, Any]:
    row = connection.execute(text(query), {"province": province}).one_or_none()
    return dict(row._mapping) if row else {}


def _by_reason(connection: Connection, province: str, kind: str) -> dict[str, int]:
    rows = connection.execute(text(BY_REASON), {"province": province, "kind": kind})
    return {str(reason): int(count) for reason, count in rows}
