"""What is wrong with procedure lists is found, and nothing else: the real list against its own CSV files, read here."""

import csv
import json
import re
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, insert, text

from hub.cli import main
from hub.errors import ConfigurationError
from hub.procedures.listing import LocalProcedure, write_listing
from hub.procedures.publication import decision_day
from hub.procedures.quality import Quality, national_quality, province_quality
from hub.procedures.quality.beside import Row, slips
from hub.procedures.quality.completeness import missing_parts
from hub.procedures.quality.districts import district_words, in_texts
from hub.procedures.quality.fees import off_by_thousand
from hub.working_days import after_working_days, is_working_day
from schemas import tables
from schemas.records import VIET_NAM

DATA = Path(__file__).resolve().parents[2] / "sandbox" / "data"
NOW = datetime(2026, 7, 1, tzinfo=UTC)


def rows_of(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def listed() -> dict[str, dict[str, str]]:
    return {row["code"]: row for row in rows_of("procedures.csv")}


@pytest.fixture(scope="module")
def channels() -> dict[str, list[dict[str, str]]]:
    found: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows_of("procedure_channels.csv"):
        found[row["procedure_code"]].append(row)
    return found


def codes(found: Quality, kind: Any) -> set[str]:
    return {one.code for one in found.of(kind)}


def test_the_real_list_is_judged_as_its_own_files_say(
    engine: Engine, listed: dict[str, dict[str, str]], channels: dict[str, list[dict[str, str]]]
) -> None:
    found = national_quality(engine, NOW)
    assert found.looked_at == len(listed) == 2851

    parts = {one.code: set(one.field.split(", ")) for one in found.of("incomplete")}
    lacking = {
        part: {code for code, fields in parts.items() if part in fields} for part in set().union(*parts.values())
    }
    assert lacking["channels"] == {code for code in listed if code not in channels}
    assert lacking["audience"] == {code for code, row in listed.items() if not row["audience"]}
    unnamed = {code for code, row in listed.items() if not (row["implementing_agencies"] or row["issuing_agency"])}
    assert lacking["agency"] == unnamed
    silent = {code for code in listed if not any(row["duration"] for row in channels.get(code, ()))}
    assert silent <= lacking["time_limit"]
    # The peer serves every 17th time as a sentence; one that contradicts its unit is no time.
    for one in found.of("incomplete"):
        if one.code in lacking["time_limit"] - silent:
            assert "THOIGIANGIAIQUYET is no time: " in one.evidence
            assert {row["duration_unit"] for row in channels[one.code] if row["duration"]} != {"Ngày làm việc"}
    assert len(lacking["time_limit"] - silent) < 15
    assert set(lacking) == {"channels", "audience", "agency", "time_limit"}

    low = {
        (row["procedure_code"], row["channel"])
        for rows in channels.values()
        for row in rows
        if row["fee_amount"].isdigit() and 0 < int(row["fee_amount"]) < 1000 and "USD" not in row["fee_text"]
    }
    words = {"in person": "in_person", "online": "online", "postal": "postal"}
    told = [
        (one.code, words[one.field.removeprefix("SOTIEN, ")], one.kind)
        for one in found.findings
        if "SOTIEN" in one.field
    ]
    assert {(code, channel) for code, channel, _ in told} == low
    assert {(code, channel) for code, channel, kind in told if kind == "fee_off"} == {
        ("1.008628", "online"),  # 800 online, 800.000 by post and in person
        ("2.001610", "online"),
    }
    assert {"3.000349", "3.000350", "3.000351"} <= codes(found, "fee_low")  # 135 VNĐ for a driving licence

    assert codes(found, "district_name") == {"1.010385", "1.011727"}  # read through by hand: “cấp huyện”
    word = re.compile(r"\b(huyện|quận|thị xã)\b", re.IGNORECASE)
    offices = {code for code, row in listed.items() if word.search(row["implementing_agencies"])}
    assert {one.code for one in found.of("district_text") if one.field == "MOTACOQUANTHUCHIEN"} == offices
    assert len(offices) == 7
    assert found.counts()["published_late"] == 0
    assert any("is not known for 1,680" in note for note in found.notes)


CLEAN = ("1.000532", "1.001010", "1.001193", "2.000908", "1.002173", "1.013673")
"""Read by hand: 35,000,000 and 105,000,000 đồng, 100 USD, no fee; complete, no district."""


def test_no_false_alarm_on_what_was_read_by_hand(engine: Engine, listed: dict[str, dict[str, str]]) -> None:
    found = national_quality(engine, NOW)
    assert not {one.code for one in found.findings} & set(CLEAN)
    for code, words in {
        "3.000044": "các huyện nghèo",
        "6.003496": "đường huyện",
        "2.002755": "thị trấn",
        "1.013133": "quân sự",
    }.items():
        assert words in listed[code]["name"]
        assert district_words(listed[code]["name"]) is None
    army = [
        row["name"] for row in listed.values() if "quân" in row["name"].lower() and "quận" not in row["name"].lower()
    ]
    assert len(army) > 50
    assert not any(map(district_words, army))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Cấp phép tại UBND Quận 1", True),
        ("Phòng Tư pháp huyện, thị xã", True),
        ("THỊ XÃ ĐỨC PHỔ", True),
        ("Uỷ ban nhân dân cấp huyện", True),
        ("Bảo hiểm trong Quân đội, quân khu", False),
        ("Quan trắc; hội quán; huyền bí; Quản lý; thị xá", False),
        ("Xã, phường, thị trấn", False),
    ],
)
def test_districts_are_whole_words_in_any_unicode_form(words: str, found: bool) -> None:
    import unicodedata

    for form in ("NFC", "NFD"):
        assert bool(district_words(unicodedata.normalize(form, words))) is found


