"""Collisions: a code of two sources, or one that the target has already, is held before anything is loaded."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from connectors.connector import HOSTS
from hub.errors import StageFailed
from hub.migration.deciding import collisions
from hub.migration.deciding.collisions import find_collisions
from hub.migration.plans.plan import Source
from hub.migration.reading import account
from hub.migration.target.loading import load
from hub.staging import Batch, copy_batch, create_staging
from mappings import Mapped
from schemas import tables
from tests.migration.importing import NOON, Moving, Target, moving, record_of

DAY = "2026-07-01 13:00:00"
ONE, TWO = "can_tho_cu", "hau_giang"


@pytest.fixture
def both(engine: Engine, tmp_path: Path) -> Moving:
    HOSTS.forget()
    found = moving(engine, tmp_path, Target())
    found.m.plan = found.m.plan.model_copy(update={"sources": (Source(province=ONE), Source(province=TWO))})
    return found


def enter(both: Moving, source: str, *records: dict[str, Any], at: datetime = NOON) -> None:
    """Records of a source that were read, recoded and passed, brought into the account as a chunk is."""
    with both.m.engine.begin() as connection:
        run = insert(tables.run).values(kind="migration", province=source, until=NOON).returning(tables.run.c.run_id)
        run_id = int(connection.scalar(run) or 0)
        create_staging(connection, run_id)
        batch = Batch()
        for place, record in enumerate(records):
            batch.add(place, f"{source}-{record['subject']}", at, Mapped(dict(record), [], [], []))
        copy_batch(connection, run_id, run_id, batch)
        account.enter(connection, both.m, Source(province=source), 1, run_id)


def dossier(number: int, source: str, **changed: Any) -> dict[str, Any]:
    code = f"{source}-{number:04}"
    return record_of(number) | {"dossier_code": code, "subject": f"k{number}"} | changed


def by_staff(both: Moving, code: str) -> None:
    """A dossier that the new province's staff entered themselves."""
    item = {"maHoSo": code, "trangThai": "2", "ngayTiepNhan": DAY, "phienBan": "", "nguon": ""}
    both.target.ledger.enter(item, DAY)


def held(both: Moving) -> dict[tuple[str, str], tuple[str, str]]:
    """(source, code) of every held row -> reason, and what the finding says."""
    rows = both.run("SELECT source, dossier_code, reason, findings FROM migrated WHERE state = 'held'")
    return {
        (row["source"], row["dossier_code"]): (row["reason"], row["findings"][0]["detail"]) for row in rows
    }  # fmt: skip


def test_one_code_in_two_sources_holds_both_and_names_the_other(both: Moving) -> None:
    enter(both, ONE, dossier(1, ONE), dossier(2, ONE, dossier_code="HS/1"))
    enter(both, TWO, dossier(1, TWO), dossier(2, TWO, dossier_code="HS/1"))
    assert find_collisions(both.m) == {"collisions": 1, "rows": 2, "with_target": 0}
    assert held(both) == {
        (ONE, "HS/1"): ("code_collision", f"also a code of {TWO}"),
        (TWO, "HS/1"): ("code_collision", f"also a code of {ONE}"),
    }
    assert load(both.m)["created"] == 2
    assert set(both.target.there()) == {f"{ONE}-0001", f"{TWO}-0001"}


@pytest.mark.parametrize("state", ["migrated", "loading"])
def test_what_the_target_has_taken_stays_and_the_one_that_comes_later_is_held(both: Moving, state: str) -> None:
    enter(both, ONE, dossier(2, ONE, dossier_code="HS/1"))
    load(both.m)
    both.run("UPDATE migrated SET state = :state", state=state)
    enter(both, TWO, dossier(2, TWO, dossier_code="HS/1"))
    assert held(both) == {(TWO, "HS/1"): ("code_collision", f"also a code of {ONE}")}
    assert both.states() == {state: 1, "held": 1}


