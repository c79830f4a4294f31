"""The rules that every flow shares: which window a run reads, and who is asked when a task fails."""

import json
from typing import Any

import pytest

from tests.dags.conftest import Python

ASK = """
import json, sys
from datetime import datetime
from types import SimpleNamespace
from airflow.sdk.api.datamodels._generated import DagRunType
from connectors.errors import AuthRefused, BadAnswer, PeerDown, PeerUnknown
from dags.flow import ByWhoMustAct, window
from hub.errors import Busy, ConfigurationError, StageFailed

def asked(kind, since=None, until=None):
    context = {
        "dag_run": SimpleNamespace(run_type=DagRunType(kind)),
        "params": {"since": since, "until": until, "dry_run": False},
        "data_interval_start": datetime.fromisoformat("2026-06-09T01:30:00+07:00"),
        "data_interval_end": datetime.fromisoformat("2026-06-10T01:30:00+07:00"),
    }
    before = datetime.now().astimezone()
    start, end = window(context)
    return [start and start.isoformat(), "now" if end >= before else end.isoformat()]

def decided(error, cause=None):
    error.__cause__ = cause
    return ByWhoMustAct().evaluate(error, 1, 3).action.value

json.dump({
    "scheduled": asked("scheduled"),
    "manual": asked("manual"),
    "backfill": asked("backfill"),
    "form": asked("manual", "2026-06-01T00:00:00+07:00", "2026-06-02T00:00:00Z"),
    "form without zone": asked("manual", "2026-06-01T00:00:00"),
    "form over backfill": asked("backfill", "2026-06-01T00:00:00+07:00"),
    "peer down": decided(StageFailed("x"), PeerDown("x", peer="p")),
    "no answer": decided(StageFailed("x"), PeerUnknown("x", peer="p")),
    "busy": decided(Busy("x")),
    "password": decided(StageFailed("x"), AuthRefused("x", peer="p")),
    "nonsense": decided(StageFailed("x"), BadAnswer("x", peer="p")),
    "configuration": decided(ConfigurationError("x")),
    "defect": decided(ValueError("x")),
}, open(sys.argv[1], "w"))
"""


@pytest.fixture(scope="module")
def answers(airflow_python: Python, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the shared rules answer, asked in a process that has Airflow."""
    file = tmp_path_factory.mktemp("flow") / "answers.json"
    ended = airflow_python(ASK, str(file))
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(file.read_text("utf-8")))


def test_a_scheduled_run_reads_from_the_cursor_to_the_end_of_its_interval(answers: dict[str, Any]) -> None:
    assert answers["scheduled"] == [None, "2026-06-10T01:30:00+07:00"]


def test_a_run_by_hand_reads_from_the_cursor_to_now(answers: dict[str, Any]) -> None:
    assert answers["manual"] == [None, "now"]


def test_a_backfill_reads_exactly_its_own_interval(answers: dict[str, Any]) -> None:
    assert answers["backfill"] == ["2026-06-09T01:30:00+07:00", "2026-06-10T01:30:00+07:00"]


def test_the_form_wins_and_a_time_without_zone_is_viet_nams(answers: dict[str, Any]) -> None:
    assert answers["form"] == ["2026-06-01T00:00:00+07:00", "2026-06-02T00:00:00+00:00"]
    assert answers["form without zone"] == ["2026-06-01T00:00:00+07:00", "now"]
    assert answers["form over backfill"] == ["2026-06-01T00:00:00+07:00", "now"]


@pytest.mark.parametrize("problem", ["peer down", "no answer", "busy"])
def test_what_time_alone_mends_is_tried_again(answers: dict[str, Any], problem: str) -> None:
    assert answers[problem] == "retry"


@pytest.mark.parametrize("problem", ["password", "nonsense", "configuration", "defect"])
def test_what_a_person_must_mend_fails_at_once(answers: dict[str, Any], problem: str) -> None:
    assert answers[problem] == "fail"
