"""`migrate__<plan>` run by Airflow: refused once, then approved and opened; judged by both sides' ledgers."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from hub.config import BASE, Settings
from hub.migration.attempt import open_attempt
from hub.migration.cutover.milestones import state_milestone
from hub.migration.plans.plan import load_plan
from schemas.migration_tables import migration_proof
from tests.conftest import Sandbox
from tests.dags.conftest import Python
from tests.migration.conftest import BEGUN

EXAMPLE = BASE / "examples" / "can_tho"
HOUR = "2026-07-01T12:30:00+07:00"
"""Half an hour behind the plan's freeze: following ends with the first delta."""

ROUND_ABOUT = {
    "AIRFLOW_CONN_VNPT_IMPORT_CAN_THO_THU": "http://hub:x@127.0.0.1:9",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
}
"""The installation for rehearsals, which the plan names and a cutover does not talk to; people log in."""

DESCRIBE = """
import json, sys
import pydantic, yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, CronDataIntervalTimetable, Param, RetryPolicy, dag, task
from dags import HERE
before = set(sys.modules)
bag = DagBag(HERE / "migrate.py")
[flow] = bag.dags.values()
tasks = {one.task_id: [one.pool, sorted(one.upstream_task_ids), one.is_mapped, one.retries,
                       type(one.retry_policy).__name__] for one in flow.tasks}
[stats] = bag.dagbag_stats
json.dump({"errors": bag.import_errors, "new": sorted(set(sys.modules) - before), "tasks": tasks, "id": flow.dag_id,
           "scheduled": type(flow.timetable).__name__, "kind": flow.params["kind"], "runs": flow.max_active_runs,
           "seconds": stats.duration.total_seconds(), "doc": flow.doc_md}, open(sys.argv[1], "w"), default=str)
"""

HEAVY = ("zeep", "great_expectations", "pandas", "lxml", "requests", "spyne", "connectors", "mappings")

RUN = """
import json, os, sys, threading, time, traceback
from datetime import datetime
import dags.flow
from dags.run import prepare, run
dags.flow.now = lambda: datetime.fromisoformat(sys.argv[3])
prepare()
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select
from fastapi import HTTPException
create_auth_manager()
told, runs = [], []

def answer(account, chosen, why):
    try:
        _answer(account, chosen, why)
    except BaseException:
        traceback.print_exc()
        os._exit(3)

def _answer(account, chosen, why):
    while True:
        with create_session() as session:
            waiting = session.scalar(select(TaskInstance).where(TaskInstance.state == "awaiting_input"))
            if waiting is not None:
                asked = session.get(HITLDetail, waiting.id)
                given = UpdateHITLDetailPayload(chosen_options=[chosen], params_input={"by": BY, "why": why})
                names = {"dag_id": waiting.dag_id, "dag_run_id": waiting.run_id, "task_id": waiting.task_id}
                def say(who):
                    user = SimpleAuthManagerUser(username=who, role="admin")
                    update_hitl_detail(**names, update_hitl_detail_payload=given, user=user, session=session)
                try:
                    say("somebody.else")
                except HTTPException as refused:
                    told.append({"subject": asked.subject, "body": asked.body, "somebody else": refused.status_code})
                    say(account)
                    return
                raise RuntimeError("somebody else was let in")
        time.sleep(0.2)

BY = sys.argv[2]
for chosen, why in (("Reject", "thiếu biên bản"), ("Approve", "đủ điều kiện")):
    threading.Thread(target=answer, args=("lan.nt", chosen, why), daemon=True).start()
    runs.append(run("migrate__can_tho", {"kind": "cutover"}))
with create_session() as session:
    ours = select(XComModel).where(XComModel.dag_id.startswith("migrate__"), XComModel.task_id != "approval")
    xcoms = [json.dumps(one.value) for one in session.scalars(ours)]
json.dump({"asked": told, "runs": runs, "xcoms": xcoms}, open(sys.argv[1], "w"), default=str)
"""


