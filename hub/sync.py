"""A whole sync of one province: the stages in order, as `lienthong sync` runs them. The DAG runs the same functions."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from hub.check import check
from hub.context import Hub
from hub.errors import ConfigurationError
from hub.merge import merge
from hub.pull import pull
from hub.push import push
from hub.ready import ensure_ready
from hub.reconcile import reconcile
from hub.report import finish
from hub.runs import Run, fail_run, get_run, open_run
from hub.store import province_lock
from hub.succession import must_be_open


def start_run(hub: Hub, *, since: datetime | None = None, until: datetime | None = None, dry_run: bool = False) -> Run:
    """Open (or resume) the province's run; without `until` the window reaches to now.

    Raises:
        ConfigurationError, MappingError: something the stages need cannot be used; no run was opened.
        Refused: a cutover closed the province, or it is not open yet.
    """
    must_be_open(hub.engine, hub.slug)
    until = until or hub.clock()
    if since is not None and since > until:
        raise ConfigurationError(
            f"the window starts ({since:%d/%m/%Y %H:%M %z}) after it ends ({until:%d/%m/%Y %H:%M %z})",
            where="since, until",
            next_step="Give an earlier start. Without an end the window reaches to now.",
        )
    ensure_ready(hub)
    with province_lock(hub.engine, hub.slug, "sync"):  # a run that somebody works on now is not taken up
        return open_run(
            hub.engine,
            hub.slug,
            since=since,
            until=until,
            overlap=hub.province.overlap,
            dry_run=dry_run,
        )


Stage = Callable[[Hub, int], dict[str, Any]]

STAGES: tuple[Stage, ...] = (pull, check, merge, push, reconcile)


def sync(
    hub: Hub, *, since: datetime | None = None, until: datetime | None = None, dry_run: bool = False
) -> dict[str, Any]:
    """Run every stage and the report.

    Returns:
        The run's counts with `run_id` and, unless it is a dry run, the `report` path.

    Raises:
        StageFailed: at the stage that failed; the run is marked and the next one resumes.
    """
    return run_stages(hub, start_run(hub, since=since, until=until, dry_run=dry_run).run_id)


def run_stages(hub: Hub, run_id: int, stages: Sequence[Stage] = STAGES) -> dict[str, Any]:
    """Run these stages of an open run and write the report; Ctrl-C leaves the run marked and resumable."""
    since = get_run(hub.engine, run_id).since
    try:
        for stage in stages:
            stage(hub, run_id)
        report = finish(hub, run_id)
    except KeyboardInterrupt:
        fail_run(hub.engine, run_id, KeyboardInterrupt("stopped by Ctrl-C; the next run resumes"))
        raise
    ended = get_run(hub.engine, run_id)
    return {"run_id": run_id, "since": since, "until": ended.until, **ended.counts, "report": report}
