"""A million dossiers of one source read for a migration: pull, recode, check, merge; is the last as cheap as the first?

`python -m benchmarks.migration [--sizes 10000 100000 1000000] [--trace]`: one history of each size, each in a fresh
process and database. Exit codes as `python -m benchmarks`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks import floors, race
from benchmarks.ground import UNLIMITED, Ground, fill_template, say_to_sandbox
from benchmarks.multiplied import ROWS
from connectors import Window
from hub import embedded
from hub.config import BASE, Settings, load_province
from hub.context import source_of
from hub.migration.reading.account import PIECE

SIZES = (10_000, 100_000, 1_000_000)
BASE_SIZE = 20_000
"""Dossiers of the sandbox that are handed out again and again."""
SOURCE = "can_tho_cu"
LATEST = Path(__file__).with_name("latest.json")
EXAMPLE = BASE / "examples" / "can_tho"


def measure(sizes: Sequence[int] = SIZES, *, trace: bool = False, step: Any = lambda words: None) -> dict[str, Any]:
    """Microseconds a dossier for each size, by the clock and as work of the hub and its database together; the dearest
    against the first; the largest process; what the account took."""
    found: dict[int, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="lienthong-bench-") as folder, _ground(Path(folder)) as ground:
        for size in sizes:
            step(f"Migration: a history of {size:,} dossiers")
            with _peer(ground.home / "pages", size) as address, ground.database(hub=True) as database:
                _configure(ground.home, address)
                found[size] = _run(ground, database, trace=trace)
    largest = found[sizes[-1]]
    return {
        **_costs("us_per_dossier", "growth", {size: one["seconds"] / one["records"] for size, one in found.items()}),
        **_costs("work_us", "work_growth", {size: one["work"] / one["records"] for size, one in found.items()}),
        "last_tenth": _last_tenth(largest),
        "per_second": round(largest["records"] / largest["seconds"]),
        "peak_mb": max(one["peak_mb"] for one in found.values()),
        "size": sizes[-1],
        "new": largest["counts"]["new"],
        "held": largest["counts"]["held"],
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _costs(name: str, growth: str, costs: dict[int, float]) -> dict[str, Any]:
    """Seconds a dossier by size, in microseconds, and the dearest against that of the first size."""
    dearest = max(costs.values()) / next(iter(costs.values()))
    return {name: {str(size): round(cost * 1e6, 1) for size, cost in costs.items()}, growth: round(dearest, 3)}


def _last_tenth(found: dict[str, Any]) -> float | None:
    """Times as long as the first tenth of a history its last tenth took; None for one that is read in few pieces.

    A tenth ends when the page behind it is landed: by then it is merged as well, and both tenths have as many merges.
    """
    tenth, seconds = found["records"] // 10, found["seconds"]
    if tenth < 2 * PIECE:
        return None
    first, ninth = (next(at for landed, at in found["marks"] if landed > records) for records in (tenth, 9 * tenth))
    return round((seconds - ninth) / first, 3)


def _run(ground: Ground, database: str, *, trace: bool) -> dict[str, Any]:
    given = {"home": str(ground.home), "config": str(ground.home / "config"), "database": database, "trace": trace}
    command = [sys.executable, "-m", "benchmarks.migration_stages", json.dumps(given)]
    before = _worked(ground)
    found = race.said(command, show=trace)
    return found | {"work": found["work"] + _worked(ground) - before}


def _worked(ground: Ground) -> float:
    """Seconds of a core that this ground's PostgreSQL has worked, with its processes that have ended."""
    server = psutil.Process(int((ground.home / "pg" / "postmaster.pid").read_text("utf-8").split()[0]))
    times = [server.cpu_times(), *(child.cpu_times() for child in server.children())]
    return sum(one.user + one.system for one in times) + times[0].children_user + times[0].children_system


@contextmanager
def _ground(home: Path) -> Iterator[Ground]:
    """A PostgreSQL of its own with the procedures, and the pages of a small sandbox."""
    (home / "pages").mkdir()
    server = embedded.start(home / "pg", "bench")
    ground = Ground(home, server, {})
    try:
        say_to_sandbox(home, "start", "--size", str(BASE_SIZE), "--port-base", "0", "--provinces", SOURCE)
        _configure(home, None)
        _keep_pages(home)
        fill_template(ground, SOURCE)
        yield ground
    finally:
        say_to_sandbox(home, "stop")
        embedded.stop(home / "pg")


def _keep_pages(home: Path) -> None:
    settings = Settings(home, (home / "config", BASE))
    source = source_of(settings, load_province(settings, SOURCE))
    for page in source.pull("dossiers", Window(None, datetime.now(UTC))):
        if len(page) == ROWS:
            (home / "pages" / f"{page.number:05}.json").write_bytes(page.raw)


@contextmanager
def _peer(pages: Path, size: int) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.multiplied", str(pages), str(size)]
    peer = subprocess.Popen(command, cwd=BASE, stdout=subprocess.PIPE, text=True)
    try:
        assert peer.stdout is not None
        yield f"http://127.0.0.1:{int(peer.stdout.readline())}"
    finally:
        peer.terminate()
        peer.wait(10)


def _configure(home: Path, address: str | None) -> None:
    """The example's folder, its first source read from this address and without rate limits."""
    for name in ("provinces", "migrations"):
        (home / "config" / name).mkdir(parents=True, exist_ok=True)
        for path in (EXAMPLE / name).iterdir():
            (home / "config" / name / path.name).write_bytes(path.read_bytes())
    path = home / "config" / "provinces" / f"{SOURCE}.yaml"
    data = yaml.safe_load(path.read_text("utf-8")) | {"limits": UNLIMITED}
    path.write_text(yaml.safe_dump(data | ({"url": address} if address else {}), allow_unicode=True), "utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and say whether the floors hold."""
    parser = argparse.ArgumentParser(prog="benchmarks.migration", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="dossiers of each history")
    parser.add_argument("--trace", action="store_true", help="say how far it is while it runs")
    options = parser.parse_args(arguments)
    found = measure(options.sizes, trace=options.trace, step=lambda words: print(words, file=sys.stderr))
    print(json.dumps(found, indent=1))
    latest = json.loads(LATEST.read_text()) if LATEST.is_file() else {}
    LATEST.write_text(json.dumps(latest | {"migration": found}, indent=1) + "\n")
    misses = floors.migration_missed(found)
    for miss in misses:
        print(f"Missed: {miss}")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
