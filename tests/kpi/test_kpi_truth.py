"""No stage bends the truth: what a system served is what the national side received, read here without any mapping.

The bodies are those that the peers served, byte for byte; the other side is the national peer's own ledger. What the
vendors' words mean nationally is written down here a second time, by hand (CONTRACTS 4).
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from sqlalchemy import text

from hub.context import Hub
from hub.national import National
from hub.sync import sync
from schemas.records import DOSSIER, VIET_NAM
from tests.conftest import Sandbox

ROOT = Path(__file__).resolve().parents[2]

MEANS = {
    "Mới đăng ký": 1, "Chờ tiếp nhận xử lý": 4, "Đang xử lý": 4, "Yêu cầu bổ sung": 5, "Đã bổ sung": 4,
    "Đã trả kết quả": 10, "Đã có kết quả": 9, "Yêu cầu rút": 7, "Dừng xử lý": 8, "Yêu cầu thanh toán": 6,
    "Chờ phê duyệt": 4, "Chờ ký số": 4, "Chờ nộp phí": 6, "Chờ phát hành": 4, "Từ chối tiếp nhận": 3,
    "Chờ đóng dấu": 4, "Đã rút hồ sơ": 7, "Đã tiếp nhận": 2,
    "Chờ tiếp nhận": 1, "Đang thụ lý": 4, "Chờ bổ sung": 5, "Trình ký": 4, "Từ chối": 3, "Công dân rút": 7,
    "Tạm dừng": 8, "Chờ thanh toán": 6,
}  # fmt: skip
"""Words of both systems; none of them means two things."""


@dataclass
class Told:
    """What a source record says, in the national side's words; times yyyyMMddHHmmss."""

    code: str
    changed: str
    fields: dict[str, str]
    identity: list[tuple[str, str]]
    papers: set[tuple[str, str, str]]
    fees: list[str]
    results: set[tuple[str, str]]
    steps: list[tuple[str, str]] = field(default_factory=list)


def utc(value: str | None, *, due: bool = False) -> str:
    """An ISO time of iGate in Viet Nam; 17:00Z is a date alone, and a due date lasts to its end."""
    if not value:
        return ""
    moment = datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S") + timedelta(hours=7)
    return f"{moment:%Y%m%d}235959" if due and f"{moment:%H%M%S}" == "000000" else f"{moment:%Y%m%d%H%M%S}"


def local(value: str, *, due: bool = False) -> str:
    """A one-gate's dd/MM/yyyy HH:mm:ss."""
    if not value:
        return ""
    clock = value[11:].replace(":", "") or "000000"
    return value[6:10] + value[3:5] + value[:2] + ("235959" if due and clock == "000000" else clock)


def identity(number: str | None) -> list[tuple[str, str]]:
    return [({12: "1", 9: "2"}[len(number)], number)] if number and len(number) in (9, 12) else []


def links(value: str | None) -> list[str]:
    """The public addresses of a field: several may be joined, and one on an internal host never goes out."""
    return [unquote(one) for one in (value or "").split("##") if one and "//10." not in one]


def igate(body: bytes) -> Iterator[Told]:
    yes = {True: "1", False: "0", None: "0"}
    for one in orjson.loads(body)["content"]:
        sub = (one["dossierTaskStatus"] or {}).get("name")  # it wins where it is a known word
        said = sub if sub in MEANS else one["dossierStatus"]["name"]
        fields = {
            "TrangThaiHoSo": str(MEANS.get(said, said)),
            "KenhThucHien": {0: "2", 1: "1", 2: "3"}[one["applyMethod"]["id"]],
            "HinhThuc": str(one["dossierReceivingKind"]["id"]),
            "DuocThanhToanTrucTuyen": str(one["paymentMethod"]["id"]),
            "TaiKhoanDuocXacThucVoiVNeID": yes[one["vneid"]],
            "NoiNopHoSo": "1" if one["submittedOnNational"] else "2",
            "NgayNopHoSo": utc(one["appliedDate"]),
            "NgayTiepNhan": utc(one["acceptedDate"]),
            "NgayHenTra": utc(one["appointmentDate"], due=True),
            "NgayKetThucXuLy": utc(one["completedDate"]),
            "NgayTra": utc(one["returnedDate"]),
            "NgayTuChoi": utc(one["refusedDate"]),
            "ChuHoSo": one["applicant"]["data"]["ownerFullname"],
        }
        yield Told(
            one["nationCode"] or one["code"],
            one["updatedDate"],
            fields,
            identity(one["applicant"]["data"]["identityNumber"]),
            {
                (group["procedureForm"]["code"], yes[group["digitized"]], str(group["reused"]))
                for group in one["dossierFormFile"]
                for file in group["file"]
            },
            [str(fee["amount"]) for fee in one["dossierFee"]],
            {(paper["resultCode"], link) for paper in one["attachment"] for link in links(paper["url"])},
            [(utc(step["createdDate"]), str(MEANS.get(step["status"]["name"]))) for step in one["task"]],
        )


