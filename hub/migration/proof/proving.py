"""The proof: the target's own list and the sources' own lists against the account, kept with evidence and a digest.

As in a table diff: counts of both sides, a join on keys, full and partial matches, what stands on one side only, the
share of equal values per field, samples.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, Row, insert, select, text

from hub.errors import Refused
from hub.migration.attempt import Attempt, Migrating, locked, move_on
from hub.migration.plans.changes import must_be_the_plan
from hub.migration.proof.accounting import counted, make_account
from hub.migration.proof.evidence import masked_value, write_evidence
from hub.migration.proof.fingerprint import fingerprint
from hub.migration.proof.rereading import Listed, without_reading
from hub.migration.proof.rereading import reread as read_sources
from hub.migration.proof.sides import read_target, read_target_files, work_tables
from hub.migration.target.outgoing import Outgoing, outgoing_of
from hub.store import province_lock
from mappings import Mapping
from mappings.planned import ListPlan
from schemas.migration_tables import migration_proof

SAMPLES = 5
"""Differences of a kind and field that are shown."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One row of `migration_proof`; `samples` are masked."""

    proof_id: int
    migration_id: int
    counts: dict[str, Any] = field(repr=False)
    unaccounted: int
    equal: bool
    folder: str
    digest: str
    at: datetime
    samples: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


_COLUMNS = [migration_proof.c[name] for name in Proof.__dataclass_fields__ if name != "samples"]

SAMPLED = """
SELECT source, dossier_code, kind, field, ours, theirs FROM (
    SELECT *, row_number() OVER (PARTITION BY kind, field ORDER BY source, dossier_code) AS n
    FROM migration_difference WHERE proof_id = :proof
) d WHERE n <= :limit ORDER BY kind, field, source, dossier_code
"""


def prove(m: Migrating, *, reread: bool = True, outgoing: Outgoing | None = None) -> Proof:
    """Compare, count and keep: what was sent with what the target lists, and what was read with what the sources have.

    Nothing is trusted that the hub only says of itself. With `reread` every source is read again; without it nothing is
    said of dossiers that were never read. `outgoing` makes the item that the hub would send of a row; left out, as the
    load does. Ends a rehearsal, and a cutover that is frozen, in the state `proved`.

    Raises:
        StageFailed: the target or a source does not answer; the proof before stands.
        Busy: another process is proving this plan, opening it or rolling it back.
        Refused: it is rolled back, or somebody brought the attempt to another state meanwhile, or the plan
            is another than it began with.
    """
    outgoing = outgoing or outgoing_of(m)
    with province_lock(m.engine, f"migration.{m.plan.slug}", "proof"), work_tables(m.engine) as connection:
        attempt = m.attempt
        _must_be_provable(m, attempt)
        must_be_the_plan(m)
        figures = fingerprint(connection, m.attempt_id)
        fields = read_target(m, connection, outgoing)
        read_target_files(m, connection)
        lists: dict[str, Listed] = {}
        if reread:
            lists = read_sources(m, connection)
        else:
            without_reading(connection)
        slugs = [one.province for one in m.plan.sources]
        until = attempt.mark if attempt.kind == "rehearsal" else None
        make_account(connection, m.attempt_id, slugs, reread=reread, until=until)
        counts = counted(connection, m.attempt_id, fields) | {"reread": reread, "fingerprint": figures}
        for slug, one in counts["sources"].items():
            told = lists.get(slug, Listed())
            one |= {"stated": told.stated, "listed": told.listed}
        unaccounted = sum(one["unaccounted"] for one in counts["sources"].values())
        canonical = canonical_names(m.target_mapping())
        with _fresh(m, connection) as folder:
            digest = write_evidence(connection, folder, m.attempt_id, counts, canonical)
            connection.commit()
            values = {
                "migration_id": m.attempt_id,
                "counts": counts,
                "unaccounted": unaccounted,
                "equal": not unaccounted and not counts["differences"],
                "folder": str(folder.resolve().parent / folder.name.removeprefix(".")),
                "digest": digest,
                "at": m.clock(),
            }
            attempt = locked(connection, attempt, (attempt.state,))
            row = connection.execute(insert(migration_proof).values(values).returning(*_COLUMNS)).one()
            connection.execute(text(FORGET), {"id": m.attempt_id, "proof": row.proof_id})
            connection.execute(text(KEEP), {"proof": row.proof_id})
            if attempt.state == "frozen" or (attempt.kind == "rehearsal" and not attempt.past("proved")):
                move_on(connection, attempt, "proved")
        connection.commit()
    return _proof(m.engine, row, canonical)


