"""The drill judged by the other side: what the peers counted of themselves against what the hub accounts for."""

from typing import Any

from sqlalchemy import Engine, text

from hub.drill.ground import CHANGING, SLOW, SOURCES, TARGET

ACCOUNT = """
SELECT source, state, count(DISTINCT coalesce(dossier_code, source_key)) AS dossiers
FROM migrated WHERE migration_id = :migration_id GROUP BY source, state
"""

CODES = """
SELECT source, count(DISTINCT coalesce(dossier_code, source_key)) AS dossiers
FROM migrated WHERE migration_id = :migration_id GROUP BY source
"""


def compare(engine: Engine, migration_id: int, status: dict[str, Any]) -> dict[str, Any]:
    """For each source, distinct dossier codes: what its system has, what the account names; beside them the target's
    own count and the trouble that the peers made, as they counted it.

    `equal` is true when nothing is missing on any side and nothing is there twice.
    """
    with engine.connect() as connection:
        states: dict[str, dict[str, int]] = {source: {} for source in SOURCES}
        for source, state, dossiers in connection.execute(text(ACCOUNT), {"migration_id": migration_id}):
            states[source][state] = int(dossiers)
        named = {str(row[0]): int(row[1]) for row in connection.execute(text(CODES), {"migration_id": migration_id})}
    sources = {
        source: {"has": int(status["systems"][source]["dossiers"]), "accounted": named.get(source, 0), **states[source]}
        for source in SOURCES
    }
    words = ("imported", "staff", "versions", "refused", "duplicates", "sins", "files", "bytes")
    target = {word: int(status["targets"][TARGET][word]) for word in words}
    migrated = sum(one.get("migrated", 0) for one in sources.values())
    return {
        "sources": sources,
        "target": target,
        "trouble": {
            "slow_calls": int(status["systems"][SLOW]["faults"]),
            "pages_changed_while_read": int(status["systems"][CHANGING]["faults"]),
            "refused": target["refused"],
            "days_grown": int(status["days"]),
        },
        "migrated": migrated,
        "equal": all(one["has"] == one["accounted"] for one in sources.values())
        and target["imported"] == migrated
        and not target["duplicates"]
        and not target["sins"],
    }
