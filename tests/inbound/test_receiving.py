"""What the receiver promises: 200 only for what is kept, 404 and 500 with a reason, nothing half stored."""

import base64
import hashlib
import logging
import re
from typing import Any

import pytest
import requests
import zstandard

from hub.context import Hub
from hub.inbound import listing
from tests.inbound.conftest import PDF, Desk, Portal, message, paper, rows

slug = pytest.mark.parametrize("slug", ["lao_cai"])


@slug
def test_what_citizens_file_is_kept_whole_and_an_unmapped_procedure_is_answered_and_recorded(
    portal: Portal, hub: Hub, slug: str
) -> None:
    assert portal.citizens_file(8, unknown=3) == {"200": 5, "404": 3}
    filed = portal.filed()
    assert {one["code"]: one["status"] for one in filed} == {one["code"]: 200 if one["known"] else 404 for one in filed}
    found = listing(hub.engine, "lao_cai")
    assert {one["national_code"] for one in found["dossiers"]} == {one["code"] for one in filed if one["known"]}
    assert {(one["national_code"], one["answer"]) for one in found["not_taken"]} == {
        (one["code"], 404) for one in filed if not one["known"]
    }
    assert all(one["procedure_code"] in one["description"] for one in found["not_taken"])
    kept = {row["digest"]: row for row in rows(hub, "SELECT * FROM inbound_file")}
    assert set(kept) == {digest for one in filed if one["known"] for _, digest in one["files"]}
    assert all(hashlib.sha256(row["content"]).hexdigest() == digest for digest, row in kept.items())
    for row in rows(hub, "SELECT digest, body FROM inbound_message"):
        assert hashlib.sha256(zstandard.decompress(row["body"])).hexdigest() == row["digest"]


def test_the_same_dossier_twice_is_one_and_other_content_is_a_new_version(desk: Desk, alone: Hub) -> None:
    first = message(alone)
    assert [desk.send(first)["status"] for _ in range(3)] == [200, 200, 200]
    again_in_other_words = dict(reversed(list(first.items())))
    assert desk.send(again_in_other_words)["status"] == 200
    assert [row["version"] for row in rows(alone, "SELECT version FROM inbound_dossier")] == [1]
    assert desk.send(message(alone, TrichYeuHoSo="Đăng ký mới, bổ sung"))["status"] == 200
    assert [row["version"] for row in rows(alone, "SELECT version FROM inbound_dossier ORDER BY 1")] == [1, 2]
    assert rows(alone, "SELECT times FROM inbound_message ORDER BY message_id")[0] == {"times": 3}
    assert len(rows(alone, "SELECT 1 FROM inbound_file")) == 1, "one content is kept once"


