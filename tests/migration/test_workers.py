"""Sources read in processes of their own: their answers, and what becomes of an error or a process that is ended."""

import importlib
import multiprocessing.forkserver
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from sqlalchemy import create_engine

from hub.config import BASE, Settings
from hub.errors import StageFailed
from hub.migration.attempt import Migrating
from hub.migration.plans.plan import load_plan
from hub.migration.reading.workers import side_by_side

AHEAD = timedelta(days=400)


@pytest.fixture(scope="module", autouse=True)
def _forks() -> None:
    """A test process has one server to fork from; it holds what commands need, which is more than workers do."""
    importlib.import_module("tests.commands")
    multiprocessing.forkserver.ensure_running()


@pytest.fixture
def m(tmp_path: Path) -> Migrating:
    return attempt(tmp_path)


def attempt(home: Path) -> Migrating:
    """An attempt without a database; two sources behind one address and one behind another."""
    (home / "sandbox").mkdir()
    hosts = {"vnpt_can_tho_cu": "one", "viettel_hau_giang": "one", "fpt_soc_trang": "other"}
    accounts = {
        name: {"host": f"https://{host}.test", "login": "hub", "password": "x", "extra": {"client_id": "hub"}}
        for name, host in hosts.items()
    }
    (home / "sandbox" / "connections.json").write_bytes(orjson.dumps(accounts))
    settings = Settings(home, (BASE / "examples" / "can_tho", BASE))
    nowhere = create_engine("postgresql+psycopg://hub:secret@127.0.0.1:1/none")
    m = Migrating(load_plan(settings, "can_tho"), settings, nowhere, 7, clock=lambda: datetime.now(UTC) + AHEAD)
    for source in m.plan.sources:
        m._sources[source.province] = m._hub(source.province)
    return m


def reads(m: Migrating, source: str) -> dict[str, Any]:
    """What a worker is told, as its counts."""
    m.progress("read", 1, None)
    if source == "hau_giang":
        raise StageFailed("no answer", where="hau_giang · page 2", next_step="Wait.")
    return {"pid": os.getpid(), "attempt": m.attempt_id, "now": m.clock(), "database": m.engine.url.password}


def dies(m: Migrating, source: str) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def test_sources_of_one_address_share_a_worker_and_an_error_comes_back_whole(m: Migrating) -> None:
    heard: list[str] = []
    m.progress = lambda stage, done, total: heard.append(stage)
    done, failed = side_by_side(m, ["can_tho_cu", "hau_giang", "soc_trang"], reads, 2)
    assert set(done) == {"can_tho_cu", "soc_trang"} and heard == ["read"] * 3
    assert os.getpid() not in {one["pid"] for one in done.values()}
    assert {(one["attempt"], one["database"]) for one in done.values()} == {(7, "secret")}
    assert all(abs(one["now"] - datetime.now(UTC) - AHEAD) < timedelta(minutes=1) for one in done.values())
    [(source, error)] = failed
    assert (source, str(error)) == ("hau_giang", "hau_giang · page 2: no answer\n  Wait.")


def test_a_worker_that_is_ended_is_told_and_not_waited_for(m: Migrating) -> None:
    done, failed = side_by_side(m, ["can_tho_cu"], dies, 1)
    assert not done and "was ended" in str(failed[0][1])


def waits(m: Migrating, source: str) -> dict[str, Any]:
    (m.settings.home / "pid").write_text(str(os.getpid()))
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        (m.settings.home / "told").touch()
        raise
    return {}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent_and_are_told_when_it_is_stopped(tmp_path: Path, how: int) -> None:
    code = (
        # A shell starts what it sends to the background with Ctrl-C ignored; a terminal does not.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        # A server that has loaded nothing forks what only waits.
        "from multiprocessing import forkserver; forkserver.ensure_running();"
        "import sys; from pathlib import Path; from tests.migration.test_workers import *;"
        "side_by_side(attempt(Path(sys.argv[1])), ['can_tho_cu'], waits, 1)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=BASE, stderr=subprocess.DEVNULL) as parent:
        until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text() != "")
        worker = psutil.Process(int((tmp_path / "pid").read_text()))
        parent.send_signal(how)
        until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    assert (tmp_path / "told").exists() == (how == signal.SIGINT)


def until(done: Callable[[], bool]) -> None:
    """Another process is waited for, a minute at most."""
    for _ in range(1200):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")
