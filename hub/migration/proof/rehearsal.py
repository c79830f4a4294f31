"""A rehearsal: the whole run against another installation of the target, from a mark, as often as one likes."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, text

from hub.audit import HUB
from hub.errors import Refused
from hub.migration.attempt import Migrating, advance, get_attempt
from hub.migration.cutover.rollback import BEFORE as TAKEN_BACK_FROM
from hub.migration.cutover.rollback import roll_back
from hub.migration.deciding.collisions import find_collisions
from hub.migration.plans.plan import told
from hub.migration.proof.comparison import compared, forget_older
from hub.migration.proof.proving import Proof, prove
from hub.migration.run import run_history
from hub.migration.target.handing_over import hand_over
from hub.migration.target.state import TargetState, state_now

BEFORE = """
SELECT migration_id FROM migration
WHERE plan = :plan AND kind = 'rehearsal' AND migration_id < :id AND target_mark IS NOT NULL AND state <> 'rolled_back'
ORDER BY migration_id DESC
"""

BY_SOURCE = """
SELECT source, CASE state WHEN 'migrated' THEN coalesce(outcome, 'created') ELSE state END AS became, reason,
       count(*) AS dossiers, count(*) FILTER (WHERE state = 'migrated' AND NOT finished) AS in_progress
FROM migrated WHERE migration_id = :id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""

RECODED = """
SELECT f ->> 'field' AS field, coalesce(f ->> 'way', '') AS way, count(*) AS dossiers
FROM (SELECT record -> 'former' AS former FROM migrated WHERE migration_id = :id AND state = 'migrated') m,
     jsonb_array_elements(CASE jsonb_typeof(former) WHEN 'array' THEN former END) f
GROUP BY 1, 2 ORDER BY 1, 2
"""

# The words behind the colon, a digest or the peer's own, are other ones for each file and each time.
FILES = """
SELECT state, split_part(coalesce(reason, ''), ': ', 1) AS reason, count(*) AS files,
       coalesce(sum(size), 0)::bigint AS bytes
FROM migrated_file WHERE migration_id = :id GROUP BY 1, 2 ORDER BY 1, 2
"""

LINES = """
SELECT concat_ws(E'\\t', source, source_key, coalesce(dossier_code, ''), state, coalesce(reason, ''), content_hash)
FROM migrated WHERE migration_id = :id ORDER BY source COLLATE "C", source_key COLLATE "C"
"""


def rehearse(m: Migrating, *, processes: int = 1) -> dict[str, Any]:
    """Run everything against the rehearsal target: from its mark, up to the attempt's, once, with its proof.

    What earlier rehearsals left there is rolled back first. One that was broken off goes on where it stood.

    Returns:
        The report: what was created, changed, recoded, held and left out, the files, the proof, what is other than in
        the last rehearsal. `digest` is the same for the same mark and sources.

    Raises:
        Refused: the attempt is none of a rehearsal, or it has ended.
        StageFailed: a peer does not answer; rehearsing again goes on there.
    """
    attempt = m.attempt
    if attempt.kind != "rehearsal" or attempt.past("proved"):
        raise Refused(
            f"attempt {attempt.migration_id} is a {attempt.kind} in the state '{attempt.state}': nothing to rehearse",
            where=f"migration {m.plan.slug}",
            next_step=f"A new rehearsal: lienthong migrate rehearse {m.plan.slug}",
        )
    if attempt.target_mark is None:
        step_back(m)
    if attempt.state == "reading":
        run_history(m, processes=processes)
        find_collisions(m)
        advance(m, ("reading",), "loading")
    hand_over(m)
    return keep_report(m, prove(m))


def step_back(m: Migrating) -> list[int]:
    """Bring the rehearsal target back to where it stood before the rehearsals until now; gives their numbers."""
    with m.engine.connect() as connection:
        given = {"plan": m.plan.slug, "id": m.attempt_id}
        numbers = [int(number) for number in connection.scalars(text(BEFORE), given)]
    for number in numbers:
        before = replace(m, attempt_id=number)
        stood = before.attempt.target_before
        if stood is not None and state_now(before) == TargetState(**stood):
            advance(before, TAKEN_BACK_FROM, "rolled_back")
        else:
            roll_back(before, HUB, f"rehearsal {m.attempt_id} begins")
    return numbers


def keep_report(m: Migrating, proof: Proof) -> dict[str, Any]:
    """Write the report of a proved rehearsal into its row; rows of rehearsals before the last one go."""
    with m.engine.begin() as connection:
        report = {**_counted(connection, m), "proof": _of_proof(proof)}
        report["digest"] = _digest(connection, m.attempt_id, report)
        report["compared"] = compared(connection, m.plan.slug, m.attempt_id)
        connection.execute(
            text("UPDATE migration SET counts = counts || :more, ended_at = :now WHERE migration_id = :id"),
            {"more": orjson.dumps({"rehearsal": report}).decode(), "now": m.clock(), "id": m.attempt_id},
        )
        forget_older(connection, m.plan.slug, m.attempt_id)
    return report


def _counted(connection: Connection, m: Migrating) -> dict[str, Any]:
    given = {"id": m.attempt_id}
    sources: dict[str, Any] = {}
    for row in connection.execute(text(BY_SOURCE), given):
        one = sources.setdefault(row.source, {"dossiers": 0, "in_progress": 0, "held": {}, "out_of_scope": {}})
        one["dossiers"] += row.dossiers
        one["in_progress"] += row.in_progress
        if row.became in ("held", "out_of_scope"):
            one[row.became][row.reason or ""] = row.dossiers
        else:
            one[row.became] = one.get(row.became, 0) + row.dossiers
    recoded: dict[str, dict[str, int]] = {}
    for row in connection.execute(text(RECODED), given):
        recoded.setdefault(row.field, {})[row.way] = row.dossiers
    files = [dict(row) for row in connection.execute(text(FILES), given).mappings()]
    return {
        "plan": m.plan.slug,
        "migration_id": m.attempt_id,
        "mark": m.attempt.mark.isoformat(),
        "until": told(m.attempt.mark),
        "sources": sources,
        "recoded": recoded,
        "files": files,
    }


def _of_proof(proof: Proof) -> dict[str, Any]:
    rows = proof.counts["rows"]
    return {
        **{name: getattr(proof, name) for name in ("proof_id", "unaccounted", "equal", "folder", "digest")},
        "full_match": rows["full_match"],
        "joined": rows["joined"],
        "differences": proof.counts["differences"],
    }


def _digest(connection: Connection, migration_id: int, report: dict[str, Any]) -> str:
    """SHA-256 over every dossier's fate and content, codes written anew and files; how often a call was repeated, and
    so whether the target said `created` or `unchanged`, plays no part."""
    parts = {name: report[name] for name in ("plan", "mark", "recoded", "files")}
    digest = sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS))
    rows = connection.execute(text(LINES), {"id": migration_id}, execution_options={"yield_per": 5000})
    for (line,) in rows:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def last_report(engine: Engine, plan: str) -> dict[str, Any] | None:
    """The report of the plan's last rehearsal that came to its end; None when there is none."""
    query = text(
        "SELECT counts -> 'rehearsal' FROM migration WHERE plan = :plan AND kind = 'rehearsal' AND counts ? 'rehearsal'"
        " ORDER BY migration_id DESC LIMIT 1"
    )
    with engine.connect() as connection:
        found: dict[str, Any] | None = connection.scalar(query, {"plan": plan})
    return found


def reported(engine: Engine, migration_id: int) -> dict[str, Any] | None:
    """The report of one rehearsal."""
    return get_attempt(engine, migration_id).counts.get("rehearsal")
