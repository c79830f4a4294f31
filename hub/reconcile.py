"""Reconcile: ask the national side for each dossier and compare key, status, every field and the progress steps."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, text

from connectors.errors import PeerError
from hub.context import Hub
from hub.errors import StageFailed
from hub.national import National, Unsendable, differing
from hub.procedures.in_force import version_then
from hub.runs import end_stage, failing, get_run
from schemas import tables

STATUS_FIELD = "TrangThaiHoSo"
SAMPLE = 100
"""Dossiers looked up between two commits."""

DELIVERED = f"""
SELECT d.dossier_code, d.outgoing_code, d.delivered_hash AS content_hash, d.record, d.procedure_code,
       p.name AS procedure_name, p.field_code, p.field_name,
       coalesce((SELECT jsonb_agg(s.record ORDER BY s.happened_at, s.ordinal) FROM progress_step s
                 WHERE s.province = d.province AND s.dossier_code = d.dossier_code AND s.state = 'delivered'),
                '[]') AS steps
FROM dossier d {version_then("d.procedure_code", "d.received_at")}
WHERE d.province = :province AND d.delivered_hash = d.content_hash AND d.dossier_code > :after
  AND NOT EXISTS (SELECT FROM succession i WHERE i.province = d.province AND i.dossier_code = d.dossier_code
                  AND i.finished AND coalesce(d.changed_at <= i.settled_until, true))
  AND (CAST(:run_id AS bigint) IS NULL
       OR d.reconciled_hash IS DISTINCT FROM d.delivered_hash
       OR EXISTS (SELECT FROM delivery x WHERE x.province = d.province AND x.dossier_code = d.dossier_code
                  AND x.sent_run_id = :run_id)
       OR EXISTS (SELECT FROM progress_step s WHERE s.province = d.province AND s.dossier_code = d.dossier_code
                  AND s.sent_run_id = :run_id))
ORDER BY d.dossier_code LIMIT :limit
"""


"""History that came with a cutover and was not touched since is the old province's to compare: it was sent by that."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One dossier whose newest content the hub says is delivered. What is still owed or refused is not compared."""

    dossier_code: str
    outgoing_code: str
    content_hash: str
    record: dict[str, Any]
    procedure_code: str
    procedure_name: str | None
    field_code: str | None
    field_name: str | None
    steps: list[dict[str, Any]]


@dataclass
class Reconciliation:
    """Both sides compared: how many, how many equal, and each difference."""

    compared: int = 0
    equal: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return self.compared == self.equal

    def summary(self) -> dict[str, Any]:
        """Counts for a person: by kind of difference and by field."""
        return {
            "compared": self.compared,
            "equal": self.equal,
            "by_kind": dict(Counter(one["kind"] for one in self.differences)),
            "by_field": dict(Counter(one["field"] for one in self.differences if one["field"])),
        }


def reconcile(hub: Hub, run_id: int | None = None) -> dict[str, Any]:
    """Compare what the hub delivered (in one run, or at all) with what the national side shows.

    With a run, also what an earlier run delivered and did not come to compare, and what differed then.

    Returns:
        `compared`, `equal`, `by_kind`, `by_field`, `reconciliation_id`.

    Raises:
        StageFailed: the national side does not answer.
    """
    run = get_run(hub.engine, run_id) if run_id is not None else None
    if run and (run.past("reconciled") or run.dry_run):
        return dict(run.counts)
    found = Reconciliation()
    with failing(hub.engine, run_id):
        try:
            _compare_all(hub, run_id, found)
        except PeerError as error:
            raise StageFailed(
                error.what,
                where=f"{hub.slug} · reconcile · {error.where}",
                next_step=f"{found.compared:,} dossiers were compared. {error.next_step}\n"
                f"  Again: lienthong reconcile {hub.slug}",
            ) from error
        with hub.engine.begin() as connection:
            summary = found.summary() | {"reconciliation_id": _keep(connection, hub.slug, run_id, found)}
            if run_id is not None:
                end_stage(connection, run_id, "reconciled", {"reconciled": found.equal, "compared": found.compared})
        return summary


def _compare_all(hub: Hub, run_id: int | None, found: Reconciliation) -> None:
    side = National(hub)
    with ThreadPoolExecutor(max_workers=side.parallel, thread_name_prefix="reconcile") as pool:
        for batch in _batches(hub, run_id):
            results = list(pool.map(lambda one: _compare(side, one), batch))
            equal = [one for one, differences in zip(batch, results, strict=True) if not differences]
            found.compared += len(batch)
            found.equal += len(equal)
            for differences in results:
                found.differences.extend(differences)
            with hub.engine.begin() as connection:
                _mark_equal(connection, hub.slug, batch, {one.dossier_code for one in equal})
            hub.progress("reconcile", found.compared, None)


def _batches(hub: Hub, run_id: int | None) -> Iterator[list[Delivered]]:
    after = ""
    while True:
        given = {"province": hub.slug, "after": after, "run_id": run_id, "limit": SAMPLE * 4}
        with hub.engine.connect() as connection:
            batch = [Delivered(**row._mapping) for row in connection.execute(text(DELIVERED), given)]
        if not batch:
            return
        yield batch
        after = batch[-1].dossier_code


def _compare(side: National, ours: Delivered) -> list[dict[str, Any]]:
    """Every difference of one dossier; none when both sides say the same."""

    def differs(
        kind: str, name: str | None = None, hub: str | None = None, national: str | None = None
    ) -> dict[str, Any]:
        return {"dossier_code": ours.dossier_code, "kind": kind, "field": name, "hub": hub, "national": national}

    known = side.look_up(ours.outgoing_code)
    if known is None:
        return [differs("only_hub")]
    try:
        payload = side.dossier_payload(ours.record, ours)
    except Unsendable as error:
        return [differs("field", None, str(error))]
    found = [
        differs("status" if name == STATUS_FIELD else "field", name, here, there)
        for name, here, there in differing(payload, known)
    ]
    mine = Counter(side.mark(side.step_payload(step, ours)) for step in ours.steps)
    theirs = side.step_marks(known)
    if mine != theirs:
        found.append(differs("steps", "steps", str(mine.total()), str(theirs.total())))
    return found


def _mark_equal(connection: Connection, province: str, batch: list[Delivered], equal: set[str]) -> None:
    """Remember which content both sides agree on; a dossier that differs is no longer reconciled."""
    connection.execute(
        text(
            "UPDATE dossier d SET reconciled_hash = CASE WHEN v.equal THEN d.delivered_hash END"
            " FROM unnest(CAST(:codes AS text[]), CAST(:equal AS boolean[])) AS v (code, equal)"
            " WHERE d.province = :province AND d.dossier_code = v.code"
        ),
        {
            "province": province,
            "codes": [one.dossier_code for one in batch],
            "equal": [one.dossier_code in equal for one in batch],
        },
    )


def _keep(connection: Connection, province: str, run_id: int | None, found: Reconciliation) -> int:
    summary = found.summary()
    statement = insert(tables.reconciliation).values(
        run_id=run_id,
        province=province,
        compared=found.compared,
        equal=found.equal,
        differences={"by_kind": summary["by_kind"], "by_field": summary["by_field"]},
    )
    number = int(connection.scalar(statement.returning(tables.reconciliation.c.reconciliation_id)) or 0)
    if found.differences:
        rows = [{"reconciliation_id": number, **one} for one in found.differences]
        connection.execute(insert(tables.difference), rows)
    return number
