"""Each way of reading a wire value, and what it refuses."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.links import is_public_host, link_reader, public_link
from mappings.mapped import Amended, Refused
from mappings.transforms import (
    Memo,
    citizen_number_reader,
    clean,
    read_dossier_code,
    read_flag,
    read_integer,
    read_key,
    read_number,
    read_procedure_base,
    text_reader,
)


def amended(read, value):
    with pytest.raises(Amended) as change:
        read(value)
    return change.value.value, [kind for kind, _ in change.value.notes]


def refused(read, value):
    with pytest.raises(Refused) as refusal:
        read(value)
    return refusal.value.reason


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Sở Tư pháp", "Sở Tư pháp"),
        ("  Sở \n\t Tư  pháp ", "Sở Tư pháp"),
        ("a\u00a0b\u200bc\x00d", "a bcd"),
        ("   ", None),
        (42, "42"),
    ],
)
def test_text_is_cleaned(value, expected):
    assert text_reader()(value) == expected


@given(text=st.text())
def test_clean_text_is_composed_single_spaced_and_stays_so(text):
    found = clean(text)

    assert clean(found) == found
    assert unicodedata.is_normalized("NFC", found)
    assert "  " not in found and found == found.strip() and "\x00" not in found


def test_decomposed_text_is_composed_with_a_note():
    assert amended(text_reader(), unicodedata.normalize("NFD", "Nguyễn Thị  Hạnh")) == (
        "Nguyễn Thị Hạnh",
        ["decomposed_text"],
    )


def test_long_text_is_cut_on_characters_with_a_note():
    assert amended(text_reader(10), "Đề nghị cấp giấy") == ("Đề nghị cấ", ["long_"])
    assert text_reader(10)("Đề nghị cấ") == "Đề nghị cấ"


@pytest.mark.parametrize("value", [True, 1.5, ["a"], {"a": 1}, "lone \ud800 surrogate"])
def test_what_is_no_text_is_refused(value):
    assert refused(text_reader(), value) == "bad_value"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.000.000", 1_000_000),
        ("1,000,000", 1_000_000),
        ("135.000", 135_000),
        ("150.000 đồng", 150_000),
        ("150000VNĐ", 150_000),
        ("12,5", 12.5),
        ("12.50", 12.5),
        ("1.234,56", 1234.56),
        ("Không", 0),
        ("miễn phí", 0),
        ("-5.000", -5000),
        (100000.0, 100_000),
        (7, 7),
        ("", None),
    ],
)
def test_numbers_are_read_as_offices_print_them(value, expected):
    found = read_number(value)

    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize("value", ["1.00.000", "một triệu", "1.0000.000", "đ", True, float("nan"), [], "1,2,3"])
def test_what_is_no_number_is_refused(value):
    assert refused(read_number, value) == "bad_value"


@given(amount=st.integers(0, 10**12))
def test_an_amount_printed_with_points_reads_back(amount):
    assert read_number(f"{amount:,}".replace(",", ".")) == amount


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), ("1", True), (0, False), ("Có", True), ("không", False), (" ", None)]
)
def test_flags(value, expected):
    assert read_flag(value) is expected


@pytest.mark.parametrize(("value", "expected"), [(3, 3), (" 3 ", 3), ("-3", -3), (3.0, 3), ("", None)])
def test_integers(value, expected):
    assert read_integer(value) == expected


@pytest.mark.parametrize("value", ["3,5", 3.5, True, "ba", "٣", {}])
def test_what_is_no_integer_is_refused(value):
    assert refused(read_integer, value) == "bad_value"


@pytest.mark.parametrize("code", ["1.001612", "1.001612.000.00.00.H48", "1.001612.H38", " 1.001612 "])
def test_a_procedure_code_is_taken_to_its_base(code):
    assert read_procedure_base(code) == "1.001612"


def test_a_procedure_code_without_base_is_unmapped():
    assert refused(read_procedure_base, "C08_XPHCDB") == "unmapped_procedure"


def test_an_odd_dossier_code_is_kept_and_noted():
    assert read_dossier_code("H55.12-240501-00042") == "H55.12-240501-00042"
    assert amended(read_dossier_code, " HS/2026/42 ") == ("HS/2026/42", ["odd_code"])


@pytest.mark.parametrize(
    ("value", "kind"), [("051190001234", "1"), ("051 190 001 234", "1"), ("212345678", "2"), (212345678, "2")]
)
def test_a_citizen_number_tells_its_kind_by_its_length(value, kind):
    found = citizen_number_reader()(value)

    assert found == [{"kind": kind, "number": str(value).replace(" ", "")}]


@pytest.mark.parametrize("value", ["05119000123", "05119000123A", "٠٥١١٩٠٠٠١٢٣٤", "0"])
def test_a_citizen_number_of_another_shape_is_refused_and_masked(value):
    with pytest.raises(Refused) as refusal:
        citizen_number_reader()(value)

    assert refusal.value.reason == "bad_identity"
    assert value not in (refusal.value.shown or value) or len(value) < 4


def test_a_citizen_number_that_contradicts_its_stated_kind_is_refused():
    read = citizen_number_reader()

    assert read("051190001234", "CCCD") == [{"kind": "1", "number": "051190001234"}]
    assert read("051190001234", None) == [{"kind": "1", "number": "051190001234"}]
    with pytest.raises(Refused):
        read("212345678", "CCCD")


def test_codes_compare_without_case_spaces_or_the_difference_of_number_and_text():
    assert read_key(" Đang  XỬ LÝ ") == read_key("đang xử lý")
    assert read_key(2) == read_key("2") == read_key(2.0)
    assert read_key(True) == "1" and read_key("") is None


def test_a_memo_keeps_numbers_and_truth_values_apart():
    seen = Memo(text_reader())

    assert seen["1"] == "1" and seen[1] == "1"
    with pytest.raises(Refused):
        seen[True]


def test_a_memo_forgets_before_it_grows_large():
    seen = Memo(text_reader(), most=10)
    for number in range(100):
        assert seen[f"v{number}"] == f"v{number}"
    assert len(seen) <= 12


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://dichvucong.laocai.gov.vn/tep/a.pdf", "https://dichvucong.laocai.gov.vn/tep/a.pdf"),
        ("https://a.gov.vn/tờ khai.pdf", "https://a.gov.vn/t%E1%BB%9D%20khai.pdf"),
        ("https://a.gov.vn/a%20b.pdf?x=1&y=2#p", "https://a.gov.vn/a%20b.pdf?x=1&y=2#p"),
        ("https://a.gov.vn/100%.pdf", "https://a.gov.vn/100%25.pdf"),
        ("HTTP://A.gov.vn:8080/x", "http://a.gov.vn:8080/x"),
        ("https://8.8.8.8/x", "https://8.8.8.8/x"),
    ],
)
def test_a_public_link_is_kept_and_encoded(link, expected):
    assert link_reader()(link) == expected
    assert public_link(expected) == expected


@pytest.mark.parametrize(
    "link",
    [
        "http://10.0.3.4:8080/a.pdf",
        "http://192.168.1.1/a.pdf",
        "http://172.16.0.9/a.pdf",
        "http://172.31.255.1/a.pdf",
        "http://127.0.0.1/a.pdf",
        "http://[::1]/a.pdf",
        "http://localhost/a.pdf",
        "http://may-chu/a.pdf",
        "http://files.motcua.local/a.pdf",
        "/upload/a.pdf",
        "ftp://a.gov.vn/a.pdf",
        "file:///C:/a.pdf",
        "https://user:secret@a.gov.vn/a.pdf",
        "http://[broken/a.pdf",
    ],
)
def test_a_link_that_the_public_cannot_open_is_withheld_with_a_note(link):
    assert amended(link_reader(), link) == ([], ["internal_link"])


def test_public_hosts_next_to_private_ranges_are_public():
    assert is_public_host("172.32.0.1") and is_public_host("11.0.0.1") and is_public_host("a.gov.vn")


@pytest.mark.parametrize("joint", ["##", "\n", ", ", ";", " "])
def test_several_links_in_one_field_are_split(joint):
    both = f"https://a.gov.vn/a.pdf{joint}https://a.gov.vn/b.pdf"

    assert amended(link_reader(), both) == (["https://a.gov.vn/a.pdf", "https://a.gov.vn/b.pdf"], ["joined_links"])


def test_of_joined_links_the_good_ones_stay():
    found = amended(link_reader(), "http://10.1.2.3/a.pdf##https://a.gov.vn/b.pdf")

    assert found == (["https://a.gov.vn/b.pdf"], ["internal_link", "joined_links"])


@given(text=st.text())
def test_any_text_as_a_link_is_read_amended_or_refused(text):
    try:
        found = link_reader()(text)
    except (Amended, Refused):
        return
    assert found is None or found.startswith(("http://", "https://"))