@pytest.fixture(scope="module")
def described(airflow_python: Python, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The flow of the example's plan as its file is parsed."""
    answer = tmp_path_factory.mktemp("migrate") / "described.json"
    ended = airflow_python(DESCRIBE, str(answer), LIENTHONG_CONFIG=str(EXAMPLE))
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(answer.read_text("utf-8")))


def test_a_plan_has_one_flow_that_nobody_schedules_and_that_rehearses_unless_told_otherwise(
    described: dict[str, Any],
) -> None:
    assert described["errors"] == {} and described["id"] == "migrate__can_tho"
    assert (described["scheduled"], described["runs"], described["kind"]) == ("NullTimetable", 1, "rehearsal")
    assert "can_tho_cu, hau_giang, soc_trang → can_tho" in described["doc"]


def test_its_file_is_parsed_without_anything_heavy(described: dict[str, Any]) -> None:
    assert {name for name in described["new"] if name.split(".")[0] in HEAVY} == set() and described["seconds"] < 1


def test_each_task_of_it_takes_a_slot_of_the_peer_it_talks_to(described: dict[str, Any]) -> None:
    pools = {name: one[0] for name, one in described["tasks"].items()}
    for source, peer in {"can_tho_cu": "vnpt_can_tho_cu", "hau_giang": "viettel_hau_giang"}.items():
        assert {pools[f"{what}__{source}"] for what in ("cut", "read", "follow")} == {f"peer_{peer}"}
    assert {pools[what] for what in ("load", "files", "follow_on", "freeze")} == {"peer_vnpt_import_can_tho"}
    assert {name for name, one in described["tasks"].items() if one[2]} == {
        "read__can_tho_cu", "read__hau_giang", "read__soc_trang", "load", "files",
    }  # fmt: skip
    assert all(one[3] >= 1 and one[4] == "ByWhoMustAct" for one in described["tasks"].values())


def test_nothing_opens_but_behind_the_approval(described: dict[str, Any]) -> None:
    after = {name: one[1] for name, one in described["tasks"].items()}
    assert after["open_province"] == ["approve", "decided_before"]
    assert (after["approve"], after["refuse"], after["approval"]) == (["approval"], ["approve"], ["report"])
    assert {"freeze", "handed_over"} < set(after["prove"])


@pytest.fixture
def one_source(tmp_path: Path) -> Path:
    """The example's folder with one old province, long chunks, wide gates and an approver with an account."""
    folder = tmp_path / "config"
    shutil.copytree(EXAMPLE, folder)
    plan, table = folder / "migrations" / "can_tho.yaml", folder / "migrations" / "can_tho.agencies.csv"
    words = re.sub(r"  - \{province: (can_tho_cu|soc_trang).*\n", "", plan.read_text("utf-8"))
    for key, value in {
        "chunks": "{days: 366, batch: 200}",
        "gates": "{held: 50 %, equal: 99.9 %, split_open: 9, files_missing: 50 %, refused: 50 %}",
        "approvers": "[lãnh đạo Sở Nội vụ <lan.nt>]",
    }.items():
        words, found = re.subn(rf"^{key}: .*$", f"{key}: {value}", words, flags=re.MULTILINE)
        assert found == 1
    plan.write_text(words, "utf-8")
    head, *lines = table.read_text("utf-8").splitlines()
    table.write_text("\n".join([head, *(line for line in lines if line.startswith("hau_giang,"))]), "utf-8")
    return folder


def ready(engine: Engine, settings: Settings) -> None:
    """What stands before the migration: the procedures are published, a rehearsal was proved."""
    plan = load_plan(settings, "can_tho")
    state_milestone(engine, plan, "procedures_published", "Lê Thị Hoa", "Quyết định 12/QĐ-UBND", True, at=BEGUN)
    for name in ("gateway_switched", "centres_ready"):
        state_milestone(engine, plan, name, "Lê Thị Hoa", "Công văn 123/SNV-CCHC", True, at=BEGUN)
    rehearsal = open_attempt(engine, plan, "rehearsal", digest="", mark=BEGUN)
    proof = {"counts": {}, "unaccounted": 0, "equal": True, "folder": "", "digest": "", "at": BEGUN}
    with engine.begin() as connection:
        connection.execute(insert(migration_proof).values(migration_id=rehearsal.migration_id, **proof))


