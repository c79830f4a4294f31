"""The DAG files: they load quickly and without the heavy packages, and say what they promise."""

import json
from itertools import pairwise
from typing import Any

import pytest

from hub.config import BASE
from tests.dags.conftest import Python

DESCRIBE = """
import json, sys
from pathlib import Path
import pydantic, yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, CronDataIntervalTimetable, Param, RetryPolicy, dag, task
from dags import HERE
before = set(sys.modules)
bag = DagBag(HERE)
dags = {}
for dag_id, dag in bag.dags.items():
    dags[dag_id] = {
        "tasks": {one.task_id: {"pool": one.pool, "after": sorted(one.upstream_task_ids), "retries": one.retries,
                                "policy": type(one.retry_policy).__name__} for one in dag.tasks},
        "timetable": type(dag.timetable).__name__, "schedule": dag.timetable.expression,
        "catchup": dag.catchup, "max_active_runs": dag.max_active_runs,
        "params": {name: dag.params.get_param(name).value for name in dag.params},
        "described": {name: dag.params.get_param(name).description for name in dag.params},
    }
stats = {Path(one.file).name: one.duration.total_seconds() for one in bag.dagbag_stats}
json.dump({"dags": dags, "errors": bag.import_errors, "new": sorted(set(sys.modules) - before), "seconds": stats},
          open(sys.argv[1], "w"), default=str)
"""

HEAVY = ("zeep", "great_expectations", "pandas", "lxml", "requests", "plotly", "spyne", "connectors", "mappings")

STAGES = ["open_run", "pull", "check", "merge", "push", "reconcile", "report"]


