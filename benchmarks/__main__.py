"""`python -m benchmarks [--size N] [--memory-size N] [--rounds N] [--quick]`: the races, judged by the floors.

Exit codes: 0 every floor holds; 1 one is missed; 2 the command line is wrong or a contestant did not run.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import dlt_environment, floors, ground, language, migration, printing, race, together


def main(arguments: list[str] | None = None) -> int:
    """Run it all and say whether the floors hold."""
    options = _options(arguments)
    if options.lock:
        dlt_environment.lock()
        return 0
    console = Console()
    columns = (
        TextColumn("[bold]{task.description:52}"),
        BarColumn(30),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        found = run(options, progress)
    printing.show(console, found)
    misses = floors.missed(found)
    migration.LATEST.write_text(json.dumps(found, indent=1) + "\n")
    latest = migration.LATEST
    console.print(f"Written to {latest.relative_to(Path.cwd()) if latest.is_relative_to(Path.cwd()) else latest}")
    for miss in misses:
        console.print(f"[red]Missed: {miss}")
    return 1 if misses else 0


def run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """All measurements, as they are written to latest.json."""
    racers = race.contestants()
    task = progress.add_task("Preparing", total=5 + options.rounds * len(racers) + 3 + len(options.histories))

    def step(text: str) -> None:
        progress.update(task, description=text, advance=1)

    if not dlt_environment.ready():
        progress.update(task, description="Installing dlt into .venv-bench")
        dlt_environment.make()
    with (
        tempfile.TemporaryDirectory(prefix="lienthong-bench-") as folder,
        ground.prepared(Path(folder), options.size) as place,
    ):
        peers = {}
        for kind in ground.PROVINCES:
            step(f"{kind.upper()}: what the peer alone can serve")
            peers[kind] = _peer(place, kind)
        parts = {}
        for kind in ground.PROVINCES:
            step(f"{kind.upper()}: where the time goes")
            parts[kind] = _parts(place, kind)
        step("What the spec language costs beside readers written by hand")
        spoken = language.measure(place)
        for number in range(1, options.rounds + 1):
            for racer in racers:
                step(f"Round {number}: {racer.name}, {options.size:,} dossiers")
                racer.run(place)
        step(f"A province of each vendor at once, {options.size:,} dossiers each")
        at_once = together.measure(place)
    peak = {}
    with (
        tempfile.TemporaryDirectory(prefix="lienthong-bench-") as folder,
        ground.prepared(Path(folder), options.memory_size) as place,
    ):
        ground.configure(place.home, {kind: ground.address(place.home, kind) for kind in ground.PROVINCES})
        for kind in ground.PROVINCES:
            step(f"Memory: {options.memory_size:,} dossiers over {kind.upper()}")
            with place.database(hub=True) as database:
                peak[kind] = race.said(race.hub_command(place, kind, database, warm=False))
    moved = migration.measure(options.histories, step=step)
    return _found(options, racers, peers, parts, peak) | {"together": at_once, "migration": moved} | spoken


def _peer(place: ground.Ground, kind: str) -> dict[str, Any]:
    """Records a second that a reader gets who does nothing with them: from the sandbox itself, and as replayed."""
    own = ground.download(place, kind, ground.address(place.home, kind))
    ground.download(place, kind, place.peers[kind])
    records, size = ground.record_for_hub(place, kind)
    replayed = ground.download(place, kind, place.peers[kind])
    return {
        "records": records,
        "bytes_per_record": round(size / records),
        "sandbox_per_second": round(records / own),
        "replayed_per_second": round(records / replayed),
    }


def _parts(place: ground.Ground, kind: str) -> dict[str, float]:
    with place.database(hub=True) as database:
        command = race.hub_command(place, kind, database)
        command[2] = "benchmarks.anatomy"
        return dict(race.said(command)["parts"])


def _found(
    options: argparse.Namespace,
    racers: list[race.Contestant],
    peers: dict[str, Any],
    parts: dict[str, dict[str, float]],
    peak: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    soap, orm, rest, dlt = racers
    return {
        "soap": {"per_second": round(soap.best), "vs_zeep_orm": round(race.ratio(soap, orm), 2)},
        "rest": {"per_second": round(rest.best), "vs_dlt": round(race.ratio(rest, dlt), 2)},
        "peak_mb": max(one["peak_mb"] for one in peak.values()),
        "size": options.size,
        "memory_size": options.memory_size,
        "rounds": options.rounds,
        "zeep_orm_per_second": round(orm.best),
        "dlt_per_second": round(dlt.best),
        "stages": {one.kind: max(one.results, key=lambda r: r["per_second"])["stages"] for one in (soap, rest)},
        "gate_share": {kind: round(race.gate_share(one), 3) for kind, one in peak.items()},
        "parts_us": {kind: {name: round(value, 1) for name, value in found.items()} for kind, found in parts.items()},
        "peers": peers,
        "memory": {
            kind: {"peak_mb": one["peak_mb"], "seconds": round(one["seconds"], 1)} for kind, one in peak.items()
        },
        "all_rounds": {one.name: [round(r["per_second"]) for r in one.results] for one in racers},
        "python": platform.python_version(),
        "commit": _commit(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _commit() -> str:
    asked = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--size", type=int, default=20_000, help="dossiers a province for the ratios (20000)")
    parser.add_argument("--memory-size", type=int, default=200_000, help="dossiers for the peak memory (200000)")
    parser.add_argument(
        "--histories", type=int, nargs="+", default=list(migration.SIZES), help="dossiers of a migration"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the race (3)")
    parser.add_argument("--quick", action="store_true", help="one round of 2000 and 5000 dossiers: does it run at all")
    parser.add_argument("--lock", action="store_true", help="write requirements-dlt.lock again and end")
    options = parser.parse_args(arguments)
    if options.quick:
        options.size, options.memory_size, options.rounds, options.histories = 2_000, 5_000, 1, [2_000, 5_000]
    return options


if __name__ == "__main__":
    sys.exit(main())
