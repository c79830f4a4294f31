"""A process that has loaded Airflow and is forked for each piece of Python that it is told on standard input.

Each line is a job in JSON: code, words (the arguments), environment, out and err (files); answered by the exit code.
Loading Airflow costs more than most of what a test does with it.
"""

import gc
import json
import os
import sys
import traceback
from importlib import import_module
from typing import Any

from dags.run import LOADED
from hub.memory import for_modules


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Airflow says things to standard output while it loads
    with for_modules():
        for module in LOADED:
            import_module(module)
    gc.set_threshold(50_000, 20, 20)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_be(json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)


def _be(job: dict[str, Any]) -> int:
    """In the forked process: run the code as Python's own `-c` does. Returns its exit code."""
    for number, name in ((0, os.devnull), (1, job["out"]), (2, job["err"])):
        opened = os.open(name, os.O_RDWR | os.O_CREAT | (os.O_TRUNC if number else 0), 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.argv = ["-c", *job["words"]]
    code = 0
    try:
        exec(compile(job["code"], "<test>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    main()
