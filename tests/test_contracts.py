"""Imports run one way, and everything but the flows works where Airflow is not installed."""

import subprocess
import sys

from hub.config import BASE

WITHOUT_AIRFLOW = """
import importlib, pkgutil, sys
sys.modules["airflow"] = None
for name in ("schemas", "connectors", "mappings", "hub", "sandbox"):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith(("__main__", "migrations.env")):
            importlib.import_module(module.name)
"""


def test_imports_keep_their_contracts() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    ended = subprocess.run(command, cwd=BASE, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " 0 broken" in ended.stdout


def test_everything_but_the_flows_imports_without_airflow() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_AIRFLOW], cwd=BASE, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
