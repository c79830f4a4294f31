"""What no rule decides waits for a person and is told with what it may become; a decision frees what waited."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from sqlalchemy import Engine, insert

from hub.cli import main
from hub.errors import ConfigurationError, Refused
from hub.landing import map_records
from hub.migration.attempt import get_attempt
from hub.migration.deciding.decisions import Decision, decide
from hub.migration.deciding.filled import decide_filled
from hub.migration.deciding.places import place_names, places_in
from hub.migration.deciding.undecided import SHEET, groups, lines, undecided_counts
from hub.migration.plans.plan import Source, load_plan
from hub.migration.reading import account
from hub.migration.reading.recoding import refresh
from hub.staging import copy_batch, create_staging
from hub.tabular import write_table
from mappings.units import units
from schemas import tables
from tests.migration.importing import NOON, Moving, Target, moving
from tests.migration.test_collisions import TWO, dossier, enter

ONE = "can_tho_cu"
SPLIT = "31183"  # Phường Long Tuyền of Bình Thủy became part of An Bình, and of Long Tuyền
DISTRICT = "000.01.40.H13"


@pytest.fixture
def both(engine: Engine, tmp_path: Path) -> Moving:
    found = moving(engine, tmp_path, Target())
    found.m.plan = load_plan(found.m.settings, "can_tho")
    return found


def wire(number: int, commune: str = SPLIT, **changed: Any) -> dict[str, Any]:
    """A dossier as the old Cần Thơ's system sends it."""
    data = {
        "fullname": "Trần Thị Bé Ba",
        "ownerFullname": "Trần Thị Bé Ba",
        "identityNumber": "092190001234",
        "chonDoiTuong": {"value": "0"},
        "village": {"value": commune},
        "province": {"value": "92"},
        "address": "Số 12, ấp Thới Hòa",
        "noidungyeucaugiaiquyet": "Cấp mới",
    }
    return {
        "id": f"k{number}",
        "code": f"H13.15-250304-{number:04}",
        "procedure": {"code": "1.000005"},
        "agency": {"code": "000.00.15.H13", "name": [{"languageId": 228, "name": "Sở Nội vụ"}]},
        "applicant": {"data": data},
        "applyMethod": {"id": 1},
        "dossierReceivingKind": {"id": 0},
        "submittedOnNational": False,
        "dossierStatus": {"id": 2, "name": "Đang xử lý"},
        "dossierTaskStatus": {"name": "Đang xử lý"},
        "appliedDate": "2025-03-04T03:04:05.000+0000",
        "acceptedDate": "2025-03-04T03:04:05.000+0000",
        "updatedDate": "2025-03-04T03:04:05.000+0000",
        **changed,
    }


def land(both: Moving, *raw: dict[str, Any]) -> None:
    """A page of the old system in the message log and in the account."""
    hub, body = both.m.source(ONE), orjson.dumps({"content": raw, "last": True})
    refresh(both.m, ONE)
    with both.m.engine.begin() as connection:
        made = insert(tables.run).values(kind="migration", province=ONE, until=NOON).returning(tables.run.c.run_id)
        run_id = int(connection.scalar(made) or 0)
        kept = {"run_id": run_id, "province": ONE, "stream": "dossiers", "page": 1, "records": len(raw)}
        kept |= {"digest": sha256(body).hexdigest(), "size": len(body), "body": zstandard.compress(body)}
        page = insert(tables.message).values(**kept, received_at=NOON).returning(tables.message.c.message_id)
        message_id = int(connection.scalar(page) or 0)
        create_staging(connection, run_id)
        batch = map_records(hub, enumerate(hub.source.parse("dossiers", body)))
        copy_batch(connection, run_id, message_id, batch)
        account.enter(connection, both.m, Source(province=ONE), 1, run_id)


def decision(decided: str, code: str = SPLIT, field: Any = "commune", **more: str) -> Decision:
    return Decision(more.pop("source", ONE), field, code, decided, "Lê Thị Hoa", "theo công văn 12/UBND", **more)


def rows(both: Moving) -> dict[str, Any]:
    return {row["source_key"]: row for row in both.run("SELECT * FROM migrated")}


def listed(both: Moving) -> list[dict[str, Any]]:
    return groups(both.m, get_attempt(both.m.engine, both.m.attempt_id))


def test_a_split_commune_waits_with_its_candidates_and_a_decision_frees_every_dossier_of_it(both: Moving) -> None:
    land(both, wire(1), wire(2), wire(3, "31120"))
    [group] = listed(both)
    assert (group["source"], group["field"], group["code"], group["dossiers"]) == (ONE, "commune", SPLIT, 2)
    assert [(one["code"], one["name"]) for one in group["candidates"]] == [
        ("31150", "Phường An Bình"),
        ("31183", "Phường Long Tuyền"),
    ]
    assert undecided_counts(both.m.engine, both.m.attempt_id)["communes"] == {"dossiers": 2, "codes": 1}

    became = decide(both.m, decision("31150"))
    assert became == {"before": None, "mapped": 2, "free": 2, "held": 0, "out_of_scope": 0}
    found = rows(both)
    assert {found[key]["state"] for key in ("k1", "k2", "k3")} == {"read"}
    assert [found[key]["record"]["commune"] for key in ("k1", "k3")] == ["31150", "31120"]
    [kept] = [one for one in found["k1"]["record"]["former"] if one["field"] == "commune"]
    assert (kept["code"], kept["name"], kept["way"]) == (SPLIT, "Phường Long Tuyền", "decision")
    assert listed(both) == []
    [event] = both.run("SELECT who, text, details FROM migration_event WHERE kind = 'decision'")
    assert event["who"] == "Lê Thị Hoa" and event["details"]["decided"] == "31150"

    land(both, wire(4))  # it holds for what comes later
    assert rows(both)["k4"]["record"]["commune"] == "31150"


