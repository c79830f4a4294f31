"""A plan's mistakes are told with file, line and key, before anything is begun."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.config import BASE, Settings
from hub.errors import ConfigurationError
from hub.migration.plans.plan import load_plan, plan_digest, plan_path, plan_slugs
from hub.migration.plans.plan_schema import FILE, plan_schema

GOOD = """\
title: Hợp nhất
target: {province: moi, system: vnpt_import, connection: import_moi, mapping: vnpt_import}
rehearsal: {connection: import_thu}
sources:
  - {province: cu_mot, scope: all}
  - {province: cu_hai, scope: all, since: 2024-07-01T00:00:00+07:00}
freeze: 2026-07-01T12:00:00+07:00
milestones:
  - {name: configuration_done, by: 2026-06-30T17:00:00+07:00, evidence: hub}
  - {name: migration_complete, by: 2026-07-01T18:00:00+07:00, evidence: hub}
  - {name: go_live, by: 2026-07-02T07:30:00+07:00, evidence: hub}
recode: {on: 2026-07-01}
approvers: [tổ trưởng]
"""


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """A configuration folder of one's own with the plan GOOD."""
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "hop_nhat.yaml").write_text(GOOD, "utf-8")
    return Settings(tmp_path / "home", (tmp_path, BASE))


def refused(own: Settings, text: str) -> ConfigurationError:
    """The error of a plan with this text."""
    plan_path(own, "hop_nhat").write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load_plan(own, "hop_nhat")
    return raised.value


def test_what_a_plan_leaves_out_has_the_documented_values(own: Settings) -> None:
    plan = load_plan(own, "hop_nhat")

    assert plan.deadline == datetime(2026, 7, 1, 11, tzinfo=UTC)
    assert (plan.gates.held, plan.gates.equal, plan.gates.split_open) == (0.01, 0.999, 0)
    assert (plan.chunks.batch, plan.deltas.every, plan.alert.margin) == (200, timedelta(minutes=15), timedelta(hours=1))
    assert plan.recode.agencies is None and plan.attachments == "in_progress" and plan_slugs(own) == ["hop_nhat"]


def test_shares_are_written_in_per_cent_with_point_or_comma(own: Settings) -> None:
    plan_path(own, "hop_nhat").write_text(GOOD + "gates: {held: '0,5 %', equal: 99.5%, refused: 0.02}\n", "utf-8")

    gates = load_plan(own, "hop_nhat").gates

    assert (gates.held, gates.equal, gates.refused) == (0.005, 0.995, 0.02)


def test_the_table_of_agencies_is_looked_for_beside_the_plan(own: Settings) -> None:
    text = GOOD.replace("{on: 2026-07-01}", "{on: 2026-07-01, agencies: a.csv}")
    plan_path(own, "hop_nhat").write_text(text, "utf-8")

    assert load_plan(own, "hop_nhat").recode.agencies == own.folders[0] / "migrations" / "a.csv"


def test_a_changed_plan_has_another_digest(own: Settings) -> None:
    before = plan_digest(plan_path(own, "hop_nhat"))
    plan_path(own, "hop_nhat").write_text(GOOD + "# one more line\n", "utf-8")

    assert plan_digest(plan_path(own, "hop_nhat")) != before and len(before) == 64


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("{province: cu_hai, scope", "{provnce: cu_hai, scope", 6, "did you mean 'province'?"),
        ("{province: cu_hai, scope: all", "{province: cu_hai, scope: open", 6, "'sources.scope'"),
        ("{province: cu_hai", "{province: cu_mot", 6, "'cu_mot' stands twice"),
        ("{province: cu_hai", "{province: moi", 6, "is the target too"),
        ("since: 2024-07-01T00:00:00+07:00", "since: 2026-07-01T12:00:00+07:00", 6, "moves nothing"),
        ("since: 2024-07-01T00:00:00+07:00", "since: 2024-07-01T00:00:00", 6, "with its offset"),
        ("freeze: 2026-07-01T12:00", "freeze: 2026-07-01T18:00", 7, "not before the deadline (01/07/2026 18:00)"),
        ("name: configuration_done", "name: configuraton_done", 9, "did you mean 'configuration_done'?"),
        ("name: go_live", "name: configuration_done", 11, "'configuration_done' stands twice"),
        ("name: migration_complete", "name: centres_ready", 8, "no milestone is 'migration_complete'"),
        ("2026-07-02T07:30", "2026-07-01T07:30", 11, "'go_live' (01/07/2026 07:30) is due before"),
        ("name: configuration_done", "name: go_live", 11, "stands twice"),
        ("configuration_done, by: 2026-06-30T17:00:00+07:00", "configuration_done", 9, "'milestones.by' is missing"),
        ("import_thu", "import_moi", 3, "would load into the target itself"),
        ("on: 2026-07-01", "on: 2027-01-01", 12, "not in force yet"),
        ("recode: {on: 2026-07-01}\n", "", 1, "the key 'recode' is missing"),
        ("[tổ trưởng]", "[]", 13, "approvers"),
        ("[tổ trưởng]", "[An, An]", 13, "'An' stands twice"),
        ("[tổ trưởng]", "[An]\ngates: {held: 1}", None, ""),
        ("[tổ trưởng]", "[An]\ngates: {held: 5}", 14, "less than or equal to 1"),
        ("[tổ trưởng]", "[An]\ngates: {held: much}", 14, "write a share in per cent"),
        ("[tổ trưởng]", "[An]\ngates: {hold: 1 %}", 14, "did you mean 'held'?"),
        ("[tổ trưởng]", "[An]\ndeltas: {every: 0m}", 14, "at least 1m"),
        ("[tổ trưởng]", "[An]\nchunks: {batch: 501}", 14, "chunks.batch"),
        ("[tổ trưởng]", "[An]\ntitle: again", 14, "the key 'title' stands twice"),
        ("title: Hợp nhất", "title: @moi", 1, "not YAML"),
    ],
)
def test_a_wrong_plan_names_file_line_and_key(own: Settings, old: str, new: str, line: int | None, words: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new)
    if line is None:
        plan_path(own, "hop_nhat").write_text(text, "utf-8")
        assert load_plan(own, "hop_nhat")
        return
    error = refused(own, text)
    assert words in error.what and error.where.endswith(f"hop_nhat.yaml:{line}") and error.next_step


def test_going_live_before_the_migration_is_complete_is_refused(own: Settings) -> None:
    lines = GOOD.splitlines(keepends=True)
    text = "".join([*lines[:9], lines[10].replace("07-02T07:30", "07-01T17:30"), lines[9], *lines[11:]])

    assert "open without its dossiers" in refused(own, text).what


def test_an_unknown_plan_names_the_nearest(own: Settings) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'hop_nhat'") as raised:
        load_plan(own, "hop_nhatt")

    assert "migrations/hop_nhatt.yaml" in raised.value.next_step


def test_the_schema_for_editors_is_the_models_own() -> None:
    assert json.loads(FILE.read_text("utf-8")) == plan_schema(), "run: python -m hub.migration.plans.plan_schema"


def test_the_example_is_a_plan() -> None:
    plan = load_plan(Settings(BASE / "nowhere", (BASE / "examples" / "can_tho", BASE)), "can_tho")

    assert [source.province for source in plan.sources] == ["can_tho_cu", "hau_giang", "soc_trang"]
    assert plan.deadline.isoformat() == "2026-07-01T18:00:00+07:00"
