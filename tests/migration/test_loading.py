"""What goes to the target, judged by the target's own ledger: everything once, the newest version, nothing guessed."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from connectors.connector import HOSTS
from connectors.wire.transport import NoAnswer
from hub.errors import Busy, Refused, StageFailed
from hub.migration.target.attachments import hand_over_files
from hub.migration.target.loading import load
from hub.store import province_lock
from sandbox.import_rules import checker
from sandbox.provinces import offices, places
from tests.migration.importing import Killed, Moving, Target, moving, record_of


@pytest.fixture
def target() -> Target:
    HOSTS.forget()
    return Target()


@pytest.fixture
def both(engine: Engine, tmp_path: Path, target: Target) -> Moving:
    return moving(engine, tmp_path, target)


def assert_all_there_once(both: Moving, count: int) -> None:
    there = both.target.there()
    rows = both.run("SELECT dossier_code, target_id, content_hash, loaded_hash FROM migrated WHERE state = 'migrated'")
    assert {row["dossier_code"] for row in rows} == set(there) and len(there) == count
    assert all(row["loaded_hash"] == row["content_hash"] for row in rows)
    assert {row["dossier_code"]: row["target_id"] for row in rows} == {code: one["id"] for code, one in there.items()}
    assert both.target.created_twice() == [] and both.target.rows("SELECT * FROM import_sin") == []


def test_every_dossier_is_created_once_with_all_that_was_read(both: Moving) -> None:
    both.read(range(1, 36))
    counts = load(both.m)
    assert (counts["created"], counts["waiting"], counts["unknown"]) == (35, 0, 0)
    assert_all_there_once(both, 35)
    assert both.target.calls["HoSo"] == 4 and both.target.calls["TraCuu"] == 0
    item = both.target.there()["H13.15-260105-00001"]
    assert (item["nguon"], item["maXa"], item["chuHoSo"]) == ("can_tho_cu", "31321", "Trần Thị Bé Ba")
    assert item["ngayTiepNhan"] == "2026-01-05 15:01:00" and item["tienTrinh"][0]["thoiDiem"] == "2026-01-05 15:01:00"
    assert item["maCu"] == [{"truong": "commune", "ma": "31117", "ten": "Phường Cái Khế"}]
    assert load(both.m)["created"] == 0 and both.target.calls["HoSo"] == 4


def test_the_new_systems_own_rules_take_a_dossier_with_all_that_it_can_have(both: Moving) -> None:
    office, place = offices("can_tho")[0][0], places("can_tho")[1][0]
    both.target.refuses = lambda item: checker("can_tho")(item, "2026-07-01 13:00:00")
    at = "2026-01-06T08:00:00+07:00"
    both.read(
        [1],
        **{"commune": place.commune, "agency_code": office.new, "level": 3, "note": None, "due_at": None},
        fees=[{"name": "Lệ phí", "fee_code": "LP", "when": 1, "amount": 50000}],
        results=[{"result_code": "KQ.G15.000031", "name": "Giấy phép", "url": "https://x.example.vn/a.pdf"}],
        supplements=[{"content": "Bản vẽ", "requested_at": at, "documents": [{"name": "Bản vẽ hiện trạng"}]}],
    )
    assert load(both.m)["created"] == 1, both.run("SELECT answer FROM migrated")
    [item] = both.target.there().values()
    assert item["boSung"][0]["ngayYeuCau"] == "2026-01-06 08:00:00" and item["boSung"][0]["giayTo"][0]["ten"]


@pytest.mark.parametrize(("kind", "sent"), [("after", 1), ("html", 1), ("before", 2)])
def test_a_call_without_an_answer_is_looked_up_before_anything_is_sent_again(
    both: Moving, kind: str, sent: int
) -> None:
    both.target.breaks = {"HoSo": [kind]}
    both.read(range(1, 9))
    counts = load(both.m)
    assert (counts["created"], counts["unknown"]) == (8, 0)
    assert (both.target.calls["TraCuu"], both.target.calls["HoSo"]) == (1, sent)
    assert both.target.rows("SELECT * FROM duplicate") == []
    assert_all_there_once(both, 8)


@pytest.mark.parametrize("kind", ["killed", "after"])
def test_a_process_that_dies_between_intent_and_answer_costs_nothing(both: Moving, kind: str) -> None:
    both.read(range(1, 26))
    both.target.breaks = {"HoSo": ["killed"]}
    with pytest.raises(Killed):
        load(both.m)
    left = both.states()
    assert left["loading"] == 10
    load(both.m)
    assert_all_there_once(both, 25)
    assert both.target.rows("SELECT * FROM duplicate") == []


@pytest.mark.parametrize(("minutes", "waits"), [(0, True), (5, False)])
def test_a_look_up_waits_until_the_call_can_have_been_carried_out_and_no_longer(
    both: Moving, minutes: int, waits: bool
) -> None:
    both.read([1])
    both.target.breaks = {"HoSo": ["killed"]}
    with pytest.raises(Killed):
        load(both.m)
    both.run("UPDATE migrated SET intent_at = intent_at - :ago * interval '1 minute'", ago=minutes)
    naps: list[float] = []
    both.m.sleep = naps.append
    load(both.m)
    assert bool(naps) == waits and all(20 < nap <= 30 for nap in naps)
    assert_all_there_once(both, 1)


def test_what_stays_without_an_answer_is_unknown_and_the_next_call_finds_it(both: Moving) -> None:
    both.read(range(1, 6))
    both.target.breaks = {"HoSo": ["after"], "TraCuu": ["html"] * 20}
    counts = load(both.m)
    assert (counts["unknown"], counts["waiting"], both.states()) == (5, 5, {"unknown": 5})
    both.target.breaks = {}
    assert load(both.m)["created"] == 5
    assert both.target.calls["HoSo"] == 1
    assert_all_there_once(both, 5)


def test_a_dossier_on_which_the_target_breaks_keeps_no_other_from_being_loaded(both: Moving) -> None:
    poison = record_of(4)["dossier_code"]

    def breaks(item: dict[str, str]) -> str:
        if item["maHoSo"] == poison:
            raise NoAnswer("the connection broke off")
        return ""

    both.target.refuses = breaks
    both.read(range(1, 8))
    assert (load(both.m)["unknown"], both.states()) == (7, {"unknown": 7})
    HOSTS.forget()
    both.again()
    counts = load(both.m)
    assert (counts["created"], counts["unknown"]) == (6, 1)
    [left] = both.run("SELECT dossier_code, answer FROM migrated WHERE state = 'unknown'")
    assert left["dossier_code"] == poison and "broke off" in left["answer"]
    assert_all_there_once(both, 6)


def test_a_refused_dossier_is_held_with_the_targets_words_and_a_newer_version_is_tried(both: Moving) -> None:
    wrong = record_of(7)["dossier_code"]
    both.target.refuses = lambda item: (
        "maXa không còn hiệu lực" if item["maHoSo"] == wrong and not item["ghiChu"] else ""
    )
    both.read(range(1, 13))
    assert load(both.m)["refused"] == 1
    [held] = both.run("SELECT dossier_code, reason, answer, findings FROM migrated WHERE state = 'held'")
    assert (held["dossier_code"], held["reason"], held["answer"]) == (
        wrong,
        "refused_by_target",
        "maXa không còn hiệu lực",
    )
    assert held["findings"][0]["detail"] == "maXa không còn hiệu lực"
    assert_all_there_once(both, 11)
    both.newer(7, note="đã sửa mã xã")
    assert load(both.m)["created"] == 1
    assert_all_there_once(both, 12)


def test_a_call_that_is_refused_for_one_item_is_taken_apart_until_it_is_found(both: Moving) -> None:
    wrong = record_of(3)["dossier_code"]

    def breaks_on(item: dict[str, str]) -> str:
        if item["maHoSo"] == wrong:
            raise ValueError("hồ sơ không đọc được")
        return ""

    both.target.refuses = breaks_on
    both.read(range(1, 9))
    counts = load(both.m)
    assert (counts["created"], counts["refused"]) == (7, 1)
    [held] = both.run("SELECT dossier_code, answer FROM migrated WHERE state = 'held'")
    assert held["dossier_code"] == wrong and "không đọc được" in held["answer"]
    assert_all_there_once(both, 7)


def test_a_code_that_staff_gave_out_is_not_overwritten_and_told_apart(both: Moving) -> None:
    own = record_of(2)
    both.read(range(1, 4))
    item = {"maHoSo": own["dossier_code"], "phienBan": "", "trangThai": "4", "ngayTiepNhan": "", "chuHoSo": "Cán bộ"}
    both.target.ledger.enter(item, "2026-07-01 10:00:00")
    counts = load(both.m)
    assert (counts["created"], counts["target_differs"], counts["refused"]) == (2, 1, 0)
    assert both.run("SELECT reason FROM migrated WHERE state = 'held'") == [{"reason": "target_differs"}]
    assert both.target.there()[own["dossier_code"]]["chuHoSo"] == "Cán bộ"


def test_a_newer_version_updates_what_was_loaded_and_an_equal_one_changes_nothing(both: Moving) -> None:
    both.read(range(1, 6))
    load(both.m)
    both.newer(3, note="bổ sung giấy tờ")
    both.run("UPDATE migrated SET state = 'read' WHERE source_key LIKE '%4'")
    counts = load(both.m)
    assert (counts["updated"], counts["unchanged"], counts["created"]) == (1, 1, 0)
    assert both.target.there()[record_of(3)["dossier_code"]]["ghiChu"] == "bổ sung giấy tờ"
    assert_all_there_once(both, 5)


def test_a_version_that_comes_while_the_older_one_is_under_way_goes_next(both: Moving) -> None:
    both.read([1])

    def meanwhile(item: dict[str, str]) -> str:
        if not item["ghiChu"]:
            both.newer(1, note="bản mới")
        return ""

    both.target.refuses = meanwhile
    counts = load(both.m)
    assert (counts["created"], counts["updated"]) == (1, 1)
    assert both.target.rows("SELECT result FROM version ORDER BY id") == [("created",), ("updated",)]
    assert both.target.there()[record_of(1)["dossier_code"]]["ghiChu"] == "bản mới"
    assert_all_there_once(both, 1)


def test_an_unanswered_older_version_is_looked_up_and_the_newer_one_is_sent(both: Moving) -> None:
    both.read([1])
    both.target.breaks = {"HoSo": ["killed"]}
    with pytest.raises(Killed):
        load(both.m)
    both.newer(1, note="bản mới")
    load(both.m)
    assert both.target.calls["TraCuu"] == 1
    assert both.target.there()[record_of(1)["dossier_code"]]["ghiChu"] == "bản mới"
    assert_all_there_once(both, 1)


def test_a_dossier_that_is_held_after_it_was_sent_without_an_answer_is_known_to_be_there(both: Moving) -> None:
    both.read([1, 2])
    both.target.breaks = {"HoSo": ["killed"]}
    with pytest.raises(Killed):
        load(both.m)
    both.run("UPDATE migrated SET state = 'held', reason = 'missing_owner' WHERE source_key LIKE '%1'")
    assert load(both.m)["created"] == 1
    [held] = both.run("SELECT loaded_hash, target_id, intent_at FROM migrated WHERE state = 'held'")
    item = both.target.there()[record_of(1)["dossier_code"]]
    assert (held["loaded_hash"], held["target_id"], held["intent_at"]) == (item["phienBan"], item["id"], None)
    assert both.target.calls["HoSo"] == 1


def test_a_target_that_is_down_ends_the_stage_with_what_waits_and_the_next_call_goes_on(both: Moving) -> None:
    both.read(range(1, 41))
    both.target.breaks = {"HoSo": ["passes"] + ["down"] * 60}
    with pytest.raises(StageFailed) as told:
        load(both.m)
    waiting = both.states()["read"]
    assert waiting + both.states()["migrated"] == 40
    assert f"{waiting} dossiers wait" in str(told.value) and "vnpt_import_can_tho · load" in told.value.where
    assert "lienthong migrate run can_tho" in told.value.next_step
    both.target.breaks = {}
    HOSTS.forget()
    both.again()
    load(both.m)
    assert both.target.calls["TraCuu"] == 0
    assert_all_there_once(both, 40)


@pytest.mark.parametrize(("way", "said"), [("password", "login"), ("forbidden", "Không có quyền"), ("busy", "later")])
def test_an_import_that_takes_nothing_now_holds_no_dossier(both: Moving, way: str, said: str) -> None:
    both.read(range(1, 4))
    load(both.m)
    both.read(range(4, 6))
    if way == "password":
        both.target.side.password = "another"
        both.target.side.tokens.forget()
    else:
        both.target.breaks = {"HoSo": [way] * 9}
    with pytest.raises(StageFailed, match="2 dossiers wait") as told:
        load(both.m)
    assert said in told.value.what
    assert both.states() == {"migrated": 3, "unknown" if way == "busy" else "read": 2}


def test_a_dossier_that_cannot_be_said_is_held_before_it_is_sent(both: Moving) -> None:
    both.read([1, 2])
    both.read([3], agency_name=None)
    counts = load(both.m)
    assert (counts["created"], counts["unsayable"]) == (2, 1)
    [held] = both.run("SELECT reason, findings FROM migrated WHERE state = 'held'")
    assert held["findings"][0]["field"] == "tenCoQuan"


def test_two_processes_do_not_load_one_source_at_once(both: Moving) -> None:
    both.read([1])
    with province_lock(both.m.engine, "can_tho_cu", f"loading {both.m.attempt_id}"), pytest.raises(Busy):
        load(both.m)
    assert both.states() == {"read": 1}


@pytest.mark.parametrize(("state", "said"), [("opened", "staff work there"), ("rolled_back", "rolled back")])
def test_nothing_is_sent_once_an_attempt_is_over(both: Moving, state: str, said: str) -> None:
    both.read([1])
    both.run("UPDATE migration SET state = :state", state=state)
    for hand_over in (load, hand_over_files):
        with pytest.raises(Refused, match=said):
            hand_over(both.m)
    assert both.target.calls.total() == 0 and both.states() == {"read": 1}