def test_a_decision_about_one_record_is_of_that_record(both: Moving) -> None:
    land(both, wire(1), wire(2))
    decide(both.m, decision("31183", record="k2"))
    assert {key: row["state"] for key, row in rows(both).items()} == {"k1": "held", "k2": "read"}
    decide(both.m, decision("31150"))
    assert {key: row["record"]["commune"] for key, row in rows(both).items()} == {"k1": "31150", "k2": "31183"}


def test_what_was_decided_otherwise_before_is_brought_to_the_target_again(both: Moving) -> None:
    land(both, wire(1))
    decide(both.m, decision("31150"))
    both.run("UPDATE migrated SET state = 'migrated', loaded_hash = content_hash")
    became = decide(both.m, decision("31183"))
    assert (became["before"], became["free"]) == ("31150", 1)
    assert (rows(both)["k1"]["state"], rows(both)["k1"]["record"]["commune"]) == ("read", "31183")


REFUSED = (
    (decision("31120"), "Candidates: 31150 Phường An Bình; 31183 Phường Long Tuyền"),
    (decision("31117"), "31117 is no commune in force on 01/07/2026"),
    (decision("92"), "92 is no commune in force"),
    (decision("31117", "99999"), "any serves that is in force on 01/07/2026: lienthong units list --province 92"),
    (decision("31150", source="hau_gian"), "Did you mean `hau_giang`"),
    (decision("H99.1", DISTRICT, "agency_code"), "is no agency of the new province in the plan's table"),
    (decision("H13.15-250304-0001", "H13.15-250304-0001", "dossier_code"), "the code stays what it is"),
    (decision("H13.15-250304-0002", "H13.15-250304-0001", "dossier_code"), "is a dossier of can_tho_cu already"),
)


def test_what_a_code_cannot_become_is_refused_and_nothing_changes(both: Moving) -> None:
    land(both, wire(1), wire(2))
    for one, words in REFUSED:
        with pytest.raises(ConfigurationError) as error:
            decide(both.m, one)
        assert words in str(error.value)
    assert not both.run("SELECT FROM migration_decision") and both.states() == {"held": 2}


def test_a_district_whose_dossier_nobody_takes_over_waits_for_an_agency(both: Moving) -> None:
    agency = {"code": DISTRICT, "name": [{"languageId": 228, "name": "UBND quận Ninh Kiều"}]}
    land(both, wire(1, "31120", agency=agency, procedure={"code": "1.000028"}))
    [group] = [one for one in listed(both) if one["field"] == "agency_code"]
    assert group["code"] == DISTRICT and group["why"]
    decide(both.m, decision("000.00.15.H13", DISTRICT, "agency_code"))
    row = rows(both)["k1"]
    assert (row["record"]["agency_code"], row["record"]["agency_name"]) == ("000.00.15.H13", "Sở Nội vụ")
    assert {"field": "agency_code", "code": DISTRICT, "name": "UBND quận Ninh Kiều"}.items() <= next(
        one for one in row["record"]["former"] if one["field"] == "agency_code"
    ).items()


def test_a_new_code_for_one_of_two_dossiers_frees_both(both: Moving) -> None:
    land(both, wire(1, "31120", code="HS/1"))
    enter(both, TWO, dossier(1, TWO, dossier_code="HS/1"))
    assert both.states() == {"held": 2}
    found = {one["source"]: [each["code"] for each in one["candidates"]] for one in listed(both)}
    assert found == {ONE: [], TWO: ["H30-HS/1"]}  # the plan's first keeps the code
    assert undecided_counts(both.m.engine, both.m.attempt_id)["collisions"] == {"dossiers": 2, "codes": 2}

    became = decide(both.m, decision("H13-HS/1", "HS/1", "dossier_code"))
    assert became["free"] == 1
    assert both.states() == {"read": 2}
    row = rows(both)["k1"]
    assert row["dossier_code"] == "H13-HS/1"
    assert ("dossier_code", "HS/1") in {(one["field"], one["code"]) for one in row["record"]["former"]}


def test_a_dossier_that_the_target_has_keeps_its_code(both: Moving) -> None:
    land(both, wire(1, "31120", code="HS/1"))
    both.run("UPDATE migrated SET state = 'migrated', loaded_hash = content_hash")
    with pytest.raises(Refused, match="it would be there twice"):
        decide(both.m, decision("H13-HS/1", "HS/1", "dossier_code"))


