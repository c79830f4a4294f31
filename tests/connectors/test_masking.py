"""A masked text has no personal data, no secret and no file body, and can still be recognised."""

import re
from pathlib import Path

import orjson
import pytest

import mappings
from schemas.masking import mask_email, mask_identity, mask_json, mask_name, mask_phone, mask_text

FOLDER = Path(mappings.__file__).parent
FROM = re.compile(r"^  identifiers: +\{from: ([\w.]+), as: citizen_number", re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("CCCD 024099001234.", "CCCD *********234."),
        ("CMND 123456789", "CMND ******789"),
        ("gọi 0912345678 hoặc +84 912 345 678", "gọi ********78 hoặc *********78"),
        ("an.nguyen@example.vn", "a***@example.vn"),
        ('{"password": "a b", "session":"xyz"}', None),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("username=u&password=p%40ss&x=1", "username=u&password=***&x=1"),
        ("A" * 200 + "==", "[base64, 202 characters]"),
        ('"fullname": "Nguyễn Văn An"', '"fullname": "N. V. A."'),
        ("<ns:chuHoSo>Nguyễn Văn An</ns:chuHoSo>", "<ns:chuHoSo>N. V. A.</ns:chuHoSo>"),
        ('{"CanBo": "Trần Thị Bình", "nguoiNop":"Lò Văn Sơn"}', '{"CanBo": "T. T. B.", "nguoiNop":"L. V. S."}'),
        ('{"DiaChi":"Số 155, Xã Đại Đồng"}', '{"DiaChi":"***"}'),
        (r'{"message":"{\"ChuHoSo\":\"Nguyễn Văn An\"}"}', r'{"message":"{\"ChuHoSo\":\"N. V. A.\"}"}'),
        (r'{"message":"[{\"token\":\"abc-def\",\"n\":600}]"}', r'{"message":"[{\"token\":\"***\",\"n\":600}]"}'),
    ],
)
def test_private_parts_are_masked(text: str, masked: str | None) -> None:
    if masked is not None:
        assert mask_text(text) == masked
    else:
        assert "xyz" not in mask_text(text)


def identity_fields() -> list[str]:
    """How each system and the national side call an identity number, by their mappings; and the hub's own name."""
    said = [one for path in sorted(FOLDER.glob("*.yaml")) for one in FROM.findall(path.read_text("utf-8"))]
    assert len(said) >= 7, "a mapping says it in another way"
    return sorted({one.rpartition(".")[2] for one in said} | {"number", "cccd", "soCMND", "citizen_number"})


@pytest.mark.parametrize("number", ["01019000123", "0101900012345", "1019000123", "C1234567", "010 190 00123"])
@pytest.mark.parametrize("name", identity_fields())
def test_a_wrong_identity_number_is_masked_by_the_name_of_its_field(name: str, number: str) -> None:
    record = orjson.dumps({"a": {name: number, "status": 4}}).decode()
    for text in (
        record,
        orjson.dumps({"message": record}).decode(),
        f"<x:{name}>{number}</x:{name}>",
        orjson.dumps(mask_json({name: number})).decode(),
    ):
        assert number not in mask_text(text) and f"{number[-3:]}" in mask_text(text)
    assert mask_json({"a": [{name: 1019000123}], "fee": 150000000}) == {"a": [{name: "*******123"}], "fee": 150000000}
    assert mask_text(f'{{"{name}": 1019000123}}') == f'{{"{name}": *******123}}'


@pytest.mark.parametrize(
    "text",
    [
        '"number": 12',
        '"number": "H55.12-240501-00042"',
        '"identityType": "CCCD"',
        '"loaiGiayTo": "CMND", "maGiayTo": "TP-00042"',
        '"ngayCapCCCD": "2021-05-12"',
        '"MaDinhDanh": "H55.12.34"',
        '"identity_verified": true',
        '{"bad_identity": 3}',
        "000.00.53.H48-220921-0099",
        "G09.20-20260609-0092637",
        "H55.12-240501-00042",
        "1.001612.000.00.00.H48",
        "20260612030405",
        "2026-06-12T03:04:05.000+0000",
        "http://127.0.0.1:18081/pa/dossier",
        "trang 14, 2.600 hồ sơ",
    ],
)
def test_codes_dates_and_addresses_stay_readable(text: str) -> None:
    assert mask_text(text) == text


def test_single_values_keep_what_finds_them_again() -> None:
    assert mask_identity("024099001234") == "*********234"
    assert mask_phone("+84 912 345 678") == "*********78"
    assert mask_email("x@y.vn") == "x***@y.vn"
    assert mask_name("Nguyễn Văn An") == "N. V. A."
