"""Alerts: told once when the estimated end comes too near to the deadline, and once when it is out of danger again."""

import base64
from typing import Any

import orjson
from sqlalchemy import text

from connectors.errors import ConnectorError
from connectors.wire.transport import HttpTransport, NoAnswer, NotSent, WireRequest
from hub.connections import peer
from hub.errors import HubError
from hub.migration.attempt import Migrating, note_event
from hub.migration.plans.plan import told
from hub.migration.watching.clock import Clock, clock_of
from schemas.masking import mask_text

LAST = """
SELECT name FROM migration_event WHERE migration_id = :id AND kind = 'alert' AND name IN ('late', 'in_time')
ORDER BY event_id DESC LIMIT 1
"""

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('migration alert'), CAST(:id AS integer))"

CONNECT, WHOLE = 3.0, 10.0
"""Seconds that a webhook is waited for: the migration goes on without it."""


def watch(m: Migrating) -> str | None:
    """Add an event when the clock has crossed the line since the last alert, and tell the webhook.

    Returns:
        `late` or `in_time` where one was added. A webhook that does not answer costs seconds and an event, no more.
    """
    attempt = m.attempt
    if attempt.kind != "cutover":
        return None
    clock = clock_of(m.engine, m.plan, m.clock(), attempt)
    given = {"id": m.attempt_id}
    with m.engine.begin() as connection:
        if _crossing(clock, connection.scalar(text(LAST), given)) is None:
            return None
        connection.execute(text(ONE_AT_A_TIME), given)
        name = _crossing(clock, connection.scalar(text(LAST), given))
        if name is None:
            return None
        said = words(clock, name)
        note_event(connection, m.plan.slug, m.attempt_id, "alert", said, name=name, clock=clock.as_dict())
    if m.plan.alert.connection:
        _post(m, m.plan.alert.connection, {"alert": name, "text": said, "title": m.plan.title, **clock.as_dict()})
    return name


def _crossing(clock: Clock, last: str | None) -> str | None:
    """Where nothing is known, nothing has changed."""
    if clock.at_risk:
        return None if last == "late" else "late"
    known = clock.eta_high is not None or clock.complete_at is not None
    return "in_time" if last == "late" and known else None


def words(clock: Clock, name: str) -> str:
    """The alert as a sentence."""
    margin = f"{int(clock.margin.total_seconds() // 60)} minutes before the deadline {told(clock.deadline)}"
    if name == "in_time":
        return (
            f"the end is expected by {told(clock.complete_at or clock.eta_high or clock.at)}, in time again: {margin}"
        )
    if clock.eta_high is None:
        return f"nothing moves any more, and the deadline is {told(clock.deadline)}"
    return f"the end may be as late as {told(clock.eta_high)}; it must be {margin}"


def _post(m: Migrating, connection_id: str, body: dict[str, Any]) -> None:
    try:
        to = peer(connection_id, m.settings.home)
        headers = {"Content-Type": "application/json; charset=utf-8", **dict(to.extra.get("headers") or {})}
        if to.login:
            account = base64.b64encode(f"{to.login}:{to.password or ''}".encode()).decode()
            headers["Authorization"] = f"Basic {account}"
        request = WireRequest(
            "POST", to.url, headers, orjson.dumps(body), connect=CONNECT, timeout=WHOLE, whole=WHOLE, largest=1 << 20
        )
        response = (m.transport or HttpTransport(1))(request)
        trouble = None if response.status < 300 else f"it answered {response.status}"
    except (NotSent, NoAnswer, HubError, ConnectorError, ValueError) as error:
        trouble = str(error)
    if trouble:
        said = f"the webhook {connection_id} did not take the alert: {mask_text(trouble)}"
        with m.engine.begin() as connection:
            note_event(connection, m.plan.slug, m.attempt_id, "alert", said, name="not_sent")
