"""`lienthong demo`, twice with a day between: the real flows through Airflow, judged by the peers' own ledgers."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from hub.config import BASE
from tests.commands import lienthong
from tests.conftest import Sandbox

pytestmark = pytest.mark.timeout(600)

DOSSIERS = 60

PROVINCES = ("lao_cai", "quang_ngai", "son_la", "thai_nguyen", "nghe_an")

AGAIN = "quang_ngai"
"""Whose second demo is looked at."""

STAGES = ["open_run", "pull", "check", "merge", "push", "reconcile", "report"]


@dataclass(frozen=True)
class Home:
    """A data folder with a demo in it."""

    path: Path

    def sandbox(self, *words: str) -> Any:
        """One command of the sandbox, answered in JSON."""
        return Sandbox(self.path).say(*words)

    def demo(self, *words: str) -> dict[str, Any]:
        """`lienthong demo`, answered in JSON; it has to end with 0."""
        environment = {**os.environ, "LIENTHONG_HOME": str(self.path)}
        ended = lienthong("demo", *words, "--json", environment=environment, folder=BASE)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return dict(json.loads(ended.stdout))

    def ledgers(self) -> dict[str, Any]:
        return dict(self.sandbox("status"))


@dataclass(frozen=True)
class Story:
    """What the two demos said, and what the peers' ledgers said after each."""

    home: Home
    first: dict[str, Any]
    after_first: dict[str, Any]
    day: dict[str, Any]
    second: dict[str, Any]
    after_second: dict[str, Any]


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """A first demo, a day at the peers, a second demo."""
    folder = Path(tempfile.mkdtemp(prefix="lienthong-demo-"))
    home = Home(folder)
    try:
        first = home.demo("--dossiers", str(DOSSIERS))
        after_first = home.ledgers()
        home.sandbox("start", "--port-base", "0")
        day = home.sandbox("advance", "--days", "1")
        home.sandbox("stop")
        second = home.demo("--provinces", AGAIN)
        yield Story(home, first, after_first, day, second, home.ledgers())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_every_dossier_that_was_served_is_delivered_or_held(story: Story) -> None:
    assert tuple(story.first["provinces"]) == PROVINCES
    for slug, said in story.first["provinces"].items():
        served = story.after_first["systems"][slug]["served"]
        assert served == DOSSIERS
        assert said["delivered"] + said["held"] == served
    delivered = sum(said["delivered"] for said in story.first["provinces"].values())
    assert story.after_first["national"]["dossiers"] == delivered


def test_the_national_ledger_has_no_dossier_twice_and_no_step_out_of_order(story: Story) -> None:
    for ledger in (story.after_first, story.after_second):
        assert ledger["national"]["duplicates"] == 0
        assert ledger["national"]["order_violations"] == 0
        assert ledger["national"]["refused"] == 0


def test_both_sides_are_found_equal(story: Story) -> None:
    assert story.first["reconciled"] is True
    for said in story.first["provinces"].values():
        assert said["reconciled"] == said["delivered"]
        assert said["unknown"] == 0


def test_the_flows_are_airflows_own_and_every_task_succeeded(story: Story) -> None:
    flows = {flow["dag_id"]: flow for flow in story.first["flows"]}
    assert list(flows) == ["procedures__national", *(f"sync__{slug}" for slug in PROVINCES)]
    for slug in PROVINCES:
        assert list(flows[f"sync__{slug}"]["tasks"]) == STAGES
    assert {task["state"] for flow in flows.values() for task in flow["tasks"].values()} == {"success"}


def test_after_a_day_the_second_demo_sends_what_changed_and_nothing_else(story: Story) -> None:
    assert list(story.second["provinces"]) == [AGAIN]
    assert [flow["dag_id"] for flow in story.second["flows"]] == ["procedures__national", f"sync__{AGAIN}"]
    before, after = story.after_first["national"]["dossiers"], story.after_second["national"]["dossiers"]
    counts, moved = story.second["provinces"][AGAIN]["last_run"]["counts"], story.day["systems"][AGAIN]
    assert 0 < counts["delivered"] <= moved["changed"] + moved["added"]
    new = story.second["provinces"][AGAIN]["delivered"] - story.first["provinces"][AGAIN]["delivered"]
    assert after - before == new > 0
    assert story.second["reconciled"] is True


def test_a_demo_of_an_unknown_province_starts_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "LIENTHONG_HOME": str(tmp_path / "home")}
    ended = lienthong("demo", "--provinces", "lao_cai,ha_noi", "--json", environment=environment, folder=BASE)
    assert ended.returncode == 2 and "ha_noi" in json.loads(ended.stdout)["what"]
    assert not (tmp_path / "home").exists()


def test_the_report_is_one_page_that_reads_offline(story: Story) -> None:
    page = Path(story.second["report"]).read_text("utf-8")
    assert "Lào Cai" in page
    assert "Thái Nguyên" in page
    assert 'src="http' not in page


def test_nothing_is_left_running(story: Story) -> None:
    left = [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if any(str(story.home.path) in word for word in process.info["cmdline"] or ())
    ]
    assert left == []
