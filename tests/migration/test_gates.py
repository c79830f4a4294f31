"""GO needs every gate green; each lie or open question turns its gate red and says what to do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from connectors import Page
from hub.migration.cutover.gates import TITLES, Gate, go, judge
from hub.migration.cutover.milestones import state_milestone
from hub.migration.proof.proving import prove
from schemas.migration_tables import migration, migration_chunk
from tests.migration.merged import NOON, SOURCE, Merged, merged, outgoing

NOW = NOON + timedelta(hours=2)


@pytest.fixture
def ready(engine: Engine, tmp_path: Path) -> Merged:
    """A frozen cutover of which everything is as it should be but the proof: one in 150 is held."""
    both = merged(engine, tmp_path, 150, held="agency_not_recoded")
    rehearsed = merged(engine, tmp_path, 3, kind="rehearsal")
    prove(rehearsed.m, outgoing=outgoing)
    state_milestone(engine, both.m.plan, "procedures_published", "Lan", "QĐ 12/QĐ-UBND", True, at=NOON)
    return both


def gates(both: Merged) -> dict[str, Gate]:
    return {gate.name: gate for gate in judge(both.m, both.m.plan, NOW)}


def red(both: Merged) -> set[str]:
    return {name for name, gate in gates(both).items() if not gate.green}


def test_without_a_proof_there_is_no_go(ready: Merged) -> None:
    found = judge(ready.engine, ready.m.plan, NOW)

    assert not go(found) and [gate.name for gate in found] == list(TITLES)
    assert "lienthong migrate reconcile can_tho" in found[0].why and found[0].value == "–"
    assert {"unaccounted", "equal", "held", "fresh", "quiet"} <= red(ready)


def test_a_whole_cutover_is_go_and_any_later_change_takes_it_back(ready: Merged) -> None:
    prove(ready.m, outgoing=outgoing)
    assert (red(ready), go(judge(ready.m, ready.m.plan, NOW))) == (set(), True)

    ready.change("k1", content_hash="new")
    assert red(ready) == {"fresh"}
    ready.run("UPDATE migrated_file SET state = 'owed' WHERE source_key = 'k2'")
    assert "lienthong migrate reconcile" in gates(ready)["fresh"].why


def test_each_thing_that_is_wrong_turns_its_own_gate_red(ready: Merged) -> None:
    del ready.peers.items[0]
    ready.peers.items[0]["maXa"] = ""
    ready.peers.items.append({**ready.peers.items[1], "id": "t999"})
    ready.peers.files[5]["sha256"] = "0"
    ready.peers.records.append({"id": "k999", "updatedDate": "2026-07-01T05:30:00.000+0000"})
    for number in range(10, 20):
        ready.change(f"k{number}", state="held", reason="refused_by_target", loaded_hash=None)
        ready.peers.items = [one for one in ready.peers.items if one["maHoSo"] != f"H13.1-{number:04}"]
    for number in range(20, 25):
        undecided = [{"reason": "commune_undecided", "field": "commune", "value": f"3132{number % 2}"}]
        ready.change(f"k{number}", state="held", reason="commune_undecided", loaded_hash=None, findings=undecided)
        ready.peers.items = [one for one in ready.peers.items if one["maHoSo"] != f"H13.1-{number:04}"]
    ready.run(
        "INSERT INTO dossier (province, dossier_code, outgoing_code, source_key, procedure_code, status, content_hash,"
        " steps_hash, record, message_id, run_id) VALUES (:p, 'H1', 'H1', 'k', '1.0', 4, 'h', 's', '{}', 1, 1)",
        p=SOURCE,
    )
    ready.run("INSERT INTO delivery (province, dossier_code, content_hash, run_id) VALUES (:p, 'H1', 'h', 1)", p=SOURCE)
    state_milestone(ready.engine, ready.m.plan, "procedures_published", "Lan", "QĐ 12 bị bãi bỏ", False, at=NOON)
    with ready.engine.begin() as connection:
        connection.execute(update(migration).where(migration.c.kind == "cutover").values(frozen_at=None))
        connection.execute(
            insert(migration_chunk).values(
                migration_id=ready.m.attempt_id, source=SOURCE, number=2, kind="delta", until=NOW
            )
        )
    prove(ready.m, outgoing=outgoing)

    found = gates(ready)
    assert red(ready) == set(TITLES) - {"fresh", "deadline", "gone"}
    assert (found["unaccounted"].value, found["unaccounted"].threshold) == ("2", "0")
    assert "not_in_target 1" in found["unaccounted"].why and "unread 1" in found["unaccounted"].why
    assert (
        found["split_open"].value == "2"
        and "5 dossiers of 2" in found["split_open"].why
        and "commune_undecided" in found["held"].why
    )
    assert found["refused"].value == "6.99 %"
    assert f"lienthong sync {SOURCE}" in found["nothing_owed"].why
    assert "QĐ 12 bị bãi bỏ" in found["milestones"].why


def test_a_missed_hour_and_a_proof_that_asked_no_source_are_no_go(ready: Merged) -> None:
    prove(ready.m, outgoing=outgoing, reread=False)

    assert red(ready) == {"unaccounted", "quiet", "gone"}
    late = judge(
        ready.m,
        ready.m.plan.model_copy(
            update={
                "milestones": tuple(
                    one.model_copy(update={"by": NOON - timedelta(hours=3)}) for one in ready.m.plan.milestones
                )
            }
        ),
        NOW,
    )
    assert "deadline" in {gate.name for gate in late if not gate.green}


def test_a_source_that_lists_nothing_any_more_or_not_all_that_it_states_is_no_go(
    ready: Merged, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    whole = ready.peers.records
    ready.peers.records = []
    assert not (proof := prove(ready.m, outgoing=outgoing)).unaccounted, "nothing new shows in an empty list"
    assert red(ready) == {"gone"} and f"{SOURCE} 150 of 150" in gates(ready)["gone"].why
    assert proof.counts["sources"][SOURCE]["listed"] == 0

    ready.peers.records = whole[1:]  # one of 150 is more than one in a thousand
    prove(ready.m, outgoing=outgoing)
    assert red(ready) == {"gone"}

    pull, stated = ready.m.source(SOURCE).source.pull, 151

    def stating(*words: Any) -> Iterator[Page]:
        yield from (replace(page, total=stated) for page in pull(*words))

    monkeypatch.setattr(ready.m.source(SOURCE).source, "pull", stating)
    ready.peers.records = [*whole[1:], whole[1]]
    ready.m.plan = ready.m.plan.model_copy(update={"gates": ready.m.plan.gates.model_copy(update={"gone": 0.01})})
    prove(ready.m, outgoing=outgoing)
    assert red(ready) == {"gone"} and "states 151 dossiers and listed 150" in gates(ready)["gone"].why
    stated = 150
    prove(ready.m, outgoing=outgoing)
    assert red(ready) == set()
