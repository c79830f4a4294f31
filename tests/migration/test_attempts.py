"""Attempts by several processes at once, and with a plan that is edited under them."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hub.config import BASE, Settings
from hub.errors import Refused
from hub.migration import attempt as attempts
from hub.migration.attempt import Migrating
from hub.migration.cutover import gates, opening
from hub.migration.cutover.approving import approve
from hub.migration.cutover.freezing import freeze
from hub.migration.plans.changes import must_be_the_plan
from hub.migration.plans.fixed import fixed_parts
from hub.migration.plans.plan import load_plan
from hub.migration.proof import proving
from hub.migration.proof.proving import prove
from hub.migration.proof.sides import read_target_files
from hub.migration.run import run
from tests.migration.conftest import BEGUN, rows
from tests.migration.deciding import APPROVER, bring, proved_cutover
from tests.migration.merged import Merged, merged


@pytest.mark.parametrize("kind", ["cutover", "rehearsal"])
def test_two_that_begin_at_once_take_up_one_attempt(engine: Engine, tmp_path: Path, kind: Any) -> None:
    plan = load_plan(Settings(tmp_path, (BASE / "examples" / "can_tho", BASE)), "can_tho")

    def begin(_: int) -> int:
        return attempts.open_attempt(engine, plan, kind, digest="", mark=BEGUN).migration_id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(begin, range(8)))) == 1


def test_an_attempt_that_began_between_looking_and_writing_is_taken_up(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = load_plan(Settings(tmp_path, (BASE / "examples" / "can_tho", BASE)), "can_tho")
    other = attempts.open_attempt(engine, plan, "cutover", digest="", mark=BEGUN)
    seen = iter([None, other])
    monkeypatch.setattr(attempts, "current", lambda *given: next(seen))
    assert attempts.open_attempt(engine, plan, "cutover", digest="", mark=BEGUN) == other


def test_a_proof_does_not_overwrite_a_way_back_that_began_meanwhile(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = merged(engine, tmp_path)
    before = read_target_files

    def slow(m: Any, connection: Any) -> None:
        before(m, connection)
        bring(m, "rolling_back")

    monkeypatch.setattr(proving, "read_target_files", slow)
    with pytest.raises(Refused, match="brought the cutover to 'rolling_back' meanwhile"):
        prove(made.m)
    assert made.m.attempt.state == "rolling_back"
    assert rows(made.m, "SELECT FROM migration_proof") == [] and not list((tmp_path / "proofs" / "can_tho").iterdir())


@pytest.fixture
def own(engine: Engine, tmp_path: Path) -> Merged:
    """A proved cutover whose plan lies in a folder of its own."""
    made = proved_cutover(engine, tmp_path)
    shutil.copytree(BASE / "examples" / "can_tho", tmp_path / "own")
    made.m.settings = Settings(tmp_path, (tmp_path / "own", BASE))
    made.m.plan = load_plan(made.m.settings, "can_tho")
    with engine.begin() as connection:
        attempts.move_on(connection, made.m.attempt, "proved", plan_fixed=fixed_parts(made.m.plan))
    return made


def edit(made: Merged, before: str, after: str) -> None:
    path = made.m.settings.folders[0] / "migrations" / "can_tho.yaml"
    words = path.read_text("utf-8")
    assert before in words
    path.write_text(words.replace(before, after), "utf-8")


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("sources", "{province: can_tho_cu, scope: all}", "{province: can_tho_cu, scope: in_progress}"),
        ("target", "connection: vnpt_import_can_tho ", "connection: vnpt_import_khac "),
        ("recode", "on: 2026-07-01", "on: 2025-07-01"),
        ("freeze", "freeze: 2026-07-01T12:00:00", "freeze: 2026-07-01T11:00:00"),
    ],
)
def test_no_step_goes_on_by_a_plan_that_says_something_else_of_what_moves(
    own: Merged, key: str, before: str, after: str
) -> None:
    edit(own, before, after)
    steps: dict[str, Callable[[Migrating], Any]] = {
        "proved": lambda m: approve(m, APPROVER, "mở"),
        "following": run,
        "frozen": prove,
    }
    steps |= {"approved": lambda m: opening.open_province(m, APPROVER)}
    for state, step in (*steps.items(), ("following", freeze)):
        bring(own.m, state)
        with pytest.raises(Refused, match=f"the plan's {key} changed after this cutover began") as refused:
            step(own.m)
        assert "migrate rollback can_tho" in refused.value.next_step and own.m.attempt.state == state
    edit(own, after, before)
    must_be_the_plan(own.m)


def test_any_other_change_of_the_plan_is_told_once_with_both_digests(own: Merged) -> None:
    query = "SELECT details ->> 'before' AS before, details ->> 'after' AS after FROM migration_event"
    query += " WHERE migration_id = :id AND kind = 'plan_changed' ORDER BY event_id"
    must_be_the_plan(own.m)
    assert rows(own.m, query) == []
    edit(own, "held: 1 %", "held: 2 %")
    for _ in range(2):
        must_be_the_plan(own.m)
    [first] = rows(own.m, query)
    assert first.before == own.m.attempt.plan_digest != first.after
    edit(own, "held: 2 %", "held: 1 %")
    must_be_the_plan(own.m)
    assert [tuple(row) for row in rows(own.m, query)][1:] == [(first.after, first.before)]


def test_an_approval_waits_for_a_decision_that_is_being_taken_and_sees_what_follows_from_it(
    own: Merged, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hub.migration.deciding.decisions import deciding

    order: list[str] = []

    def judge(*given: Any) -> list[Any]:
        order.append("judged")
        return []

    monkeypatch.setattr(gates, "judge", judge)
    with ThreadPoolExecutor(1) as pool:
        with deciding(own.m):
            asked = pool.submit(approve, own.m, APPROVER, "mở")
            waits = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while not rows(own.m, waits) and not asked.done():
                continue
            order.append("decided")
        asked.result()
    assert order == ["decided", "judged"]
    with pytest.raises(Refused, match="approved"), deciding(own.m):
        pass
