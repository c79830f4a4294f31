"""Runs: one for each window of a province, resumed where the last one failed until its rows are merged."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, text, update

from schemas import tables

STAGES = ("open", "pulled", "checked", "merged", "pushed", "reconciled", "done")
"""Stages in order; a run's `stage` names the last one that ended well."""


@dataclass(frozen=True, slots=True)
class Run:
    """One row of the run table."""

    run_id: int
    kind: str
    province: str
    state: str
    stage: str
    fixed: bool
    dry_run: bool
    since: datetime | None
    until: datetime
    goal: datetime | None
    page: int
    position: dict[str, Any] | None
    attempt: int
    counts: dict[str, Any]
    error: str | None

    def past(self, stage: str) -> bool:
        """Whether this stage has ended well already."""
        return STAGES.index(self.stage) >= STAGES.index(stage)


_COLUMNS = [tables.run.c[name] for name in Run.__dataclass_fields__]


def _read(row: Row[Any]) -> Run:
    return Run(**row._mapping)


def open_run(
    engine: Engine,
    province: str,
    *,
    until: datetime,
    since: datetime | None = None,
    overlap: timedelta = timedelta(0),
    kind: str = "sync",
    stream: str = "dossiers",
    dry_run: bool = False,
) -> Run:
    """Open a run, or take up the last one that failed before its rows were merged.

    Without `since` the window reaches from the cursor, less the overlap, to `until`. A window that a person fixed with
    `since` never moves the cursor, and is only resumed by the same window. A resumed run first ends its old window and
    then goes on to `until`.
    """
    with engine.begin() as connection:
        last = None if dry_run else _unmerged(connection, province, kind, since, until)
        if last is not None:
            goal = until if since is None and until > last.until else None
            values = {"state": "running", "attempt": last.attempt + 1, "goal": goal, "error": None, "ended_at": None}
            if goal and last.past("pulled"):  # its window is read; the rows stay staged and the time since is read too
                values |= {
                    "stage": "open",
                    "since": last.until - overlap,
                    "until": goal,
                    "position": None,
                    "goal": None,
                }
            again = update(tables.run).where(tables.run.c.run_id == last.run_id).values(values)
            return _read(connection.execute(again.returning(*_COLUMNS)).one())
        start = since
        if since is None:
            reached = connection.scalar(
                select(tables.cursor.c.changed_until).filter_by(province=province, stream=stream)
            )
            start = min(reached - overlap, until) if reached else None
        fresh = insert(tables.run).values(
            kind=kind, province=province, fixed=since is not None, dry_run=dry_run, since=start, until=until
        )
        return _read(connection.execute(fresh.returning(*_COLUMNS)).one())


def _unmerged(connection: Connection, province: str, kind: str, since: datetime | None, until: datetime) -> Run | None:
    """The last run of this kind, when its rows have not been merged and it is the same kind of window."""
    run = tables.run.c
    query = (
        select(*_COLUMNS)
        .where(run.province == province, run.kind == kind, ~run.dry_run, run.fixed == (since is not None))
        .order_by(run.run_id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None or _read(row).past("merged") or _read(row).state == "done":
        return None
    found = _read(row)
    same_window = since is None or (found.since == since and found.until == until)
    return found if same_window else None


def get_run(engine: Engine, run_id: int) -> Run:
    """The run as it stands now."""
    with engine.connect() as connection:
        return _read(connection.execute(select(*_COLUMNS).filter_by(run_id=run_id)).one())


def end_stage(connection: Connection, run_id: int, stage: str, counts: dict[str, Any]) -> None:
    """Write that a stage ended well, with its counts, inside the stage's own transaction."""
    values: dict[str, Any] = {
        "stage": stage,
        "state": "running",
        "error": None,
        "counts": tables.run.c.counts.op("||")(counts),
    }
    if stage == "done":
        values |= {"state": "done", "ended_at": text("clock_timestamp()")}
    connection.execute(update(tables.run).filter_by(run_id=run_id).values(values))


@contextmanager
def failing(engine: Engine, run_id: int | None) -> Iterator[None]:
    """Whatever goes wrong inside marks the run failed, with its sentence, and goes on up."""
    try:
        yield
    except Exception as error:
        if run_id is not None:
            fail_run(engine, run_id, error)
        raise


def fail_run(engine: Engine, run_id: int, error: BaseException) -> None:
    """Mark the run failed with the sentence a person reads; what landed stays."""
    with engine.begin() as connection:
        connection.execute(
            update(tables.run)
            .filter_by(run_id=run_id)
            .values(state="failed", error=str(error).replace("\0", "\ufffd"), ended_at=text("clock_timestamp()"))
        )
