"""The national list: pulled whole, kept in versions, never closed by a failure."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from connectors.errors import ConnectorError
from hub.config import Settings
from hub.errors import StageFailed
from hub.procedures import Portal, open_national, pull_national
from hub.store import province_lock
from tests.conftest import Sandbox
from tests.procedures.doubles import Adapter, Clock, many, reconnected, record

Rows = Callable[..., list[dict[str, Any]]]
ALL = "SELECT * FROM procedure_version"
VERSIONS = f"{ALL} ORDER BY procedure_code, valid_from"


def test_the_list_follows_what_the_national_peer_did_in_a_day(
    engine: Engine, at_peers: Settings, peers: Sandbox, rows: Rows
) -> None:
    """The database knows the list of day 0; the peer renames, decides, closes and adds, and says which."""
    listed = peers.get("national", "procedures")["listed"]
    assert rows(engine, "SELECT count(*) AS n FROM procedure_version WHERE valid_to IS NULL") == [{"n": listed}]
    peers.say("advance", "--days", "2")
    done = peers.get("national", "procedures")

    counts = pull_national(open_national(at_peers, engine))

    assert counts["listed"] == counts["fetched"] == done["listed"]
    assert counts["unanswered"] == []
    assert (counts["new"], counts["closed"]) == (len(done["new"]), len(done["closed"]))
    assert counts["changed"] == len({*done["renamed"], *done["decided"]})
    current = {row["procedure_code"]: row for row in rows(engine, f"{ALL} WHERE valid_to IS NULL")}
    assert set(done["new"]) <= current.keys()
    assert not set(done["closed"]) & current.keys()
    changed = rows(
        engine,
        "SELECT procedure_code FROM procedure_version GROUP BY 1"
        " HAVING count(*) = 2 AND max(valid_to) = max(valid_from)",
    )
    assert {row["procedure_code"] for row in changed} == {*done["renamed"], *done["decided"]}


def test_each_record_is_kept_whole_with_what_is_read_out_of_it(portal: Portal, adapter: Adapter, rows: Rows) -> None:
    dirty = record(
        "1.000001",
        "  Cấp  lại\nthẻ ",
        CAPTHUCHIEN=[{"CAPTHUCHIEN": 3}, {"CAPTHUCHIEN": "1"}, {"CAPTHUCHIEN": "9"}, None],
        LINHVUCTHUCHIEN={"MALINHVUC": "L1", "TENLINHVUC": "Đất đai"},
        CACHTHUCTHUCHIEN=[{"THOIGIAN": [{"PHILEPHI": [{"SOTIEN": "Không"}, {"SOTIEN": "1.000.000"}]}]}],
        MOTA="a\r\nb\x00c",
    )
    adapter.records = {"1.000001": dirty, "1.000002": {"MATTHC": "1.000002", "TENTTHC": "Trơ trụi"}}
    pull_national(portal)
    full, bare = rows(portal.engine, VERSIONS)
    assert full["record"] == dirty | {"MOTA": "a\r\nb␀c"}
    assert (full["name"], full["levels"], full["field_code"]) == ("Cấp lại thẻ", ["1", "3"], "L1")
    assert (full["decision"], full["public"], full["source"]) == ("10/QĐ-BTP", True, "pull")
    assert (bare["levels"], bare["field_code"], bare["decision"], bare["public"]) == ([], None, None, False)


def test_a_change_closes_the_old_version_where_the_new_one_begins(portal: Portal, adapter: Adapter, rows: Rows) -> None:
    adapter.records = many(10)
    pull_national(portal)
    adapter.records["1.000003"]["MOTA"] = "đã sửa"
    del adapter.records["1.000004"]
    second = pull_national(portal)
    assert {name: second[name] for name in ("new", "changed", "closed", "unchanged")} == {
        "new": 0,
        "changed": 1,
        "closed": 1,
        "unchanged": 8,
    }
    old, new = rows(portal.engine, f"{ALL} WHERE procedure_code = '1.000003' ORDER BY valid_from")
    assert old["valid_to"] == new["valid_from"]
    assert new["valid_to"] is None
    assert [r["valid_to"] is None for r in rows(portal.engine, VERSIONS) if r["procedure_code"] == "1.000004"] == [
        False
    ]

    adapter.records["1.000004"] = record("1.000004")
    third = pull_national(portal)
    assert (third["reopened"], third["new"], third["unchanged"]) == (1, 0, 9)
    again = rows(portal.engine, f"{ALL} WHERE procedure_code = '1.000004' ORDER BY valid_from")
    assert [row["valid_to"] is None for row in again] == [False, True]


def test_keys_in_another_order_are_no_change(portal: Portal, adapter: Adapter) -> None:
    adapter.records = many(3)
    pull_national(portal)
    adapter.records = {code: dict(reversed(one.items())) for code, one in adapter.records.items()}
    assert pull_national(portal)["unchanged"] == 3


def test_a_peer_that_dies_on_the_way_closes_nothing_and_the_next_pull_asks_for_the_rest(
    portal: Portal, adapter: Adapter, rows: Rows
) -> None:
    adapter.records = many(600)
    adapter.gone_after = 450
    with pytest.raises(StageFailed) as failed:
        pull_national(portal)
    assert rows(portal.engine, VERSIONS) == []
    landed = rows(portal.engine, "SELECT count(*) AS n FROM staging_procedure_1")[0]["n"]
    assert landed == len(adapter.asked)
    assert f"{landed:,} records are landed" in str(failed.value)
    assert "No procedure was closed or changed" in str(failed.value)
    (run,) = rows(portal.engine, "SELECT kind, province, state, error FROM run")
    assert (run["kind"], run["province"], run["state"]) == ("procedures", "national", "failed")
    assert "cannot be reached" in run["error"]

    before, adapter.gone_after = len(adapter.asked), None
    counts = pull_national(reconnected(portal, adapter))
    assert len(adapter.asked) - before == counts["fetched"] == 600 - landed
    assert (counts["new"], counts["closed"]) == (600, 0)
    (run,) = rows(portal.engine, "SELECT state, attempt, error, counts FROM run")
    assert (run["state"], run["attempt"], run["error"], run["counts"]["new"]) == ("done", 2, None, 600)
    assert rows(portal.engine, "SELECT to_regclass('staging_procedure_1') AS t") == [{"t": None}]


def test_records_of_a_failed_attempt_are_asked_again_after_a_day(
    portal: Portal, adapter: Adapter, clock: Clock
) -> None:
    adapter.records, adapter.gone_after = many(300), 250
    with pytest.raises(StageFailed):
        pull_national(portal)
    adapter.gone_after = None
    clock.now += timedelta(hours=25)
    assert pull_national(reconnected(portal, adapter))["fetched"] == 300


@pytest.mark.parametrize(("left", "says"), [(0, "the list is empty"), (7, "the list has 7 procedures where 10")])
def test_a_suddenly_short_list_is_refused_unless_asked_for(
    portal: Portal, adapter: Adapter, rows: Rows, left: int, says: str
) -> None:
    adapter.records = many(10)
    pull_national(portal)
    asked = len(adapter.asked)
    adapter.records = dict(list(adapter.records.items())[:left])
    with pytest.raises(StageFailed, match=says) as failed:
        pull_national(portal)
    assert "--accept-short" in failed.value.next_step
    assert len(adapter.asked) == asked
    assert [row["valid_to"] for row in rows(portal.engine, VERSIONS)] == [None] * 10
    assert pull_national(portal, accept_short=True)["closed"] == 10 - left


def test_a_listed_procedure_without_a_usable_record_keeps_its_version(
    portal: Portal, adapter: Adapter, rows: Rows
) -> None:
    adapter.records = many(30)
    pull_national(portal)
    adapter.listed = [{"MATTHC": code, "TENTTHC": "x"} for code in adapter.records]
    del adapter.records["1.000001"]
    adapter.records["1.000002"] = record("1.000003", "trang của thủ tục khác")
    adapter.odd["1.000005"] = b"<html>502 Bad Gateway</html>"
    counts = pull_national(portal)
    assert counts["unanswered"] == ["1.000001", "1.000002", "1.000005"]
    assert (counts["closed"], counts["changed"], counts["unchanged"]) == (0, 0, 27)
    kept = rows(portal.engine, "SELECT error FROM message WHERE error IS NOT NULL ORDER BY error")
    assert [row["error"][:8] for row in kept] == ["1.000001", "1.000002", "1.000005"]
    assert "the answer is about 1.000003" in kept[1]["error"]


def test_when_hardly_any_record_can_be_read_the_pull_fails(portal: Portal, adapter: Adapter) -> None:
    adapter.records = many(40)
    adapter.odd = dict.fromkeys(list(adapter.records)[:25], b"<html>gateway</html>")
    with pytest.raises(StageFailed, match="25 of 40 listed procedures have no record"):
        pull_national(portal)


def test_a_refused_list_is_said_with_its_code_and_kept(portal: Portal, adapter: Adapter, rows: Rows) -> None:
    adapter.refusal = {"error_code": "-42", "message": "Đơn vị không có quyền", "result": []}
    with pytest.raises(StageFailed, match="-42") as failed:
        pull_national(portal)
    assert isinstance(failed.value.__cause__, ConnectorError)
    assert rows(portal.engine, "SELECT error FROM message") == [{"error": "-42: Đơn vị không có quyền"}]


def test_two_pulls_at_once_are_refused(portal: Portal) -> None:
    with province_lock(portal.engine, "national", "procedures"), pytest.raises(StageFailed, match="another process"):
        pull_national(portal)


def test_a_procedure_that_is_listed_twice_counts_once(portal: Portal, adapter: Adapter) -> None:
    adapter.records = many(3)
    adapter.listed = [{"MATTHC": code, "TENTTHC": ""} for code in [*adapter.records, "1.000002", "", None]]
    counts = pull_national(portal)
    assert (counts["listed"], counts["repeated"], counts["new"]) == (3, 1, 3)
    assert sorted(adapter.asked) == sorted(adapter.records)
