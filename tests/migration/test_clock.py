"""The clock: where a migration stands, when it ends at which range, what is in its way, and who is told when."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from connectors.wire.transport import NotSent, WireRequest, WireResponse
from hub.migration.attempt import Migrating, move_on
from hub.migration.cutover.milestones import state_milestone
from hub.migration.plans.plan import Alert
from hub.migration.watching.clock import Clock, clock_of, expected, maybe_tick, tick
from hub.migration.watching.pace import NOTHING, Pace, Tick, pace
from schemas.migration_tables import migrated, migration_chunk, migration_proof
from schemas.records import VIET_NAM

NOW = datetime(2026, 7, 1, 9, tzinfo=VIET_NAM)
LEFT = {"read": 0, "load": 6_000, "files": 0}


def stood(minutes_ago: float, loaded: int, read: int = 20_000, files: int = 0) -> Tick:
    return Tick(NOW - timedelta(minutes=minutes_ago), read, 20_000, loaded, 0, 0, files)


def going(*ticks: Tick, left: dict[str, int | None] | None = None, earlier: dict[str, float] | None = None) -> Pace:
    return pace(ticks, left or LEFT, NOW, earlier or {})


def minutes(found: Pace) -> tuple[float, float, float]:
    assert found.left is not None
    return tuple(round(one.total_seconds() / 60, 1) for one in (found.left.low, found.left.likely, found.left.high))  # type: ignore[return-value]


def test_an_even_pace_has_a_narrow_range() -> None:
    ticks = [stood(ago, 14_000 - ago * 200) for ago in range(12, -1, -1)]

    found = going(*ticks)

    assert minutes(found) == (30.0, 30.0, 30.0) and round(found.rates["load"] * 60) == 200


def test_an_uneven_pace_has_a_range_around_the_likely_end() -> None:
    ticks = [stood(12, 8_000), stood(9, 8_150), stood(6, 9_500), stood(3, 9_900), stood(0, 10_400)]

    low, likely, high = minutes(going(*ticks))

    assert low < likely == 30.0 < high <= 120.0


def test_only_the_last_quarter_of_an_hour_counts() -> None:
    slow_before = [stood(ago, 1_000 + (300 - ago)) for ago in range(300, 15, -5)]
    fast_now = [stood(15, 2_000), stood(10, 4_500), stood(5, 7_000), stood(0, 9_500)]

    assert minutes(going(*slow_before, *fast_now))[1] == 12.0


@pytest.mark.parametrize(
    ("ticks", "left", "why"),
    [
        ([stood(14, 9_000), stood(7, 9_000), stood(0, 9_000)], LEFT, "stalled"),
        ([stood(60, 1_000), stood(50, 9_000)], LEFT, "idle"),
        ([], LEFT, "idle"),
        ([stood(1, 10), stood(0, 900)], {"read": None, "load": None, "files": 0}, "unknown"),
        ([stood(1, 0, 5_000), stood(0, 0, 9_000)], {"read": 11_000, "load": 20_000, "files": 0}, "unmeasured"),
    ],
)
def test_where_no_end_can_be_told_there_is_none_and_it_says_why(
    ticks: list[Tick], left: dict[str, int | None], why: str
) -> None:
    found = going(*ticks, left=left)

    assert found.left is None and found.why == why


def test_a_work_that_has_not_begun_goes_at_the_rate_of_the_rehearsal_with_a_wide_range() -> None:
    reading = [stood(10, 0, 5_000), stood(5, 0, 10_000), stood(0, 0, 15_000)]

    found = going(*reading, left={"read": 5_000, "load": 20_000, "files": 0}, earlier={"load": 1000 / 60})

    assert found.assumed == ("load",) and minutes(found) == (15.0, 25.0, 45.0)


def test_what_is_held_while_reading_says_nothing_of_the_targets_rate() -> None:
    reading = [Tick(NOW - timedelta(minutes=ago), 9_000 - 900 * ago, 10_000, 0, 90 - 9 * ago, 0) for ago in (10, 5, 0)]

    found = going(*reading, left={"read": 1_000, "load": 9_900, "files": 0}, earlier={"load": 1_000 / 60})

    assert found.assumed == ("load",) and minutes(found)[1] == 11.0


def test_works_that_go_on_side_by_side_are_not_added() -> None:
    both = [stood(10, 1_000, files=0), stood(0, 11_000, files=500)]

    assert minutes(going(*both, left={"read": 0, "load": 6_000, "files": 100}))[1] == 6.0


def test_nothing_left_takes_no_time() -> None:
    assert going(stood(0, 20_000), left={"read": 0, "load": 0, "files": 0}).left == NOTHING


def test_what_is_expected_is_what_peers_say_else_as_much_as_in_the_chunks_that_are_read() -> None:
    read = {"a": 30, "b": 50}

    assert expected([("a", "done", 10, None), ("a", "done", 25, None), ("b", "open", None, 80)], read) == 30 + 80
    assert expected([("b", "done", 40, None), ("b", "reading", 10, None), ("b", "open", None, None)], read) == 120
    assert expected([("a", "done", 10, None), ("b", "open", None, None)], read) is None
    assert expected([], {}) is None


Begin = Callable[..., Migrating]


def chunk(engine: Engine, m: Migrating, number: int = 1, state: str = "done", **counts: int) -> None:
    row = {"migration_id": m.attempt_id, "source": "hau_giang", "number": number, "kind": "history"}
    with engine.begin() as connection:
        connection.execute(insert(migration_chunk).values(**row, until=m.clock(), state=state, counts=counts))


def add(engine: Engine, m: Migrating, first: int, last: int, state: str = "read", **values: Any) -> None:
    rows = [
        {
            "migration_id": m.attempt_id,
            "source": "hau_giang",
            "source_key": str(number),
            "dossier_code": f"H30-{number}",
            "content_hash": "0",
            "message_id": 1,
            "position": number,
            "chunk": 1,
            "state": state,
            **values,
        }
        for number in range(first, last)
    ]
    with engine.begin() as connection:
        connection.execute(insert(migrated), rows)


def load(engine: Engine, m: Migrating, up_to: int) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE migrated SET state = 'migrated' WHERE state = 'read' AND position < :n"), {"n": up_to}
        )


def loading(engine: Engine, m: Migrating, hours: Any, *, every: int, a_time: int, times: int = 4) -> Clock:
    """The clock while so many dossiers are loaded each so many minutes; 1,000 wait at first."""
    chunk(engine, m, records=1_000)
    add(engine, m, 0, 1_000)
    for number in range(times):
        load(engine, m, number * a_time)
        tick(m)
        hours.go_on(minutes=every)
    hours.go_on(minutes=-every)
    return clock_of(engine, m.plan, hours())


def events(engine: Engine, kind: str = "alert") -> list[tuple[str, str]]:
    with engine.connect() as connection:
        query = text("SELECT name, text FROM migration_event WHERE kind = :kind ORDER BY event_id")
        return [(row.name, row.text) for row in connection.execute(query, {"kind": kind})]


def test_before_the_first_attempt_there_are_only_the_hours(engine: Engine, begin: Begin, hours: Any) -> None:
    plan = begin().plan.model_copy(update={"slug": "another"})

    clock = clock_of(engine, plan, hours())

    assert (clock.state, clock.eta, clock.late, clock.deadline) == ("planned", None, False, plan.deadline)


def test_a_tick_says_what_the_tables_say(engine: Engine, begin: Begin) -> None:
    m = begin()
    chunk(engine, m, 1, records=30)
    chunk(engine, m, 2, state="open")
    add(engine, m, 0, 20, "migrated")
    add(engine, m, 20, 25)
    add(engine, m, 25, 28, "held", reason="unit_unknown")
    add(engine, m, 28, 30, "out_of_scope", reason="since")

    tick(m)
    clock = clock_of(engine, m.plan, m.clock())

    assert (clock.read, clock.expected, clock.migrated, clock.held, clock.out_of_scope) == (30, 60, 20, 3, 2)
    assert clock.remaining == 35 and json.dumps(clock.as_dict())


def test_ticks_of_all_processes_are_seconds_apart(engine: Engine, begin: Begin, hours: Any) -> None:
    m, another = begin(), begin()

    for worker in (m, another, m):
        maybe_tick(worker)
        hours.go_on(seconds=1)
    hours.go_on(seconds=4)
    maybe_tick(another)
    m.tick_took = timedelta(seconds=1)  # counting is slow: the next look waits longer
    hours.go_on(seconds=10)
    maybe_tick(m)

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM migration_tick")) == 2


def test_a_cutover_that_is_early_still_ends_behind_the_freeze(engine: Engine, begin: Begin, hours: Any) -> None:
    m = begin()

    clock = loading(engine, m, hours, every=5, a_time=100)

    assert clock.remaining == 700 and round(clock.rate * 60) == 20
    assert clock.eta == m.plan.freeze and not clock.late and not clock.at_risk and events(engine) == []


def test_a_rehearsal_ends_when_it_is_done_and_is_never_late(engine: Engine, begin: Begin, hours: Any) -> None:
    hours.now = begin().plan.deadline
    m = begin("rehearsal")

    clock = loading(engine, m, hours, every=5, a_time=100)

    assert clock.eta == hours() + timedelta(minutes=35) and not clock.late and events(engine) == []


def test_the_alert_is_given_once_when_the_margin_is_crossed_and_once_when_it_is_well_again(
    engine: Engine, begin: Begin, hours: Any
) -> None:
    m = begin()
    hours.now = m.plan.deadline - timedelta(hours=3)

    slow = loading(engine, m, hours, every=5, a_time=10)  # 970 left at two a minute: eight hours
    hours.go_on(minutes=5)
    tick(m)
    for done in (400, 700, 990):
        hours.go_on(minutes=5)
        load(engine, m, done)
        tick(m)

    assert slow.late and slow.at_risk and slow.eta_high is not None and slow.eta_high > m.plan.deadline
    assert [name for name, _ in events(engine)] == ["late", "in_time"]
    assert "60 minutes before the deadline 01/07/2026 18:00" in events(engine)[0][1]


def test_a_migration_that_stands_still_has_no_end_and_is_told_of(engine: Engine, begin: Begin, hours: Any) -> None:
    m = begin()

    clock = loading(engine, m, hours, every=2, a_time=0, times=4)

    assert (clock.eta, clock.why_no_eta, clock.at_risk) == (None, "stalled", True)
    assert [name for name, _ in events(engine)] == ["late"] and "nothing moves" in events(engine)[0][1]


def test_the_webhook_gets_the_alert_without_any_dossier_and_its_failure_stops_nothing(
    engine: Engine, begin: Begin, hours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TRUC_BAN", "http://hub:kh%C3%B3a@chat.example/hook")
    sent: list[WireRequest] = []

    def wire(request: WireRequest) -> WireResponse:
        sent.append(request)
        if len(sent) > 1:
            raise NotSent("no such host")
        return WireResponse(204, b"")

    alert = Alert(connection="truc_ban")
    m = begin(transport=wire, plan={"alert": alert})
    hours.now = m.plan.deadline - timedelta(hours=2)
    loading(engine, m, hours, every=5, a_time=10)
    load(engine, m, 1_000)
    hours.go_on(minutes=5)
    tick(m)

    body = json.loads(sent[0].body or b"")
    assert sent[0].url == "http://chat.example/hook" and sent[0].headers["Authorization"].startswith("Basic ")
    assert body["alert"] == "late" and body["deadline"] == m.plan.deadline.isoformat() and "H30-" not in str(body)
    assert [name for name, _ in events(engine)] == ["late", "in_time", "not_sent"]


def test_what_is_in_the_way_is_named_the_worst_first(engine: Engine, begin: Begin, hours: Any) -> None:
    m = begin()
    hours.now = m.plan.milestones[0].by + timedelta(days=9)
    chunk(engine, m, 1, records=1_000)
    chunk(engine, m, 2, state="failed")
    add(engine, m, 0, 960, "migrated")
    add(engine, m, 960, 980, "held", reason="commune_undecided")
    add(engine, m, 980, 1_000, "held", reason="refused_by_target")
    state_milestone(engine, m.plan, "centres_ready", "An", "Thông báo 5", True, at=hours())
    tick(m)

    said = clock_of(engine, m.plan, hours()).blocking

    assert said[0] == "hau_giang: chunk 2 failed"
    assert any("2.0% are held, 1.0% may be" in one for one in said), "what the target refused has a gate of its own"
    assert any("the target refuses 2.0%, 1.5% may be" in one for one in said)
    assert any("20 dossiers wait for a decision on a split commune" in one for one in said)
    assert any("procedures_published" in one and "was due 25/06/2026 17:00" in one for one in said)
    assert not any("centres_ready" in one for one in said)


@pytest.mark.parametrize(("hours_behind", "late"), [(-1, False), (1, True)])
def test_what_is_proved_is_complete_in_time_or_late(
    engine: Engine, begin: Begin, hours_behind: int, late: bool
) -> None:
    m = begin()
    at = m.plan.deadline + timedelta(hours=hours_behind)
    proof = {"migration_id": m.attempt_id, "counts": {}, "unaccounted": 0, "equal": True, "folder": "", "digest": ""}
    with engine.begin() as connection:
        connection.execute(insert(migration_proof).values(**proof, at=at))
        move_on(connection, m.attempt, "proved")

    clock = clock_of(engine, m.plan, at + timedelta(minutes=1))

    assert (clock.complete_at, clock.late, clock.remaining) == (at, late, 0)
