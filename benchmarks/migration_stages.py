"""A migration's history of one source read to its end, timed in a process of its own.

`python -m benchmarks.migration_stages JSON` with {home, config, database}; prints {records, seconds, work, counts,
marks, peak_mb} as JSON. `work` are seconds of a core that this process worked, `marks` pairs of records and the seconds
at which so many were landed. What a process loads once is loaded before the clock starts.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.hub_stages import peak
from hub.config import BASE, Settings
from hub.gate.great import great_expectations
from hub.migration.attempt import migrating, open_attempt
from hub.migration.plans.plan import load_plan
from hub.migration.run import read_history
from hub.store import engine_of

PLAN, SOURCE = "can_tho", "can_tho_cu"
APART = 10_000


def main(given: dict[str, Any]) -> None:
    os.environ["LIENTHONG_DATABASE_URL"] = given["database"]
    settings = Settings(Path(given["home"]), (Path(given["config"]), BASE))
    engine = engine_of(given["database"])
    attempt = open_attempt(engine, load_plan(settings, PLAN), "rehearsal", digest="", mark=datetime.now(UTC))
    marks: list[tuple[int, float]] = []

    def progress(stage: str, done: int, total: int | None) -> None:
        marks.append((done, time.perf_counter() - begun))
        if given.get("trace") and done % APART == 0:
            print(
                stage, done, f"{marks[-1][1]:.1f} s, {time.process_time():.1f} s of work", peak(), "MB", file=sys.stderr
            )

    m = migrating(settings, engine, PLAN, attempt.migration_id, progress=progress)
    hub = m.source(SOURCE)
    hub.mapping("dossier")
    hub.units()
    great_expectations()
    begun, worked = time.perf_counter(), time.process_time()
    counts = read_history(m, SOURCE)
    seconds = time.perf_counter() - begun
    found = {"records": counts["records"], "seconds": seconds, "work": time.process_time() - worked, "counts": counts}
    print(json.dumps({**found, "marks": marks, "peak_mb": peak()}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
