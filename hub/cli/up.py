"""`lienthong up`: the hub's database, the simulated peers, the receiver and Airflow on this machine, until Ctrl-C."""

import json
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.error import URLError

from sqlalchemy import text

from hub import airflow_home, services
from hub.cli.output import err, out
from hub.config import Settings
from hub.errors import ConfigurationError
from hub.inbound import receivable
from hub.services import AIRFLOW_SERVICES, RECEIVER, RECEIVER_PORT, Services
from hub.store import database_url, engine_of, upgrade

_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
"""Asks this machine directly, whatever proxy the office has."""

API_SERVER = ("metadatabase",)
HEALTHY = (*API_SERVER, "scheduler", "triggerer", "dag_processor")
"""Parts of the health answer; the api-server itself gives it."""

READY_SECONDS = 240
"""Four services import Airflow at once; on two busy cores that takes a minute."""


def run_up(*, port: int, with_sandbox: bool | None) -> int:
    """Start everything, wait, stop everything in order. Returns the exit code.

    Raises:
        StageFailed: a service did not become ready or ended by itself; the others are stopped first.
    """
    settings = Settings.from_environment()
    if with_sandbox is None:
        with_sandbox = "LIENTHONG_CONFIG" not in os.environ
    with services.stopped_by_signals(), services.alone(settings.home, "up"):
        try:
            return _run(settings, free_port(port), with_sandbox)
        except KeyboardInterrupt:
            return 130


def _run(settings: Settings, port: int, with_sandbox: bool) -> int:
    with step("PostgreSQL"):
        url = database_url(settings.home)
        upgrade(engine_of(url))
        airflow_url = airflow_home.beside(url)
    home = airflow_home.AirflowHome(settings.home / "airflow", airflow_url, f"http://127.0.0.1:{port}")
    environment = {**home.environment(), "LIENTHONG_HOME": str(settings.home), "LIENTHONG_DATABASE_URL": url}
    running = Services(settings.home, environment)
    try:
        if with_sandbox:
            with step("Simulated peers"):
                services.start_sandbox(settings.home, environment)
            with step("National procedure list"):
                _first_list(settings)
        receiver = start_receiver(running, settings)
        with step("Airflow's database"):
            prepared = prepare(running, settings)
        with step(f"Airflow: {', '.join(service.name for service in AIRFLOW_SERVICES)}"):
            for service in AIRFLOW_SERVICES:
                # The tasks that the scheduler starts at once would find no api-server.
                if service.name == "scheduler":
                    services.wait_for(lambda: healthy(home.url, API_SERVER), running, "api-server", READY_SECONDS)
                running.start(service.name, service.command)
            services.wait_for(lambda: healthy(home.url, HEALTHY), running, "Airflow", READY_SECONDS)
        _say_where(home, settings, with_sandbox, url, receiver)
        while True:
            time.sleep(2)
            if name := running.fallen():
                raise running.failure(name)
            if airflow_home.pools(settings) != prepared:
                prepared = prepare(running, settings)
    except KeyboardInterrupt:
        return 0
    finally:
        with services.undisturbed():
            out.print("\nStopping:", end="")
            running.stop(lambda name: out.print(f" {name}", end="", highlight=False))
            if services.stop_sandbox(settings.home, environment):
                out.print(" sandbox", end="")
            out.print(". Everything that was started is stopped.")


def _first_list(settings: Settings) -> None:
    """Pull the simulated national list when there is none: Airflow makes up for the night before at once, all flows
    together, and a sync without the list would wait for its next try."""
    from hub.procedures import open_national, pull_national

    portal = open_national(settings)
    with portal.engine.connect() as connection:
        if not connection.scalar(text("SELECT count(*) FROM procedure_version")):
            pull_national(portal)


def start_receiver(running: Services, settings: Settings) -> dict[str, str]:
    """Receive for every province with a way in; gives the address of each, nothing when there is none.

    Raises:
        StageFailed: it did not become ready; the end of its log is in the message.
    """
    slugs = receivable(settings)
    if not slugs:
        return {}
    address = f"http://127.0.0.1:{free_port(RECEIVER_PORT)}"
    with step(f"Receiver: {', '.join(slugs)}"):
        running.start(RECEIVER.name, [*RECEIVER.command, "--port", address.rpartition(":")[2]])
        services.wait_for(lambda: _answers(f"{address}/health"), running, RECEIVER.name, READY_SECONDS)
    return {slug: f"{address}/inbound/{slug}" for slug in slugs}


def _say_where(
    home: airflow_home.AirflowHome, settings: Settings, with_sandbox: bool, url: str, receiver: Mapping[str, str]
) -> None:
    out.print(f"\n[bold green]Airflow:  {home.url}[/bold green]   (no password: only this machine reaches it)")
    out.print(f"Database: {url.replace('+psycopg', '')}", highlight=False, soft_wrap=True)
    if with_sandbox:
        out.print("Peers:    lienthong sandbox status; let a day pass with lienthong sandbox advance --days 1")
    for slug, address in receiver.items():
        out.print(f"Receiver: {address}", highlight=False, soft_wrap=True)
        if with_sandbox:
            out.print(
                f"          lienthong sandbox file --province {slug} -n 20 --to {address}",
                highlight=False,
                soft_wrap=True,
            )
    out.print(f"Logs:     {settings.home / 'logs'}", highlight=False, soft_wrap=True)
    out.print("Trigger a run with its form: Dags, a sync__ flow, Trigger. [bold]Ctrl-C stops everything.[/bold]")


@contextmanager
def step(what: str) -> Iterator[None]:
    """Tell a step while it works, and how long it took."""
    begun = time.monotonic()
    with err.status(f"{what} ...") if err.is_terminal else _nothing():
        yield
    err.print(f"[green]✓[/green] {what} [dim]{time.monotonic() - begun:.1f} s[/dim]", highlight=False)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def prepare(running: Services, settings: Settings) -> dict[str, tuple[int, str]]:
    """Bring Airflow's tables and pools up to date, at the start and when a province is added. Returns the pools.

    Raises:
        StageFailed: it ended badly; the end of its log is in the message.
    """
    wanted = airflow_home.pools(settings)
    if running.start("prepare", [sys.executable, "-m", "dags.run", "--prepare"]).wait():
        raise running.failure("prepare")
    running.forget("prepare")
    return wanted


def free_port(wanted: int) -> int:
    """The wanted port, or the next one on 127.0.0.1 that nobody listens on."""
    for port in range(wanted, min(wanted + 50, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ConfigurationError(f"no port from {wanted} on is free", where="--port", next_step="Name another one.")


def _answers(url: str) -> bool:
    """Whether anything but an error comes from there."""
    try:
        with _open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def healthy(url: str, wanted: Sequence[str]) -> bool:
    """Whether the api-server answers that these parts of Airflow are healthy."""
    try:
        with _open(f"{url}/api/v2/monitor/health", timeout=5) as answer:
            parts = json.load(answer)
    except (URLError, OSError, ValueError):
        return False
    return all(parts.get(name, {}).get("status") == "healthy" for name in wanted)
