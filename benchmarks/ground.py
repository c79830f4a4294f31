"""What a race is run on: a PostgreSQL of its own, the sandbox's peers, the replaying proxy, no rate limits."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
import yaml
import zeep
from sqlalchemy import create_engine, text
from zeep.wsse.username import UsernameToken

from connectors import Window
from hub import embedded
from hub.config import BASE, Settings, load_province
from hub.context import open_hub
from hub.messages import STREAM
from hub.store import engine_of, upgrade

PROVINCES = {"rest": "lao_cai", "soap": "quang_ngai"}
WSDL = BASE / "schemas" / "wire" / "viettel_onegate.wsdl"
UNLIMITED = {"per_second": 1_000_000.0}


@dataclass(frozen=True)
class Ground:
    """A folder with everything in it; `peers` are the addresses that contestants read from."""

    home: Path
    server: str
    peers: dict[str, str]

    @property
    def settings(self) -> Settings:
        return Settings(self.home, (self.home / "config", BASE))

    def account(self, kind: str) -> dict[str, Any]:
        """Login, password and extra of a province's system, as the sandbox wrote them."""
        name = load_province(self.settings, PROVINCES[kind]).connection
        return dict(json.loads((self.home / "sandbox" / "connections.json").read_text("utf-8"))[name])

    def rows(self, kind: str) -> int:
        """Records a page: the spec's, for every contestant."""
        spec = yaml.safe_load((BASE / "connectors" / "specs" / f"{_system(kind)}.yaml").read_text("utf-8"))
        return int(spec["streams"][STREAM]["pages"]["rows"])

    @contextmanager
    def database(self, *, hub: bool = False) -> Iterator[str]:
        """A database for one contestant's run, gone afterwards; the hub's is migrated and knows the procedures."""
        name = f"bench_{uuid4().hex[:8]}"
        server = create_engine(self.server, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}" + (" TEMPLATE bench_hub" if hub else "")))
            connection.execute(text("CHECKPOINT"))
        yield embedded.beside(self.server, name)
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


def _system(kind: str) -> str:
    return str(yaml.safe_load((BASE / "provinces" / f"{PROVINCES[kind]}.yaml").read_text("utf-8"))["system"])


@contextmanager
def prepared(home: Path, size: int) -> Iterator[Ground]:
    """Start everything for `size` dossiers a province; stop it afterwards."""
    (home / "pages").mkdir()
    server = embedded.start(home / "pg", "bench")
    try:
        say_to_sandbox(home, "start", "--size", str(size), "--port-base", "0")
        own = {kind: address(home, kind) for kind in PROVINCES}
        with _replay(home / "pages", own) as replayed:
            configure(home, replayed)
            ground = Ground(home, server, replayed)
            fill_template(ground, PROVINCES["rest"])
            yield ground
    finally:
        say_to_sandbox(home, "stop")
        embedded.stop(home / "pg")


def say_to_sandbox(home: Path, *words: str) -> None:
    """One command of the sandbox that keeps its state in this folder."""
    subprocess.run(
        [sys.executable, "-m", "sandbox", *words, "--state", str(home / "sandbox"), "--json"],
        cwd=BASE,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def address(home: Path, kind: str) -> str:
    """Where the sandbox's own peer of a kind listens."""
    connection = yaml.safe_load((BASE / "provinces" / f"{PROVINCES[kind]}.yaml").read_text("utf-8"))["connection"]
    return str(json.loads((home / "sandbox" / "connections.json").read_text("utf-8"))[connection]["host"])


@contextmanager
def _replay(folder: Path, own: dict[str, str]) -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "benchmarks.replay", str(folder), *own.values()]
    proxy = subprocess.Popen(command, cwd=BASE, stdout=subprocess.PIPE, text=True)
    try:
        assert proxy.stdout is not None
        ports = proxy.stdout.readline().split()
        yield {kind: f"http://127.0.0.1:{port}" for kind, port in zip(own, ports, strict=True)}
    finally:
        proxy.terminate()
        proxy.wait(10)


def configure(home: Path, peers: dict[str, str]) -> None:
    """The bench's own provinces: the repository's, read from these addresses and without rate limits."""
    folder = home / "config" / "provinces"
    folder.mkdir(parents=True, exist_ok=True)
    for kind, slug in PROVINCES.items():
        data = yaml.safe_load((BASE / "provinces" / f"{slug}.yaml").read_text("utf-8"))
        data |= {"url": peers[kind], "limits": UNLIMITED}
        (folder / f"{slug}.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), "utf-8")


def fill_template(ground: Ground, slug: str) -> None:
    """A migrated database with the national procedure list, to be copied for each run of the hub."""
    database = embedded.beside(ground.server, "bench_hub")
    os.environ["LIENTHONG_DATABASE_URL"] = database
    upgrade(engine_of(database))
    hub = open_hub(slug, ground.settings)
    rows = [{"code": row["MATTHC"], "name": row["TENTTHC"]} for row in hub.national.call("procedure_list").result]
    with hub.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO procedure_version (procedure_code, valid_from, name, levels, public, content_hash, record,"
                " run_id) VALUES (:code, '2020-01-01', :name, '[]', true, '', '{}', 0)"
            ),
            rows,
        )
    hub.engine.dispose()


def download(ground: Ground, kind: str, peer: str) -> float:
    """Read every page as bytes and do nothing with it; the first time through the proxy this records it. Seconds."""
    begun = time.perf_counter()
    (_download_rest if kind == "rest" else _download_soap)(peer, ground.account(kind), ground.rows(kind))
    return time.perf_counter() - begun


def _download_rest(peer: str, account: dict[str, Any], rows: int) -> None:
    with requests.Session() as session:
        form = {
            "grant_type": "password",
            "client_id": account["extra"]["client_id"],
            "username": account["login"],
            "password": account["password"],
        }
        token = session.post(f"{peer}/auth/realms/digo/protocol/openid-connect/token", data=form, timeout=60).json()
        session.headers["Authorization"] = f"Bearer {token['access_token']}"
        page, body = 0, b" "
        while not body.startswith(b'{"content":[]'):
            params: dict[str, str | int] = {"page": page, "size": rows, "spec": "slice", "sort": "updatedDate,desc"}
            body = session.get(f"{peer}/pa/dossier/search", params=params, timeout=60).content
            page += 1


def _download_soap(peer: str, account: dict[str, Any], rows: int) -> None:
    client = zeep.Client(str(WSDL), wsse=UsernameToken(account["login"], account["password"], use_digest=True))
    service = client.create_service(next(iter(client.wsdl.bindings)), f"{peer}/motcua/HoSoService")
    page, body = 1, b"<HoSo>"
    with client.settings(raw_response=True):
        while b"<HoSo>" in body:
            body = service.TraCuuDanhSachHoSo(
                tuNgay="01/01/2000 00:00:00", denNgay="31/12/2027 00:00:00", trang=page, kichThuoc=rows
            ).content
            page += 1


def record_for_hub(ground: Ground, kind: str) -> tuple[int, int]:
    """Let the hub's connector walk its pages once, so that they are recorded. Returns records and bytes."""
    hub = open_hub(PROVINCES[kind], ground.settings)
    pages = [(len(page), len(page.raw)) for page in hub.source.pull(STREAM, Window(None, datetime.now(UTC)))]
    return sum(records for records, _ in pages), sum(size for _, size in pages)
