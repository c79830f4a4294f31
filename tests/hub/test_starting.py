"""Ctrl-C while the command's modules load ends it as everywhere else: in words, with 130."""

import subprocess
import sys
import tomllib

import pytest

from hub.config import BASE

INTERRUPTED = """
import runpy, sys
from importlib.abc import MetaPathFinder

class Impatient(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Impatient())
sys.argv = ["lienthong", "status"]
{start}
"""
STARTS = ("runpy.run_module('hub', run_name='__main__')", "from {} import {} as run; run()")


@pytest.mark.parametrize("module", ["hub.cli", "hub.config", "sqlalchemy"])
@pytest.mark.parametrize("start", STARTS)
def test_an_interrupt_while_modules_load_shows_no_traceback(module: str, start: str) -> None:
    script = tomllib.loads((BASE / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]["lienthong"]
    code = INTERRUPTED.format(module=module, start=start.format(*script.split(":")))
    ended = subprocess.run([sys.executable, "-c", code], cwd=BASE, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "\nStopped.\n")