def onegate(body: bytes) -> Iterator[Told]:
    space = {"v": "urn:viettel:motcua:v1"}

    def of(node: Any, name: str) -> str:
        return node.findtext(f"v:{name}", "", space) or ""

    for one in etree.fromstring(body).iterfind(".//v:DanhSachHoSo/v:HoSo", space):
        said = of(one, "tenTrangThai")
        fields = {
            "TrangThaiHoSo": str(MEANS.get(said, said)),
            "KenhThucHien": {"TT": "1", "TN": "2", "BC": "3"}[of(one, "kenhNop")],
            "HinhThuc": of(one, "hinhThucTra"),
            "DuocThanhToanTrucTuyen": of(one, "thanhToan") or "0",
            "TaiKhoanDuocXacThucVoiVNeID": of(one, "dinhDanhDienTu") or "0",
            "NoiNopHoSo": of(one, "noiNop"),
            "NgayNopHoSo": local(of(one, "ngayNop")),
            "NgayTiepNhan": local(of(one, "ngayTiepNhan")),
            "NgayHenTra": local(of(one, "ngayHenTra"), due=True),
            "NgayKetThucXuLy": local(of(one, "ngayHoanThanh")),
            "NgayTra": local(of(one, "ngayTra")),
            "NgayTuChoi": local(of(one, "ngayTuChoi")),
            "ChuHoSo": of(one, "chuHoSo"),
        }
        yield Told(
            of(one, "maHoSoQuocGia") or of(one, "maHoSo"),
            local(of(one, "ngayCapNhat")),
            fields,
            identity(of(one, "soGiayTo")) if of(one, "loaiGiayTo") in ("CCCD", "CMND") else [],
            {
                (of(paper, "maGiayTo"), of(paper, "soHoa"), of(paper, "taiSuDung"))
                for paper in one.iterfind(".//v:GiayTo", space)
            },
            [of(fee, "soTien").replace(".", "") for fee in one.iterfind(".//v:LePhi", space)],
            {
                (of(paper, "maKetQua"), link)
                for paper in one.iterfind(".//v:KetQua", space)
                for link in links(of(paper, "duongDan"))
            },
            [
                (local(of(step, "thoiDiem")), str(MEANS.get(of(step, "tenTrangThai"))))
                for step in one.iterfind(".//v:TienTrinh", space)
            ],
        )


def served(hub: Hub) -> Iterator[bytes]:
    """The bodies as the peer served them."""
    query = text("SELECT body FROM message WHERE province = :province AND stream = 'dossiers' ORDER BY message_id")
    with hub.engine.connect() as connection:
        for body in connection.scalars(query, {"province": hub.slug}):
            yield zstandard.decompress(body)


def squeezed(value: str) -> str:
    return " ".join(value.split())


@pytest.mark.parametrize(("name", "read"), [("lao_cai", igate), ("quang_ngai", onegate)])
def test_what_the_system_served_is_what_the_national_side_received(
    name: str, read: Any, request: pytest.FixtureRequest, sandbox: Sandbox
) -> None:
    hub: Hub = request.getfixturevalue(name)
    sync(hub)
    told: dict[str, Told] = {}
    for body in served(hub):
        for one in read(body):
            key = squeezed(one.code)
            if key not in told or told[key].changed < one.changed:
                told[key] = one
    sent = sandbox.sent()
    labels = sandbox.get(hub.province.connection, "labels")
    assert len(sent) > 0.8 * len(told) > 40
    assert sent.keys() <= told.keys()
    steps: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for step in sandbox.ledger("steps"):
        if step["verdict"] == "accepted":
            steps[step["code"]].append((step["body"]["ThoiDiemXuLy"], step["body"]["TrangThai"]))
    compared = 0
    for code, row in sent.items():
        one, body = told[code], row["body"]
        assert {key: body[key] for key in one.fields} == {key: squeezed(word) for key, word in one.fields.items()}, code
        assert [(entry["LoaiDinhDanh"], entry["SoDinhDanh"]) for entry in body["DinhDanhCHS"]] == one.identity, code
        papers = body["TaiLieuNop"]
        marks = {(paper["MaThanhPhanHoSo"], paper["DuocSoHoa"], paper["DuocTaiSuDung"]) for paper in papers}
        assert marks == one.papers, code
        assert body["HoSoCoThanhPhanSoHoa"] == str(int(any(digitised == "1" for _, digitised, _ in one.papers))), code
        assert [fee["Gia"] for fee in body["DanhSachLePhi"]] == one.fees, code
        papers = body["DanhSachGiayToKetQua"]
        results = {(paper["MaGiayToKetQua"], unquote(paper["DuongDanTepTinKetQua"])) for paper in papers}
        assert {paper for paper in results if paper[1]} == one.results, code
        ordered = sorted(one.steps, key=lambda step: step[0])
        if labels.get(code) in ("step_without_time", "impossible_transition"):
            assert [step for step in ordered if step in steps[code]] == steps[code], code
        else:
            assert steps[code] == ordered, code
        compared += 1
    assert compared == len(sent)


