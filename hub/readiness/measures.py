"""The measures: each looks at the hub's tables or at what the province file states, and asks no peer."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from hub.config import Province, Stated
from hub.errors import ConfigurationError
from hub.procedures import compare
from hub.readiness.model import Fact, Measure, Verdict
from hub.status import province_status

FRESH = timedelta(days=2)
"""How old the last good run may be."""
MOST_HELD = 0.01
"""The part of the dossiers that may be held."""

_PULLED = """
SELECT r.run_id, r.ended_at, r.counts, max(m.received_at) AS received_at, count(m.message_id) AS pages
FROM run r LEFT JOIN message m ON m.run_id = r.run_id
WHERE r.province = :province AND r.kind = 'sync' AND r.state = 'done' AND NOT r.dry_run
GROUP BY r.run_id ORDER BY r.run_id DESC LIMIT 1
"""

_LISTED = """
SELECT max(seen_at) AS seen_at, max(run_id) AS run_id FROM province_procedure
WHERE province = :province AND gone_at IS NULL
"""

_RECONCILED = """
SELECT reconciliation_id, compared, equal, at FROM reconciliation WHERE province = :province
ORDER BY reconciliation_id DESC LIMIT 1
"""

_ANSWERED = "SELECT max(answered_at) FROM delivery WHERE province = :province AND state = 'delivered'"

_INBOUND = """
SELECT count(*) FILTER (WHERE state = 'handed_over') AS handed_over,
       count(*) FILTER (WHERE state IN ('held', 'unknown')) AS stuck,
       count(*) FILTER (WHERE state IN ('received', 'sending')) AS waiting,
       max(coalesce(answered_at, received_at)) AS at
FROM inbound_dossier WHERE province = :province AND state <> 'superseded'
"""


def measures(engine: Engine, province: Province, now: datetime) -> tuple[Measure, ...]:
    """Every line of a province's scorecard, in the order of MEASURES."""
    status = province_status(engine, province.slug)
    with engine.connect() as connection:
        last = _row(connection, _PULLED, province.slug)
        equal = _row(connection, _RECONCILED, province.slug)
        return (
            _procedures(engine, connection, province),
            _system(province, status, last, now),
            _stated("national_databases", province, province.readiness.national_databases),
            _up(connection, province.slug, status, equal, now),
            _down(connection, province),
            _stated("service_centres", province, province.readiness.service_centres),
            _quality(status, equal, last),
        )


def _row(connection: Connection, query: str, province: str) -> dict[str, Any]:
    row = connection.execute(text(query), {"province": province}).one_or_none()
    return dict(row._mapping) if row else {}


def _procedures(engine: Engine, connection: Connection, province: Province) -> Measure:
    name, stated = "procedures", province.readiness.procedures_published
    facts = [_statement(province, stated)] if stated else []
    published = "published: not stated" if stated is None else f"published: {'yes' if stated.met else 'no'}"
    try:
        found = compare(engine, province.slug)
    except ConfigurationError as error:
        verdict: Verdict = "not ready" if stated and not stated.met else "not known"
        fact = Fact(f"{error.what}; {error.next_step.splitlines()[0]}", "tables procedure_version, province_procedure")
        return Measure(name, verdict, published, stated.day if stated else None, (*facts, fact))
    counts, listed = found.counts(), _row(connection, _LISTED, province.slug)
    have = counts["national"] - counts["missing"]
    facts = [
        Fact(
            f"{counts['listed']:,} listed; of the {counts['national']:,} wanted {counts['missing']:,} missing, "
            f"{counts['stale']:,} stale, {counts['closed']:,} closed, {counts['unknown']:,} unknown codes",
            f"{found.source}, run {listed['run_id']}; lienthong procedures compare {province.slug}",
        ),
        *facts,
    ]
    value = f"{have:,} of {counts['national']:,} configured; {published}"
    verdict = "not known" if stated is None else "ready" if stated.met else "not ready"
    return Measure(name, "not ready" if counts["missing"] else verdict, value, listed["seen_at"], tuple(facts))


