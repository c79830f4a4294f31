"""The hub's pull, check and merge, as `lienthong sync` runs them, timed in a process of their own.

`python -m benchmarks.hub_stages JSON` with {home, config, database, slug, warm}; prints {records, seconds, stages,
peak_mb} as JSON. With `warm` Great Expectations is imported before the clock starts, as the other contestants'
libraries are; without it the process is as lean as the command's. With `gate` it then says so and waits for a line.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from hub.check import check
from hub.config import BASE, Settings
from hub.context import open_hub
from hub.gate.great import great_expectations
from hub.merge import merge
from hub.pull import pull
from hub.sync import start_run


def main(given: dict[str, Any]) -> None:
    os.environ["LIENTHONG_DATABASE_URL"] = given["database"]
    hub = open_hub(given["slug"], Settings(Path(given["home"]), (Path(given["config"]), BASE)))
    hub.mapping("dossier")
    assert hub.source.spec
    if given["warm"]:
        great_expectations()
        hub.units()  # read once in a process, as the library is
    if given.get("gate"):
        print("ready", flush=True)
        sys.stdin.readline()
    stages: dict[str, float] = {}
    begun = time.perf_counter()
    run = start_run(hub)
    for stage in (pull, check, merge):
        since = time.perf_counter()
        counts = stage(hub, run.run_id)
        stages[stage.__name__] = time.perf_counter() - since
        if given.get("trace"):
            print(stage.__name__, f"{stages[stage.__name__]:.2f} s", peak(), "MB", counts, file=sys.stderr)
    seconds = time.perf_counter() - begun
    answer = {"records": counts["pulled"], "held": counts["held"], "seconds": seconds, "stages": stages}
    print(json.dumps({**answer, "peak_mb": peak()}))


def peak() -> int:
    """The largest resident memory of this process so far, in MB (10^6 bytes)."""
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
