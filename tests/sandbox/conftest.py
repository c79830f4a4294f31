"""Peers of a small sandbox in this process: no network, time as a number that a test moves."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.provinces import ALL
from sandbox.serve import build
from sandbox.state import Config, Folder
from sandbox.wire import App

SIZE = 1100


@dataclass
class Clock:
    """Seconds that pass only when a test says so."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Answer:
    """An HTTP answer; `whole` is False when the connection broke before the body's end."""

    status: int
    media: str
    body: bytes
    whole: bool
    retry_after: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Calls an ASGI application as a server would, one call at a time."""

    def __init__(self, app: App) -> None:
        self.app = app

    def get(self, path: str, params: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Answer:
        return self._call("GET", path, b"", params, headers)

    def post(self, path: str, json: Any = None, content: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        return self._call("POST", path, content or dumps(json), None, headers)

    def delete(self, path: str) -> Answer:
        return self._call("DELETE", path, b"", None, None)

    def arm(self, **fault: Any) -> None:
        answer = self.post("/_sandbox/faults", json=fault)
        assert answer.status == 200, answer.body

    def _call(
        self, method: str, path: str, body: bytes, params: dict[str, Any] | None, headers: dict[str, str] | None
    ) -> Answer:
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": (query or urlencode(params or {})).encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        whole = True
        try:
            asyncio.run(self.app(scope, receive, send))
        except ConnectionResetError:
            whole = False
        if not sent:
            return Answer(0, "", b"", False)
        head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        body = b"".join(m["body"] for m in sent[1:])
        return Answer(sent[0]["status"], head["content-type"], body, whole, head.get("retry-after", ""), head)


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode()


@dataclass
class Bench:
    """A sandbox folder and clients to its peers."""

    folder: Folder
    clock: Clock

    def client(self, peer: str) -> "Client":
        return Client(App(build(self.folder, peer, self.clock), hang=self._hung))

    async def _hung(self, receive: Any, seconds: float) -> None:
        """A caller that waits as long as the peer hangs, without anybody waiting."""
        self.clock.now += seconds

    def account(self, connection: str) -> dict[str, Any]:
        return self.folder.accounts()[connection]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


def make_bench(path: Path, size: int = SIZE, seed: int = 7) -> Bench:
    folder = Folder(path / "sandbox")
    folder.create(Config(seed, size, tuple(ALL)))
    return Bench(folder, Clock())


@pytest.fixture
def national(bench: Bench) -> "National":
    return National(bench)


class National:
    """A caller of the national adapter with a session."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.http = bench.client("national")
        self.session = ""
        self.login()

    def login(self) -> dict[str, Any]:
        account = self.bench.account("national")
        answer = self.http.post("/auth", json={"username": account["login"], "password": account["password"]}).json()
        self.session = answer["session"]
        return dict(answer)

    def call(self, service: str, path: str = "/integration", **params: Any) -> dict[str, Any]:
        body = {"session": self.session, "madonvi": "000.00.00.H38", "service": service, **params}
        return dict(self.http.post(path, json=body).json())

    def create(self, item: dict[str, Any], updating: str = "False") -> dict[str, Any]:
        return self.call("DongBoHoSoMC", isUpdating=updating, data=[item])

    def steps(self, *items: dict[str, Any]) -> dict[str, Any]:
        return self.call("CapNhatTienDoHoSoMC", data=list(items))

    def ledger(self, table: str, **query: Any) -> list[dict[str, Any]]:
        return list(self.http.get(f"/_sandbox/ledger/{table}", params=query).json()["rows"])

    def counts(self) -> dict[str, Any]:
        return dict(self.http.get("/_sandbox/status").json())


Make = Callable[..., dict[str, Any]]


@pytest.fixture
def dossier() -> Make:
    """A right hồ sơ, with the fields a test wants otherwise."""
    from sandbox.procedures import national as procedures

    known = procedures()["1.001612"]

    def make(**other: Any) -> dict[str, Any]:
        return {
            "MaHoSo": "H38.15-260601-0001",
            "MaTTHC": known.code,
            "TenTTHC": known.name,
            "MaLinhVuc": known.field_code,
            "TenLinhVuc": known.field_name,
            "KenhThucHien": "2",
            "ChuHoSo": "Nguyễn Văn An",
            "LoaiDoiTuong": "1",
            "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "010085000001"}],
            "TrichYeuHoSo": "Đăng ký",
            "NgayNopHoSo": "20260601080000",
            "NgayTiepNhan": "20260601090000",
            "NgayHenTra": "",
            "TrangThaiHoSo": "4",
            "HinhThuc": "0",
            "DonViXuLy": "UBND phường Lào Cai",
            "NoiNopHoSo": "2",
            "HoSoCoThanhPhanSoHoa": "1",
            "TaiKhoanDuocXacThucVoiVNeID": "0",
            "DuocThanhToanTrucTuyen": "0",
            "TaiLieuNop": [
                {"TepDinhKemId": "1", "TenTepDinhKem": "a.pdf", "DuongDanTaiTepTin": "https://x.example.vn/a.pdf"}
            ],
        } | other

    return make


@pytest.fixture
def step() -> Make:
    """A right tiến trình, with the fields a test wants otherwise."""

    def make(at: str, status: int | str, **other: Any) -> dict[str, Any]:
        return {
            "MaHoSo": "H38.15-260601-0001",
            "NguoiXuLy": "Trần Thị Bình",
            "ChucDanh": "Chuyên viên",
            "ThoiDiemXuLy": at,
            "PhongBanXuLy": "Một cửa",
            "NoiDungXuLy": "Thẩm định",
            "TrangThai": str(status),
        } | other

    return make
