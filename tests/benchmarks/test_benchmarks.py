"""The benchmark judges fairly: same questions replayed, rivals that really store, floors that really fail."""

import re
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from benchmarks import by_hand, dlt_environment, floors, language, multiplied
from benchmarks.orm import Base, Document, Dossier, Step
from benchmarks.replay import question
from benchmarks.zeep_orm import store
from connectors import load_spec
from connectors.answer.xmlrecords import read_soap
from hub.config import BASE
from tests.connectors.conftest import soap_answer

GOOD: dict[str, Any] = {
    "soap": {"per_second": 4000, "vs_zeep_orm": 6.0},
    "rest": {"per_second": 4000, "vs_dlt": 4.0},
    "peak_mb": 250,
    "gate_share": {"rest": 0.12, "soap": 0.1},
    "together": {"cores_busy": 1.9},
    "language": {"rest": 1.04, "soap": 0.8},
    "memory_size": 200_000,
    "migration": {
        "growth": 1.02,
        "work_growth": 1.01,
        "last_tenth": 1.05,
        "peak_mb": 290,
        "size": 1_000_000,
        "new": 999_000,
    },
}
MOVED = GOOD["migration"]


def test_a_result_above_all_floors_misses_none() -> None:
    assert floors.missed(GOOD) == []


@pytest.mark.parametrize(
    ("worse", "word"),
    [
        ({"soap": {"vs_zeep_orm": 3.9}}, "zeep"),
        ({"rest": {"vs_dlt": 2.9}}, "dlt"),
        ({"peak_mb": 300}, "300 MB"),
        ({"gate_share": {"rest": 0.16, "soap": 0.1}}, "The gate takes 16% of a run over REST"),
        ({"together": {"cores_busy": 1.1}}, "1.10 cores"),
        ({"language": {"rest": 1.11, "soap": 0.8}}, "REST through the spec takes 1.11 times"),
        ({"migration": MOVED | {"growth": 1.17, "work_growth": 1.16}}, "1,000,000 costs 1.16 times"),
        ({"migration": MOVED | {"last_tenth": 1.2}}, "The last tenth of 1,000,000 dossiers took 1.20 times"),
        ({"migration": MOVED | {"peak_mb": 400}}, "400 MB for a migration's history"),
        ({"migration": MOVED | {"new": 980_000}}, "20,000 dossiers of 1,000,000 are not in the account"),
    ],
)
def test_each_floor_is_missed_with_a_sentence_of_its_own(worse: dict[str, Any], word: str) -> None:
    (sentence,) = floors.missed(GOOD | worse)
    assert word in sentence


def test_the_cost_of_the_language_is_the_median_of_rounds_and_the_rates_are_the_best() -> None:
    rounds = {"rest": {"records": 1000, "rounds": [[0.12, 0.1], [0.9, 0.3], [0.11, 0.11]]}}
    assert language.summary(rounds) == {
        "language": {"rest": 1.2},
        "language_us": {"rest": {"spec": 110.0, "by_hand": 100.0}},
    }


def test_the_reader_by_hand_makes_the_records_of_the_spec() -> None:
    body = soap_answer(
        "<R><tongSo>9</tongSo><HoSo><maHoSo>A</maHoSo><GiayTo><ten>đơn</ten></GiayTo><GiayTo><ten/></GiayTo></HoSo></R>"
    ).body
    spec = load_spec(BASE / "connectors" / "specs" / "viettel_onegate.yaml")
    found = read_soap(body, "HoSo", frozenset(spec.streams["dossiers"].lists), ["tongSo"])
    assert by_hand.records_in(body) == (found.records, int(found.heads["tongSo"]))


def test_the_same_page_is_one_question_whoever_asks_and_whenever() -> None:
    body = "<TraCuuDanhSachHoSo><tuNgay>01/01/2000</tuNgay><denNgay>{}</denNgay><trang>2</trang></TraCuuDanhSachHoSo>"
    today, tomorrow, next_page = (body.format(n).encode() for n in ("30/06/2026", "01/07/2026", "x"))
    assert question("POST", "/s", today) == question("POST", "/s", tomorrow)
    assert question("POST", "/s", next_page.replace(b">2<", b">3<")) != question("POST", "/s", today)
    assert question("GET", "/p?page=1&size=9", b"") == question("GET", "/p?size=9&page=1", b"")
    assert question("GET", "/p?page=2&size=9", b"") != question("GET", "/p?page=1&size=9", b"")


def test_a_login_is_never_answered_from_the_folder() -> None:
    assert question("POST", "/token", b"grant_type=password") is None


def test_the_orm_rival_stores_new_records_replaces_changed_ones_and_leaves_the_rest() -> None:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        store(session, [_record("a", papers=2), _record("b", papers=1)])
        session.commit()
        store(session, [_record("a", papers=2), _record("c", papers=3)])
        session.commit()
        counted = [session.scalar(select(func.count()).select_from(kind)) for kind in (Dossier, Document, Step)]
    assert counted == [3, 6, 3]


def test_the_lock_of_the_other_environment_has_hashes_and_names_no_index() -> None:
    text = dlt_environment.LOCK.read_text()
    pinned = re.findall(r"^[A-Za-z0-9_.-]+==", text, re.MULTILINE)
    assert "dlt==" in pinned
    assert len(re.findall(r"^[A-Za-z0-9_.-]+==.* \\$", text, re.MULTILINE)) == len(pinned)
    assert "://" not in text


def test_results_and_the_other_environment_are_never_committed() -> None:
    ignored = (BASE / ".gitignore").read_text().split()
    assert "/benchmarks/latest.json" in ignored
    assert f"/{dlt_environment.FOLDER.name}/" in ignored


def _record(code: str, papers: int) -> Any:
    """A record as zeep gives it, with as many documents and one step."""
    paper = dict.fromkeys(("maGiayTo", "tenGiayTo", "tenTep", "duongDan", "soHoa", "taiSuDung"), "1")
    step = dict.fromkeys(("nguoiXuLy", "chucDanh", "phongBan", "noiDung"), "x") | {
        "thoiDiem": "01/06/2026 08:00:00",
        "trangThai": "2",
    }
    names = (
        "maHoSoQuocGia soBienNhan maThuTuc tenThuTuc maLinhVuc tenLinhVuc maCoQuan tenCoQuan chuHoSo loaiDoiTuong"
        " soGiayTo dienThoai email diaChi maXa maTinh trichYeu kenhNop trangThai tenTrangThai ngayNop ngayTiepNhan"
        " ngayHenTra ngayHoanThanh ngayTra ngayTuChoi"
    )
    return SimpleNamespace(
        **dict.fromkeys(names.split()),
        maHoSo=code,
        ngayCapNhat=None,
        DanhSachGiayTo=SimpleNamespace(GiayTo=[SimpleNamespace(**paper)] * papers),
        DanhSachTienTrinh=SimpleNamespace(TienTrinh=[SimpleNamespace(**step)]),
    )


def test_each_lap_of_a_multiplied_list_has_ids_and_codes_of_its_own() -> None:
    record = b'{"id":"271692c0ffee5a5a00000024","code":"H13.12-260414-0000037","nationCode":null,"file":[{"id":"x"}]}'
    page = multiplied.Lap(b'{"content":[' + record + b'],"last":false}')
    laps = [orjson.loads(page.of(lap, last=False)) for lap in range(12)]
    assert laps[11]["content"][0]["id"] == "001192c0ffee5a5a00000024"
    assert laps[11]["content"][0]["code"] == "H13.12-260414-1100037"
    assert len({lap["content"][0]["code"] for lap in laps}) == 12