def record(**changes: Any) -> dict[str, Any]:
    """A complete record of LayThuTuc."""
    return {
        "TENTTHC": "Cấp giấy phép",
        "TRINHTUTHUCHIEN": [{"TRINHTU": [{"TENTRINHTU": "Bước 1: Nộp hồ sơ"}]}],
        "CACHTHUCTHUCHIEN": [channel("1")],
        "THANHPHANHOSO": [{"GIAYTO": [{"TENGIAYTO": "Đơn", "SOBANCHINH": "1", "SOBANSAO": "0"}]}],
        "DOITUONGTHUCHIEN": [{"TENDOITUONG": "Công dân Việt Nam"}],
        "COQUANTHUCHIEN": [{"TENDONVI": "Sở Tư pháp"}],
        **changes,
    }


def channel(kind: str, *fees: tuple[str, str], unit: str = "Đồng") -> dict[str, Any]:
    paid = [{"SOTIEN": amount, "DONVI": unit, "MOTA": words} for amount, words in fees]
    return {"KENH": kind, "THOIGIAN": [{"THOIGIANGIAIQUYET": "5", "DONVITINH": "Ngày", "PHILEPHI": paid}]}


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({}, None),
        ({"TENTTHC": " "}, "name"),
        ({"TRINHTUTHUCHIEN": [{"TRINHTU": [{"TENTRINHTU": ""}]}]}, "steps"),
        ({"THANHPHANHOSO": []}, "documents"),
        ({"THANHPHANHOSO": [{"GIAYTO": [{"TENGIAYTO": "Đơn", "SOBANCHINH": "0"}]}]}, "number"),
        ({"CACHTHUCTHUCHIEN": [{"KENH": "1", "THOIGIAN": [{"THOIGIANGIAIQUYET": ""}]}]}, "time_limit"),
        ({"DOITUONGTHUCHIEN": None}, "audience"),
        ({"DOITUONGTHUCHIEN": None, "MOTADOITUONGTHUCHIEN": "Công dân"}, None),
        ({"COQUANTHUCHIEN": {"TENDONVI": None}}, "agency"),
    ],
)
def test_each_part_of_dieu_8_2_is_missed(changes: dict[str, Any], part: str | None) -> None:
    assert list(missing_parts(record(**changes))) == ([part] if part else [])


@pytest.mark.parametrize(
    ("channels_", "proved"),
    [
        ([channel("3", ("135", "135.000 đồng/lần"))], [True]),
        ([channel("3", ("135", "Lệ phí 135 nghìn đồng"))], [True]),
        ([channel("3", ("2.000", "2 triệu đồng"))], [True]),
        ([channel("3", ("135.000.000", "135.000 đồng"))], [True]),
        ([channel("1", ("50.000", "")), channel("2", ("50", ""))], [True]),
        ([channel("1", ("5.000.000", "")), channel("2", ("5.000", ""))], [True]),
        ([channel("1", ("135", "135 VNĐ"))], [False]),
        ([channel("1", ("135.000", "135.000 đồng; nộp muộn 135.000.000 đồng"))], []),
        ([channel("1", ("135.000", "135 nghìn đồng"))], []),
        ([channel("1", ("10", "10 USD"))], []),
        ([channel("1", ("10", ""), unit="USD")], []),
        ([channel("1", ("Không", "")), channel("2", ("0", "")), channel("3", ("Theo quy định", ""))], []),
        ([channel("1", ("1.000.000", "")), channel("2", ("800.000", ""))], []),
    ],
)
def test_a_fee_is_off_against_its_text_or_another_channel(channels_: list[dict[str, Any]], proved: list[bool]) -> None:
    assert [one[0] for one in off_by_thousand(record(CACHTHUCTHUCHIEN=channels_))] == proved