def test_behind_an_approval_nothing_is_decided(both: Moving) -> None:
    land(both, wire(1))
    for state in ("approved", "opened"):
        both.run("UPDATE migration SET state = :state", state=state)
        with pytest.raises(Refused, match=state):
            decide(both.m, decision("31150"))
    assert not both.run("SELECT FROM migration_decision")


WRITTEN = {
    "xã Tân Phú gặp bà Trần Thị Lan 0909123456, tỉnh Cà Mau": "xã Tân Phú ***, tỉnh Cà Mau",
    "số 12 đường 3/2 phường An Khánh quận Ninh Kiều TP Cần Thơ SĐT 0909123456": "*** phường An Khánh quận Ninh Kiều "
    "TP Cần Thơ ***",
    "Xã Trần Thị Lan, P.An Khánh Trần Thị Lan - Q.Ninh Kiều": "***, P. An Khánh *** Q. Ninh Kiều",
    "PHƯỜNG AN KHÁNH": "PHƯỜNG AN KHÁNH",
    "phường 0909123456, Phường 12, nay là nhà bà Lan": "***, Phường 12, ***",
    "Thành phố Phan Rang - Tháp Chàm": "Thành phố Phan Rang - Tháp Chàm",
}


def test_an_address_keeps_its_places_and_loses_the_person() -> None:
    address = "Nhà bà Trần Thị Bé Ba, số 12, đường 3/2, P. An Khánh, Q. Ninh Kiều (nay là phường Tân An), Cần Thơ"
    known = place_names(units())
    assert places_in(address, known) == "***, P. An Khánh, Q. Ninh Kiều, nay là phường Tân An, ***"
    assert places_in(None, known) == ""
    for written, shown in WRITTEN.items():
        assert places_in(written, known) == shown


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_list_that_was_filled_in_decides_each_record_for_itself(both: Moving, tmp_path: Path, ending: str) -> None:
    land(both, wire(1), wire(2), wire(3))
    path = tmp_path / f"work.{ending}"
    filled: list[tuple[Any, ...]] = []
    with both.m.engine.connect() as connection:
        found = list(lines(both.m, connection, get_attempt(both.m.engine, both.m.attempt_id)))
    for row, new in zip(found, ("31150", "31183", ""), strict=True):
        filled.append((*row[:-1], new))
    write_table(SHEET, filled, path)
    told = decide_filled(both.m, path, "Lê Thị Hoa", "danh sách của phường")
    assert told == {"decided": 2, "blank": 1, "mapped": 2, "free": 2, "held": 0, "out_of_scope": 0}
    assert {key: (row["state"], row["record"]["commune"]) for key, row in rows(both).items()} == {
        "k1": ("read", "31150"),
        "k2": ("read", "31183"),
        "k3": ("held", SPLIT),
    }

    write_table(SHEET, [(*filled[0][:-1], "31120"), filled[1], filled[1]], path)
    with pytest.raises(ConfigurationError) as error:
        decide_filled(both.m, path, "Lê Thị Hoa", "danh sách của phường")
    assert "line 2: commune 31183 did not become 31120" in str(error.value)
    assert "line 4: line 3 decides the same record already" in str(error.value)
    assert len(both.run("SELECT FROM migration_decision")) == 2


@dataclass(frozen=True)
class Said:
    code: int
    out: str


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """One command in this process."""

    def said(*words: str) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*words])
        return Said(int(ended.value.code or 0), capsys.readouterr().out)

    return said


def test_the_work_list_and_a_decision_by_command(
    both: Moving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: str, say: Callable[..., Said]
) -> None:
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", database)
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.setenv("LIENTHONG_CONFIG", str(both.m.settings.folders[0]))
    land(both, wire(1), wire(2))
    answer = json.loads(say("migrate", "work", "can_tho", "--code", SPLIT, "--json").out)
    assert [one["address"] for one in answer["records"]] == ["***", "***"]
    assert answer["groups"][0]["candidates"][0]["code"] == "31150"
    assert answer["counts"]["communes"] == {"dossiers": 2, "codes": 1}
    path = tmp_path / "work.csv"
    say("migrate", "work", "can_tho", "--to", str(path))
    head, *lines = list(csv.reader(path.open(encoding="utf-8-sig")))
    assert [line[head.index("Có thể là")] for line in lines] == ["31150 Phường An Bình; 31183 Phường Long Tuyền"] * 2
    assert "Bé Ba" not in path.read_text("utf-8-sig") and "092190001234" not in path.read_text("utf-8-sig")
    shown = say("migrate", "work", "can_tho")
    assert "31150 Phường An Bình" in shown.out and "lienthong migrate decide can_tho" in shown.out

    words = ["migrate", "decide", "can_tho", "--source", ONE, "--code", SPLIT, "--why", "công văn 12", "--by", "Hoa"]
    assert say(*words, "--as", "31120").code == 2
    told = json.loads(say(*words, "--as", "31150", "--json").out)
    assert (told["decided"], told["free"], told["by"]) == ("31150", 2, "Hoa")
    assert "Nothing waits" in say("migrate", "work", "can_tho").out