def test_a_code_that_the_target_s_staff_entered_is_held_before_the_load_and_freed_when_it_is_gone(both: Moving) -> None:
    enter(both, ONE, dossier(1, ONE), dossier(2, ONE), dossier(3, ONE))
    by_staff(both, f"{ONE}-0002")
    assert find_collisions(both.m) == {"collisions": 0, "rows": 0, "with_target": 1}
    assert held(both) == {
        (ONE, f"{ONE}-0002"): ("target_differs", "the target has it, and it was not imported")
    }  # fmt: skip
    assert both.target.calls["HoSo"] == 0
    assert load(both.m)["created"] == 2 and both.states() == {"migrated": 2, "held": 1}
    assert both.target.rows("SELECT * FROM refused") == []
    both.target.rows("DELETE FROM item WHERE code = ?", f"{ONE}-0002")
    assert find_collisions(both.m)["with_target"] == 0
    assert both.states() == {"migrated": 2, "read": 1}


def test_what_came_from_another_source_of_the_plan_is_not_overwritten(both: Moving) -> None:
    enter(both, ONE, dossier(1, ONE, dossier_code="HS/1"))
    load(both.m)
    both.run("DELETE FROM migrated")
    enter(both, TWO, dossier(1, TWO, dossier_code="HS/1"))
    assert find_collisions(both.m)["with_target"] == 1
    assert held(both)[TWO, "HS/1"] == ("target_differs", f"the target has it from {ONE}")


def test_what_came_from_the_same_source_in_an_earlier_attempt_is_ours(both: Moving) -> None:
    enter(both, ONE, dossier(1, ONE))
    load(both.m)
    both.run("DELETE FROM migrated")
    enter(both, ONE, dossier(1, ONE, status=8))
    assert find_collisions(both.m)["with_target"] == 0
    assert load(both.m)["updated"] == 1


def test_a_code_that_the_target_holds_as_it_would_be_sent_collides_with_nothing(
    both: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(both, ONE, *(dossier(number, ONE) for number in range(1, 6)))
    load(both.m)
    there = [(code, TWO, item["phienBan"]) for code, item in sorted(both.target.there().items())]
    both.run("DELETE FROM migrated")
    enter(both, ONE, dossier(1, ONE, status=8), *(dossier(number, ONE) for number in range(2, 6)))
    monkeypatch.setattr(collisions, "PIECE", 2)
    monkeypatch.setattr(collisions, "_list", lambda m: [there])
    assert find_collisions(both.m)["with_target"] == 1
    assert held(both) == {(ONE, f"{ONE}-0001"): ("target_differs", f"the target has it from {TWO}")}
    assert both.states() == {"held": 1, "read": 4}


def test_the_target_is_asked_for_its_list_once_and_for_a_delta_only_about_its_codes(both: Moving) -> None:
    enter(both, ONE, *(dossier(number, ONE) for number in range(1, 9)))
    find_collisions(both.m)
    load(both.m)
    before = dict(both.target.calls)
    find_collisions(both.m)
    assert both.target.calls == before  # nothing waits, nothing is asked
    by_staff(both, f"{ONE}-0009")
    enter(both, ONE, dossier(9, ONE), dossier(10, ONE))
    assert find_collisions(both.m)["with_target"] == 1
    assert both.target.calls["TraCuu"] == before.get("TraCuu", 0) + 1
    assert both.target.rows("SELECT count(*) FROM item") == [(9,)]


def test_a_target_that_does_not_answer_changes_nothing(both: Moving) -> None:
    enter(both, ONE, dossier(1, ONE))
    by_staff(both, f"{ONE}-0001")
    both.target.breaks = {"DanhSachHoSo": ["html"] * 20, "HoSo": ["html"] * 20}
    with pytest.raises(StageFailed, match="collisions"):
        find_collisions(both.m)
    assert both.states() == {"read": 1}


def test_a_target_that_holds_more_than_would_go_to_it_is_asked_for_codes_in_the_calls_that_it_takes(
    both: Moving,
) -> None:
    numbers = range(1, 502)  # one more than a call may ask for
    for number in range(1, 503):
        by_staff(both, f"{ONE}-{number:04}")
    enter(both, ONE, *(dossier(number, ONE) for number in numbers))
    assert find_collisions(both.m)["with_target"] == len(numbers)
