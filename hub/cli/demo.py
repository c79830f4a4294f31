"""`lienthong demo`: the real flows of one province per vendor, run by Airflow against simulated peers and watched."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import TaskID
from sqlalchemy import Engine, text

from hub import airflow_home, services
from hub.cli.lines import Lines, moving_lines
from hub.cli.output import NO, OK, err, out, print_json
from hub.cli.sync import print_status
from hub.config import Settings, load_province
from hub.errors import ConfigurationError, StageFailed
from hub.services import Ending, Services
from hub.status import province_status
from hub.store import database_url, engine_of, upgrade

PROVINCES = ("lao_cai", "quang_ngai", "son_la", "thai_nguyen", "nghe_an")
"""One for each vendor: VNPT, Viettel, FPT, MobiFone, Tan Dan."""

RUNNERS = 2
"""Processes that run flows, one for each core: loading Airflow takes longer than most of what it then runs."""

DOSSIERS = 500
"""Dossiers of each province, unless the data folder was made with another number."""

NATIONAL = "procedures__national"

NOT_OURS = ("LIENTHONG_CONFIG", "LIENTHONG_DATABASE_URL")
"""Unset for a demo, as all connections: it must not reach a real peer, nor write into somebody's database."""

INTERRUPTED = Ending(signal.SIGINT, 8)
"""A runner ends its calls in order at Ctrl-C; Airflow's tasks do not listen to SIGTERM. Killed, it is as safe: the next
run looks up what it does not know."""

WATCHED = """
SELECT r.run_id, r.stage, r.state, r.error,
       (SELECT coalesce(sum(m.records), 0) FROM message m WHERE m.run_id = r.run_id AND m.error IS NULL) AS pulled,
       (SELECT count(*) FROM delivery d WHERE d.province = r.province AND d.sent_run_id = r.run_id
        AND d.state IN ('delivered', 'held')) AS sent,
       (SELECT count(*) FROM delivery d WHERE d.province = r.province
        AND d.state IN ('pending', 'sending', 'unknown')) AS owed,
       (SELECT count(*) FROM dossier d WHERE d.province = r.province AND d.reconciled_hash = d.delivered_hash) AS equal
FROM run r WHERE r.province = :province AND (r.run_id > :after OR r.state = 'running') ORDER BY r.run_id DESC LIMIT 1
"""

DOING = {
    "open": "reading {pulled:,}",
    "pulled": "checking {pulled:,}",
    "checked": "merging {pulled:,}",
    "merged": "sending {sent:,} of {all:,}",
    "pushed": "comparing both sides, {equal:,} equal",
    "reconciled": "writing the report",
    "done": "done, {equal:,} dossiers equal on both sides",
}
"""What comes after the last stage that ended well."""


@dataclass(frozen=True, slots=True)
class Runner:
    """A process that loads Airflow early, waits for its turn and runs DAGs; `result` grows as they end."""

    process: subprocess.Popen[bytes]
    result: Path
    log: Path

    def go(self) -> None:
        """Let it begin."""
        if self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.write(b"go\n")
                self.process.stdin.close()


@dataclass
class Flow:
    """One DAG as the demo shows it: its line on the screen, and how it ended."""

    dag_id: str
    title: str
    province: str
    runner: Runner
    line: TaskID | None = None
    outcome: dict[str, Any] = field(default_factory=dict)

    def ended(self) -> bool:
        """Whether it ended; `outcome` stays empty when its process did so before telling."""
        gone = self.runner.process.poll() is not None
        if self.runner.result.exists():
            for line in self.runner.result.read_text("utf-8").splitlines():
                if line.endswith("}") and json.loads(line)["dag_id"] == self.dag_id:
                    self.outcome = json.loads(line)
        return gone or bool(self.outcome)

    @property
    def good(self) -> bool:
        return self.outcome.get("state") == "success"


