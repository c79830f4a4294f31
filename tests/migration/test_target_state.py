"""The mark and the way back, judged by the target's own digest of all that it holds."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from connectors.connector import HOSTS
from hub.errors import StageFailed
from hub.migration.target.loading import load
from hub.migration.target.state import mark, roll_back, state_now
from tests.migration.importing import Moving, Target, moving, record_of


def own(number: int) -> dict[str, str]:
    code = record_of(number)["dossier_code"]
    return {"maHoSo": code, "phienBan": "", "trangThai": "4", "ngayTiepNhan": "", "chuHoSo": "Cán bộ"}


@pytest.fixture
def both(engine: Engine, tmp_path: Path) -> Moving:
    """A target that holds one dossier of its own staff; six are to come."""
    HOSTS.forget()
    found = moving(engine, tmp_path, Target())
    found.target.ledger.enter(own(99), "2026-06-30 10:00:00")
    found.read(range(1, 7))
    return found


def test_the_mark_is_set_once_and_keeps_what_stood_there(both: Moving) -> None:
    first = mark(both.m)
    load(both.m)
    assert mark(both.m) == first == both.m.attempt.target_mark
    assert both.target.calls["DanhDau"] == 1
    before = both.m.attempt.target_before or {}
    assert (before["dossiers"], before["files"], state_now(both.m).dossiers) == (1, 0, 7)


def test_nothing_is_loaded_into_a_target_that_gives_no_mark(both: Moving) -> None:
    both.target.breaks = {"DanhDau": ["html"] * 9}
    with pytest.raises(StageFailed, match="without a mark there is no way back"):
        load(both.m)
    assert both.target.calls["HoSo"] == 0 and both.m.attempt.target_mark is None


def test_the_target_goes_back_to_where_it_stood(both: Moving) -> None:
    before = state_now(both.m)
    load(both.m)
    both.newer(2, note="bản mới")
    load(both.m)
    told = roll_back(both.m)
    assert (told["removed"], told["dossiers"], told["digest"]) == (6, 1, before.digest)
    assert list(both.target.there()) == [record_of(99)["dossier_code"]]
    assert both.run("SELECT count(*) AS n FROM migration_event WHERE kind = 'rollback'") == [{"n": 1}]


@pytest.mark.parametrize(("kind", "calls"), [("after", 1), ("before", 2)])
def test_a_way_back_without_an_answer_is_told_by_the_state(both: Moving, kind: str, calls: int) -> None:
    load(both.m)
    both.target.breaks = {"HoanTac": [kind]}
    told = roll_back(both.m)
    assert (told["dossiers"], both.target.calls["HoanTac"]) == (1, calls)


def test_a_target_that_does_not_stand_where_it_stood_is_told(both: Moving) -> None:
    load(both.m)
    both.target.ledger.enter(own(98), "2026-07-01 10:00:00")
    with pytest.raises(StageFailed, match="does not stand where it stood: 2 dossiers") as told:
        roll_back(both.m)
    assert "at the mark 1 dossiers" in told.value.what and "Load nothing more" in told.value.next_step
    assert both.run("SELECT count(*) AS n FROM migration_event WHERE kind = 'rollback'") == [{"n": 0}]


def test_a_target_on_which_staff_have_gone_on_refuses_and_stays(both: Moving) -> None:
    load(both.m)
    both.target.ledger.db.execute("UPDATE item SET moved = 1 WHERE code = ?", (record_of(1)["dossier_code"],))
    with pytest.raises(StageFailed, match="refuses to go back: 409") as told:
        roll_back(both.m)
    assert "for people to decide" in told.value.next_step and len(both.target.there()) == 7


def test_a_mark_that_the_target_forgot_is_told(both: Moving) -> None:
    load(both.m)
    both.run("UPDATE migration SET target_mark = 'DD000099'")
    with pytest.raises(StageFailed, match="does not know the mark") as told:
        roll_back(both.m)
    assert "backup" in told.value.next_step


def test_an_attempt_that_loaded_nothing_has_nothing_to_undo(both: Moving) -> None:
    assert roll_back(both.m)["removed"] == 0
    assert both.target.calls["HoanTac"] == 0