@pytest.mark.dossiers(20)
@pytest.mark.timeout(300)
def test_a_cutover_that_is_refused_opens_nothing_and_the_next_run_goes_on_with_it_and_opens(
    hau_giang: str, can_tho: str, sandbox: Sandbox, one_source: Path, engine: Engine, database: str,
    airflow_python: Python, tmp_path: Path,
) -> None:  # fmt: skip
    ready(engine, Settings(sandbox.home, (one_source, BASE)))
    outcome = tmp_path / "runs.json"
    ended = airflow_python(
        RUN, str(outcome), "lãnh đạo Sở Nội vụ", HOUR, LIENTHONG_CONFIG=str(one_source), 
        LIENTHONG_HOME=str(sandbox.home), LIENTHONG_DATABASE_URL=database, **ROUND_ABOUT,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-6000:]
    told = json.loads(outcome.read_text("utf-8"))
    refused, opened = told["runs"]
    states = [{name: one["state"] for name, one in run["tasks"].items()} for run in (refused, opened)]

    assert [one["somebody else"] for one in told["asked"]] == [403, 403], "only the plan's approvers may answer"
    assert all(
        one["body"].startswith("## GO · 01/07/2026 12:30") and "| ✓ | unaccounted" in one["body"]
        for one in told["asked"]
    )
    assert refused["state"] == "failed" and (states[0]["refuse"], states[0]["open_province"]) == ("failed", "skipped")
    assert opened["state"] == "success" and states[1]["open_province"] == "success"
    assert {states[1][name] for name in ("read__hau_giang", "refuse", "decided_before")} == {"skipped"}
    assert len(told["xcoms"]) > 10 and [one for one in told["xcoms"] if not is_figures(json.loads(one))] == [], (
        "ids and counts, no records"
    )

    with engine.connect() as connection:
        events = [tuple(row) for row in connection.execute(text(EVENTS))]
        [attempts] = connection.execute(text("SELECT count(*) FROM migration WHERE kind = 'cutover'")).one()
    there = sandbox.get("vnpt_can_tho", "status")["imported"]
    assert attempts == 1 and there > 10
    assert events == [
        ("refusal", "lãnh đạo Sở Nội vụ", "thiếu biên bản"),
        ("approval", "lãnh đạo Sở Nội vụ", "đủ điều kiện"),
        ("opening", "lãnh đạo Sở Nội vụ", f"can_tho opened with {there} dossiers; closed: hau_giang"),
    ]


KNOWN = re.compile(r"[a-z_]{1,24}|(follow|read|cut)__[a-z_]{1,24}")
"""Names of tasks, states and figures."""


def is_figures(value: Any) -> bool:
    """Numbers, names of tasks and counts, and nothing in which a dossier could stand."""
    if isinstance(value, dict):
        return all(
            KNOWN.fullmatch(name) and is_figures(one) and not isinstance(one, dict) for name, one in value.items()
        )
    if isinstance(value, list):
        return all(is_figures(one) and not isinstance(one, dict | list) for one in value)
    return value is None or isinstance(value, int | float) or bool(KNOWN.fullmatch(value))


def test_a_dumped_dossier_is_no_figure() -> None:
    for value in (
        {"dossier_code": "H13.1-0001"},
        [{"a": 1}],
        "Trần Thị Bé Ba",
        {"counts": {"applicant": 1}},
        "0931900",
    ):
        assert not is_figures(value), value
    assert is_figures({"created": 3, "seconds": 0.5}) and is_figures(["prove"]) and is_figures([1, 2]) and is_figures(7)


EVENTS = """
SELECT kind, who, text FROM migration_event WHERE kind IN ('approval', 'refusal', 'opening') ORDER BY event_id
"""


@pytest.fixture
def hau_giang() -> str:
    return "hau_giang"


@pytest.fixture
def can_tho() -> str:
    return "can_tho"
