"""Airflow for tests: a home of its own with SQLite, so that DAG files load without a server."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from hub.airflow_home import AirflowHome
from hub.config import BASE

Python = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def airflow_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Python]:
    """Run a piece of Python in a process of its own with Airflow's settings, forked from one that has loaded Airflow; a
    test process never imports it itself."""
    home = tmp_path_factory.mktemp("airflow")
    settings = AirflowHome(home, f"sqlite:///{home}/airflow.db").environment()
    settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"] = f"sqlite+aiosqlite:///{home}/airflow.db"
    settings["LIENTHONG_HOME"] = str(home)
    loaded = subprocess.Popen(
        [sys.executable, "-m", "tests.dags.loaded"],
        env={**os.environ, **settings},
        cwd=BASE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(code: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        assert loaded.stdin is not None and loaded.stdout is not None
        said, told = home / "said", home / "told"
        job = {"code": code, "words": words, "environment": {**os.environ, **settings, **more}}
        loaded.stdin.write(json.dumps({**job, "out": str(said), "err": str(told)}) + "\n")
        loaded.stdin.flush()
        ended = int(loaded.stdout.readline())
        return subprocess.CompletedProcess([code, *words], ended, said.read_text("utf-8"), told.read_text("utf-8"))

    yield run
    loaded.communicate(timeout=20)