def test_level_steps_and_offices_of_districts_are_found_in_the_texts() -> None:
    bad = record(
        CAPTHUCHIEN=[{"CAPTHUCHIEN": "2"}],
        YEUCAU="Có hộ khẩu tại quận",
        TRINHTUTHUCHIEN=[{"TRINHTU": [{"TENTRINHTU": "Bước 1: nộp tại UBND cấp huyện"}]}],
    )
    assert [field for field, _ in in_texts(bad)] == ["CAPTHUCHIEN", "YEUCAU", "TRINHTUTHUCHIEN"]
    assert list(in_texts(record())) == []


def lines_of(listed: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    return [(code, row["name"]) for code, row in sorted(listed.items())]


@pytest.mark.parametrize("shift", [1, -1])
@pytest.mark.parametrize("local", ["{}", "{}.000.00.00.H38"])
def test_a_list_that_slipped_by_one_row_is_told_with_its_range(
    listed: dict[str, dict[str, str]], shift: int, local: str
) -> None:
    """In the real list: names of rows 401 to 520 come from one row below (or above), some with a letter lost."""
    lines = lines_of(listed)
    names = dict(lines)
    rows = []
    for place, (code, name) in enumerate(lines):
        if 400 <= place < 520:
            name = lines[place + shift][1]
            name = name[:-1] if place % 10 == 0 else name
        rows.append(Row(place + 1, local.format(code), code, name))
    found, others = slips(rows, names)
    assert [(one.shift, one.rows[0].row, one.rows[-1].row) for one in found] == [(shift, 401, 520)]
    assert others == []


def test_the_real_list_itself_has_no_row_beside_anothers_name(listed: dict[str, dict[str, str]]) -> None:
    lines = lines_of(listed)
    rows = [Row(place, code, code, name) for place, (code, name) in enumerate(lines, 1)]
    assert slips(rows, dict(lines)) == ([], [])
    swapped = [Row(1, "1.000005", "1.000005", listed["2.000908"]["name"]), rows[5]]
    assert slips(swapped, dict(lines)) == ([], [(swapped[0], "2.000908")])


def put(engine: Engine, slug: str, *lines: tuple[str, str, str]) -> None:
    """A province's list: code, name, decision."""
    listed = [LocalProcedure(c, n, None, "Cấp tỉnh", d, place) for place, (c, n, d) in enumerate(lines, 1)]
    with engine.begin() as connection:
        write_listing(connection, 1, slug, listed, source="pull", now=NOW)


def national(engine: Engine, code: str, name: str, decision: str, since: datetime = NOW) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(tables.procedure_version).values(
                procedure_code=code,
                valid_from=since,
                name=name,
                levels=["1"],
                decision=decision,
                public=True,
                content_hash=name,
                record=orjson.loads(orjson.dumps(record(TENTTHC=name))),
                run_id=1,
            )
        )