def run_demo(*, dossiers: int | None, provinces: str | None, as_json: bool) -> int:
    """Run the demo in `LIENTHONG_HOME`. Returns the exit code: 0 when everything is reconciled.

    Raises:
        ConfigurationError: a province that the demo does not have; nothing was started.
        StageFailed: something could not be started, or a flow failed; what was started is stopped first.
    """
    for name in [name for name in os.environ if name in NOT_OURS or name.startswith("AIRFLOW_CONN_")]:
        if os.environ.pop(name):
            err.print(f"{name} is set and not used: the demo works on simulated peers and a database of its own.")
    settings, chosen = Settings.from_environment(), _provinces(provinces)
    with services.stopped_by_signals(), services.alone(settings.home, "demo"):
        try:
            answer = _Demo(settings, dossiers, chosen).run()
        except KeyboardInterrupt:
            err.print("\nStopped. Everything that was started is stopped; the next demo goes on from here.")
            return 130
    if as_json:
        print_json(answer)
    else:
        _show(settings, answer)
    return OK if answer["reconciled"] else NO


def _provinces(named: str | None) -> tuple[str, ...]:
    chosen = tuple(slug.strip() for slug in named.split(",") if slug.strip()) if named else PROVINCES
    for slug in chosen:
        if slug not in PROVINCES:
            raise ConfigurationError(
                f"the demo has no province '{slug}'", where="--provinces", next_step=f"It has: {', '.join(PROVINCES)}."
            )
    return tuple(dict.fromkeys(chosen)) or PROVINCES


class _Demo:
    """What one demo started and has to stop."""

    def __init__(self, settings: Settings, dossiers: int | None, provinces: tuple[str, ...]) -> None:
        self.settings, self.dossiers, self.begun = settings, dossiers, time.monotonic()
        self.provinces = provinces
        url = database_url(settings.home)
        self.engine: Engine = engine_of(url)
        home = airflow_home.AirflowHome(settings.home / "airflow", airflow_home.beside(url))
        self.environment = {
            **home.environment(),
            "LIENTHONG_HOME": str(settings.home),
            "LIENTHONG_DATABASE_URL": url,
            "LIENTHONG_TASK_RETRIES": "0",
        }
        self.running = Services(settings.home, self.environment)
        self.after = 0
        """The last run before this demo; a run that a Ctrl-C left behind is older and taken up again."""

    def run(self) -> dict[str, Any]:
        """Start, let the flows run, stop."""
        try:
            with moving_lines() as lines:
                return self._run(lines)
        finally:
            with services.undisturbed():
                self.running.stop()
                services.stop_sandbox(self.settings.home, self.environment)
                self.engine.dispose()

    def _run(self, lines: "Lines") -> dict[str, Any]:
        starting = lines.add("PostgreSQL, simulated peers, Airflow")
        count = min(RUNNERS, len(self.provinces))
        turns = [[f"sync__{slug}" for slug in self.provinces[place::count]] for place in range(count)]
        runners = [
            self._load(f"flows-{place + 1}", *(["--prepare", NATIONAL] if place == 0 else []), *turn)
            for place, turn in enumerate(turns)
        ]
        upgrade(self.engine)
        self.after = self._last_run()
        services.start_sandbox(self.settings.home, self.environment, "--port-base", "0", *self._chosen())
        lines.say(starting, "ready", done=True)
        runners[0].go()
        listed = "National procedure list"
        national = Flow(NATIONAL, listed, "national", runners[0], lines.add(listed))
        self._watch([national], lines)
        for runner in runners[1:]:
            runner.go()
        flows = [
            Flow(f"sync__{slug}", name := self._name(slug), slug, runners[place % count], lines.add(name))
            for place, slug in enumerate(self.provinces)
        ]
        self._watch(flows, lines)
        provinces = {slug: province_status(self.engine, slug) for slug in self.provinces}
        return {
            "reconciled": all(_settled(one) for one in provinces.values()),
            "seconds": round(time.monotonic() - self.begun, 1),
            "flows": [flow.outcome for flow in (national, *flows)],
            "provinces": provinces,
            "report": str(self.settings.home / "reports" / "index.html"),
        }

    def _chosen(self) -> list[str]:
        """What the sandbox is started with; nothing when this data folder holds one already and no size is asked."""
        kept = (self.settings.home / "sandbox" / "config.json").is_file()
        if kept and self.dossiers is None:
            return []
        return ["--size", str(self.dossiers or DOSSIERS)]

    def _name(self, slug: str) -> str:
        return load_province(self.settings, slug).province.name

    def _load(self, name: str, *words: str) -> Runner:
        """Start a process for DAGs; it imports Airflow and waits for its turn."""
        log = self.running.log(name)
        result = log.with_suffix(".json")
        result.unlink(missing_ok=True)
        command = [sys.executable, "-m", "dags.run", "--gate", "--result", str(result), *words]
        return Runner(self.running.start(name, command, stdin=subprocess.PIPE, ending=INTERRUPTED), result, log)

    def _watch(self, flows: list[Flow], lines: "Lines") -> None:
        """Show how far each flow is until all have ended: one that fails does not stop another.

        Raises:
            StageFailed: one ended badly.
        """
        at_work = list(flows)
        while at_work:
            time.sleep(0.3)
            for flow in list(at_work):
                ended = flow.ended()
                lines.say(flow.line, *self._doing(flow, ended), done=ended)
                if ended:
                    at_work.remove(flow)
        for flow in flows:
            if not flow.good:
                raise self._failure(flow)

    def _last_run(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.scalar(text("SELECT coalesce(max(run_id), 0) FROM run")) or 0)

    def _watched(self, flow: Flow) -> dict[str, Any] | None:
        with self.engine.connect() as connection:
            row = connection.execute(text(WATCHED), {"province": flow.province, "after": self.after}).one_or_none()
        return {**row._mapping, "all": row.sent + row.owed} if row else None

    def _doing(self, flow: Flow, ended: bool) -> tuple[str, int, int]:
        """What a flow does in words, and how far that is: done and in all (0: not known)."""
        if ended and not flow.good:
            return "[red]failed[/red]", 0, 0
        now = self._watched(flow)
        if not now:
            return ("done" if ended else "waiting for its turn"), 0, 0
        if flow.dag_id == NATIONAL:
            return ("done" if ended else f"reading {now['pulled']:,}"), 0, 0
        far = {"merged": now["sent"], "pushed": now["equal"]}.get(now["stage"], 0)
        return DOING[now["stage"]].format(**now), far, now["all"] if far else 0

    def _failure(self, flow: Flow) -> StageFailed:
        now, log = self._watched(flow), flow.runner.log
        said = now["error"] if now and now["error"] else f"its log ends so:\n{services.tail(log)}"
        return StageFailed(str(said), where=flow.dag_id, next_step=f"The whole log is {log}")


