"""What the national side sees of a cutover, judged by its own ledger: no dossier twice, no history again."""

from collections import Counter
from pathlib import Path

import pytest
import requests
from sqlalchemy import insert

from hub.config import load_province
from hub.context import Hub
from hub.errors import Refused
from hub.migration.attempt import Migrating, open_attempt
from hub.migration.cutover.approving import approve
from hub.migration.cutover.freezing import freeze
from hub.migration.cutover.opening import open_province
from hub.migration.plans.plan import Chunks, Gates, Source
from hub.migration.proof.proving import prove
from hub.migration.run import run
from hub.sync import sync
from schemas.migration_tables import migration_proof
from tests.conftest import Sandbox
from tests.migration.conftest import Begin, Hours, rows
from tests.migration.deciding import APPROVER, state_all

TARGET = "vnpt_can_tho"


@pytest.fixture
def can_tho() -> str:
    return "can_tho"


def hub_of(m: Migrating, slug: str) -> Hub:
    return Hub(load_province(m.settings, slug), m.settings, m.engine, clock=m.clock, sleep=m.sleep)


def with_one_source(m: Migrating, slug: str, folder: Path) -> None:
    """The plan for one old province, with its lines of the table of agencies."""
    table = m.plan.recode.agencies
    assert table is not None
    head, *lines = table.read_text("utf-8").splitlines()
    own = folder / "agencies.csv"
    own.write_text("\n".join([head, *(line for line in lines if line.startswith(f"{slug},"))]), "utf-8")
    recode = m.plan.recode.model_copy(update={"agencies": own})
    m.plan = m.plan.model_copy(update={"sources": (Source(province=slug),), "recode": recode})


def opened(m: Migrating, hours: Hours) -> None:
    """The whole way to the opening, with every gate of the plan."""
    for source in m.plan.sources:
        sync(hub_of(m, source.province))
    run(m)
    hours.now = m.plan.freeze
    freeze(m)
    prove(m)
    rehearsed(m)
    state_all(m)
    approve(m, APPROVER, "đối soát khớp")
    hours.go_on(hours=5)
    open_province(m, APPROVER)


def rehearsed(m: Migrating) -> None:
    """A rehearsal was proved before."""
    attempt = open_attempt(m.engine, m.plan, "rehearsal", digest="", mark=m.clock())
    proof = {"counts": {}, "unaccounted": 0, "equal": True, "folder": "", "digest": "", "at": m.clock()}
    with m.engine.begin() as connection:
        connection.execute(insert(migration_proof).values(migration_id=attempt.migration_id, **proof))


def ledger_of(sandbox: Sandbox) -> dict[str, tuple[int, int]]:
    """Version and status of every dossier that the national side has."""
    return {code: (row["version"], row["status"]) for code, row in sandbox.sent().items()}


def staff_work_on(sandbox: Sandbox, code: str) -> int:
    """The new province's staff take a dossier a step further; its status then."""
    answer = requests.post(f"{sandbox.address(TARGET)}/_sandbox/move", json={"code": code}, timeout=10)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["status"])


@pytest.mark.dossiers(60)
@pytest.mark.usefixtures("hau_giang", "can_tho")
def test_after_the_opening_no_history_is_reported_and_what_is_under_way_goes_on_under_its_old_code(
    sandbox: Sandbox, begin: Begin, hours: Hours, tmp_path: Path
) -> None:
    m = begin(plan={"chunks": Chunks(days=366), "gates": Gates(held=0.5, split_open=9)})
    with_one_source(m, "hau_giang", tmp_path)
    opened(m, hours)
    before, calls, steps = ledger_of(sandbox), len(sandbox.ledger("calls")), len(sandbox.ledger("steps"))
    inherited = rows(m, "SELECT dossier_code, outgoing_code, finished FROM succession")
    assert {row.outgoing_code for row in inherited} <= set(before)
    history = {row.outgoing_code for row in inherited if row.finished}
    under_way = {row.dossier_code: row.outgoing_code for row in inherited if not row.finished}
    assert len(history) > 20 and len(under_way) > 1

    sandbox.say("advance", "--days", "1")
    hours.go_on(hours=8)
    moved = {under_way[code]: staff_work_on(sandbox, code) for code in sorted(under_way)[:2]}
    sync(hub_of(m, "can_tho"))

    after, asked = ledger_of(sandbox), sandbox.ledger("calls")[calls:]
    assert set(after) == set(before), "a dossier was made that was there"
    assert {code: after[code] for code in history} == {code: before[code] for code in history}
    touched = {code for call in asked for code in str(call["keys"]).split(",")}
    assert not touched & history, "history was asked for or sent again"
    assert {code: after[code][1] for code in moved} == moved
    new = sandbox.ledger("steps")[steps:]
    assert Counter(one["code"] for one in new) == Counter(list(moved)), "each moved dossier has its one new step"
    assert sandbox.ledger("sins") == []

    with pytest.raises(Refused, match="its dossiers are can_tho's since 01/07/2026 17:00"):
        sync(hub_of(m, "hau_giang"))