def _must_be_provable(m: Migrating, attempt: Attempt) -> None:
    if attempt.state == "opened":
        approved = last_proof(m.engine, attempt.migration_id)
        folder = approved.folder if approved else "FOLDER"
        raise Refused(
            "the cutover is open, and both sides have gone on since: the proof that was approved stands",
            where=f"migration {attempt.plan} · attempt {attempt.migration_id}",
            next_step=f"Nothing was changed. Its evidence: lienthong migrate verify {folder}\n"
            f"  What the new province sends: lienthong reconcile {attempt.target}",
        )
    if attempt.state in ("rolling_back", "rolled_back"):
        raise Refused(
            f"there is nothing to prove: the {attempt.kind} is {attempt.state.replace('_', ' ')}",
            where=f"migration {attempt.plan} · attempt {attempt.migration_id}",
            next_step=f"A new one begins with: lienthong migrate run {attempt.plan}"
            if attempt.state == "rolled_back"
            else f"Its way back ends with: lienthong migrate rollback {attempt.plan} --by … --why …",
        )


KEEP = """
INSERT INTO migration_difference (proof_id, source, dossier_code, kind, field, ours, theirs)
SELECT :proof, source, coalesce(dossier_code, ''), kind, field, ours, theirs FROM difference
"""

FORGET = """
DELETE FROM migration_difference d USING migration_proof p
WHERE p.proof_id = d.proof_id AND p.migration_id = :id AND p.proof_id < :proof
"""
"""The differences of earlier proofs stand in their evidence."""


def canonical_names(outgoing: Mapping) -> dict[str, str]:
    """The canonical field of each field on the wire, by which a value is masked."""
    found = {}
    for plan in outgoing.plans:
        if isinstance(plan, ListPlan):
            found[plan.target] = plan.levels[0][0]
        elif plan.paths and plan.paths[0] is not None:
            found[plan.target] = plan.paths[0].segments[0].name
    return found


@contextmanager
def _fresh(m: Migrating, connection: Connection) -> Iterator[Path]:
    """A folder that takes its name when everything is in it, and goes when not."""
    place = m.settings.home / "proofs" / m.plan.slug
    query = text("SELECT count(*) FROM migration_proof WHERE migration_id = :id")
    number = int(connection.scalar(query, {"id": m.attempt_id}) or 0) + 1
    while (place / f"{m.attempt_id}-{number}").exists():
        number += 1
    fresh = place / f".{m.attempt_id}-{number}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True, mode=0o700)
    try:
        yield fresh
        fresh.rename(place / f"{m.attempt_id}-{number}")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def last_proof(engine: Engine, migration_id: int, names: dict[str, str] | None = None) -> Proof | None:
    """The newest proof of an attempt, with samples masked by the canonical names of its fields."""
    query = select(*_COLUMNS).filter_by(migration_id=migration_id).order_by(migration_proof.c.proof_id.desc()).limit(1)
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _proof(engine, row, names or {})


def digest_kept(engine: Engine, folder: Path) -> str | None:
    """The digest under which a proof's folder was kept; None for a folder that the hub does not know."""
    with engine.connect() as connection:
        query = select(migration_proof.c.digest).filter_by(folder=str(folder))
        return cast("str | None", connection.scalar(query))


def _proof(engine: Engine, row: Row[Any], canonical: dict[str, str]) -> Proof:
    with engine.connect() as connection:
        found = connection.execute(text(SAMPLED), {"proof": row.proof_id, "limit": SAMPLES}).mappings()
        samples = [
            {
                **one,
                "ours": masked_value(one["kind"], one["field"], one["ours"], canonical),
                "theirs": masked_value(one["kind"], one["field"], one["theirs"], canonical),
            }
            for one in found
        ]
    return Proof(**row._mapping, samples=samples)