TIMES = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=VIET_NAM).isoformat()
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "status": st.integers(1, 10),
    "channel": st.integers(1, 3),
    "submitted_at": TIMES,
    "received_at": TIMES,
    "due_at": st.none() | TIMES,
    "finished_at": st.none() | TIMES,
    "returned_at": st.none() | TIMES,
    "refused_at": st.none() | TIMES,
    "online_payment": st.integers(0, 3),
    "identity_verified": st.none() | st.booleans(),
    "portal": st.integers(1, 2),
    "identifiers": st.lists(
        st.fixed_dictionaries({"kind": st.just("1"), "number": st.from_regex(r"\A\d{12}\Z")}), max_size=1
    ),
    "results": st.lists(
        st.fixed_dictionaries(
            {"url": st.none() | st.just("https://a.vn/kq"), "result_code": st.none() | st.just("KQ.1")}
        ),
        max_size=2,
    ),
    "fees": st.lists(st.fixed_dictionaries({"amount": st.integers(0, 10**7), "when": st.just(1)}), max_size=2),
}
"""What a point could be gained by, and any value that it may have."""
WIRES = {one.name: one.wire for one in DOSSIER}
STANDING = {
    "dossier_code": "H38.11-260601-0000001", "procedure_code": "1.001193", "applicant_name": "Nguyễn Văn An",
    "applicant_kind": 1, "subject": "s", "agency_name": "Sở Tư pháp", "result_delivery": 0, "documents": [],
}  # fmt: skip


class Resolved:
    outgoing_code, procedure_name, field_code, field_name = "H38.11-260601-0000001", "Tên", "L", "Lĩnh vực"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(record=st.fixed_dictionaries(VALUES), other=st.fixed_dictionaries(VALUES))
def test_the_payload_says_each_field_of_the_record_and_no_field_moves_another(
    record: dict[str, Any], other: dict[str, Any], side: National
) -> None:
    """A status is never chosen by a date, a date never by a status: one changed field changes its own word only."""
    payload = side.dossier_payload(STANDING | record, Resolved())
    for name in ("status", "channel", "online_payment", "portal"):
        assert payload[WIRES[name]] == str(record[name])
    for name in (name for name in VALUES if name.endswith("_at")):
        said = datetime.fromisoformat(record[name]).strftime("%Y%m%d%H%M%S") if record[name] else ""
        assert payload[WIRES[name]] == said
    assert payload["TaiKhoanDuocXacThucVoiVNeID"] == ("1" if record["identity_verified"] else "0")
    assert [one["SoDinhDanh"] for one in payload["DinhDanhCHS"]] == [one["number"] for one in record["identifiers"]]
    sent = [(one["DuongDanTepTinKetQua"], one["MaGiayToKetQua"]) for one in payload["DanhSachGiayToKetQua"]]
    assert sent == [(one["url"] or "", one["result_code"] or "") for one in record["results"]]
    for name in VALUES:
        changed = side.dossier_payload(STANDING | record | {name: other[name]}, Resolved())
        assert {key for key in changed if changed[key] != payload[key]} <= {WIRES[name]}


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[National]:
    from hub.config import BASE, Settings, load_province

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_NATIONAL", "http://login:password@national.test")
        home = Settings(tmp_path_factory.mktemp("home"), (BASE,))
        yield National(Hub(load_province(home, "lao_cai"), home, None))  # type: ignore[arg-type]


def test_what_a_document_says_of_the_national_store_goes_out_and_silence_stays_blank(side: National) -> None:
    papers = [{"name": "a", "from_store": True}, {"name": "b", "from_store": False}, {"name": "c"}]
    values: dict[str, Any] = {name: None for name in VALUES if name.endswith("_at")}
    given = {"status": 4, "channel": 1, "portal": 2, "submitted_at": "2026-06-01T08:00:00+07:00"}
    record = STANDING | values | given | {"received_at": given["submitted_at"], "documents": papers}
    sent = side.dossier_payload(record, Resolved())["TaiLieuNop"]
    assert [paper["DuocLayTuKhoDMQG"] for paper in sent] == ["1", "0", ""]


def test_no_stage_knows_the_indicators() -> None:
    """What pulls, maps, checks, merges or sends cannot bend a value towards a point that it does not know of."""
    allowed = {"hub/cli/__init__.py", "hub/cli/kpi.py"}
    folders = ("hub", "connectors", "mappings", "schemas", "dags")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100
    for path in files:
        place = path.relative_to(ROOT).as_posix()
        if place in allowed or place.startswith("hub/kpi/"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            assert not any("kpi" in f"{module}.{name}".split(".") for name in names), f"{place} imports the indicators"
