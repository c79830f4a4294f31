"""The provinces of the demo, one per vendor: read, mapped, checked and merged one after the other, and all at once.

Each is a process of its own, as Airflow runs them, against the simulated peers themselves and into one database.
Together they must keep both cores busy, the peers' and PostgreSQL's work counted in.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.ground import UNLIMITED, Ground
from hub.cli.demo import PROVINCES
from hub.config import BASE


def configure(home: Path) -> None:
    """The repository's provinces without rate limits: what is measured is the hub, not a vendor's patience."""
    folder = home / "config" / "provinces"
    folder.mkdir(parents=True, exist_ok=True)
    for slug in PROVINCES:
        data = yaml.safe_load((BASE / "provinces" / f"{slug}.yaml").read_text("utf-8"))
        data |= {"limits": UNLIMITED}
        (folder / f"{slug}.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), "utf-8")


def measure(ground: Ground) -> dict[str, Any]:
    """Seconds one after the other and together, their ratio, and how many cores were busy meanwhile."""
    configure(ground.home)
    with ground.database(hub=True) as database:
        turns = [_run(ground, database, [slug]) for slug in PROVINCES]
    with ground.database(hub=True) as database:
        at_once = _run(ground, database, list(PROVINCES))
    alone = sum(turn["seconds"] for turn in turns)
    return {
        "provinces": len(PROVINCES),
        "records": at_once["records"],
        "one_after_the_other_s": round(alone, 1),
        "together_s": round(at_once["seconds"], 1),
        "gain": round(alone / at_once["seconds"], 2),
        "cores_busy": round(at_once["busy"], 2),
        "per_second": round(at_once["records"] / at_once["seconds"]),
    }


def _run(ground: Ground, database: str, slugs: list[str]) -> dict[str, Any]:
    """Let one process for each province loose at the same moment, when all have loaded what they need."""
    racers = [subprocess.Popen(_command(ground, database, slug), cwd=BASE, **_PIPES) for slug in slugs]
    for racer in racers:
        assert racer.stdout is not None
        racer.stdout.readline()
    before, begun = _worked(), time.perf_counter()
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.close()
    said = [_ended(racer) for racer in racers]
    seconds = time.perf_counter() - begun
    return {
        "records": sum(one["records"] for one in said),
        "seconds": seconds,
        "busy": (_worked() - before) / seconds,
    }


_PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}


def _command(ground: Ground, database: str, slug: str) -> list[str]:
    given = {
        "home": str(ground.home),
        "config": str(ground.home / "config"),
        "database": database,
        "slug": slug,
        "warm": True,
        "gate": True,
    }
    return [sys.executable, "-m", "benchmarks.hub_stages", json.dumps(given)]


def _ended(racer: "subprocess.Popen[str]") -> dict[str, Any]:
    assert racer.stdout is not None
    words = racer.stdout.read()
    if racer.wait():
        raise SystemExit(f"{' '.join(map(str, racer.args[:3]))} ended with {racer.returncode}")  # type: ignore[index]
    return dict(json.loads(words.strip().splitlines()[-1]))


def _worked() -> float:
    """Seconds that the machine's cores worked so far, whoever made them."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice)
