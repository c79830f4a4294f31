"""The suite on a run as a whole: what is usual is learnt from earlier days, and what departs from it stops or warns."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.audit import entries
from hub.context import Hub
from hub.errors import StageFailed
from hub.gate.measures import _work_days
from hub.gate.stops import accept
from hub.working_days import is_working_day
from schemas.records import VIET_NAM
from tests.quality.conftest import NOW, clean, gated, staged

WEEK = timedelta(days=7)


def learnt(hub: Hub, name: str, key: str, values: list[float], apart: timedelta = WEEK) -> None:
    """Measures of runs in the weeks (or days) before, newest first."""
    with hub.engine.begin() as connection:
        for number, value in enumerate(values, start=1):
            given = {"name": name, "key": key, "value": value, "at": NOW - number * apart}
            connection.execute(
                text(
                    "WITH r AS (INSERT INTO run (kind, province, state, stage, until)"
                    "  VALUES ('sync', 'lao_cai', 'done', 'done', :at) RETURNING run_id)"
                    " INSERT INTO measure (run_id, name, key, province, value, at)"
                    " SELECT run_id, :name, :key, 'lao_cai', :value, :at FROM r"
                ),
                given,
            )


def reached(hub: Hub, until: datetime) -> None:
    """The province was read up to here."""
    with hub.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO cursor (province, stream, changed_until, run_id) VALUES ('lao_cai', 'dossiers', :at, 1)"),
            {"at": until},
        )


def records(count: int, **fields: Any) -> dict[str, dict[str, Any]]:
    return {f"r{number}": {**clean(number), **fields} for number in range(count)}


def kept(hub: Hub, name: str) -> dict[str, float]:
    with hub.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT key, value FROM measure m JOIN run r USING (run_id) WHERE name = :name AND r.until = :now"),
            {"name": name, "now": NOW},
        )
        return {row.key: row.value for row in rows}


def test_the_first_runs_have_nothing_to_be_compared_with_and_are_measured(hub: Hub) -> None:
    reached(hub, NOW - timedelta(days=1))
    counts = gated(hub, staged(hub, records(120)))
    assert counts["batch_warnings"] == {}
    assert kept(hub, "records_a_day") == {"": 120}
    assert kept(hub, "filled")["phone"] == 1 and "note" not in kept(hub, "filled")
    assert kept(hub, "share")["status=10"] == 1


def test_far_fewer_records_than_on_this_weekday_stop_the_run_with_the_figures(hub: Hub) -> None:
    reached(hub, NOW - timedelta(days=1))
    learnt(hub, "records_a_day", "", [480, 520, 500])
    run = staged(hub, records(3))
    with pytest.raises(StageFailed, match="unusual_volume: records_a_day 3, usually 500 \\(3 days\\)"):
        gated(hub, run)
    with hub.engine.connect() as connection:
        failed = connection.scalar(text("SELECT failed FROM rule_outcome WHERE reason = 'unusual_volume'"))
    assert failed == 1 and kept(hub, "records_a_day") == {}


def test_a_volume_that_changed_for_good_is_accepted_and_what_was_usual_is_forgotten(hub: Hub) -> None:
    reached(hub, NOW - timedelta(days=1))
    learnt(hub, "records_a_day", "", [480, 520, 500])
    learnt(hub, "share", "status=10", [1])
    run = staged(hub, records(3))
    with hub.engine.begin() as connection:
        assert accept(connection, hub.slug, "unusual_volume", "Lan", "an office less", from_now_on=True) == 3
    gated(hub, run)
    with hub.engine.connect() as connection:
        volumes = connection.scalars(text("SELECT value FROM measure WHERE name = 'records_a_day'")).all()
        shares = connection.scalar(text("SELECT count(*) FROM measure WHERE name = 'share'"))
    assert list(volumes) == [3] and shares == 1, "only the volume is forgotten"
    (told, *_) = entries(hub.engine, province=hub.slug, action="accept")
    assert told["details"]["forgotten"] == 3 and told["who"] == "Lan"


def test_volume_is_compared_only_with_enough_of_the_same(hub: Hub) -> None:
    day = timedelta(days=1)
    for values, apart, window in (
        ([480, 520], WEEK, day),  # two days make nothing usual
        ([480, 520, 500], timedelta(days=8), day),  # other weekdays
        ([480, 520, 500], WEEK, timedelta(hours=2)),  # a look in between is no day's work
        ([4, 5, 6], WEEK, day),  # a province that brings little
    ):
        with hub.engine.begin() as connection:
            connection.execute(text("TRUNCATE measure, cursor, rule_outcome, warning"))
        reached(hub, NOW - window)
        learnt(hub, "records_a_day", "", [float(value) for value in values], apart)
        assert "unusual_volume" not in gated(hub, staged(hub, records(0))).get("batch_warnings", {})
        query = text("SELECT failed FROM rule_outcome WHERE reason = 'unusual_volume'")
        with hub.engine.connect() as connection:
            assert set(connection.scalars(query)) == {0}, "the rule was looked at and nothing failed"


TET = datetime(2026, 2, 18, 2, tzinfo=VIET_NAM)
"""The night after the first day of the year; the days off are 16 to 20 February."""


def test_a_public_holiday_stops_nothing_and_what_comes_after_it_is_one_days_work(hub: Hub) -> None:
    assert not any(is_working_day(TET.date() + timedelta(days=days)) for days in range(-2, 3))
    learnt(hub, "records_a_day", "", [500.0] * 8, WEEK)
    for until, since, days in (
        (TET, TET - timedelta(days=1), 0.0),
        (TET + timedelta(days=6), TET - timedelta(days=5), 6.0),  # Friday 13 to Tuesday 24: five of the days were off
        (TET + timedelta(days=7), TET + timedelta(days=6), 1.0),
    ):
        assert _work_days(since, until, {}) == pytest.approx(days)
    assert _work_days(TET + timedelta(days=6), TET + timedelta(days=7), {date(2026, 2, 24): False}) == 0


def test_a_second_run_of_the_same_day_is_not_a_day_without_records(hub: Hub) -> None:
    reached(hub, NOW - timedelta(hours=16))  # nobody worked after that
    learnt(hub, "records_a_day", "", [500.0, 500, 500])
    with hub.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO run (kind, province, state, stage, until) VALUES ('sync', 'lao_cai', 'done', 'done', :at)"
            ),
            {"at": NOW - timedelta(hours=6)},
        )
    gated(hub, staged(hub, records(0)))
    assert kept(hub, "records_a_day") == {}


def test_what_is_stale_gone_or_new_warns_with_its_field_and_figures(hub: Hub) -> None:
    days = timedelta(days=1)
    learnt(hub, "freshness_hours", "", [9, 8, 10], days)
    for key, value in (("phone", 0.95), ("email", 0.9), ("note", 0.3)):
        learnt(hub, "filled", key, [value] * 3, days)
    for key, value in (("status=10", 0.6), ("status=4", 0.35), ("status=7", 0.01)):
        learnt(hub, "share", key, [value] * 3, days)
    late = replace(hub, clock=lambda: NOW + timedelta(days=5))
    warned = gated(late, staged(late, records(120, channel=3)))["batch_warnings"]
    assert warned["stale_source"].startswith("freshness_hours 121, usually 9")
    assert warned["field_gone"] == "filled email 0, usually 0.9 (3 days)"
    assert "share status=4 0, usually 0.35" in warned["value_drift"] and "status=7" not in warned["value_drift"]
    assert "share channel=3 1, usually 0" in warned["value_drift"]


def test_a_window_that_a_person_fixed_and_a_dry_run_are_not_measured(hub: Hub) -> None:
    reached(hub, NOW - timedelta(days=1))
    run = staged(hub, records(3))
    gated(hub, replace(run, fixed=True))
    assert kept(hub, "filled") == {} and kept(hub, "records_a_day") == {}
    gated(hub, replace(run, dry_run=True))
    with hub.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM rule_outcome WHERE suite = 'batch'")) == 0
