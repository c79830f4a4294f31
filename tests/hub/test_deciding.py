"""What people decide about held items: kept under a name, proved by the gate, and never two national dossiers."""

from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text

from hub import audit
from hub.cli.output import exit_code_of
from hub.context import Hub
from hub.errors import Busy, ConfigurationError
from hub.quarantine import about, item
from hub.redrive import redrive
from hub.store import province_lock
from hub.worklist.chosen import Chosen
from hub.worklist.deciding import NotToBeWaived, aside, keep, waive
from hub.worklist.locked import ChangedMeanwhile, lock
from hub.worklist.reopening import reopen
from hub.worklist.work import assign, note
from tests.hub.held import START, Town, sending_to

LAN, HOA = "Nguyễn Thị Lan", "Lê Thị Hoa"


@pytest.fixture
def town(lao_cai: Hub, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A town whose gate is the real one."""
    return sending_to(Town(lao_cai, gate=True), monkeypatch)


def rivals(town: Town) -> tuple[int, int]:
    """Two records with one code and other content, both held: the items of x and y."""
    town.arrive(town.record("x", 1, code="A"), town.record("y", 2, code="A"))
    return town.item("x"), town.item("y")


def test_the_record_that_is_kept_goes_out_and_its_rival_is_laid_aside_for_good(town: Town) -> None:
    x, y = rivals(town)
    assert keep(town.hub, x, LAN, "bản của Sở là đúng")["state"] == "waived"
    assert (town.state(y), town.sent) == ("superseded", [(f"{town.name}-A", "bản 0")])
    again = {"code": f"{town.name}-A", "word": "ok"}
    town.arrive(
        {"key": f"{town.name}-x", "hour": 1, "subject": "bản 0", **again},
        {"key": f"{town.name}-y", "hour": 2, "subject": "bản 1", **again},
    )  # the next night reads both once more
    assert town.held() == {} and town.ask("SELECT count(*) FROM dossier WHERE province = :province") == [(1,)]
    history = audit.entries(town.hub.engine, province=town.name)
    assert [(one["who"], one["action"], one["item_id"]) for one in history] == [
        (LAN, "superseded", y),
        (LAN, "keep", x),
        (LAN, "redrive", x),
    ]
    assert history[1]["details"]["why"] == "bản của Sở là đúng"


def test_later_versions_of_the_kept_record_pass_and_new_content_of_the_other_is_a_new_question(town: Town) -> None:
    x, _ = rivals(town)
    keep(town.hub, x, LAN, "đúng")
    town.arrive(town.record("x", 5, code="A"), town.record("y", 6, code="A"))
    town.deliver()
    assert [subject for _, subject in town.sent] == ["bản 0", "bản 2"]
    assert list(town.held().values()) == ["conflicting_duplicate"]


def test_a_late_rival_that_is_right_takes_the_delivered_dossiers_place_under_the_same_code(town: Town) -> None:
    """Its time is older than that of the version which was sent: the decision counts, not the clock."""
    town.arrive(town.record("x", 9, code="A"))
    town.deliver()
    town.arrive(town.record("y", 2, code="A"))
    assert keep(town.hub, town.item("y"), LAN, "đúng")["state"] == "waived"
    assert town.sent == [(f"{town.name}-A", "bản 0"), (f"{town.name}-A", "bản 1")]
    town.arrive(town.record("y", 3, code="A"))
    town.deliver()
    assert [subject for _, subject in town.sent][-1] == "bản 2", "the winner's later versions are still older than x"
    assert town.ask("SELECT count(*), count(DISTINCT outgoing_code) FROM dossier WHERE province = :province") == [
        (1, 1)
    ]


def test_a_late_rival_that_is_wrong_is_laid_aside_and_the_delivered_dossier_lives_on(town: Town) -> None:
    town.arrive(town.record("x", 1, code="A"))
    town.deliver()
    town.arrive(town.record("y", 2, code="A"))
    assert aside(town.hub, town.item("y"), LAN, "nhập trùng")["state"] == "superseded"
    town.arrive(town.record("x", 3, code="A"), {**town.record("y", 2, code="A"), "subject": "bản 1"})
    town.deliver()
    assert [subject for _, subject in town.sent] == ["bản 0", "bản 2"] and town.held() == {}


def test_a_rival_that_is_read_again_alone_is_still_one_whatever_else_its_rival_is_held_for(town: Town) -> None:
    x = town.record("x", 1, code="A", also={"channel": 9})
    y = town.record("y", 2, code="A")
    town.arrive(x, y)
    assert town.ask("SELECT reason FROM quarantine WHERE item_id = :id", id=town.item("x")) == [("bad_channel",)]
    town.arrive(y)
    redrive(town.hub, Chosen(item_ids=(town.item("y"),)))
    assert len(town.held()) == 2 and town.sent == []


def test_two_dossiers_of_one_national_code_wait_for_each_other_until_one_is_kept(town: Town) -> None:
    same = {"national_code": "G09.20-20260609-0092638"}
    x, y = town.record("x", 1, also=same), town.record("y", 2, also=same)
    town.arrive(x, y)
    assert set(town.held().values()) == {"conflicting_duplicate"}
    town.arrive(y)
    redrive(town.hub, Chosen(item_ids=(town.item("y"),)))
    assert len(town.held()) == 2 and town.sent == []
    keep(town.hub, town.item("x"), LAN, "đúng")
    assert len(town.sent) == 1 and list(town.held()) == [town.item("y")]


@pytest.mark.parametrize("stands", [False, True])
def test_of_two_dossiers_kept_for_one_national_code_the_later_decision_counts(town: Town, stands: bool) -> None:
    """Both wait for their owner's name too, and are freed in one run: the merge cannot write one national code twice.
    `stands`: they were decided before their codes were one, so neither decision ended the other."""
    same = {"national_code": f"G09.20-20260609-{town.name}"}
    nameless = {**same, "applicant_name": None}
    town.arrive(town.record("x", 1, also=nameless), town.record("y", 2, also=nameless))
    for key in "xy":
        assert keep(town.hub, town.item(key), LAN, "đúng")["still_held_for"] == ["missing_owner"]
    ended = town.ask("SELECT source_key, ended_by FROM waiver WHERE province = :province ORDER BY waiver_id")
    assert ended == [(f"{town.name}-x", LAN), (f"{town.name}-y", None)]
    if stands:
        town.do("UPDATE waiver SET ended_at = NULL WHERE province = :province")
    town.arrive(town.record("x", 3, also=same), town.record("y", 4, also=same))
    assert town.ask("SELECT source_key FROM dossier WHERE province = :province") == [(f"{town.name}-y",)]
    assert town.held()[town.item("x")] == "conflicting_duplicate"


def test_a_decision_between_rivals_never_takes_the_national_dossier_of_another(town: Town) -> None:
    """The merge could not write it, and the whole province would stand still."""
    same = {"national_code": "G09.20-20260609-0092639"}
    town.arrive(town.record("z", 1, also=same))
    town.deliver()
    town.arrive(town.record("x", 2, code="A", also=same), town.record("y", 3, code="A", also=same))
    assert aside(town.hub, town.item("y"), LAN, "sai")["state"] == "superseded"
    town.arrive(town.record("x", 4, code="A", also=same), town.record("w", 4))
    assert set(town.held().values()) == {"conflicting_duplicate"}
    assert town.ask("SELECT count(*) FROM dossier WHERE province = :province") == [(2,)]


def test_of_three_rivals_the_right_one_must_be_named(town: Town) -> None:
    town.arrive(*(town.record(key, 1, code="A") for key in "xyz"))
    before = town.held()
    with pytest.raises(ConfigurationError, match="2 other records claim"):
        aside(town.hub, town.item("x"), LAN, "sai")
    assert town.held() == before and audit.entries(town.hub.engine, province=town.name) == []
    keep(town.hub, town.item("z"), LAN, "đúng")
    assert town.held() == {} and len(town.sent) == 1


def test_a_later_decision_ends_the_one_before_it(town: Town) -> None:
    x, _ = rivals(town)
    keep(town.hub, x, LAN, "đúng")
    town.arrive(town.record("y", 7, code="A"))
    keep(town.hub, town.item("y"), HOA, "nhầm, bản này mới đúng")
    town.arrive(town.record("x", 8, code="A"))
    town.deliver()
    assert [subject for _, subject in town.sent] == ["bản 0", "bản 2"]
    [old, new] = town.ask("SELECT source_key, ended_by FROM waiver WHERE province = :province ORDER BY waiver_id")
    assert (old[1], new[1]) == (HOA, None)


def test_a_wrong_decision_is_taken_back_and_the_right_record_takes_its_place(town: Town) -> None:
    x, y = rivals(town)
    keep(town.hub, x, LAN, "nhầm")
    told = reopen(town.hub, y, HOA, "bản kia mới đúng", version=item(town.hub.engine, y)["version"])
    assert told == {"item_id": y, "state": "held", "reopened": [y], "waivers_ended": 1}
    assert town.ask("SELECT ended_by FROM waiver WHERE province = :province AND ended_at IS NOT NULL") == [(HOA,)]
    redrive(town.hub)
    assert list(town.held()) == [y], "it is still one of two"
    keep(town.hub, y, HOA, "đúng")
    assert [subject for _, subject in town.sent] == ["bản 0", "bản 1"] and town.held() == {}
    assert [one["action"] for one in audit.entries(town.hub.engine, item_id=y)][:2] == ["superseded", "reopen"]


def test_taking_back_names_the_kept_record_too_and_holds_every_rival_again(town: Town) -> None:
    town.arrive(*(town.record(key, 1, code="A") for key in "xyz"))
    x, y, z = (town.item(key) for key in "xyz")
    keep(town.hub, x, LAN, "nhầm")
    assert reopen(town.hub, x, HOA, "chưa rõ")["reopened"] == [y, z] and town.state(x) == "waived"
    for settled in (x, y):
        with pytest.raises(ConfigurationError, match="stands") as told:
            reopen(town.hub, settled, HOA, "lần nữa")
        assert told.value.next_step
    assert [one["action"] for one in audit.entries(town.hub.engine, item_id=z)] == ["superseded", "reopen"]


def test_what_was_laid_aside_wrongly_is_held_again_and_what_was_only_redriven_is_not(town: Town) -> None:
    x, y = rivals(town)
    aside(town.hub, y, LAN, "nhầm")
    assert reopen(town.hub, y, HOA, "chưa rõ")["waivers_ended"] == 1 and list(town.held()) == [y]
    town.arrive(town.record("w", 1, "lạ"))
    town.words.known["lạ"] = 4
    redrive(town.hub, Chosen(item_ids=(town.item("w"),)))
    with pytest.raises(ConfigurationError, match=r"nothing to take back: item \d+ is redriven by run"):
        reopen(town.hub, town.item("w"), HOA, "nhầm")
    assert len(audit.entries(town.hub.engine, item_id=x)) == 1, "its redrive only"


def test_a_waiver_that_is_taken_back_holds_the_next_version_again(town: Town) -> None:
    odd = {"identifiers": [{"kind": "1", "number": "099190001234"}]}
    town.arrive(town.record("x", 1, also=odd))
    x = town.item("x")
    waive(town.hub, x, LAN, "đúng như trên thẻ")
    assert reopen(town.hub, x, HOA, "thẻ giả") == {
        "item_id": x, "state": "waived", "reopened": [], "waivers_ended": 1
    }  # fmt: skip
    town.arrive(town.record("x", 2, also=odd))
    assert list(town.held().values()) == ["bad_identity"]


def test_a_national_dossier_that_is_anothers_is_nobodys_to_decide(town: Town) -> None:
    town.arrive(town.record("x", 1, also={"national_code": "G09.20-20260609-0092637"}))
    town.deliver()
    town.arrive(town.record("y", 2, also={"national_code": "G09.20-20260609-0092637"}))
    with pytest.raises(NotToBeWaived, match="one national dossier is never two"):
        keep(town.hub, town.item("y"), LAN, "đúng")
    assert list(town.held()) == [town.item("y")] and len(town.sent) == 1
    assert town.ask("SELECT FROM waiver WHERE province = :province") == []


@pytest.mark.parametrize(
    ("also", "said"),
    [
        ({"word": "x"}, "the mapping has nothing"),
        ({"also": {"applicant_name": None}}, "the national side would refuse"),
    ],
)
def test_what_the_national_side_would_refuse_cannot_be_waived(town: Town, also: Any, said: str) -> None:
    town.arrive(town.record("x", 1, **also))
    [item_id] = town.held()
    with pytest.raises(NotToBeWaived, match=said) as told:
        waive(town.hub, item_id, LAN, "cứ gửi đi")
    assert "never sent" in told.value.what and "redrive" in told.value.next_step
    assert town.ask("SELECT FROM waiver WHERE province = :province") == [] and town.sent == []
    assert item(town.hub.engine, item_id)["version"] == 0


def test_what_a_rule_calls_waivable_goes_out_for_this_record_and_value_only(town: Town) -> None:
    """099 is no province of birth that ever was: odd, yet it may be what stands on the card."""

    def born(number: str) -> dict[str, Any]:
        return {"also": {"identifiers": [{"kind": "1", "number": number}]}}

    town.arrive(town.record("x", 1, **born("099190001234")), town.record("y", 1, **born("09919000123")))
    x, y = town.item("x"), town.item("y")
    with pytest.raises(NotToBeWaived, match="the national side would refuse"):
        waive(town.hub, y, LAN, "cứ gửi đi")
    with pytest.raises(ConfigurationError, match="not held for 'late_step'"):
        waive(town.hub, x, LAN, "nhầm", reason="late_step")
    assert waive(town.hub, x, LAN, "đúng như trên thẻ", version=0)["state"] == "waived"
    assert [code for code, _ in town.sent] == [f"{town.name}-x"]
    town.arrive(town.record("x", 2, **born("099190001234")))
    town.deliver()
    assert len(town.sent) == 2 and list(town.held()) == [y]
    town.arrive(town.record("x", 3, **born("099190009999")))
    assert set(town.held()) == {y, town.item("x")} and town.item("x") != x
    assert [one["action"] for one in audit.entries(town.hub.engine, item_id=x)] == ["waive", "redrive"]


def test_what_is_waived_and_fails_another_rule_stays_the_same_item_and_says_which(town: Town) -> None:
    odd = {"identifiers": [{"kind": "1", "number": "099190001234"}], "applicant_name": None}
    town.arrive(town.record("x", 1, also=odd))
    [item_id] = town.held()
    with pytest.raises(ConfigurationError, match="has 2 findings: missing_owner, bad_identity") as told:
        waive(town.hub, item_id, LAN, "đúng")
    assert "--reason" in told.value.next_step and "--version 0" in told.value.next_step
    assert exit_code_of(told.value) == 2 and item(town.hub.engine, item_id)["version"] == 0
    with pytest.raises(NotToBeWaived, match="missing_owner"):
        waive(town.hub, item_id, LAN, "đúng", version=0)
    result = waive(town.hub, item_id, LAN, "đúng như trên thẻ", reason="bad_identity")
    assert (result["state"], result["still_held_for"]) == ("held", ["missing_owner"])
    assert list(town.held()) == [item_id] and town.sent == []


def test_a_late_step_is_laid_aside_stays_kept_and_does_not_come_back(town: Town) -> None:
    town.arrive(town.record("x", 3))
    town.deliver()

    def with_a_late_step(hour: int) -> Any:
        times = [(START + timedelta(hours=one)).isoformat() for one in (-9, 0)]
        steps = [{"at": at, "status": 4, "content": "b", "officer": None} for at in times]
        return town.record("x", hour, steps=steps)

    town.arrive(with_a_late_step(4))
    [item_id] = town.held()
    assert waive(town.hub, item_id, LAN, "bước cũ, không cần gửi")["state"] == "waived"
    town.arrive(with_a_late_step(5))
    assert town.held() == {}
    assert town.ask("SELECT count(*) FROM progress_step WHERE province = :province AND state = 'late'") == [(1,)]
    town.deliver()
    assert min(moment for _, moment in town.steps) == START
    assert reopen(town.hub, item_id, HOA, "phải hỏi lại")["reopened"] == [item_id] == list(town.held())


def test_a_decision_while_a_sync_holds_the_province_changes_nothing(town: Town) -> None:
    x, y = rivals(town)
    with province_lock(town.hub.engine, town.name, "sync"), pytest.raises(Busy):
        keep(town.hub, x, LAN, "đúng")
    assert set(town.held()) == {x, y} and audit.entries(town.hub.engine, province=town.name) == []


def test_who_saw_an_older_version_is_told_who_changed_what_and_nothing_is_changed(town: Town) -> None:
    x, _ = rivals(town)
    seen = item(town.hub.engine, x)["version"]
    note(town.hub.engine, [x], "hỏi VNPT", HOA)
    with pytest.raises(ChangedMeanwhile, match=f"last: note by {HOA}, ") as told:
        keep(town.hub, x, LAN, "đúng", version=seen)
    assert "quarantine show" in told.value.next_step and x in town.held() and town.sent == []
    assert keep(town.hub, x, LAN, "đúng", version=seen + 1)["state"] == "waived"
    with pytest.raises(ChangedMeanwhile, match="not held any more"):
        note(town.hub.engine, [x], "muộn", HOA)


def test_who_saw_other_findings_decides_nothing(town: Town) -> None:
    """A redrive holds the same record for something else since it was looked at."""
    born = {"identifiers": [{"kind": "1", "number": "015290001234"}]}
    town.arrive(town.record("x", 1, also=born, word="lạ"))
    seen = item(town.hub.engine, town.item("x"))["version"]
    town.words.known["lạ"] = 4
    redrive(town.hub)
    assert [*town.held().values()] == ["bad_identity"]
    with pytest.raises(ChangedMeanwhile):
        waive(town.hub, town.item("x"), LAN, "đã xem", version=seen)
    assert town.ask("SELECT FROM waiver WHERE province = :province") == []


def test_a_version_that_was_read_under_two_mappings_is_one_item_once_it_is_mapped_again(town: Town) -> None:
    born = {"identifiers": [{"kind": "1", "number": "015290001234"}]}
    record = town.record("x", 1, also=born, word="lạ")
    town.arrive(record)
    for status in (4, 5):  # the list is mended twice, and the record read again in between
        town.words.known["lạ"] = status
        if status == 4:
            town.arrive(record)
            assert sorted(town.held().values()) == ["bad_identity", "unmapped_status"]
    result = redrive(town.hub)
    assert (result["redriven"], result["dossiers"], result["freed"]) == (2, 1, 0)
    assert [*town.held().values()] == ["bad_identity"] and town.sent == []
    waive(town.hub, next(iter(town.held())), LAN, "đã xem")
    assert town.held() == {} and len(town.sent) == 1


def test_of_two_decisions_at_once_one_is_made(town: Town) -> None:
    """The second waits for the row, then finds what the first one did."""
    x, y = rivals(town)
    told: list[object] = []

    def second() -> None:
        try:
            with town.hub.engine.begin() as connection:
                told.append(lock(connection, [x, y]))
        except ChangedMeanwhile as error:
            told.append(error)

    with town.hub.engine.begin() as connection:
        lock(connection, [x])
        other = Thread(target=second)
        other.start()
        while not connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            assert other.is_alive(), "it did not wait for the row"
        connection.execute(text("UPDATE quarantine SET state = 'waived' WHERE item_id = :id"), {"id": x})
    other.join()
    assert isinstance(told[0], ChangedMeanwhile) and "waived" in told[0].what


def test_an_item_is_taken_over_only_by_one_who_saw_it_as_it_is(town: Town) -> None:
    x, y = rivals(town)
    engine = town.hub.engine
    assert assign(engine, [x, y], HOA, LAN) == 2
    with pytest.raises(ChangedMeanwhile, match=f"is {HOA}'s"):
        assign(engine, [x], LAN, LAN)
    assert assign(engine, [x], LAN, LAN, version=item(engine, x)["version"]) == 1
    assert assign(engine, [y], "nobody", HOA) == 1
    assert (item(engine, x)["assignee"], item(engine, y)["assignee"]) == (LAN, None)
    assert [one["details"] for one in audit.entries(engine, item_id=x)] == [
        {"to": HOA, "before": None},
        {"to": LAN, "before": HOA},
    ]


def test_an_unknown_number_among_several_changes_none(town: Town) -> None:
    x, _ = rivals(town)
    with pytest.raises(ConfigurationError, match="no item 99999"):
        assign(town.hub.engine, [x, 99999], HOA, LAN)
    assert item(town.hub.engine, x)["assignee"] is None


def test_an_item_tells_its_history_its_rivals_and_what_waits_with_it(town: Town) -> None:
    town.arrive(town.record("x", 1, "w"))
    town.arrive(town.record("x", 2, "w"))
    first, second = town.held()
    note(town.hub.engine, [first], "chờ", LAN)
    around = about(town.hub.engine, item(town.hub.engine, first))
    assert [one["item_id"] for one in around["behind"]] == [second] and around["merged"] is None
    assert [one["details"] for one in around["history"]] == [{"text": "chờ"}]
    town.words.known["w"] = 4
    redrive(town.hub, Chosen(item_ids=(first,)))
    assert about(town.hub.engine, item(town.hub.engine, second))["merged"]["delivered"] is True


def test_a_decision_without_a_name_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIENTHONG_USER", raising=False)
    with pytest.raises(ConfigurationError, match="nobody's name"):
        audit.person("  ")
    monkeypatch.setenv("LIENTHONG_USER", "Lê  Thị Hoa ")
    assert (audit.person(None), audit.person(LAN)) == (HOA, LAN)
