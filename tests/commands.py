"""`lienthong` as a process of its own, forked from one that has loaded it: loading costs more than most commands do.

What a command says, its exit code, its environment and its folder are its own, as in a shell. How it is started by a
shell is tested where a test starts `python -m hub` itself.
"""

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_MINUTES = 10 * 60
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.loaded"])


def lienthong(*words: str, environment: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; output is read as UTF-8."""
    with tempfile.TemporaryDirectory() as place:
        out, err = Path(place, "out"), Path(place, "err")
        process = _forks.Process(target=_run, args=(words, dict(environment), folder, out, err))
        process.start()
        process.join(_MINUTES)
        code = process.exitcode
        assert code is not None, f"lienthong {' '.join(words)} does not end"
        said, told = (file.read_text("utf-8") if file.exists() else "" for file in (out, err))
    return subprocess.CompletedProcess(["lienthong", *words], code, said, told)


def begun(*words: str, environment: Mapping[str, str], folder: Path) -> multiprocessing.process.BaseProcess:
    """Begin a command and go on; what it says is lost. For tests that kill it."""
    nowhere = Path(os.devnull)
    process = _forks.Process(target=_run, args=(words, dict(environment), folder, nowhere, nowhere))
    process.start()
    return process


def _run(words: tuple[str, ...], environment: dict[str, str], folder: Path, out: Path, err: Path) -> None:
    """In the forked process: be the command."""
    for number, path in ((1, out), (2, err)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["lienthong", *words]
    from hub.__main__ import main

    try:
        main()
    finally:
        atexit._run_exitfuncs()  # as a process of its own does at its end: a fork does not
