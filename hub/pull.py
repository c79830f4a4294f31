"""Pull: every page of a run's window landed, and what waited for a procedure that is known by now staged with them."""

from typing import Any

from sqlalchemy import update

from hub.context import Hub
from hub.landing import prepare_staging, stage_what_became_known
from hub.messages import landed
from hub.pages import read_window
from hub.runs import Run, end_stage, failing, get_run
from hub.store import province_lock
from schemas import tables


def pull(hub: Hub, run_id: int) -> dict[str, Any]:
    """Land every page of the run's window that has not landed yet.

    Returns:
        Counts so far: `pages`, `records` staged from them, `bytes`, `freed_by_procedures`.

    Raises:
        StageFailed: names the page; the pages before it are landed and the next run goes on there.
    """
    with province_lock(hub.engine, hub.slug, "sync"):
        run = get_run(hub.engine, run_id)
        if run.past("pulled"):
            return run.counts
        with failing(hub.engine, run_id):
            prepare_staging(hub, run)
            known = 0 if run.fixed else stage_what_became_known(hub, run)
            _read_windows(hub, run)
            with hub.engine.begin() as connection:
                counts = landed(connection, run_id) | {"freed_by_procedures": known}
                end_stage(connection, run_id, "pulled", counts)
        return counts


def _read_windows(hub: Hub, run: Run) -> None:
    """Read the run's window and, when it was resumed, on to its goal."""
    while True:
        read_window(hub, run, again=f"lienthong sync {hub.slug}")
        if run.goal is None or run.goal <= run.until:
            return
        run = _next_window(hub, run)


def _next_window(hub: Hub, run: Run) -> Run:
    """After a resumed window: from its end, less the overlap, on to the run's goal."""
    with hub.engine.begin() as connection:
        connection.execute(
            update(tables.run)
            .filter_by(run_id=run.run_id)
            .values(since=run.until - hub.province.overlap, until=run.goal, position=None, goal=None)
        )
    return get_run(hub.engine, run.run_id)