@pytest.fixture(scope="module")
def described(airflow_python: Python, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Everything that the tests below ask of the loaded DAG files."""
    answer = tmp_path_factory.mktemp("dags") / "described.json"
    ended = airflow_python(DESCRIBE, str(answer))
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(answer.read_text("utf-8")))


def test_every_dag_file_loads_without_an_error(described: dict[str, Any]) -> None:
    assert described["errors"] == {}


def test_there_is_a_sync_and_a_list_for_each_province_file_and_the_national_list(described: dict[str, Any]) -> None:
    slugs = {path.stem for path in (BASE / "provinces").glob("*.yaml")}
    assert {"lao_cai", "quang_ngai", "son_la", "thai_nguyen", "nghe_an"} <= slugs
    for flow, wanted in (("sync", slugs), ("procedures", {"national", *slugs})):
        assert {name for name in described["dags"] if name.startswith(f"{flow}__")} == {
            f"{flow}__{slug}" for slug in wanted
        }


def test_parsing_a_dag_file_imports_nothing_heavy(described: dict[str, Any]) -> None:
    loaded = {name for name in described["new"] if name.split(".")[0] in HEAVY}
    assert loaded == set()


def test_parsing_a_dag_file_takes_less_than_a_second(described: dict[str, Any]) -> None:
    files = {path.name for path in (BASE / "dags").glob("*.py")} - {"__init__.py", "flow.py", "run.py"}
    assert set(described["seconds"]) == files >= {"sync.py", "procedures.py", "readiness.py", "quality.py"}
    assert max(described["seconds"].values()) < 1


def test_data_docs_are_written_every_morning_after_the_syncs(described: dict[str, Any]) -> None:
    flow = described["dags"]["quality__docs"]
    assert (flow["schedule"], list(flow["tasks"])) == ("30 5 * * *", ["page"])


def test_a_sync_runs_its_stages_one_after_the_other(described: dict[str, Any]) -> None:
    tasks = described["dags"]["sync__lao_cai"]["tasks"]
    assert list(tasks) == STAGES
    for before, after in pairwise(STAGES):
        assert before in tasks[after]["after"]


def test_a_province_with_a_way_in_has_a_flow_that_hands_over_and_tells_how_far_it_came(
    described: dict[str, Any],
) -> None:
    flows = {name: dag for name, dag in described["dags"].items() if name.startswith("inbound__")}
    assert set(flows) == {"inbound__lao_cai", "inbound__quang_ngai"}
    tasks = flows["inbound__lao_cai"]["tasks"]
    assert tasks["push"]["pool"] == "peer_vnpt_intake_lao_cai" and tasks["standing"]["after"] == ["push"]
    assert flows["inbound__lao_cai"]["schedule"] == "*/5 * * * *"


def test_each_task_that_talks_to_a_peer_takes_a_slot_of_that_peers_pool(described: dict[str, Any]) -> None:
    pools = {name: one["pool"] for name, one in described["dags"]["sync__quang_ngai"]["tasks"].items()}
    assert pools["pull"] == "peer_viettel_quang_ngai"
    assert pools["push"] == pools["reconcile"] == "peer_national"
    assert {pools[name] for name in ("open_run", "check", "merge", "report")} == {"default_pool"}


def test_a_province_has_one_run_at_a_time_and_is_not_caught_up_by_itself(described: dict[str, Any]) -> None:
    for dag in described["dags"].values():
        assert dag["max_active_runs"] == 1
        assert dag["catchup"] is False


def test_the_schedule_is_the_provinces_own_with_the_time_between_two_runs_as_interval(
    described: dict[str, Any],
) -> None:
    dag = described["dags"]["sync__quang_ngai"]
    assert (dag["timetable"], dag["schedule"]) == ("CronDataIntervalTimetable", "45 1 * * *")


def test_the_form_asks_for_a_window_and_a_dry_run_and_defaults_to_neither(described: dict[str, Any]) -> None:
    dag = described["dags"]["sync__lao_cai"]
    assert dag["params"] == {"since": None, "until": None, "dry_run": False}
    assert all(" / " in words for words in dag["described"].values()), "each field is described in both languages"


def test_every_task_is_tried_again_only_for_what_time_mends(described: dict[str, Any]) -> None:
    tasks = [task for dag in described["dags"].values() for task in dag["tasks"].values()]
    assert {task["policy"] for task in tasks} == {"ByWhoMustAct"}
    assert all(task["retries"] >= 1 for task in tasks)


BROKEN = """
import json, os, sys
from airflow.dag_processing.dagbag import DagBag
from dags import HERE
found = []
for folder in sys.argv[2:]:
    os.environ["LIENTHONG_CONFIG"] = folder
    bag = DagBag(HERE)
    found.append({"errors": bag.import_errors,
                  "flows": {dag_id: {"doc": dag.doc_md, "tasks": dag.task_ids} for dag_id, dag in bag.dags.items()}})
json.dump(found, open(sys.argv[1], "w"))
"""

GOOD = 'province: {code: "51", name: Good, agency: H48}\nsystem: x\nconnection: c\nnational: {unit: H48}\n'

WRONG = {
    "a key that nobody knows": ("bad", "schedul: null\n", "bad.yaml:5"),
    "a day that no month has": ("bad", "earliest: 2026-02-30T00:00:00+07:00\n", "day is out of range for month"),
    "a schedule that is none": ("bad", 'schedule: "61 1 * * *"\n', "61 1 * * *"),
    "a name that is no slug": ("Hà Giang (bản sao)", "", "is no name for a province's file"),
}
"""What is wrong with a province file: its name, the line too much, what its flow tells."""


@pytest.fixture(scope="module")
def beside_wrong_files(airflow_python: Python, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow loads of a good province file beside each wrong one; all in one process, as loading it is slow."""
    home = tmp_path_factory.mktemp("wrong")
    folders = [home / str(place) for place in range(len(WRONG))]
    for folder, (name, line, _) in zip(folders, WRONG.values(), strict=True):
        (folder / "provinces").mkdir(parents=True)
        (folder / "provinces" / "good.yaml").write_text(GOOD)
        (folder / "provinces" / f"{name}.yaml").write_text(GOOD + line)
    answer = home / "found.json"
    ended = airflow_python(BROKEN, str(answer), *map(str, folders))
    assert ended.returncode == 0, ended.stderr
    return dict(zip(WRONG, json.loads(answer.read_text("utf-8")), strict=True))


@pytest.mark.parametrize("wrong", WRONG)
def test_no_province_file_however_wrong_takes_the_flows_of_the_others_away(
    beside_wrong_files: dict[str, Any], wrong: str
) -> None:
    found, told = beside_wrong_files[wrong], WRONG[wrong][2]
    assert found["errors"] == {}
    assert {"sync__good", "procedures__good", "procedures__national", "readiness", "quality__docs"} < set(
        found["flows"]
    )
    (flow,) = (one for name, one in found["flows"].items() if name.startswith("sync__") and name != "sync__good")
    assert flow["tasks"] == ["configuration"] and told in flow["doc"]


def test_a_flow_of_a_wrong_file_tells_the_nearest_word(beside_wrong_files: dict[str, Any]) -> None:
    doc = beside_wrong_files["a key that nobody knows"]["flows"]["sync__bad"]["doc"]
    assert "did you mean 'schedule'" in doc
