"""The drill, small: every command of a cutover, kills, trouble, and the peers' own ledgers as judges."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from sqlalchemy import Engine, text

from hub.drill import ground
from hub.drill.ground import EXAMPLE, PLAN, with_hours
from hub.drill.killing import points
from hub.drill.run import Wanted, drill
from hub.migration.plans.plan import load_plan
from tests.commands import lienthong


def test_the_points_of_the_kills_follow_from_the_seed_and_lie_inside_the_work() -> None:
    assert points(7, 5) == points(7, 5) != points(8, 5)
    assert len(points(7, 5)) == 5 and points(7, 5) == sorted(points(7, 5))
    assert all(0 < one < 1 for seed in range(50) for one in points(seed, 5))


def test_the_examples_hours_move_and_nothing_else(tmp_path: Path) -> None:
    from hub.config import BASE, Settings

    before = load_plan(Settings(tmp_path, (EXAMPLE, BASE)), PLAN)
    folder = tmp_path / "own" / "migrations"
    folder.mkdir(parents=True)
    now = datetime(2026, 11, 23, 7, tzinfo=UTC)
    text_now = with_hours((EXAMPLE / "migrations" / f"{PLAN}.yaml").read_text("utf-8"), now)
    (folder / f"{PLAN}.yaml").write_text(text_now, "utf-8")
    (folder / f"{PLAN}.agencies.csv").write_bytes((EXAMPLE / "migrations" / f"{PLAN}.agencies.csv").read_bytes())
    after = load_plan(Settings(tmp_path, (tmp_path / "own", BASE)), PLAN)
    assert after.freeze == now
    assert [one.name for one in after.milestones] == [one.name for one in before.milestones]
    assert [one.by for one in after.milestones] == sorted(one.by for one in after.milestones)
    same = {"freeze": None, "milestones": None, "recode": None}
    assert after.model_copy(update=same) == before.model_copy(update=same)


@pytest.mark.timeout(400)
def test_a_small_drill_loses_nothing_and_sends_nothing_twice(
    database: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", database)
    monkeypatch.setattr(ground, "SLOW_SECONDS", 0.02)  # each file of the slow source is a call: it is waited for, often
    said: list[str] = []

    def runs(words: Sequence[str], environment: Mapping[str, str]) -> CompletedProcess[str]:
        import os

        said.append(" ".join(words[:2]))
        return lienthong(*words, environment={**os.environ, **environment}, folder=tmp_path)

    answer = drill(tmp_path, Wanted(20, 1, 3), datetime.now(UTC), lambda *told: None, runs)

    assert answer["passed"], json.dumps(answer, default=str)
    assert [one["share"] > 0 for one in answer["kills"]] == [True] and answer["starts"] == 2
    peers = answer["peers"]
    assert peers["target"]["imported"] == sum(one.get("migrated", 0) for one in peers["sources"].values()) > 0
    assert (peers["target"]["duplicates"], peers["target"]["sins"]) == (0, 0)
    assert all(one["has"] == one["accounted"] for one in peers["sources"].values())
    with engine.connect() as connection:
        query = "SELECT count(*) FROM migrated JOIN migration USING (migration_id) WHERE kind = 'cutover'"
        rows = connection.scalar(text(f"{query} AND migrated.state IN ('migrated', 'held', 'out_of_scope')"))
        assert rows == connection.scalar(text(query)) >= sum(one["has"] for one in peers["sources"].values())
    gates = {one["name"]: one["green"] for one in answer["go"]["gates"]}
    asked = ("unaccounted", "equal", "equal_per_field", "split_open", "frozen", "quiet", "gone", "fresh", "milestones")
    assert [name for name in asked if not gates[name]] == []
    assert (answer["state"] == "opened") == answer["go"]["go"]
    assert "Diễn tập" in Path(answer["page"]).read_text("utf-8") or "diễn tập" in Path(answer["page"]).read_text(
        "utf-8"
    )