def _system(province: Province, status: dict[str, Any], last: dict[str, Any], now: datetime) -> Measure:
    name, run = "system", status["last_run"]
    if run is None:
        fact = Fact("no run has ever been started", "table run")
        return Measure(name, "not known", f"{province.system}: never asked", None, (fact,))
    facts = [Fact(f"run {run['run_id']} is {run['state']}, last stage {run['stage']}", f"table run, {run['run_id']}")]
    if last:
        pages = f"run {last['run_id']} ended well; {last['pages']:,} page{'s' if last['pages'] != 1 else ''} kept"
        facts.append(Fact(pages, f"tables run, message; run {last['run_id']}"))
    fresh = bool(last) and now - last["ended_at"] <= FRESH
    good = fresh and run["state"] in ("done", "running")
    when = last["ended_at"] if last else run["started_at"]
    words = (
        "answers" if good else "the last run did not end well" if run["state"] not in ("done", "running") else "silent"
    )
    return Measure(name, "ready" if good else "not ready", f"{province.system}: {words}", when, tuple(facts))


def _up(connection: Connection, province: str, status: dict[str, Any], equal: dict[str, Any], now: datetime) -> Measure:
    name, delivered, pulled = "dossiers_up", status["delivered"], status["pulled"]
    if not pulled:
        return Measure(name, "not known", "nothing was read yet", None, (Fact("0 dossiers", "table dossier"),))
    stuck = status["waiting"] + status["unknown"]
    facts = [
        Fact(
            f"{delivered:,} of {pulled:,} dossiers and {status['steps_delivered']:,} steps delivered", "table delivery"
        ),
        Fact(f"{status['waiting']:,} waiting, {status['unknown']:,} unknown", "table delivery"),
    ]
    if equal:
        same = f"{status['reconciled']:,} of {delivered:,} delivered dossiers found equal on both sides"
        facts.append(Fact(same, f"reconciliation {equal['reconciliation_id']}, {equal['at']:%Y-%m-%d}"))
    answered = connection.scalar(text(_ANSWERED), {"province": province})
    value = f"{delivered:,} of {pulled:,} delivered"
    return Measure(name, "ready" if delivered and not stuck else "not ready", value, answered or now, tuple(facts))


def _down(connection: Connection, province: Province) -> Measure:
    name = "dossiers_down"
    if getattr(province, "inbound", None) is None:
        fact = Fact("no `inbound` section", f"provinces/{province.slug}.yaml")
        return Measure(name, "not ready", "no way in is configured", None, (fact,))
    found = _row(connection, _INBOUND, province.slug) if inspect(connection).has_table("inbound_dossier") else {}
    total = sum(found.get(key, 0) for key in ("handed_over", "stuck", "waiting"))
    if not total:
        fact = Fact("0 dossiers came in", "table inbound_dossier")
        return Measure(name, "not known", "a way in is open; nothing has come yet", None, (fact,))
    words = f"{found['handed_over']:,} handed over, {found['stuck']:,} held or unknown, {found['waiting']:,} under way"
    good = found["handed_over"] and not found["stuck"]
    value = f"{found['handed_over']:,} of {total:,} handed over"
    return Measure(name, "ready" if good else "not ready", value, found["at"], (Fact(words, "table inbound_dossier"),))


def _quality(status: dict[str, Any], equal: dict[str, Any], last: dict[str, Any]) -> Measure:
    name, held, pulled = "data_quality", status["held"], status["pulled"]
    if not pulled:
        return Measure(name, "not known", "nothing was read yet", None, (Fact("0 dossiers", "table dossier"),))
    part = held / pulled
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in status["held_by_reason"].items())
    facts = [Fact(f"{held:,} of {pulled:,} dossiers held{f': {reasons}' if reasons else ''}", "table quarantine")]
    if equal:
        same = f"{equal['equal']:,} of {equal['compared']:,} compared dossiers equal"
        facts.append(Fact(same, f"reconciliation {equal['reconciliation_id']}"))
    agree = bool(equal) and status["reconciled"] == status["delivered"]
    value = f"{100 * part:.1f} % held; " + ("both sides equal" if agree else "not all found equal")
    verdict: Verdict = "ready" if part <= MOST_HELD and agree else "not ready"
    return Measure(name, verdict, value, equal.get("at") or last.get("ended_at"), tuple(facts))


def _stated(name: str, province: Province, stated: Stated | None) -> Measure:
    """A line that only a person can fill: from the province file, else not known."""
    if stated is None:
        fact = Fact(f"`readiness.{name}` is not stated", f"provinces/{province.slug}.yaml")
        return Measure(name, "not known", "not stated", None, (fact,))
    value = ("yes" if stated.met else "no") + (f": {stated.detail}" if stated.detail else "")
    return Measure(name, "ready" if stated.met else "not ready", value, stated.day, (_statement(province, stated),))


def _statement(province: Province, stated: Stated) -> Fact:
    return Fact(f"stated on {stated.day:%d/%m/%Y}: {stated.source}", f"provinces/{province.slug}.yaml")
