"""Airflow for tests: a home of its own with SQLite, so that DAG files load without a server."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.airflow_home import AirflowHome
from hub.config import BASE

Python = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def airflow_python(tmp_path_factory: pytest.TempPathFactory) -> Python:
    """Run a piece of Python in a fresh process with Airflow's settings; a test process never imports Airflow itself."""
    home = tmp_path_factory.mktemp("airflow")
    settings = AirflowHome(home, f"sqlite:///{home}/airflow.db").environment()
    settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"] = f"sqlite+aiosqlite:///{home}/airflow.db"

    def run(code: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *words],
            env={**os.environ, **settings, "LIENTHONG_HOME": str(home), **more},
            cwd=Path(BASE),
            capture_output=True,
            text=True,
            check=False,
        )

    return run
