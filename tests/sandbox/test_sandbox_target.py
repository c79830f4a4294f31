"""The system of a new province: strict about what is imported, marked, rolled back, and read like any other iGate."""

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox import status
from sandbox.__main__ import main
from sandbox.import_ledger import summary
from sandbox.provinces import offices, places
from sandbox.state import Config, Folder
from sandbox.timeline import append_journal
from tests.sandbox.conftest import Answer, Bench, Clock, dumps

SLUG = "can_tho"
COMMUNE, OFFICE = places(SLUG)[1][4], offices(SLUG)[1][4]


def item(number: int = 1, version: str = "v1", **other: Any) -> dict[str, Any]:
    """A right item, with the fields a test wants otherwise."""
    return {
        "maHoSo": f"000.00.15.H30-250612-{number:07d}",
        "maTTHC": "1.001612",
        "maTTHCDiaPhuong": "1.001612.000.00.00.H30",
        "trangThai": "4",
        "kenh": "2",
        "chuHoSo": "Trần Thị Bé Ba",
        "loaiDoiTuong": "1",
        "giayToTuyThan": [{"loai": "1", "so": "093190001234"}],
        "diaChi": "Số 1, đường Trần Phú",
        "maXa": COMMUNE.commune,
        "maTinh": "92",
        "trichYeu": "Đăng ký mới",
        "ngayNop": "2026-06-11 08:15:30",
        "ngayTiepNhan": "2026-06-12 08:04:05",
        "ngayHenTra": "",
        "hinhThucTra": "0",
        "maCoQuan": OFFICE.old,
        "tenCoQuan": OFFICE.name,
        "noiNop": "2",
        "thanhToan": "0",
        "vneid": "1",
        "maCu": [{"truong": "province", "ma": "93", "ten": "Tỉnh Hậu Giang"}],
        "nguon": "hau_giang",
        "giayTo": [{"id": "t-1", "ma": "T-0001", "ten": "don.pdf", "soHoa": "1", "taiSuDung": "0", "tuKho": ""}],
        "lePhi": [{"ten": "Lệ phí", "ma": "", "lucThu": "1", "soTien": "100000"}],
        "ketQua": [],
        "tienTrinh": [
            {"thoiDiem": "2026-06-12 08:04:05", "trangThai": "2", "nguoiXuLy": "Lê Văn Út"},
            {"thoiDiem": "2026-06-13 09:00:00", "trangThai": "4", "nguoiXuLy": "Lê Văn Út"},
        ],
        "phienBan": version,
    } | other


class Target:
    """A caller of the import with a token."""

    def __init__(self, bench: Bench, slug: str = SLUG) -> None:
        self.bench = bench
        self.http = bench.client(slug)
        account = bench.account(f"vnpt_import_{slug}")
        form = {"grant_type": "client_credentials", "client_id": account["login"]}
        form["client_secret"] = account["password"]
        answer = self.http.post("/import/oauth2/token", content=urlencode(form).encode()).json()
        self.bearer = {"Authorization": f"Bearer {answer['access_token']}"}

    def post(self, name: str, body: Any) -> Answer:
        return self.http.post(f"/import/{name}", content=dumps(body), headers=self.bearer)

    def load(self, *items: dict[str, Any]) -> list[tuple[str, str]]:
        """(result, words) of each item."""
        answer = self.post("HoSo", {"hoSo": items}).json()
        assert answer["code"] == 0, answer
        assert [one["maHoSo"] for one in answer["data"]] == [one["maHoSo"] for one in items]
        return [(one["ketQua"], one["lyDo"]) for one in answer["data"]]

    def get(self, name: str, **params: Any) -> dict[str, Any]:
        return dict(self.http.get(f"/import/{name}", params, self.bearer).json()["data"])

    def file(self, code: str, content: bytes = b"%PDF-1.4 a", file_id: str = "t-1") -> Answer:
        lines = [
            part
            for name, value in (("maHoSo", code), ("tepId", file_id), ("ten", "don.pdf"))
            for part in ("--x", f'Content-Disposition: form-data; name="{name}"', "", value)
        ]
        lines += [
            "--x",
            'Content-Disposition: form-data; name="tep"; filename="don.pdf"',
            "",
            content.decode(),
            "--x--",
        ]
        headers = {**self.bearer, "Content-Type": "multipart/form-data; boundary=x"}
        return self.http.post("/import/Tep", content="\r\n".join(lines).encode(), headers=headers)

    def ledger(self, word: str) -> list[dict[str, Any]]:
        return list(self.http.get(f"/_sandbox/ledger/{word}").json()["rows"])

    def pulled(self, **params: Any) -> list[dict[str, Any]]:
        """What the nightly pull reads."""
        account = self.bench.account(f"vnpt_{SLUG}")
        form = {
            "grant_type": "password",
            "client_id": account["extra"]["client_id"],
            "username": account["login"],
            "password": account["password"],
        }
        path = "/auth/realms/digo/protocol/openid-connect/token"
        token = self.http.post(path, content=urlencode(form).encode()).json()["access_token"]
        answer = self.http.get("/pa/dossier/search", params, {"Authorization": f"Bearer {token}"})
        assert answer.status == 200, answer.body
        return list(answer.json()["content"])


