"""`inbound__<province>` run by Airflow, with the receiver as a process of its own; judged by the peers' ledgers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from hub.config import BASE
from hub.context import Hub
from hub.inbound import listing
from hub.procedures import pull_province
from hub.sync import sync
from tests.conftest import Sandbox
from tests.dags.conftest import Python
from tests.inbound.conftest import Desk, Portal, assert_all_arrived_once

pytestmark = [pytest.mark.dossiers(20), pytest.mark.timeout(180)]

RUN = "import sys; from dags.run import main; sys.exit(main())"


@pytest.fixture
def provinces(lao_cai: Hub, quang_ngai: Hub) -> list[Hub]:
    """Both provinces with a way in; their own procedure lists are read when the peers are there."""
    return [lao_cai, quang_ngai]


@pytest.fixture
def portals(sandbox: Sandbox, provinces: list[Hub], database: str) -> Iterator[dict[str, Portal]]:
    """The portal in front of one receiver for both provinces, which is `lienthong inbound serve`."""
    for hub in provinces:
        pull_province(hub)
    slugs = [hub.slug for hub in provinces]
    receiver = subprocess.Popen(
        [sys.executable, "-m", "hub", "inbound", "serve", *slugs, "--port", "0", "--json"],
        env={**os.environ, "LIENTHONG_HOME": str(sandbox.home), "LIENTHONG_DATABASE_URL": database},
        cwd=BASE,
        stdout=subprocess.PIPE,
    )
    assert receiver.stdout is not None
    said = json.loads(b"".join(takewhile(lambda line: line != b"}\n", receiver.stdout)) + b"}")["provinces"]
    yield {hub.slug: Portal(sandbox, hub, Desk(hub, said[hub.slug])) for hub in provinces}
    receiver.send_signal(signal.SIGTERM)
    assert receiver.wait(20) in (0, -signal.SIGTERM)


def test_what_citizens_file_reaches_both_provinces_by_their_flows_and_its_status_comes_back(
    portals: dict[str, Portal], provinces: list[Hub], database: str, airflow_python: Python, tmp_path: Path
) -> None:
    for portal in portals.values():
        assert portal.citizens_file(5, unknown=2) == {"200": 3, "404": 2}
    sandbox = portals["lao_cai"].sandbox
    outcome = tmp_path / "flows.json"
    flows = ["inbound__lao_cai", "inbound__quang_ngai", "readiness"]
    ended = airflow_python(
        RUN, "--prepare", "--result", str(outcome), *flows,
        LIENTHONG_HOME=str(sandbox.home), LIENTHONG_DATABASE_URL=database,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    runs = {one["dag_id"]: one for one in map(json.loads, outcome.read_text("utf-8").splitlines())}
    assert list(runs) == flows
    assert {task["state"] for run in runs.values() for task in run["tasks"].values()} == {"success"}
    assert "standing: received 0, sending 0, unknown 0, held 0, handed_over 3, returned 0, unmapped 2" in ended.stdout
    assert "Lào Cai" in (sandbox.home / "reports" / "readiness.html").read_text("utf-8")

    for hub in provinces:
        portal = portals[hub.slug]
        assert_all_arrived_once(portal, hub.slug)
        filed = [one for one in portal.filed() if one["province"] == hub.slug]
        refused = {one["code"] for one in filed if one["status"] == 404}
        told: list[dict[str, Any]] = listing(hub.engine, hub.slug)["not_taken"]
        assert {(one["national_code"], one["answer"]) for one in told} == {(code, 404) for code in refused}
        sync(hub)
        national = sandbox.sent()
        assert {national[one["code"]]["status"] for one in filed if one["code"] not in refused} == {2}
        assert {national[code]["status"] for code in refused} == {1}
        assert listing(hub.engine, hub.slug, 0)["counts"]["returned"] == 3
    assert sandbox.ledger("sins") == []
