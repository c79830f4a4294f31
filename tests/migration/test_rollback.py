"""The way back, judged by the target's own digest; after the opening there is none."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from connectors.connector import HOSTS
from hub.errors import Busy, Refused, StageFailed
from hub.migration.attempt import current
from hub.migration.cutover.opening import open_province
from hub.migration.cutover.rollback import roll_back
from hub.migration.proof.proving import prove
from hub.migration.run import run
from hub.migration.target.loading import load
from hub.migration.target.state import state_now
from hub.store import province_lock
from hub.succession import must_be_open
from tests.migration.deciding import bring, proved_cutover, stands, state_all
from tests.migration.importing import Moving, Target, moving


@pytest.fixture
def both(engine: Engine, tmp_path: Path) -> Moving:
    """A target, and six dossiers that are to come."""
    HOSTS.forget()
    found = moving(engine, tmp_path, Target())
    found.read(range(1, 7))
    return found


@pytest.mark.parametrize("state", ["loading", "following", "approved"])
def test_before_the_opening_the_target_stands_as_at_the_mark_and_a_new_attempt_may_begin(
    both: Moving, state: str
) -> None:
    before = state_now(both.m)
    load(both.m)
    assert state_now(both.m) != before
    bring(both.m, state)
    done = roll_back(both.m, "Lê Thị Hoa", "bảng mã cơ quan sai")
    assert state_now(both.m) == before and (done["dossiers"], done["digest"]) == (before.dossiers, before.digest)
    assert both.m.attempt.state == "rolled_back" and current(both.m.engine, both.m.plan.slug, "cutover") is None
    for source in both.m.plan.sources:
        must_be_open(both.m.engine, source.province)
    must_be_open(both.m.engine, both.m.plan.target.province)
    assert roll_back(both.m, "Lê Thị Hoa", "lần nữa")["already"]


def test_what_never_reached_the_target_is_given_up_without_asking_it(both: Moving) -> None:
    bring(both.m, "reading")
    assert roll_back(both.m, "Lê Thị Hoa", "hoãn") == {"state": "rolled_back", "already": False}
    assert both.target.calls["HoanTac"] == 0


@pytest.mark.parametrize("broken", ["the target is down", "killed behind it"])
def test_a_way_back_that_was_broken_off_neither_opens_nor_loads_and_rolling_back_again_ends_it(
    both: Moving, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state_now(both.m)
    load(both.m)
    bring(both.m, "approved")
    with monkeypatch.context() as until_here:
        if broken == "the target is down":
            both.target.breaks = {"HoanTac": ["down"] * 99}
        else:
            until_here.setattr("hub.migration.cutover.rollback.audit.write", killed)
        with pytest.raises((StageFailed, KeyboardInterrupt)):
            roll_back(both.m, "Lê Thị Hoa", "hoãn")
    assert both.m.attempt.state == "rolling_back" and (state_now(both.m) == before) == (broken != "the target is down")
    with pytest.raises(Refused, match="the cutover stands at 'rolling_back'"):
        open_province(both.m, "Lê Thị Hoa")
    for on in (load, run, prove):
        with pytest.raises(Refused):
            on(both.m)
    both.target.breaks = {}
    assert roll_back(both.m, "Lê Thị Hoa", "hoãn")["state"] == "rolled_back"
    assert state_now(both.m) == before and current(both.m.engine, both.m.plan.slug, "cutover") is None


def killed(*given: Any, **named: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("work", ["loading", "proof"])
def test_nothing_is_rolled_back_while_another_process_loads_or_proves(both: Moving, work: str) -> None:
    load(both.m)
    bring(both.m, "following")
    place = (both.m.plan.sources[0].province, f"loading {both.m.attempt_id}")
    place = ("migration.can_tho", "proof") if work == "proof" else place
    with province_lock(both.m.engine, *place), pytest.raises(Busy):
        roll_back(both.m, "Lê Thị Hoa", "hoãn")
    assert both.target.calls["HoanTac"] == 0 and both.m.attempt.state == "following"


def test_after_the_opening_it_is_refused_with_what_would_be_lost(engine: Engine, tmp_path: Path) -> None:
    m = proved_cutover(engine, tmp_path).m
    bring(m, "approved")
    state_all(m)
    open_province(m, "Lê Thị Hoa")
    before = stands(m)
    with pytest.raises(Refused, match="can_tho is open since 01/07/2026 13:00: going back would lose") as refused:
        roll_back(m, "Lê Thị Hoa", "lỗi")
    assert "corrected forward" in refused.value.next_step and stands(m) == before
