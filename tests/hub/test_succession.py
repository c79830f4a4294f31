"""Dossiers of a merged province in their new one: history is not reported as new, what is under way goes on."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from hub.check import check
from hub.context import Hub
from hub.errors import Refused
from hub.merge import merge
from hub.pull import pull
from hub.push import push
from hub.quarantine import held_items
from hub.succession import closed, must_be_open
from hub.sync import start_run
from schemas.migration_tables import migration, migration_event, succession
from tests.conftest import Sandbox
from tests.hub.test_merge import START, Province, version

OPENING = START + timedelta(days=30)
"""When the new province opened; the dossiers here are touched within hours of START."""


@pytest.fixture
def old(lao_cai: Hub) -> Province:
    return Province(lao_cai)


@pytest.fixture
def new(lao_cai: Hub, old: Province) -> Province:
    return Province(lao_cai)


@pytest.fixture
def attempt(new: Province) -> int:
    """Number of a cutover of which `new` is the target."""
    values = {"plan": new.name, "kind": "cutover", "state": "opened", "plan_digest": "", "target": new.name}
    with new.hub.engine.begin() as connection:
        made = insert(migration).values(**values, mark=START, opened_at=OPENING).returning(migration.c.migration_id)
        return int(connection.scalar(made) or 0)


@pytest.fixture
def inherit(old: Province, new: Province, attempt: int) -> Iterator[Any]:
    """Let `new` take a dossier over from `old`."""

    def take(code: str, *, finished: bool, settled: datetime = OPENING, **other: Any) -> None:
        row = {"outgoing_code": code, "known_nationally": True, "finished": finished, "settled_until": settled} | other
        with new.hub.engine.begin() as connection:
            ids = {"province": new.name, "dossier_code": code, "predecessor": old.name, "migration_id": attempt}
            connection.execute(insert(succession).values(**ids, **row))
            connection.execute(
                text("UPDATE dossier SET succeeded_by = :new WHERE province = :old AND dossier_code = :code"),
                {"new": new.name, "old": old.name, "code": code},
            )

    yield take


def steps(province: Province, code: str) -> list[tuple[str, str]]:
    """Text and state of a dossier's steps, in order."""
    rows = province.ask(
        "SELECT dossier_code, record ->> 'content', state FROM progress_step WHERE province = :province"
        " ORDER BY happened_at"
    )
    return [(content, state) for one, content, state in rows if one == code]


def test_history_that_was_not_touched_since_the_opening_owes_nothing(
    old: Province, new: Province, inherit: Any
) -> None:
    old.run(("x", 3, version("A", 3, status=10)))
    old.deliver()
    inherit("A", finished=True)
    assert new.run(("y", 3, version("A", 3, status=10, subject="như hệ thống mới viết")))["merged"] == 1
    assert new.owed() == {} and new.held() == {}
    assert {state for _, state in steps(new, "A")} == {"delivered"}
    [[delivered]] = new.ask("SELECT delivered_hash = content_hash FROM dossier WHERE province = :province")
    assert delivered


def test_history_that_is_corrected_after_the_opening_is_owed_with_its_new_steps_only(
    new: Province, inherit: Any
) -> None:
    inherit("A", finished=True)
    new.run(("y", 3, version("A", 3, status=8)))
    later = version("A", 3, subject="sửa sau hợp nhất")
    later["steps"].append({**later["steps"][0], "at": OPENING + timedelta(hours=1), "content": "mở lại"})
    new.run(("y", 24 * 31, later))
    assert new.owed() == {"A": "sửa sau hợp nhất"}
    assert [state for _, state in steps(new, "A")] == ["delivered"] * 3 + ["pending"]


def test_history_that_is_first_seen_after_its_correction_is_owed(new: Province, inherit: Any) -> None:
    inherit("A", finished=True)
    new.run(("y", 24 * 31, version("A", 3, subject="sửa trước lần đọc đầu")))
    assert new.owed() == {"A": "sửa trước lần đọc đầu"}
    assert {state for _, state in steps(new, "A")} == {"delivered"}


