"""`lienthong up`: the hub's database, the simulated peers and Airflow on this machine, until Ctrl-C."""

import json
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError, URLError

from hub import airflow_home, services
from hub.cli.output import err, out
from hub.config import Province, Settings, load_province, province_slugs
from hub.errors import ConfigurationError, StageFailed
from hub.services import AIRFLOW_SERVICES, Services
from hub.store import database_url, engine_of, upgrade

_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
"""Asks this machine directly, whatever proxy the office has."""

HEALTHY = ("metadatabase", "scheduler", "triggerer", "dag_processor")

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
        return _run(settings, free_port(port), with_sandbox)


def _run(settings: Settings, port: int, with_sandbox: bool) -> int:
    with step("PostgreSQL"):
        url = database_url(settings.home)
        upgrade(engine_of(url))
        airflow_url = airflow_home.beside(url)
    home = airflow_home.AirflowHome(settings.home / "airflow", airflow_url, f"http://127.0.0.1:{port}")
    environment = {**home.environment(), "LIENTHONG_HOME": str(settings.home), "LIENTHONG_DATABASE_URL": url}
    running = Services(settings.home, environment)
    started_sandbox = with_sandbox and not services.sandbox_running(settings.home)
    try:
        if with_sandbox:
            with step("Simulated peers"):
                services.sandbox(environment, "start")
        with step("Airflow's database"):
            finished(running, "airflow-db-migrate", ["-m", "airflow", "db", "migrate"])
        with step("Airflow: api-server, scheduler, dag-processor, triggerer"):
            for service in AIRFLOW_SERVICES:
                running.start(service.name, service.command)
            services.wait_for(lambda: healthy(home.url), running, "Airflow", READY_SECONDS)
        api = Api(home.url)
        api.keep_pools(_provinces(settings))
        _say_where(home, settings, with_sandbox, url)
        while True:
            time.sleep(2)
            if name := running.fallen():
                raise running.failure(name)
            api.keep_pools(_provinces(settings))
    except KeyboardInterrupt:
        return 0
    finally:
        with services.undisturbed():
            out.print("\nStopping:", end="")
            running.stop(lambda name: out.print(f" {name}", end="", highlight=False))
            if started_sandbox:
                out.print(" sandbox", end="")
                services.sandbox(environment, "stop")
            out.print(". Everything that was started is stopped.")


def _provinces(settings: Settings) -> list[Province]:
    """Every province whose file can be read; the flow of one that cannot tells why in Airflow."""
    readable = []
    for slug in province_slugs(settings):
        try:
            readable.append(load_province(settings, slug))
        except ConfigurationError:
            continue
    return readable


def _say_where(home: airflow_home.AirflowHome, settings: Settings, with_sandbox: bool, url: str) -> None:
    out.print(f"\n[bold green]Airflow:  {home.url}[/bold green]   (no password: only this machine reaches it)")
    out.print(f"Database: {url.replace('+psycopg', '')}", highlight=False, soft_wrap=True)
    if with_sandbox:
        out.print("Peers:    lienthong sandbox status; let a day pass with lienthong sandbox advance --days 1")
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


def finished(running: Services, name: str, arguments: list[str]) -> None:
    """Run a command of this Python to its end, logged as a service is.

    Raises:
        StageFailed: it ended with another exit code than 0.
    """
    if running.start(name, [sys.executable, *arguments]).wait():
        raise running.failure(name)
    running.forget(name)


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


def healthy(url: str) -> bool:
    """Whether the api-server answers that every part of Airflow is healthy."""
    try:
        with _open(f"{url}/api/v2/monitor/health", timeout=5) as answer:
            parts = json.load(answer)
    except (URLError, OSError, ValueError):
        return False
    return all(parts.get(name, {}).get("status") == "healthy" for name in HEALTHY)


class Api:
    """Airflow's REST interface, as far as `up` needs it: a pool for each peer, also of provinces that come later."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._known: set[str] = set()

    def keep_pools(self, provinces: list[Province]) -> None:
        """Make the pools that are missing; sizes that an operator has changed are left alone."""
        for name, (slots, description) in airflow_home.pools(provinces).items():
            if name not in self._known:
                body = {"name": name, "slots": slots, "description": description}
                self._post("/api/v2/pools", body, accept=(201, 409))
                self._known.add(name)

    def _post(self, path: str, body: dict[str, Any], accept: tuple[int, ...]) -> None:
        with _open(f"{self.url}/auth/token", timeout=30) as answer:
            token = json.load(answer)["access_token"]
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        try:
            with _open(request, timeout=30) as answer:
                code = answer.status
        except HTTPError as error:
            code = error.code
        if code not in accept:
            raise StageFailed(
                f"Airflow answered {code} to POST {path}", where=self.url, next_step="See api-server.log."
            )
