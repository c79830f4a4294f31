"""What a plan names is looked at before anything is begun: provinces, accounts, spec, mapping, tables, hours."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hub.config import BASE, Settings
from hub.errors import ConfigurationError
from hub.migration.plans.plan import load_plan, plan_path
from hub.migration.plans.problems import Problem, must_be_sound, problems_of

PLAN = """\
title: Hợp nhất
target: {province: moi, system: vnpt_intake, connection: nhap_moi, mapping: vnpt_igate}
rehearsal: {connection: nhap_thu}
sources:
  - {province: cu_mot}
  - {province: cu_hai}
freeze: 2026-07-01T12:00:00+07:00
milestones: [{name: migration_complete, by: 2026-07-01T18:00:00+07:00}]
recode: {on: 2026-07-01}
approvers: [tổ trưởng]
"""
BEFORE = datetime.fromisoformat("2026-06-30T18:00:00+07:00")
ACCOUNTS = ("nhap_moi", "nhap_thu", "doc_moi", "doc_cu_mot", "doc_cu_hai")


def province(folder: Path, slug: str, code: str, connection: str) -> None:
    text = f'province: {{code: "{code}", name: {slug}, agency: H13}}\nsystem: vnpt_igate\nconnection: {connection}\n'
    (folder / "provinces" / f"{slug}.yaml").write_text(text + "national: {unit: H13}\n", "utf-8")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A folder with a sound plan, its three provinces, and every account in the environment."""
    for folder in ("migrations", "provinces"):
        (tmp_path / folder).mkdir()
    (tmp_path / "migrations" / "hop_nhat.yaml").write_text(PLAN, "utf-8")
    for slug, code in (("moi", "92"), ("cu_mot", "93"), ("cu_hai", "94")):
        province(tmp_path, slug, code, f"doc_{slug}")
    for name in ACCOUNTS:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", f"http://an:x@{name}.example")
    return Settings(tmp_path / "home", (tmp_path, BASE))


def found(own: Settings, old: str = "", new: str = "", now: datetime = BEFORE) -> list[Problem]:
    plan_path(own, "hop_nhat").write_text(PLAN.replace(old, new), "utf-8")
    return problems_of(load_plan(own, "hop_nhat"), own, now)


def test_a_sound_plan_has_no_problems(own: Settings) -> None:
    assert found(own) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("province: cu_hai", "province: cu_haii", 6, "did you mean 'cu_hai'?"),
        ("connection: nhap_moi", "connection: nhap_noi", 2, "the connection 'nhap_noi' is not known"),
        ("connection: nhap_thu", "connection: nhap_thư", 3, "is not known"),
        ("system: vnpt_intake", "system: vnpt_intak", 2, "did you mean 'vnpt_intake'?"),
        ("mapping: vnpt_igate", "mapping: vnpt_igat", 2, "vnpt_igat"),
        ("{on: 2026-07-01}", "{on: 2026-07-01, agencies: khong_co.csv}", 9, "there is no table of agencies"),
        ("{province: cu_mot}", "{province: cu_mot, since: 2026-06-30T19:00:00+07:00}", 5, "after now"),
        ("connection: nhap_moi", "connection: doc_cu_hai", 6, "into which the plan loads"),
    ],
)
def test_what_a_plan_names_and_is_not_there_is_an_error_with_its_line(
    own: Settings, old: str, new: str, line: int, words: str
) -> None:
    first = found(own, old, new)[0]

    assert first.level == "error" and words in first.what
    assert first.where.endswith(f"hop_nhat.yaml:{line}") and first.next_step


def test_a_table_of_agencies_that_cannot_be_used_is_an_error_with_its_own_line(own: Settings) -> None:
    (own.folders[0] / "migrations" / "a.csv").write_text("source,old_code\ncu_ba,000.00.01.H30\n", "utf-8")

    first = found(own, "{on: 2026-07-01}", "{on: 2026-07-01, agencies: a.csv}")[0]

    assert first.level == "error" and "a.csv:" in first.what and first.where.endswith("hop_nhat.yaml:9")


def test_two_sources_behind_one_account_are_an_error(own: Settings) -> None:
    province(own.folders[0], "cu_hai", "94", "doc_cu_mot")

    assert [(one.level, "every dossier would move twice" in one.what) for one in found(own)] == [("error", True)]


def test_a_target_that_is_no_unit_on_the_day_of_the_recoding_is_an_error(own: Settings) -> None:
    province(own.folders[0], "moi", "93", "doc_moi")

    first = found(own)[0]

    assert "code 93 is no unit on 01/07/2026" in first.what and first.where.endswith("hop_nhat.yaml:9")


def test_a_deadline_in_the_past_begins_nothing_and_the_plan_stays_readable(own: Settings) -> None:
    plan = load_plan(own, "hop_nhat")
    just_after = plan.deadline + timedelta(seconds=1)

    assert [one.level for one in problems_of(plan, own, just_after)] == ["error"]
    with pytest.raises(ConfigurationError, match="the deadline 01/07/2026 18:00 is past") as raised:
        must_be_sound(plan, own, just_after)
    assert raised.value.where.endswith("hop_nhat.yaml:8") and "reconcile" in raised.value.next_step


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rehearsal: {connection: nhap_thu}\n", "", "no place to rehearse"),
        ("{province: cu_mot}", "{province: cu_mot, scope: in_progress, since: 2026-01-01T00:00:00+07:00}", "stay in"),
    ],
)
def test_what_may_be_meant_is_a_warning_that_stops_nothing(own: Settings, old: str, new: str, words: str) -> None:
    problems = found(own, old, new)

    assert [one.level for one in problems] == ["warning"] and words in problems[0].what
    must_be_sound(load_plan(own, "hop_nhat"), own, BEFORE)


def test_sources_that_should_be_frozen_already_are_a_warning(own: Settings) -> None:
    now = load_plan(own, "hop_nhat").freeze

    assert [one.level for one in found(own, now=now)] == ["warning"]
