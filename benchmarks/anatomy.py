"""Where a pull's time goes: each part alone over the recorded pages, in microseconds a record.

`python -m benchmarks.anatomy JSON` with {home, config, database, slug}; prints {records, parts} as JSON. The parts add
up to more than a pull takes: it fetches and parses the next page while one is mapped and landed.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import zstandard

from connectors import Page, Window
from hub.config import BASE, Settings
from hub.context import Hub, open_hub
from hub.landing import map_records
from hub.messages import STREAM
from hub.staging import Batch, copy_batch, create_staging

T = TypeVar("T")
ENOUGH = 20
"""Pages that are taken apart."""


def main(given: dict[str, Any]) -> None:
    os.environ["LIENTHONG_DATABASE_URL"] = given["database"]
    hub = open_hub(given["slug"], Settings(Path(given["home"]), (Path(given["config"]), BASE)))
    hub.mapping("dossier")
    parts: dict[str, float] = dict.fromkeys(("fetch + parse", "parse", "map", "COPY lines", "compress", "COPY"), 0.0)
    with hub.engine.begin() as connection:
        create_staging(connection, 0)
    gc.disable()
    records = 0
    pages = iter(hub.source.pull(STREAM, Window(None, datetime.now(UTC))))
    for _ in range(ENOUGH):
        page = timed(parts, "fetch + parse", lambda: next(pages, None))
        if page is None:
            break
        records += len(page)
        take_apart(hub, page, parts)
    answer = {name: seconds / records * 1e6 for name, seconds in parts.items()}
    answer["fetch"] = max(answer.pop("fetch + parse") - answer["parse"], 0.0)
    print(json.dumps({"records": records, "parts": answer}))


def take_apart(hub: Hub, page: Page, parts: dict[str, float]) -> None:
    """Do with one page what a pull does, a part at a time."""
    found = timed(parts, "parse", lambda: list(hub.source.parse(STREAM, page.raw)))
    mapping = hub.mapping("dossier")
    begun = parts["map"]
    timed(parts, "map", lambda: [mapping.map(record) for record in found])
    batch: Batch = timed(parts, "COPY lines", lambda: map_records(hub, enumerate(found)))
    parts["COPY lines"] -= parts["map"] - begun
    timed(parts, "compress", lambda: zstandard.compress(page.raw, 3))
    with hub.engine.begin() as connection:
        timed(parts, "COPY", lambda: copy_batch(connection, 0, page.number, batch))


def timed(parts: dict[str, float], name: str, work: Callable[[], T]) -> T:
    begun = time.perf_counter()
    done = work()
    parts[name] += time.perf_counter() - begun
    return done


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
