"""The drill from beginning to end: read, killed again and again, loaded, frozen, proved, approved, opened."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from hub import services
from hub.config import Settings
from hub.drill.desk import fill_in
from hub.drill.ground import PLAN, SOURCES, Ground
from hub.drill.killing import Killer, points
from hub.drill.ledgers import compare
from hub.errors import StageFailed
from hub.migration.attempt import must_be_current
from hub.store import database_url, engine_of, upgrade

STEWARD = "người diễn tập"
"""Under this name the drill decides what a person must decide: nobody could take it for one."""

Run = Callable[[Sequence[str], Mapping[str, str]], subprocess.CompletedProcess[str]]
"""Runs one command of `lienthong` to its end in an environment."""

Say = Callable[[str, str, int, int], None]
"""Told which step is at work, what it does, how far it is and what there is in all (0: not known)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a drill is asked for."""

    dossiers: int
    kills: int
    seed: int


@dataclass
class Drill:
    """One drill on its ground. `sleep` and `clock` are passed in; the peers and the commands are real processes."""

    ground: Ground
    wanted: Wanted
    engine: Engine
    say: Say
    runs: Run
    sleep: Callable[[float], None] = time.sleep
    ticks: Callable[[], float] = time.monotonic

    def run(self) -> dict[str, Any]:
        """Returns the drill's answer: what was troubled, killed, moved, proved, and the peers' own word on it."""
        begun = self.ticks()
        self.say("peers", "three old systems, the new one, the national list", 0, 0)
        self.ground.start_peers(self.wanted.dossiers)
        if not self._knows_procedures():
            self.command("procedures", "pull")
        estimate = self.command("migrate", "plan", PLAN, may_say_no=True)  # the freeze is now: it says so
        self.say("rehearsal", "the whole run against the rehearsal target", 0, 0)
        rehearsed = self.command("migrate", "rehearse", PLAN, may_say_no=True)
        self.command("migrate", "milestone", PLAN, "procedures_published", "--source", "diễn tập", "--by", STEWARD)
        decided = self._decide()
        self.ground.trouble()
        killer = self._migrate()
        decided += self._decide()
        self.say("freeze", "the last delta", 0, 0)
        self.command("migrate", "freeze", PLAN)
        self.say("proof", "both sides are read again and compared", 0, 0)
        proof = self.command("migrate", "reconcile", PLAN, may_say_no=True)
        verdict = self.command("migrate", "go", PLAN, may_say_no=True)
        opened = self._open() if verdict["go"] else None
        attempt = must_be_current(self.engine, PLAN, "cutover")
        self.command("migrate", "clock", PLAN, may_say_no=True)  # writes the page as it stands at the end
        judged = compare(self.engine, attempt.migration_id, self.ground.ledgers())
        return {
            "drill": {**asdict(self.wanted), "sources": SOURCES},
            "seconds": round(self.ticks() - begun, 1),
            "kills": [asdict(one) for one in killer.kills],
            "starts": killer.starts,
            "estimate": estimate,
            "rehearsal": rehearsed,
            "decided": decided,
            "proof": proof,
            "go": verdict,
            "opened": opened,
            "state": attempt.state,
            "peers": judged,
            "passed": proof["unaccounted"] == 0
            and judged["equal"]
            and len(killer.kills) == self.wanted.kills
            and _was_troubled(judged["trouble"]),
            "page": str(self.ground.home / "reports" / f"migration-{PLAN}.html"),
        }

    def _knows_procedures(self) -> bool:
        with self.engine.connect() as connection:
            return bool(connection.scalar(text("SELECT EXISTS (SELECT FROM procedure_version)")))

    def _open(self) -> dict[str, Any]:
        self.say("open", "approved and opened", 0, 0)
        why = "diễn tập: mọi cổng đều xanh"
        self.command("migrate", "approve", PLAN, "--by", self._approver(), "--why", why)
        for name in ("gateway_switched", "centres_ready"):
            self.command("migrate", "milestone", PLAN, name, "--source", "diễn tập", "--by", STEWARD)
        return self.command("migrate", "open", PLAN, "--by", STEWARD)

    def _migrate(self) -> Killer:
        """Run the migration with kills, while the sources change."""
        grown: list[float] = []

        def meanwhile(share: float) -> None:
            far = min(int(share * 1000), 999)  # files and the last delta come behind the dossiers
            self.say("migration", f"run {killer.starts}, {len(killer.kills)} kills", far, 1000)
            if share > 0.3 and not grown:
                grown.append(share)
                self.ground.advance()

        expected = self.wanted.dossiers * len(SOURCES)
        killer = Killer(
            command=("migrate", "run", PLAN, "--json"),
            environment=self.ground.environment,
            logs=self.ground.home / "logs",
            engine=self.engine,
            plan=PLAN,
            expected=expected,
            at=points(self.wanted.seed, self.wanted.kills),
            meanwhile=meanwhile,
            sleep=self.sleep,
        )
        code = killer.run()
        if code:
            log = self.ground.home / "logs" / f"migrate-run-{killer.starts}.log"
            raise StageFailed(
                f"the migration ended with exit code {code}:\n{services.tail(log)}",
                where=f"drill · run {killer.starts}",
                next_step=f"The whole log is {log}",
            )
        if not grown:
            self.ground.advance()
        return killer

    def _decide(self) -> int:
        """Let the work list be written, filled in and read, as a person would with the papers at hand."""
        work = self.command("migrate", "work", PLAN)
        self.say("decisions", f"{len(work['groups']):,} codes of the work list", 0, 0)
        sheet = self.ground.home / "work.csv"
        self.command("migrate", "work", PLAN, "--to", str(sheet))
        if not fill_in(sheet, work["groups"]):
            return 0
        filled = ("--from", str(sheet), "--by", STEWARD, "--why", "diễn tập")
        return int(self.command("migrate", "decide", PLAN, *filled)["decided"])

    def _approver(self) -> str:
        from hub.migration.plans.plan import load_plan

        return load_plan(Settings(self.ground.home, (self.ground.config,)), PLAN).approvers[0]

    def command(self, *words: str, may_say_no: bool = False) -> dict[str, Any]:
        """One command of `lienthong` as a process, answered in JSON; 1 is an answer where a no may come.

        Raises:
            StageFailed: it ended otherwise; its own words are in the message.
        """
        done = self.runs((*words, "--json"), self.ground.environment)
        if done.returncode and not (may_say_no and done.returncode == 1):
            raise StageFailed(
                f"`lienthong {' '.join(words)}` ended with exit code {done.returncode}: {done.stderr.strip()[-1500:]}",
                where="drill",
                next_step="Try it by hand with the LIENTHONG_HOME and LIENTHONG_CONFIG of the drill.",
            )
        answer: dict[str, Any] = json.loads(done.stdout or "{}")
        return answer


def _was_troubled(trouble: dict[str, int]) -> bool:
    """Whether what the drill is for did happen; how much is refused follows from the codes, of few dossiers none."""
    return all(trouble[name] for name in ("slow_calls", "pages_changed_while_read", "days_grown"))


def as_process(words: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A process of its own, as a shell starts it."""
    return subprocess.run(
        [sys.executable, "-m", "hub", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        check=False,
    )


def drill(home: Path, wanted: Wanted, now: datetime, say: Say, runs: Run = as_process) -> dict[str, Any]:
    """Make the ground, drill, and stop the peers whatever happens. The database and the pages stay to be looked at."""
    ground = Ground(home)
    url = database_url(home)
    engine = engine_of(url)
    try:
        ground.clear()
        upgrade(engine)
        forget(engine)
        ground.lay_out(now, wanted.dossiers)
        return Drill(ground, wanted, engine, say, runs).run()
    finally:
        with services.undisturbed():
            services.stop_sandbox(home, ground.environment)
            engine.dispose()


def forget(engine: Engine) -> None:
    """Empty the drill's own tables, so that nothing of an earlier one counts; the national list is as good as new."""
    from schemas.tables import metadata, procedure_version

    names = ", ".join(table.name for table in metadata.sorted_tables if table is not procedure_version)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"TRUNCATE {names} CASCADE")
