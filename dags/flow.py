"""What all flows share: the form, the window of a run, what is tried again, and one line of counts for each stage.

Nothing here opens a connection: a DAG file is parsed every half minute. The hub is imported inside the tasks.
"""

import logging
import os
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import CronDataIntervalTimetable, Param, RetryDecision, RetryPolicy, dag, task

if TYPE_CHECKING:
    from hub.context import Hub
    from hub.errors import ConfigurationError

log = logging.getLogger(__name__)

# It tells at INFO how it is built, two hundred lines before a check's own line.
logging.getLogger("great_expectations").setLevel(logging.WARNING)

VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")

START = datetime(2026, 1, 1, tzinfo=VIET_NAM)
"""Backfills may reach back to here; nothing is caught up by itself."""

FORM = {
    "since": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Từ thời điểm / Since",
        description="Lấy hồ sơ thay đổi từ thời điểm này. Để trống: từ lần chạy trước. / "
        "Dossiers changed since this time. Empty: since the last run.",
    ),
    "until": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Đến thời điểm / Until",
        description="Để trống: đến hiện tại. / Empty: up to now.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Chạy thử / Dry run",
        description="Chỉ đọc và kiểm tra, không ghi và không gửi. / Reads and checks; changes nothing, sends nothing.",
    ),
}
"""What a person fills in to trigger a run by hand."""


class ByWhoMustAct(RetryPolicy):
    """Try again only what time alone mends; what a person must mend fails at once, with its sentence."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Look at the peer's error behind a stage's failure, where there is one."""
        from psycopg import OperationalError
        from sqlalchemy.exc import DBAPIError

        from connectors.errors import PeerDown, PeerUnknown
        from hub.errors import Busy, NotYet

        behind = exception.__cause__ or exception
        if isinstance(behind, PeerDown | PeerUnknown | Busy | NotYet | OperationalError) or (
            isinstance(behind, DBAPIError) and behind.connection_invalidated
        ):
            return RetryDecision.retry(timedelta(minutes=5 * try_number), f"{type(behind).__name__}: time may mend it")
        return RetryDecision.fail(f"{type(exception).__name__}: a person must act")

    def serialize(self) -> dict[str, Any]:
        return {"__type": "ByWhoMustAct"}


DEFAULTS = {
    "owner": "lienthong",
    "retries": int(os.environ.get("LIENTHONG_TASK_RETRIES", "3")),
    "retry_delay": timedelta(minutes=5),
    "retry_policy": ByWhoMustAct(),
}


def now() -> datetime:
    """The hour by the machine's clock; no setting moves it."""
    return datetime.now(UTC)


def nightly(cron: str | None) -> CronDataIntervalTimetable | None:
    """A province's schedule. Each run has the time since the one before as its interval: a backfill's window."""
    return CronDataIntervalTimetable(cron, timezone="Asia/Ho_Chi_Minh") if cron else None


def window(context: Any) -> tuple[datetime | None, datetime]:
    """From when to when a run reads; no start means from the cursor, less the overlap.

    The form wins. A backfill reads its own interval, a scheduled run up to its interval's end, a run by hand up to now.
    """
    params, kind = context["params"], context["dag_run"].run_type
    since, until = _moment(params.get("since")), _moment(params.get("until"))
    if since or until:
        return since, until or datetime.now(VIET_NAM)
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if kind == "backfill":
        return start, end
    return None, end if kind == "scheduled" and end else datetime.now(VIET_NAM)


def _moment(value: str | None) -> datetime | None:
    if not value:
        return None
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=VIET_NAM)


def open_hub(slug: str) -> "Hub":
    """The hub for a task of this province."""
    from hub.context import open_hub

    return open_hub(slug)


def ran(stage: str, **counts: Any) -> dict[str, Any]:
    """Write a stage's counts to the task's log as one line, and return them; a list of codes becomes its length."""
    shown = {name: len(value) if isinstance(value, list | tuple | set) else value for name, value in counts.items()}
    log.info("%s: %s", stage, ", ".join(f"{name} {value}" for name, value in shown.items()) or "nothing to do")
    return shown


def broken(dag_id: str, error: "ConfigurationError") -> None:
    """A flow in place of one whose configuration cannot be read: it tells why, and the other provinces' go on.

    Airflow refuses a name with marks or spaces, and the whole file with it: a stray file's name is written without.
    """

    @dag(
        dag_id=re.sub(r"[^A-Za-z0-9_.-]", "-", dag_id),
        dag_display_name=f"{dag_id}: cấu hình sai",
        doc_md=f"```\n{error}\n```",
        tags=["broken"],
    )
    def flow() -> None:
        @task
        def configuration(sentence: str) -> None:
            from hub.errors import ConfigurationError

            raise ConfigurationError(sentence)

        configuration(str(error))

    flow()
