"""What tests stand on: a real PostgreSQL with a fresh database each, and the sandbox's peers as processes."""

import gc
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import hypothesis
import pytest
import requests
from sqlalchemy import Engine, create_engine, make_url, text

from hub import embedded
from hub.config import BASE, Settings, load_province
from hub.context import Hub
from hub.procedures.national import pull_national
from hub.procedures.portal import open_national
from hub.store import engine_of, upgrade
from sandbox import processes
from sandbox.__main__ import DEFAULT_SEED
from sandbox.__main__ import main as sandbox_command
from sandbox.portal import LEDGER as PORTAL
from sandbox.provinces import ALL, STARTED
from sandbox.state import NATIONAL, Config, Folder

gc.disable()  # until tests begin: collecting them makes objects that all stay

# How long an example takes to make says something about the machine's other work, nothing about ours.
hypothesis.settings.register_profile(
    "lienthong", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("lienthong")


@pytest.fixture(scope="session", autouse=True)
def _cycles_searched_seldom() -> None:
    """Python's search for cycles leaves out what modules hold and comes less often: it took a third of the time."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 10, 5)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a server with a migrated, empty database named `template_hub`."""
    given = os.environ.get("LIENTHONG_DATABASE_URL")
    # Not under pytest's own folder: each pytest that starts takes others' rights to it away.
    parent = Path(tempfile.mkdtemp(prefix="lienthong-pg-", dir=_memory()))
    folder = parent / "pg"
    address = given or embedded.start(folder)
    engine = create_engine(embedded.beside(address, "template_hub"))
    upgrade(engine)
    if not given:
        _without_waiting_for_the_disk(engine)
    engine.dispose()
    yield address
    if not given:
        embedded.stop(folder)
    shutil.rmtree(parent, ignore_errors=True)


def _memory() -> Path | None:
    """A folder whose files are kept in memory, where there is one with room: databases are made and dropped by the
    hundred, and a disk's file system takes longer to make their files than PostgreSQL to fill them."""
    place = Path("/dev/shm")
    return place if os.access(place, os.W_OK) and shutil.disk_usage(place).free > 2 * 2**30 else None


def _without_waiting_for_the_disk(engine: Engine) -> None:
    """What a test's server loses when the machine fails, nobody misses; a database that lives for seconds is not
    vacuumed."""
    off = ("fsync", "synchronous_commit", "full_page_writes", "wal_init_zero", "autovacuum")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting in (*(f"{name} = off" for name in off), "max_wal_size = '512MB'"):
            connection.execute(text(f"ALTER SYSTEM SET {setting}"))
        connection.execute(text("SELECT pg_reload_conf()"))


class Databases:
    """Databases of tests, made as copies of others on one server.

    One that was used is dropped when the next but one is made: its connections have ended by then, for which PostgreSQL
    would wait a tenth of a second.
    """

    def __init__(self, server: str) -> None:
        self._server, self._used = server, list[str]()
        self._owner = create_engine(server, isolation_level="AUTOCOMMIT")

    def make(self, template: str, name: str | None = None) -> str:
        """Address of a new database that starts as a copy of `template`."""
        self._drop_used(but=1)
        name = name or f"test_{uuid4().hex[:12]}"
        self._say(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return make_url(self._server).set(database=name).render_as_string(hide_password=False)

    def give_back(self, address: str) -> None:
        """The test is over; nobody works on this database any more."""
        engine_of(address).dispose()
        engine_of.cache_clear()  # an engine holds every statement that it compiled
        self._used.append(str(make_url(address).database))

    def end(self) -> None:
        self._drop_used()
        self._owner.dispose()

    def _drop_used(self, but: int = 0) -> None:
        while len(self._used) > but:
            self._say(f"DROP DATABASE {self._used.pop(0)} WITH (FORCE)")

    def _say(self, statement: str) -> None:
        with self._owner.connect() as connection:
            connection.execute(text(statement))


@pytest.fixture(scope="session")
def databases(postgres: str) -> Iterator[Databases]:
    """Where tests get databases of their own."""
    found = Databases(postgres)
    yield found
    found.end()


@pytest.fixture(scope="session")
def with_procedures(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a database that already holds the national procedure list, pulled once from the national peer."""
    name, peers = "template_procedures", Sandbox(tmp_path_factory.mktemp("national"))
    engine = create_engine(databases.make("template_hub", name))
    peers.say("start", "--size", "10", "--port-base", "0", "--provinces", "lao_cai")
    try:
        pull_national(open_national(Settings(peers.home, (BASE,)), engine))
    finally:
        peers.say("stop")
        engine.dispose()
    return name


@pytest.fixture
def database(databases: Databases, with_procedures: str) -> Iterator[str]:
    """Address of a fresh database that knows the national procedures and nothing else."""
    address = databases.make(with_procedures)
    yield address
    databases.give_back(address)


@pytest.fixture
def engine(database: str) -> Engine:
    """Engine of a fresh database that knows the national procedures and nothing else."""
    return engine_of(database)


@dataclass(frozen=True)
class Sandbox:
    """The sandbox's peers, as a test sees them: by their own ledgers."""

    home: Path

    def say(self, *words: str) -> dict[str, Any]:
        """One command of `python -m sandbox`, answered in JSON."""
        with redirect_stdout(StringIO()) as said:
            code = sandbox_command([*words, "--state", str(self.home / "sandbox"), "--json"])
        assert code == 0, said.getvalue()
        return dict(json.loads(said.getvalue()))

    def status(self) -> dict[str, Any]:
        """What `python -m sandbox status` counts in the ledgers of all peers."""
        return self.say("status")

    def national(self) -> dict[str, Any]:
        """What the national peer counted."""
        return dict(self.get("national", "status"))

    def address(self, peer: str) -> str:
        """The peer's address; `peer` is a connection id such as `vnpt_lao_cai` or `national`."""
        return str(json.loads((self.home / "sandbox" / "connections.json").read_text("utf-8"))[peer]["host"])

    def get(self, peer: str, path: str, **params: Any) -> Any:
        """One of the peer's control pages."""
        answer = requests.get(f"{self.address(peer)}/_sandbox/{path}", params=params, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ledger(self, kind: str, peer: str = "national") -> list[dict[str, Any]]:
        """All rows of a ledger: dossiers, steps, calls, versions or sins."""
        rows: list[dict[str, Any]] = []
        since: int | None = 0
        while since is not None:
            page = self.get(peer, f"ledger/{kind}", since_id=since)
            rows += page["rows"]
            since = page["next_since_id"]
        return rows

    def sent(self) -> dict[str, dict[str, Any]]:
        """The dossiers that the national side has, by code."""
        return {row["code"]: row for row in self.ledger("dossiers")}

    def fault(self, peer: str, **fault: Any) -> None:
        """Let the peer misbehave: operation, kind, after, times."""
        answer = requests.post(f"{self.address(peer)}/_sandbox/faults", json=fault, timeout=10)
        assert answer.status_code < 300, answer.text


class _Plain:
    """A test without parameters."""

    params: ClassVar[dict[str, Any]] = {}


@pytest.fixture(scope="session")
def peers_of_all_tests() -> Iterator[Folder]:
    """The folder of peers that run from test to test; each test starts them anew in their own processes."""
    parent = Path(tempfile.mkdtemp(prefix="lienthong-peers-", dir=_memory()))
    folder = Folder(parent / "sandbox")
    yield folder
    processes.stop(folder, (NATIONAL, *ALL))
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, tmp_path: Path, peers_of_all_tests: Folder) -> Sandbox:
    """Fresh peers on free ports, with 60 dossiers a province or as many as `@pytest.mark.dossiers(n)` says.

    A test that names provinces, by a fixture or a parameter, gets their peers only.
    """
    marker = request.node.get_closest_marker("dossiers")
    parameters = getattr(request.node, "callspec", _Plain).params.values()
    named = ALL.keys() & {*request.fixturenames, *map(str, parameters)}
    folder, chosen = peers_of_all_tests, tuple(sorted(named)) or STARTED
    for file in (folder.journal, folder.connections, *folder.path.glob(f"{PORTAL}*")):
        file.unlink(missing_ok=True)
    folder.create(Config(DEFAULT_SEED, marker.args[0] if marker else 60, chosen))
    found, _ = processes.start(folder, chosen, 0)
    processes.write_addresses(folder, found)
    for process in found:
        processes.call(process, "/_sandbox/again", {})
    (tmp_path / "sandbox").symlink_to(folder.path)
    return Sandbox(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The repository's configuration with a data folder of the test's own."""
    return Settings(tmp_path, (BASE,))


@pytest.fixture
def lao_cai(settings: Settings, engine: Engine) -> Hub:
    """The REST province, in its example configuration."""
    return Hub(load_province(settings, "lao_cai"), settings, engine)


@pytest.fixture
def quang_ngai(settings: Settings, engine: Engine) -> Hub:
    """The SOAP province, in its example configuration."""
    return Hub(load_province(settings, "quang_ngai"), settings, engine)