def _settled(one: dict[str, Any]) -> bool:
    """Every dossier is delivered and equal on both sides, or held with a reason."""
    everything = one["pulled"] == one["delivered"] + one["held"]
    return bool(everything and not one["unknown"] and one["delivered"] and one["reconciled"] == one["delivered"])


def _show(settings: Settings, answer: dict[str, Any]) -> None:
    out.print()
    print_status(settings, answer["provinces"], abreast=None if out.is_terminal else len(answer["provinces"]))
    if answer["reconciled"]:
        out.print("[bold green]Every dossier is delivered and equal on both sides, or held with a reason.[/bold green]")
    else:
        out.print("[bold red]Not everything is reconciled; the report names each difference.[/bold red]")
    out.print(f"Report: {answer['report']}", highlight=False, soft_wrap=True)
    command = Path(sys.prefix, "bin", "lienthong")
    shown = command.relative_to(Path.cwd()) if command.is_relative_to(Path.cwd()) else command
    out.print(f"[dim]{answer['seconds']:.0f} s. What next:[/dim]", highlight=False)
    for words, what in (
        (f"{shown} quarantine list lao_cai", "what is held, and why"),
        ("make demo", "again: nothing has changed, so nothing moves"),
        ("make up", "Airflow's page with these flows in it"),
    ):
        out.print(f"  {words:<45} {what}", highlight=False, soft_wrap=True)
