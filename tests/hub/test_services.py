"""The processes of `demo` and `up`: they stop in order, tell why one ended, and a killed command's are found again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hub import services
from hub.errors import Busy, StageFailed
from hub.services import Ending, Services, alone, wait_for

SLEEP = [sys.executable, "-c", "import time; time.sleep(120)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(120)",
]
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(120)']);"
    "print(c.pid, flush=True); time.sleep(120)",
]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Services]:
    """Services with a data folder of their own, stopped after the test."""
    started = Services(tmp_path, {})
    yield started
    started.stop()


def _first_line(running: Services, name: str) -> str:
    wait_for(lambda: running.log(name).read_text() != "", running, name, 10)
    return running.log(name).read_text().split("\n")[0]


def test_the_receiver_and_the_scheduler_are_asked_to_stop_before_the_rest(running: Services) -> None:
    for name in ("api-server", "scheduler", "receiver", "triggerer"):
        running.start(name, SLEEP)
    order: list[str] = []
    running.stop(order.append)
    assert order == ["receiver", "scheduler", "api-server", "triggerer"]


def test_a_service_that_does_not_listen_is_killed(running: Services) -> None:
    process = running.start("deaf", DEAF, ending=Ending(signal.SIGTERM, 0.3))
    _first_line(running, "deaf")
    running.stop()
    assert not psutil.pid_exists(process.pid)


def test_what_a_service_started_ends_with_it(running: Services) -> None:
    running.start("parent", PARENT, ending=Ending(signal.SIGTERM, 0.3))
    child = psutil.Process(int(_first_line(running, "parent")))
    running.stop()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_waiting_ends_at_once_with_the_log_of_a_service_that_fell(running: Services) -> None:
    running.start("broken", [sys.executable, "-c", "print('no such database'); raise SystemExit(3)"])
    with pytest.raises(StageFailed, match=r"(?s)broken ended by itself \(exit code 3\).*no such database"):
        wait_for(lambda: False, running, "the service", 60)


def test_a_command_that_was_killed_leaves_a_record_and_the_next_one_stops_what_it_names(tmp_path: Path) -> None:
    forgotten = Services(tmp_path, {}).start("forgotten", SLEEP)
    with alone(tmp_path, "demo") as left:
        assert left == ["forgotten"]
    assert not psutil.pid_exists(forgotten.pid)
    with alone(tmp_path, "demo") as left:
        assert left == []


def test_a_process_id_that_was_used_again_is_left_alone(tmp_path: Path) -> None:
    bystander = subprocess.Popen(SLEEP)
    try:
        (tmp_path / "services.json").write_text(json.dumps([["scheduler", bystander.pid, time.time() - 3600]]))
        assert services.stop_leftovers(tmp_path) == []
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_second_command_on_the_same_folder_is_told_who_is_at_work(tmp_path: Path) -> None:
    with (
        alone(tmp_path, "up"),
        pytest.raises(Busy, match=rf"lienthong up \(process {os.getpid()}\)"),
        alone(tmp_path, "demo"),
    ):
        pass