BROKEN = {
    "too large": ([paper(), paper(b"x" * 2001, TenTepDinhKem="lớn.pdf")], "lớn.pdf lớn hơn giới hạn"),
    "another digest": ([paper(), paper(Sha256="0" * 64)], "SHA-256 của tệp Tờ khai.pdf không khớp"),
    "another size": ([paper(KichThuoc=7)], f"có {len(PDF)} byte, thông điệp ghi 7"),
    "no base64": ([paper(), paper(Base64="JVBERi0xLjQ*")], "không phải là base64"),
    "cut base64": ([paper(Base64="JVBERi0xLjQ")], "không phải là base64"),
    "no content": ([paper(Base64="")], "nội dung (TaiLieuNop[].Base64)"),
    "no list": ("to-khai.pdf", "TaiLieuNop"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_not_what_it_should_be_is_answered_with_the_reason_and_nothing_is_half_stored(
    desk: Desk, alone: Hub, case: str
) -> None:
    limited = alone.inbound.model_copy(update={"largest_file": 2000})
    alone.province = alone.province.model_copy(update={"inbound": limited})
    files, words = BROKEN[case]
    answer = desk.send(message(alone, TaiLieuNop=files))
    assert (answer["status"], answer["http"], answer["message"]) == (500, 500, "error")
    assert words in answer["description"]
    assert rows(alone, "SELECT 1 FROM inbound_dossier") == rows(alone, "SELECT 1 FROM inbound_file") == []
    [kept] = rows(alone, "SELECT national_code, answer, description FROM inbound_message")
    assert (kept["answer"], kept["description"]) == (500, answer["description"])


def sha512_hex(times: int) -> str:
    """Hex digits that do not compress, 128 for each time."""
    return "".join(hashlib.sha512(b"%d" % number).hexdigest() for number in range(times))


MISSHAPEN: dict[str, tuple[Any, str]] = {
    "not JSON": (b"<hoSo/>", "JSON"),
    "a list": ([1, 2], "JSON"),
    "nobody files": ({"ChuHoSo": " "}, "hồ sơ không có chủ hồ sơ (ChuHoSo)"),
    "a citizen number of 11 digits": ({"SoDinhDanh": "01019000123"}, "số định danh"),
    "no code": ({"MaHoSo": None}, "MaHoSo"),
    "a code of 65 signs": ({"MaHoSo": "G22.99-" + "1" * 58}, "dài hơn 64 ký tự (MaHoSo)"),
    "a code longer than an index takes": ({"MaHoSo": sha512_hex(80)}, "dài hơn 64 ký tự (MaHoSo)"),
    "a code with a NUL": ({"MaHoSo": "G22.99-\x00001"}, "ký tự điều khiển (MaHoSo)"),
    "a code on two lines": ({"MaHoSo": "G22.99\n-001"}, "ký tự điều khiển (MaHoSo)"),
    "year 202": ({"NgayNopHoSo": "02020630081500"}, "mốc thời gian"),
}


@pytest.mark.parametrize("case", MISSHAPEN)
def test_a_message_of_another_shape_is_refused_with_all_reasons_and_without_personal_data(
    desk: Desk, alone: Hub, case: str
) -> None:
    wrong, words = MISSHAPEN[case]
    answer = desk.send(message(alone, **wrong) if isinstance(wrong, dict) else wrong)
    assert answer["status"] == 500 and words in answer["description"]
    assert "01019" not in answer["description"] and "Giàng" not in answer["description"]
    assert rows(alone, "SELECT 1 FROM inbound_dossier") == []
    assert len(rows(alone, "SELECT 1 FROM inbound_message WHERE answer = 500")) == 1


def test_a_code_of_64_signs_is_taken_as_it_is(desk: Desk, alone: Hub) -> None:
    code = "G22.99-" + "1" * 57
    assert desk.send(message(alone, MaHoSo=f" {code}\n"))["status"] == 200
    assert rows(alone, "SELECT national_code FROM inbound_dossier") == [{"national_code": code}]


def test_each_message_is_one_line_of_the_log_and_nobodys_data_is_in_it(
    desk: Desk, alone: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    right = message(alone)
    other = message(alone, MaHoSo="010190001234", TaiLieuNop=[paper(Base64="*", TenTepDinhKem="Giàng Thị Mỷ.pdf")])
    with caplog.at_level(logging.INFO, "hub.inbound"):
        answers = [desk.send(one)["status"] for one in (right, other, b"<hoSo/>")]
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("hub.inbound")]
    assert answers == [200, 500, 500] and len(lines) == 3
    size = len(requests.Request("POST", "http://x", json=right).prepare().body or b"")
    assert re.fullmatch(rf"lao_cai: G22.99-20260630-7000001 answered 200, {size} bytes, \d+\.\d\d s", lines[0])
    assert "answered 500" in lines[1] and "without a code answered 500, 7 bytes" in lines[2]
    assert not [word for word in ("Giàng", "010190001234", "Tổ 3", "pdf") if word in " ".join(lines)]


def test_a_message_over_the_limit_is_answered_and_its_digest_kept(desk: Desk, alone: Hub) -> None:
    limited = alone.inbound.model_copy(update={"largest_message": 5000})
    alone.province = alone.province.model_copy(update={"inbound": limited})
    body = b'{"MaHoSo": "' + b"x" * 3_000_000 + b'"}'
    answer = desk.send(body)
    assert answer["status"] == 500 and "lớn hơn giới hạn" in answer["description"]
    [kept] = rows(alone, "SELECT digest, size, body FROM inbound_message")
    assert kept == {"digest": hashlib.sha256(body).hexdigest(), "size": len(body), "body": None}


def test_only_the_portals_account_is_listened_to(desk: Desk, alone: Hub) -> None:
    for account in (None, ("dvcqg_lao_cai", "guess"), ("", "")):
        answer = requests.post(desk.address, json=message(alone), auth=account, timeout=20)
        assert answer.status_code == 401 and "Basic" in answer.headers["WWW-Authenticate"]
    assert requests.get(desk.address, timeout=20).status_code == 405
    assert requests.post(desk.address + "x", json={}, timeout=20).status_code == 404
    assert rows(alone, "SELECT 1 FROM inbound_message") == []


def test_while_nobody_knows_the_provinces_procedures_no_404_is_given_and_the_list_says_why(
    desk: Desk, alone: Hub
) -> None:
    right = message(alone)
    with alone.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM province_procedure")
    answer = desk.send(right)
    assert answer["status"] == 500 and "gửi lại" in answer["description"]
    assert rows(alone, "SELECT 1 FROM inbound_dossier") == []
    assert rows(alone, "SELECT answer, description FROM inbound_message") == [
        {"answer": 500, "description": answer["description"]}
    ]


def test_a_mapping_that_comes_later_takes_what_was_answered_404_when_it_is_sent_again(desk: Desk, alone: Hub) -> None:
    right = message(alone)
    where = f"WHERE procedure_code = '{right['MaTTHC']}'"
    with alone.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE province_procedure SET gone_at = now() {where}")
    assert desk.send(right)["status"] == 404
    with alone.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE province_procedure SET gone_at = NULL {where}")
    assert desk.send(right)["status"] == 200
    assert rows(alone, "SELECT answer, times FROM inbound_message") == [{"answer": 200, "times": 2}]


def test_base64_with_line_ends_is_the_same_file(desk: Desk, alone: Hub) -> None:
    lines = base64.encodebytes(PDF * 20).decode()
    assert "\n" in lines.strip()
    digest = hashlib.sha256(PDF * 20).hexdigest()
    assert desk.send(message(alone, TaiLieuNop=[paper(Base64=lines, Sha256=digest.upper())]))["status"] == 200
    assert [row["digest"] for row in rows(alone, "SELECT digest FROM inbound_file")] == [digest]