def test_a_provinces_list_is_told_its_decisions_districts_and_rows(blank: Engine) -> None:
    for number in range(1, 9):
        national(
            blank, f"1.00000{number}", f"Thủ tục cấp giấy phép số {'abcdefgh'[number - 1] * 9}", f"{number}/QĐ-BTP"
        )
    national(blank, "1.000009", "Đăng ký khai sinh", "100/QĐ-BTP ngày 02/03/2026")
    name = {number: f"Thủ tục cấp giấy phép số {'abcdefgh'[number - 1] * 9}" for number in range(1, 9)}
    put(
        blank,
        "lao_cai",
        ("1.000001", name[1], "1/QĐ-BTP"),
        ("1.000002.H38", name[3], "2/QĐ-BTP"),
        ("1.000003.000.00.00.H38", name[4], "3/QĐ-BTP"),
        ("1.000004", name[5], "4/QĐ-BTP"),
        ("1.000005", name[5], "Quyết định số 05/QĐ-BTP ngày 01/02/2026"),
        ("1.000006", f"{name[6]} (cấp huyện)", "77/QĐ-UBND"),
        ("1.000007", name[1], "7/QĐ-BTP"),
        ("1.000009", "Đăng ký khai sinh", "90/QĐ-UBND ngày 01/12/2025"),
        ("H38.TTDP.001", "Thủ tục riêng", "12/QĐ-UBND ngày 22/06/2026"),
        ("H38.TTDP.002", "Thủ tục riêng nữa", "13/QĐ-UBND ngày 26/06/2026"),
        ("H38.TTDP.003", "Không rõ ngày", "14/QĐ-UBND"),
    )
    found = province_quality(blank, "lao_cai", NOW)
    told = {(one.kind, one.code, one.row, one.last) for one in found.findings}
    assert told == {
        ("district_name", "1.000006", 6, None),
        ("stale_decision", "1.000006", 6, None),
        ("stale_decision", "1.000009", 8, None),
        ("unpublished", "H38.TTDP.001", 9, None),  # due on 29/06; the next one on 03/07
        ("shifted", "1.000002", 2, 4),
        ("other_name", "1.000007", 7, None),
    }
    words = {one.code: one.evidence for one in found.findings}
    assert "rows 2 to 4 (3 lines) have the name of the code one row below" in words["1.000002"]
    assert "the name is that of 1.000001" in words["1.000007"]
    assert words["1.000009"].endswith("the province's is older")
    assert all(one.todo for one in found.findings)


def test_publication_is_judged_only_where_both_days_are_known(blank: Engine) -> None:
    pulled = datetime(2026, 6, 1, 1, tzinfo=VIET_NAM)
    national(blank, "1.000001", "Có từ trước", "1/QĐ-BTP ngày 01/01/2026", pulled)
    national(blank, "1.000002", "Đúng hạn", "2/QĐ-BTP ngày 03/06/2026", pulled.replace(day=10))
    national(blank, "1.000003", "Muộn", "3/QĐ-BTP ngày 03/06/2026", pulled.replace(day=11))
    national(blank, "1.000004", "Không rõ", "4/QĐ-BTP", pulled.replace(day=30))
    found = national_quality(blank, NOW)
    assert codes(found, "published_late") == {"1.000003"}
    assert codes(national_quality(blank, NOW, {date(2026, 6, 5): False}), "published_late") == set()
    assert len(found.notes) == 2
    assert "for 1 (" in found.notes[0] and found.notes[1].startswith("1 were on the list already")


def test_five_working_days_pass_over_the_holidays() -> None:
    assert decision_day("Quyết định số 135/QĐ-BTP ngày 24 tháng 4 năm 2026") == date(2026, 4, 24)
    assert decision_day("135/QĐ-BTP ngày 31/02/2026") is None
    assert after_working_days(date(2026, 4, 24), 5) == date(2026, 5, 6)
    assert is_working_day(date(2026, 8, 22)) and not is_working_day(date(2026, 8, 31))  # a Saturday for a Monday
    assert not any(is_working_day(date(2026, 2, 16) + timedelta(days=more)) for more in range(5))


def test_the_command_has_its_exit_codes_and_writes_every_finding(
    blank: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", blank.url.render_as_string(hide_password=False))

    def say(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["procedures", "quality", *words])
        return int(ended.value.code or 0), capsys.readouterr().out

    assert say()[0] == 2
    national(blank, "1.000001", "Cấp giấy phép", "1/QĐ-BTP")
    code, out = say("--json")
    assert (code, json.loads(out)["findings"]) == (0, [])
    national(blank, "1.000002", "Xác nhận (cấp huyện)", "2/QĐ-BTP")
    code, out = say("--out", str(tmp_path / "q.csv"))
    assert code == 1
    assert "1  district_name" in " ".join(out.split("\n")) and "Xác nhận (cấp huyện)" in out
    line = (tmp_path / "q.csv").read_text("utf-8-sig").splitlines()[1]
    assert line.split(",")[1:3] == ["district_name", "1.000002"]
    put(blank, "lao_cai", ("1.000001", "Cấp giấy phép", "9/QĐ-BTP"))
    code, out = say("lao_cai", "--json", "--out", str(tmp_path / "q.json"))
    told = json.loads(out)
    assert (code, told["list"], told["counts"]["stale_decision"]) == (1, "lao_cai", 1)
    assert json.loads((tmp_path / "q.json").read_bytes())["findings"] == told["findings"]
    assert say("lao_cai", "--out", "q.pdf")[0] == 2
    assert say("lao_cay")[0] == 2
    with pytest.raises(ConfigurationError, match="the province's list is not here yet"):
        province_quality(blank, "quang_ngai", NOW)
    with blank.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM province_procedure")) == 1
