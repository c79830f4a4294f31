"""The page of a migration says what the tables say, offline, and whether it is GO; the terminal draws the same."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from hub.cli.burnup import burnup
from hub.migration.attempt import Migrating, note_event
from hub.migration.cutover.gates import Gate
from hub.migration.watching.burnup import svg, thinned
from hub.migration.watching.clock import clock_of
from hub.migration.watching.pace import Tick
from hub.migration.watching.page import render, write_page
from schemas.migration_tables import migrated, migration_tick

GREEN = Gate("held", "≤ 1 %", "0.4 %", True, "4 of 1,000 dossiers wait for a person")
RED = Gate("split_open", "≤ 0", "2", False, "4 dossiers of 2 split communes wait")


@pytest.fixture
def loading(begin: Any, engine: Engine, hours: Any) -> Migrating:
    """A cutover that loads: 40 ticks, 1,000 dossiers expected, 4 held, 30 minutes behind it."""
    m: Migrating = begin()
    row = {"migration_id": m.attempt_id, "source": "hau_giang", "content_hash": "0", "message_id": 1, "chunk": 1}
    rows = [
        {**row, "source_key": str(n), "position": n, "state": "held", "reason": "commune_undecided"} for n in range(4)
    ]
    with engine.begin() as connection:
        for number in range(40):
            hours.go_on(seconds=45)
            values = {"read": 1_000, "expected": 1_000, "migrated": 10 * number, "held": 4, "out_of_scope": 0}
            connection.execute(insert(migration_tick).values(migration_id=m.attempt_id, at=hours(), **values))
        connection.execute(insert(migrated), rows)
        words = "chị Hoa, 0912345678, đã xem"
        note_event(connection, "can_tho", m.attempt_id, "decision", words, who="Trần Thị Bình")
    return m


def page_of(m: Migrating, *gates: Gate) -> str:
    return render(m.engine, m.settings, m.plan, gates, m.clock())


def test_one_red_gate_is_no_go_and_says_why(loading: Migrating) -> None:
    page = page_of(loading, GREEN, RED)

    assert "<b>NO-GO</b>" in page and "1 / 2 điều kiện chưa đạt" in page and RED.why in page
    assert "<b>GO</b>" in page_of(loading, GREEN)


def test_the_page_shows_what_the_tables_hold_in_vietnamese_and_loads_nothing(loading: Migrating) -> None:
    page = page_of(loading, GREEN, RED)

    for words in ("Hợp nhất hệ thống Cần Thơ", "1.000 / 1.000", "30/06/2026 18:30", "Hậu Giang", "hạn chót 01/07/2026"):
        assert words in page
    assert '<b class="bad">4</b> hồ sơ chờ quyết định về xã bị chia tách; số xã chưa quyết định: 2' in page
    assert "procedures_published" in page and "Trần Thị Bình" in page
    assert "<script" not in page and 'src="' not in page and "0912345678" not in page


def test_before_the_first_attempt_the_page_has_the_hours_and_no_chart(begin: Any, hours: Any) -> None:
    m = begin()
    m.plan = m.plan.model_copy(update={"slug": "another"})

    page = page_of(m)

    assert "chưa có lần chạy nào" in page and "<svg" not in page and "01/07/2026 18:00" in page


def test_the_page_is_replaced_whole_with_the_gates_as_they_are_judged(loading: Migrating, tmp_path: Path) -> None:
    page = write_page(loading.engine, loading.settings, loading.plan, loading.clock())

    assert page == tmp_path / "reports" / "migration-can_tho.html"
    assert "there is no proof yet" in page.read_text("utf-8") and list(page.parent.iterdir()) == [page]


def test_the_chart_is_the_same_for_the_same_figures_and_draws_them(loading: Migrating) -> None:
    clock = clock_of(loading.engine, loading.plan, loading.clock())
    with loading.engine.connect() as connection:
        ticks = thinned(connection, loading.attempt_id, loading.clock(), most=10)

    drawn = svg(ticks, clock)

    assert (len(ticks), ticks[-1].migrated, ticks[0].migrated) == (9, 390, 0)
    assert drawn == svg(ticks, clock)
    words = {element.text for element in ET.fromstring(drawn).iter() if element.tag.endswith("text")}
    assert {"đã chuyển · migrated", "1.000", "khoảng xong việc còn lại · what waits is done"} <= words
    assert any("hạn chót 01/07/2026 18:00" in (word or "") for word in words)


def test_the_terminals_columns_rise_to_what_is_read_under_the_line_of_what_is_expected(loading: Migrating) -> None:
    clock = replace(clock_of(loading.engine, loading.plan, loading.clock()), left=None)
    rising = [Tick(clock.at - timedelta(minutes=30 - n), 20 * n, 1_000, 10 * n, 0, 0) for n in range(31)]

    lines = burnup(rising, clock, 30).plain.splitlines()[:10]

    heights = [sum(line[column] in "▁▂▃▄▅▆▇█" for line in lines) for column in range(10, 40)]
    assert heights == sorted(heights) and (heights[0], heights[-1]) == (1, 6)
    assert lines[0] == "    1,000 " + "╌" * 30
