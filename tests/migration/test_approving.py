"""GO and NO-GO: who may say it, on what, and what it leaves behind."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hub.errors import ConfigurationError, Refused
from hub.migration.cutover import gates
from hub.migration.cutover.approving import approve, refuse
from hub.migration.cutover.freezing import freeze
from hub.migration.cutover.gates import Gate
from hub.migration.cutover.milestones import milestones_of, state_milestone
from tests.migration.conftest import rows
from tests.migration.deciding import APPROVER, SOURCE, bring, proved_cutover, stands
from tests.migration.merged import NOON, Merged


@pytest.fixture
def cutover(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Merged:
    """Proved, with every gate green."""
    monkeypatch.setattr(gates, "judge", lambda *given, **named: [])
    return proved_cutover(engine, tmp_path)


def test_an_approver_says_go_and_it_stands_with_name_and_reason(cutover: Merged) -> None:
    assert approve(cutover.m, "LÃNH ĐẠO  sở nội vụ", "đối soát khớp") == {
        "state": "approved", "by": APPROVER, "already": False,
    }  # fmt: skip
    [event] = rows(cutover.m, "SELECT who, text FROM migration_event WHERE kind = 'approval'")
    [told] = rows(cutover.m, "SELECT who, details ->> 'why' FROM audit WHERE action = 'migration_approval'")
    assert tuple(event) == tuple(told) == (APPROVER, "đối soát khớp")
    before = stands(cutover.m)
    assert approve(cutover.m, APPROVER, "lần nữa")["already"] and stands(cutover.m) == before


@pytest.mark.parametrize("decide", [approve, refuse])
def test_nobody_else_decides_and_those_who_may_are_named(cutover: Merged, decide: Any) -> None:
    before = stands(cutover.m)
    with pytest.raises(Refused, match="'Nguyễn Văn Tư' is not among") as refused:
        decide(cutover.m, "Nguyễn Văn Tư", "tôi thấy được")
    assert APPROVER in refused.value.next_step and stands(cutover.m) == before


def test_a_red_gate_stops_the_approval_and_is_named(cutover: Merged, monkeypatch: pytest.MonkeyPatch) -> None:
    red = Gate("held", "at most 1 %", "4.2 %", False, "1,312 of 31,240 are held")
    monkeypatch.setattr(gates, "judge", lambda *given, **named: [red])
    before = stands(cutover.m)
    with pytest.raises(Refused, match="held: 1,312 of 31,240 are held"):
        approve(cutover.m, APPROVER, "vẫn mở")
    assert stands(cutover.m) == before


@pytest.mark.parametrize("state", ["following", "frozen", "opened"])
def test_what_is_not_proved_is_not_decided_on(cutover: Merged, state: str) -> None:
    bring(cutover.m, state)
    before = stands(cutover.m)
    with pytest.raises(Refused, match=f"stands at '{state}'"):
        approve(cutover.m, APPROVER, "mở")
    with pytest.raises(Refused, match=f"stands at '{state}'"):
        refuse(cutover.m, APPROVER, "không mở")
    assert stands(cutover.m) == before


def test_a_refused_cutover_follows_its_sources_again_and_may_be_frozen_anew(cutover: Merged) -> None:
    m = cutover.m
    assert refuse(m, APPROVER, "thiếu 3 tệp")["state"] == "following"
    attempt = m.attempt
    assert (attempt.state, attempt.frozen_at, attempt.opened_at) == ("following", None, None)
    events = rows(m, "SELECT kind, name FROM migration_event WHERE migration_id = :id ORDER BY event_id")
    assert [tuple(row) for row in events][-3:] == [("state", "refused"), ("refusal", ""), ("state", "following")]
    with pytest.raises(Refused, match="stands at 'following'"):
        refuse(m, APPROVER, "lần nữa")


def test_a_decision_without_its_reason_is_none(cutover: Merged) -> None:
    with pytest.raises(ConfigurationError, match="without its reason"):
        approve(cutover.m, APPROVER, "  ")


def test_before_its_hour_nothing_is_frozen(cutover: Merged) -> None:
    m = cutover.m
    bring(m, "following")
    m.clock = lambda: NOON - timedelta(minutes=1)
    before = stands(m)
    with pytest.raises(Refused, match="freeze at 01/07/2026 12:00, and it is 01/07/2026 11:59"):
        freeze(m)
    assert stands(m) == before


def test_a_person_states_only_what_the_hub_cannot_see_and_only_with_a_source(cutover: Merged) -> None:
    m = cutover.m
    before = stands(m)
    for name, source, error, words in (
        ("go_live", SOURCE, Refused, "the hub sees it itself"),
        ("centres_ready", " ", ConfigurationError, "without a source"),
        ("budget", SOURCE, ConfigurationError, "no milestone 'budget'"),
    ):
        with pytest.raises(error, match=words):
            state_milestone(m.engine, m.plan, name, "Lê Thị Hoa", source, True, at=NOON)
    assert stands(m) == before
    state_milestone(m.engine, m.plan, "centres_ready", "Lê Thị Hoa", SOURCE, True, at=NOON + timedelta(hours=9))
    [ready] = [one for one in milestones_of(m.engine, m.plan, m.clock()) if one.name == "centres_ready"]
    assert (ready.state, ready.source) == ("met", SOURCE) and ready.why.endswith("1 h 00 min after its hour")
