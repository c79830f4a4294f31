"""The way in under test: the sandbox's portal calls a real receiver over HTTP; the province's peer keeps account."""

import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import uvicorn
from sqlalchemy import Engine, text

from hub.config import Settings, load_province
from hub.connections import peer
from hub.context import Hub
from hub.inbound import standing
from hub.inbound.server import Receiver
from hub.procedures import pull_province
from sandbox.portal import ledger
from sandbox.state import Folder
from tests.conftest import Sandbox

CONNECTION = {"lao_cai": "vnpt_lao_cai", "quang_ngai": "viettel_quang_ngai"}

PDF = b"%PDF-1.4\nto khai\n%%EOF\n"


@dataclass
class Desk:
    """A receiver as a caller sees it."""

    hub: Hub
    address: str

    def send(self, message: Any) -> dict[str, Any]:
        """One message in the province's account; the answer's body, with its HTTP status as `http`."""
        account = peer(self.hub.inbound.account, self.hub.settings.home, url="portal")
        auth = (account.login or "", account.password or "")
        if isinstance(message, bytes):
            answer = requests.post(self.address, auth=auth, timeout=20, data=message)
        else:
            answer = requests.post(self.address, auth=auth, timeout=20, json=message)
        return {**answer.json(), "http": answer.status_code}


@dataclass
class Portal:
    """The sandbox's national portal in front of a receiver, and the peer behind it."""

    sandbox: Sandbox
    hub: Hub
    desk: Desk

    def citizens_file(self, count: int, unknown: int = 0) -> dict[str, int]:
        """Answers by status."""
        words = ("--province", self.hub.slug, "-n", str(count), "--unknown", str(unknown), "--to", self.desk.address)
        return dict(self.sandbox.say("file", *words)["answers"])

    def filed(self) -> list[dict[str, Any]]:
        """What the portal knows of each dossier that was filed."""
        return ledger(Folder(self.sandbox.home / "sandbox"))


def account(sandbox: Sandbox, slug: str, kind: str) -> list[dict[str, Any]]:
    """A ledger of the province's intake: numbers, files, taken, reported, sins."""
    return sandbox.ledger(f"intake_{kind}", CONNECTION[slug])


def assert_all_arrived_once(portal: Portal, slug: str) -> None:
    """Every dossier that was answered 200 is with the province once, under a number that it gave, its files whole."""
    sandbox = portal.sandbox
    accepted = [one for one in portal.filed() if (one["province"], one["status"]) == (slug, 200)]
    taken = account(sandbox, slug, "taken")
    assert sorted(one["national_code"] for one in taken) == sorted(one["code"] for one in accepted) != []
    numbers = {one["number"]: one["national_code"] for one in taken}
    assert sorted(one["value"] for one in account(sandbox, slug, "numbers")) == sorted(numbers)
    arrived = sorted((numbers[one["number"]], one["name"], one["digest"]) for one in account(sandbox, slug, "files"))
    assert arrived == sorted((one["code"], name, digest) for one in accepted for name, digest in one["files"])
    reported = [(one["number"], one["kind"], one["status"]) for one in account(sandbox, slug, "reported")]
    assert sorted(reported) == sorted((number, kind, 1) for number in numbers for kind in ("status", "step"))
    assert account(sandbox, slug, "sins") == []
    assert standing(portal.hub.engine, slug)["handed_over"] == len(accepted)


def message(hub: Hub, **other: Any) -> dict[str, Any]:
    """A right message of one citizen with one file, with the fields a test wants otherwise."""
    with hub.engine.connect() as connection:
        query = "SELECT procedure_code FROM province_procedure WHERE procedure_code IS NOT NULL ORDER BY 1 LIMIT 1"
        known = connection.scalar(text(query))
    return {
        "MaHoSo": "G22.99-20260630-7000001",
        "MaTTHC": known,
        "ChuHoSo": "Giàng Thị Mỷ",
        "LoaiDoiTuong": "1",
        "SoDinhDanh": "010190001234",
        "TrichYeuHoSo": "Đăng ký mới",
        "NgayNopHoSo": "20260630081500",
        "DiaChi": {"MaTinh": "15", "MaXa": "02647", "DiaChiChiTiet": "Tổ 3"},
        "TaiLieuNop": [paper()],
    } | other


def paper(content: bytes = PDF, **other: Any) -> dict[str, Any]:
    return {"TenTepDinhKem": "Tờ khai.pdf", "MaThanhPhanHoSo": "T-0001", "Base64": base64.b64encode(content).decode(),
            "Sha256": hashlib.sha256(content).hexdigest()} | other  # fmt: skip


def rows(hub: Hub, query: str) -> list[dict[str, Any]]:
    with hub.engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]


def received_by(hub: Hub) -> Iterator[str]:
    """A receiver for one province on a free port, in a thread of its own; its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Receiver({hub.slug: hub}), log_level="critical", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/inbound/{hub.slug}"
    server.should_exit = True
    thread.join(20)
    listener.close()


@pytest.fixture
def hub(request: pytest.FixtureRequest, settings: Settings, sandbox: Sandbox, engine: Engine) -> Hub:
    """The province that the test names by the parameter `slug`, else Lào Cai, with its own procedure list read."""
    parameters = getattr(getattr(request.node, "callspec", None), "params", {})
    made = Hub(load_province(settings, parameters.get("slug", "lao_cai")), settings, engine)
    made.sleep = lambda seconds: None
    made.intake.exchange._sleep = lambda seconds: None
    pull_province(made)
    return made


@pytest.fixture
def portal(hub: Hub, sandbox: Sandbox) -> Iterator[Portal]:
    receiver = received_by(hub)
    yield Portal(sandbox, hub, Desk(hub, next(receiver)))
    next(receiver, None)


@pytest.fixture
def alone(settings: Settings, engine: Engine) -> Hub:
    """Lào Cai with an account of the portal's and fifty procedures, without any peer."""
    accounts = {"portal_lao_cai": {"host": "", "login": "dvcqg_lao_cai", "password": "not-a-secret", "extra": {}}}
    (settings.home / "sandbox").mkdir()
    (settings.home / "sandbox" / "connections.json").write_text(json.dumps(accounts), "utf-8")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO province_procedure (province, local_code, procedure_code, name, source, content_hash,"
                " run_id, seen_at) SELECT 'lao_cai', procedure_code || '.H38', procedure_code, name, 'pull',"
                " content_hash, 1, now() FROM procedure_version WHERE valid_to IS NULL ORDER BY procedure_code LIMIT 50"
            )
        )
    return Hub(load_province(settings, "lao_cai"), settings, engine)


@pytest.fixture
def desk(alone: Hub) -> Iterator[Desk]:
    receiver = received_by(alone)
    yield Desk(alone, next(receiver))
    next(receiver, None)