def test_a_dossier_under_way_goes_on_under_the_code_that_the_national_side_knows(
    old: Province, new: Province, inherit: Any
) -> None:
    old.run(("x", 2, version("A", 2)))
    old.deliver()
    inherit("A", finished=False, settled=START + timedelta(hours=1), outgoing_code="G09.20-260601-00001")
    new.run(("y", 4, version("A", 4, national_code="G99.99-260701-00009")))
    [[code]] = new.ask("SELECT outgoing_code FROM dossier WHERE province = :province")
    assert code == "G09.20-260601-00001" and new.owed() == {"A": "bản 4"}
    assert [state for _, state in steps(new, "A")] == ["delivered", "delivered", "pending", "pending"]


def test_an_old_provinces_dossier_is_no_rival_of_its_successor(old: Province, new: Province, inherit: Any) -> None:
    old.run(("x", 2, version("A", 2)))
    new.run(("y", 2, version("A", 2)))
    assert new.held() == {"y": "conflicting_duplicate"}, "while the old province is open it is one"
    inherit("A", finished=False)
    new.run(("y", 3, version("A", 3)))
    assert new.held() == {} and new.owed() == {"A": "bản 3"}


def test_a_province_that_was_not_merged_is_owed_as_before(new: Province, inherit: Any) -> None:
    inherit("A", finished=True)
    new.run(("y", 3, version("B", 3)))
    assert new.owed() == {"B": "bản 3"} and {state for _, state in steps(new, "B")} == {"pending"}


def test_a_closed_province_is_refused_naming_its_successor_and_day(old: Province, new: Province, attempt: int) -> None:
    engine = new.hub.engine
    must_be_open(engine, old.name)
    with engine.begin() as connection:
        opening = {"plan": new.name, "migration_id": attempt, "kind": "opening", "text": "mở"}
        connection.execute(insert(migration_event).values(**opening, details={"closed": [old.name]}))
    with pytest.raises(Refused, match=f"{new.name}'s since 01/07/2026 08:00") as refused:
        must_be_open(engine, old.name)
    assert f"lienthong sync {new.name}" in refused.value.next_step
    must_be_open(engine, new.name)
    assert closed(engine, new.name) is None


def test_a_province_that_is_only_being_loaded_is_not_synced(new: Province, attempt: int) -> None:
    engine = new.hub.engine
    for state, refused in (("following", True), ("approved", True), ("rolled_back", False), ("opened", False)):
        with engine.begin() as connection:
            connection.execute(text("UPDATE migration SET state = :state"), {"state": state})
        if refused:
            with pytest.raises(Refused, match="report the old provinces' history as new"):
                must_be_open(engine, new.name)
        else:
            must_be_open(engine, new.name)


@pytest.mark.dossiers(12)
def test_a_dossier_that_the_national_side_should_know_and_does_not_is_held_and_never_created(
    lao_cai: Hub, sandbox: Sandbox, attempt: int
) -> None:
    run = start_run(lao_cai)
    for stage in (pull, check, merge):
        stage(lao_cai, run.run_id)
    with lao_cai.engine.begin() as connection:
        codes = list(connection.scalars(text("SELECT dossier_code FROM dossier ORDER BY 1 LIMIT 3")))
        for code, known, finished in zip(codes, (True, False, False), (False, True, False), strict=True):
            row = {"province": "lao_cai", "dossier_code": code, "predecessor": "old", "outgoing_code": code}
            row |= {"known_nationally": known, "finished": finished, "settled_until": START, "migration_id": attempt}
            connection.execute(insert(succession).values(**row))
    push(lao_cai, run.run_id)
    sent = sandbox.sent()
    assert [code in sent for code in codes] == [False, False, True], "one that nobody reported is created"
    held = {item["dossier_code"]: item["reason"] for item in held_items(lao_cai.engine, "lao_cai")}
    assert held == dict.fromkeys(codes[:2], "not_known_nationally")
