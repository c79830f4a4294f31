"""A cutover on its way to the decision: proved in rows, rehearsed before, its milestones stated."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, text

from hub.migration.attempt import Migrating, note_event, open_attempt
from hub.migration.cutover.milestones import state_milestone
from hub.migration.proof.fingerprint import fingerprint
from schemas.migration_tables import migration_proof
from tests.migration.merged import NOON, Merged, merged

APPROVER = "lãnh đạo Sở Nội vụ"
SOURCE = "Công văn 123/SNV-CCHC ngày 30/06/2026"


def proved_cutover(engine: Engine, home: Path, **given: Any) -> Merged:
    """Six dossiers of one source, four of them migrated; a proof that both sides are equal stands."""
    made = merged(engine, home, **given)
    rehearsal = open_attempt(engine, made.m.plan, "rehearsal", digest="", mark=NOON)
    with engine.begin() as connection:
        for attempt_id in (rehearsal.migration_id, made.m.attempt_id):
            counts = {"fingerprint": fingerprint(connection, attempt_id)}
            proof = {"counts": counts, "unaccounted": 0, "equal": True, "folder": "", "digest": "", "at": NOON}
            connection.execute(insert(migration_proof).values(migration_id=attempt_id, **proof))
        connection.execute(text("UPDATE migrated SET finished = status IN (3, 8, 10)"))
        note_event(connection, made.m.plan.slug, None, "state", "written by a test")
    bring(made.m, "proved")
    return made


def bring(m: Migrating, state: str) -> None:
    """Put the attempt in a state, whatever came before."""
    with m.engine.begin() as connection:
        given = {"state": state, "id": m.attempt_id}
        connection.execute(text("UPDATE migration SET state = :state WHERE migration_id = :id"), given)


def state_all(m: Migrating) -> None:
    """Every stated milestone is met at the clock's hour."""
    for one in m.plan.milestones:
        if one.evidence == "stated":
            state_milestone(m.engine, m.plan, one.name, "Lê Thị Hoa", SOURCE, True, at=m.clock())


def stands(m: Migrating) -> dict[str, Any]:
    """Everything a decision may write, to be compared with itself."""
    queries = {
        "attempt": "SELECT state, frozen_at, opened_at FROM migration ORDER BY migration_id",
        "events": "SELECT count(*) FROM migration_event",
        "succession": "SELECT count(*) FROM succession",
        "closed": "SELECT count(*) FROM dossier WHERE succeeded_by IS NOT NULL",
        "audit": "SELECT count(*) FROM audit",
    }
    with m.engine.connect() as connection:
        return {name: connection.execute(text(query)).all() for name, query in queries.items()}
