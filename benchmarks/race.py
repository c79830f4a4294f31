"""Contestants as processes, run in turn so that a machine's moods meet them all; ratios are medians over the rounds."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.dlt_environment import python as dlt_python
from benchmarks.ground import PROVINCES, WSDL, Ground
from hub.config import BASE

HERE = Path(__file__).resolve().parent


@dataclass
class Contestant:
    """One way to move all dossiers of a system into PostgreSQL; `results` holds an answer for each round."""

    name: str
    kind: str
    hub: bool
    command: Callable[[Ground, str], list[str]]
    results: list[dict[str, Any]] = field(default_factory=list)

    def run(self, ground: Ground) -> dict[str, Any]:
        """One run in a fresh process and a fresh database."""
        with ground.database(hub=self.hub) as database:
            answer = said(self.command(ground, database))
        answer["per_second"] = answer["records"] / answer["seconds"]
        self.results.append(answer)
        return answer

    @property
    def best(self) -> float:
        """Records a second in the best round."""
        return float(max(result["per_second"] for result in self.results))


def said(command: list[str], *, show: bool = False) -> dict[str, Any]:
    """What a contestant prints in its last line; its own words are shown when it fails, or as they come."""
    environment = os.environ | {"PYTHONPATH": str(BASE), "PYTHONWARNINGS": "ignore"}
    errors = None if show else subprocess.PIPE
    ended = subprocess.run(
        command, cwd=BASE, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, check=False
    )
    if ended.returncode:
        raise SystemExit(f"{' '.join(command[:3])} ended with {ended.returncode}:\n{(ended.stderr or '')[-4000:]}")
    return dict(json.loads(ended.stdout.strip().splitlines()[-1]))


def contestants() -> list[Contestant]:
    """Hub and rival for each wire, in the order in which they are run."""
    return [
        Contestant("hub, SOAP", "soap", True, lambda ground, database: hub_command(ground, "soap", database)),
        Contestant("zeep + SQLAlchemy ORM", "soap", False, _zeep_orm),
        Contestant("hub, REST", "rest", True, lambda ground, database: hub_command(ground, "rest", database)),
        Contestant("dlt rest_api", "rest", False, _dlt),
    ]


def ratio(ours: Contestant, theirs: Contestant) -> float:
    """Median over the rounds of ours to theirs, each pair measured one right after the other."""
    pairs = zip(ours.results, theirs.results, strict=True)
    return statistics.median(one["per_second"] / other["per_second"] for one, other in pairs)


def gate_share(result: dict[str, Any]) -> float:
    """The part of a run that the gate takes."""
    return float(result["stages"]["check"] / sum(result["stages"].values()))


def hub_command(ground: Ground, kind: str, database: str, *, warm: bool = True) -> list[str]:
    given = {
        "home": str(ground.home),
        "config": str(ground.home / "config"),
        "database": database,
        "slug": PROVINCES[kind],
        "warm": warm,
    }
    return [sys.executable, "-m", "benchmarks.hub_stages", json.dumps(given)]


def _zeep_orm(ground: Ground, database: str) -> list[str]:
    given = _peer(ground, "soap", database) | {"wsdl": str(WSDL)}
    return [sys.executable, "-m", "benchmarks.zeep_orm", json.dumps(given)]


def _dlt(ground: Ground, database: str) -> list[str]:
    given = _peer(ground, "rest", database) | {"client_id": ground.account("rest")["extra"]["client_id"]}
    return [str(dlt_python()), str(HERE / "dlt_rest.py"), json.dumps(given)]


def _peer(ground: Ground, kind: str, database: str) -> dict[str, Any]:
    account = ground.account(kind)
    given = {"url": ground.peers[kind], "database": database, "rows": ground.rows(kind)}
    return given | {"login": account["login"], "password": account["password"]}
