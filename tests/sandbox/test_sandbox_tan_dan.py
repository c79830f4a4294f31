"""The Tân Dân peer by plain HTTP: JSON in a string of JSON, errors as words with HTTP 200, five days a window."""

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from sandbox.tan_dan import EXPIRED, TOKEN_SECONDS
from tests.sandbox.conftest import Answer, Bench

DAY = "%d/%m/%Y %H:%M:%S"


class Facade:
    """A caller of the façade with a token."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.http = bench, bench.client("nghe_an")
        self.headers: dict[str, str] = {}
        self.log_in()

    def log_in(self, **other: str) -> str:
        """The message that answers a login; the token in it is used from now on."""
        account = self.bench.account("tan_dan_nghe_an")
        body = {"username": account["login"], "password": account["password"]} | other
        message = str(self.http.post("/api/dang-nhap", json=body).json()["message"])
        if message.startswith("{"):
            self.headers = {"Authorization": f"Bearer {json.loads(message)['result'][0]['token']}"}
        return message

    def get(self, path: str, **query: Any) -> Answer:
        return self.http.get(f"/api/{path}", query, self.headers)

    def message(self, path: str, **query: Any) -> str:
        answer = self.get(path, **query)
        assert answer.status == 200 and list(answer.json()) == ["message"]
        return str(answer.json()["message"])

    def search(self, since: datetime, until: datetime, offset: int = 0, limit: int = 100) -> dict[str, Any]:
        query = {"tuNgay": f"{since:{DAY}}", "denNgay": f"{until:{DAY}}", "offset": offset, "limit": limit}
        return dict(json.loads(self.message("ho-so", **query)))

    def all(self) -> list[dict[str, Any]]:
        """Every record of 2026, five days at a time."""
        since, found = datetime(2026, 1, 1), []
        while since < datetime(2026, 7, 5):
            until = since + timedelta(days=5, seconds=-1)
            piece: list[dict[str, Any]] = []
            total = 1
            while len(piece) < total:
                answer = self.search(since, until, offset=len(piece), limit=25)
                piece, total = piece + answer["result"], answer["total"]
            found += piece
            since = until + timedelta(seconds=1)
        return found


@pytest.fixture
def facade(bench: Bench) -> Facade:
    return Facade(bench)


LAST_DAYS = datetime(2026, 6, 26), datetime(2026, 7, 1)


def test_a_wrong_password_is_told_in_words_with_http_200(facade: Facade) -> None:
    assert facade.log_in(password="other") == "Lỗi: tên đăng nhập hoặc mật khẩu không đúng"


def test_an_ended_session_is_told_in_words_and_a_new_login_serves(facade: Facade) -> None:
    assert facade.search(*LAST_DAYS)["result"]
    facade.bench.clock.now += TOKEN_SECONDS + 1
    assert facade.message("don-vi") == EXPIRED
    facade.log_in()
    assert facade.search(*LAST_DAYS)["result"]


def test_a_window_of_more_than_five_days_is_refused_in_words(facade: Facade) -> None:
    since, until = LAST_DAYS
    assert until - since == timedelta(days=5) and facade.search(since, until)["total"]
    text = facade.message("ho-so", tuNgay=f"{since:{DAY}}", denNgay=f"{until + timedelta(seconds=1):{DAY}}")
    assert text == "Lỗi: khoảng thời gian tra cứu tối đa 5 ngày"


def test_pieces_of_five_days_hold_every_dossier_once(facade: Facade) -> None:
    records = facade.all()
    status = facade.http.get("/_sandbox/status").json()
    assert len(records) == status["records"]
    assert len({record["MaHoSo"] for record in records}) == status["dossiers"]


def test_a_page_begins_with_the_newest_change(facade: Facade) -> None:
    times = [datetime.strptime(one["NgayCapNhat"], DAY) for one in facade.search(*LAST_DAYS)["result"]]
    assert len(times) > 20 and sum(later > earlier for earlier, later in pairwise(times)) <= 1


def test_a_dossier_by_its_code_is_the_one_of_the_list_and_an_unknown_code_is_told(facade: Facade) -> None:
    record = facade.search(*LAST_DAYS)["result"][3]
    assert json.loads(facade.message("ho-so/chi-tiet", maHoSo=record["MaHoSo"]))["result"] == [record]
    assert facade.message("ho-so/chi-tiet", maHoSo="H41.11-260101-9999999") == "Lỗi: không tìm thấy hồ sơ"


def test_every_value_of_a_dossier_is_a_text_or_a_list(facade: Facade) -> None:
    for record in facade.search(*LAST_DAYS)["result"]:
        assert {type(value) for value in record.values()} == {str, list}
        entries = [entry for value in record.values() if isinstance(value, list) for entry in value]
        assert {type(value) for entry in entries for value in entry.values()} == {str}


def test_an_armed_error_text_stands_in_for_the_answer(facade: Facade) -> None:
    facade.http.arm(operation="dossiers", kind="error_inside", text="Lỗi: hệ thống đang bảo trì")
    assert facade.message("ho-so") == "Lỗi: hệ thống đang bảo trì"
    assert facade.search(*LAST_DAYS)["result"]


def test_faults_shuffle_and_repeat_a_page(facade: Facade) -> None:
    first = facade.search(*LAST_DAYS, limit=10)["result"]
    facade.http.arm(operation="dossiers", kind="shuffle_page")
    shuffled = facade.search(*LAST_DAYS, limit=10)["result"]
    assert shuffled != first and sorted(map(str, shuffled)) == sorted(map(str, first))
    facade.http.arm(operation="dossiers", kind="repeat_page")
    assert facade.search(*LAST_DAYS, offset=10, limit=10)["result"] == first


def test_what_changes_while_it_is_paged_leaves_its_old_window(facade: Facade) -> None:
    since, until = datetime(2026, 1, 5), datetime(2026, 1, 10)
    before, last = facade.search(since, until)["total"], facade.search(*LAST_DAYS)["total"]
    facade.http.arm(operation="dossiers", kind="change_while_paging", records=3)
    facade.search(since, until)
    moved = before - facade.search(since, until)["total"]
    assert facade.search(*LAST_DAYS)["total"] - last == 3 and 0 <= moved <= 3