@pytest.fixture
def target(bench: Bench) -> Target:
    return Target(bench)


def test_it_begins_empty_and_takes_each_code_once(target: Target) -> None:
    assert target.get("HienTrang")["soHoSo"] == 0
    assert target.load(item(1), item(2)) == [("created", ""), ("created", "")]
    assert target.load(item(1), item(2, "v2", trangThai="9")) == [("unchanged", ""), ("updated", "")]
    held = target.get("HoSo", page=1, size=10)
    assert held["total"] == 2
    assert [(one["phienBan"], one["trangThai"], one["nhap"]) for one in held["items"]] == [
        ("v1", "4", True),
        ("v2", "9", True),
    ]
    assert [row["result"] for row in target.ledger("versions")] == ["created", "created", "updated"]
    assert len(target.ledger("duplicates")) == 1
    found = target.post("TraCuu", {"maHoSo": [item(2)["maHoSo"], "khong-co"]}).json()["data"]
    assert [(one["phienBan"], one["nguon"]) for one in found] == [("v2", "hau_giang")]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"chuHoSo": ""}, "Thiếu trường bắt buộc: chuHoSo"),
        ({"trangThai": "11"}, "trangThai ngoài danh mục"),
        ({"trangThai": 4}, "trangThai phải là chuỗi"),
        ({"loaiDoiTuong": "0"}, "loaiDoiTuong ngoài danh mục"),
        ({"maXa": "31438", "maTinh": "93"}, "maTinh không còn hiệu lực: 93"),
        ({"maXa": "31318"}, "maXa không còn hiệu lực: 31318"),
        ({"maCoQuan": "000.07.40.H30"}, "maCoQuan không có trong danh mục"),
        ({"ngayTiepNhan": "12/06/2026 08:04:05"}, "ngayTiepNhan sai định dạng"),
        ({"ngayTiepNhan": "2026-07-15 08:00:00"}, "ngayTiepNhan ở tương lai"),
        ({"ngayNop": "2026-06-13 08:00:00"}, "ngayNop sau ngayTiepNhan"),
        ({"ngayKetThuc": "2026-06-01 08:00:00"}, "ngayKetThuc trước ngayTiepNhan"),
        ({"truongLa": "x"}, "Trường không có trong đặc tả: truongLa"),
        ({"lePhi": [{"soTien": 100000}]}, "lePhi.soTien phải là chuỗi"),
        ({"lePhi": ["100000"]}, "lePhi phải là danh sách đối tượng"),
        ({"tienTrinh": [{"thoiDiem": "hôm qua", "trangThai": "2"}]}, "tienTrinh.thoiDiem sai định dạng"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_words_and_leaves_the_others(
    target: Target, other: dict[str, Any], words: str
) -> None:
    (result, why), fine = target.load(item(1, **other), item(2))
    assert result == "refused"
    assert why.startswith(words)
    assert fine == ("created", "")
    assert [row["reason"] for row in target.ledger("refused")] == [why]
    assert target.ledger("sins") == []


def test_sins_are_written_down(target: Target) -> None:
    steps = item()["tienTrinh"]
    assert target.load(item(1, tienTrinh=steps[::-1]), item(2), item(2)) == [
        ("refused", "Tiến trình không đúng thứ tự thời gian: 2026-06-12 08:04:05 sau 2026-06-13 09:00:00"),
        ("created", ""),
        ("refused", f"Mã hồ sơ lặp lại trong một lần gửi: {item(2)['maHoSo']}"),
    ]
    assert target.load(item(2, "v9", nguon="soc_trang"))[0][0] == "refused"
    assert target.file("khong-co").status == 404
    assert [row["kind"] for row in target.ledger("sins")] == [
        "step_order",
        "twice_in_one_call",
        "other_source",
        "file_without_dossier",
    ]


def test_a_code_that_staff_entered_is_theirs(target: Target) -> None:
    code = item(7)["maHoSo"]
    target.http.post("/_sandbox/staff", json={"code": code})
    assert target.load(item(7))[0][1].startswith("Mã hồ sơ đã tồn tại")
    assert [one["nhap"] for one in target.get("HoSo")["items"]] == [False]
    assert summary(target.bench.folder.ledger(SLUG))["staff"] == 1


def test_a_file_is_kept_once_with_its_digest(target: Target) -> None:
    target.load(item(1))
    code, content = item(1)["maHoSo"], b"%PDF-1.4 a"
    first, again = target.file(code).json(), target.file(code).json()
    assert first["data"] == again["data"] == {"fileId": "tep-1", "sha256": hashlib.sha256(content).hexdigest()}
    assert "đã tồn tại" in again["message"]
    listed = target.get("Tep", page=1, size=10)
    assert listed == {
        "items": [{"maHoSo": code, "tepId": "t-1", "ten": "don.pdf", "sha256": first["data"]["sha256"], "soByte": 10}],
        "total": 1,
    }
    assert target.file(code, b"").status == 400


def test_a_rollback_brings_back_the_state_of_the_mark(target: Target) -> None:
    target.load(item(1), item(2))
    target.file(item(1)["maHoSo"])
    before = target.get("HienTrang")
    mark = target.post("DanhDau", {}).json()["data"]
    assert {name: mark[name] for name in before} == before
    target.load(item(1, "v2"), item(3))
    target.load(item(1, "v3"))
    assert target.file(item(1)["maHoSo"], b"%PDF-1.4 another").status == 200
    assert target.file(item(3)["maHoSo"]).status == 200
    assert [one["soByte"] for one in target.get("Tep")["items"]] == [16, 10]
    assert target.get("HienTrang") != before
    assert target.post("HoanTac", {"maDanhDau": mark["maDanhDau"]}).json()["data"] == {"daXoa": 1, "daKhoiPhuc": 1}
    assert target.get("HienTrang") == before
    assert [one["phienBan"] for one in target.get("HoSo")["items"]] == ["v1", "v1"]
    assert target.load(item(3)) == [("created", "")]
    assert target.post("HoanTac", {"maDanhDau": mark["maDanhDau"]}).json()["data"] == {"daXoa": 1, "daKhoiPhuc": 0}
    assert target.post("HoanTac", {"maDanhDau": "DD000099"}).status == 404


def test_equal_content_in_another_order_has_an_equal_digest(bench: Bench) -> None:
    one, other = Target(bench), Target(bench, "can_tho_thu")
    one.load(item(1), item(2))
    other.load(item(2))
    assert one.get("HienTrang")["sha256"] != other.get("HienTrang")["sha256"]
    other.load(item(1))
    assert one.get("HienTrang") == other.get("HienTrang")


def test_nothing_is_rolled_back_under_what_staff_did(target: Target) -> None:
    mark = target.post("DanhDau", {}).json()["data"]["maDanhDau"]
    target.load(item(1))
    assert target.http.post("/_sandbox/move", json={"code": item(1)["maHoSo"]}).json()["status"] == 9
    refused = target.post("HoanTac", {"maDanhDau": mark})
    assert refused.status == 409
    assert "không thể hoàn tác" in refused.json()["message"]
    assert target.load(item(1, "v2"))[0][1].startswith("Hồ sơ đã được cán bộ xử lý tiếp")
    assert target.get("HienTrang")["soHoSo"] == 1


def test_the_pull_shows_what_was_imported_and_what_staff_did_after_the_opening(target: Target) -> None:
    target.load(item(1), item(2, trangThai="10", ngayTra="2026-06-20 10:00:00"))
    append_journal(target.bench.folder.journal, {"day": 1})
    assert [one["dossierStatus"]["id"] for one in target.pulled()] == [5, 2], "nobody works before the opening"
    target.http.post("/_sandbox/open", json={})
    for day in (2, 3, 4):
        append_journal(target.bench.folder.journal, {"day": day})
    moved, ended = target.pulled()
    assert moved["code"] == item(1)["maHoSo"]
    assert [step["status"]["id"] for step in moved["task"]] == [19, 2, 6, 5]
    assert moved["task"][-1]["createdDate"] == moved["updatedDate"] > "2026-07-03"
    assert moved["completedDate"] < moved["returnedDate"]
    assert (ended["code"], ended["returnedDate"]) == (item(2)["maHoSo"], "2026-06-20T03:00:00.000+0000")
    assert moved["applicant"]["data"]["chonDoiTuong"] == {"value": "0"}
    assert [row["status"] for row in target.ledger("steps")] == [9, 10]
    assert target.pulled(**{"accepted-from": "2026-06-13T00:00:00.000Z"}) == []


def test_a_share_is_refused_the_same_each_time_until_it_is_cleared(target: Target) -> None:
    items = [item(n) for n in range(300)]
    target.http.arm(kind="refuse_share", percent=5)
    first = [result for result, _ in target.load(*items)]
    assert 5 <= first.count("refused") <= 30
    again = [result for result, _ in target.load(*items)]
    assert [r == "refused" for r in again] == [r == "refused" for r in first]
    target.http.delete("/_sandbox/faults")
    assert "refused" not in [result for result, _ in target.load(*items)]


def test_a_call_that_gets_no_answer_was_applied_all_the_same(target: Target) -> None:
    target.http.arm(kind="timeout_after", operation="HoSo", seconds=30)
    assert not target.post("HoSo", {"hoSo": [item(1)]}).whole
    assert target.post("TraCuu", {"maHoSo": [item(1)["maHoSo"]]}).json()["data"]
    assert [call["fault"] for call in target.ledger("calls") if call["operation"] == "HoSo"] == ["timeout_after"]


def test_a_slow_peer_answers_late(target: Target) -> None:
    before = target.bench.clock.now
    target.http.arm(kind="slow", operation="HienTrang", seconds=7, times=2)
    for _ in range(3):
        target.get("HienTrang")
    assert target.bench.clock.now - before == 14


def test_too_many_in_one_call_and_a_stranger_are_refused(target: Target) -> None:
    assert target.post("HoSo", {"hoSo": [item(n) for n in range(501)]}).status == 400
    assert target.post("HoSo", {"hoSo": ["x"]}).status == 400
    assert target.http.get("/import/HienTrang").status == 401
    target.http.arm(kind="expired", operation="HienTrang")
    assert target.http.get("/import/HienTrang", None, target.bearer).status == 401


def test_a_day_that_passes_is_worked_also_while_the_peer_is_stopped(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "sandbox")
    folder.create(Config(7, 10, (SLUG,)))
    bench = Bench(folder, Clock())
    target = Target(bench)
    target.load(item(1), item(2, trangThai="3"))
    target.http.post("/_sandbox/open", json={})
    target.http.app.peer.close()
    assert status.advance(folder, 1)["targets"] == {SLUG: {"moved": 1}}
    told = status.status(folder)["targets"][SLUG]
    assert {name: told[name] for name in ("dossiers", "imported", "moved", "steps", "refused")} == {
        "dossiers": 2,
        "imported": 2,
        "moved": 1,
        "steps": 1,
        "refused": 0,
    }
    assert Target(bench).pulled()[0]["dossierStatus"]["id"] == 6


def test_the_command_line_says_who_can_be_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["open", "lao_cai", "--state", str(tmp_path)]) == 2
    assert main(["staff", SLUG, "--state", str(tmp_path)]) == 3
    assert main(["agencies", "nghe_an"]) == 2
    said = capsys.readouterr().err
    assert "'lao_cai' is no new province; these are: can_tho, can_tho_thu" in said
    assert "the peer can_tho is not running; run: python -m sandbox start" in said
    assert "no provinces join 'nghe_an'" in said
