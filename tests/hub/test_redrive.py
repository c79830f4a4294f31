"""Redrive: in time order, the same item when it fails again, nothing half-applied, nobody beside it."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from hub import audit
from hub.cli.output import BUSY, exit_code_of
from hub.context import Hub
from hub.errors import Busy
from hub.redrive import redrive
from hub.runs import open_run
from hub.status import province_status
from hub.store import province_lock
from hub.worklist.chosen import Chosen
from tests.hub.held import START, Town, sending_to


@pytest.fixture
def town(lao_cai: Hub, monkeypatch: pytest.MonkeyPatch) -> Town:
    return sending_to(Town(lao_cai), monkeypatch)


arrival = st.tuples(st.sampled_from("ABC"), st.integers(0, 3), st.sampled_from(["ok", "x", "y"]))
happening = st.one_of(
    st.lists(arrival, min_size=1, max_size=4).map(lambda found: ("arrive", found)),
    st.sampled_from(["x", "y"]).map(lambda word: ("learn", word)),
    st.sampled_from(["push", "redrive", "redrive x", "redrive one", "again"]).map(lambda what: (what, None)),
)


@given(st.lists(happening, min_size=2, max_size=7), st.integers(0, 5))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_held_and_redriven_in_whatever_order_the_national_side_never_sees_an_older_version_after_a_newer(
    lao_cai: Hub, history: list[tuple[str, Any]], which: int
) -> None:
    """Versions of C have no change time at all: those are in the order in which they were read."""
    with pytest.MonkeyPatch.context() as patch:
        town = sending_to(Town(lao_cai), patch)
        read: list[dict[str, Any]] = []
        newest: dict[str, tuple[int, int]] = {}
        order: dict[str, tuple[int, int]] = {}
        for what, more in history:
            if what == "arrive":
                records = [town.record(key, None if key == "C" else hour, word) for key, hour, word in more]
                for one in records:
                    order[one["subject"]] = (one["hour"] or 0, int(one["subject"].split()[1]))
                    newest[one["code"]] = max(order[one["subject"]], newest.get(one["code"], (-1, -1)))
                town.arrive(*records)
                read += records
            elif what == "again":  # the overlap of a window brings old versions once more
                known = Counter((one["code"], one["hour"]) for one in read)
                town.arrive(*(one for one in read if known[one["code"], one["hour"]] == 1 and one["hour"] is not None))
            elif what == "learn":
                town.words.known[more] = 5
            elif what == "push":
                town.deliver() if order else None
            elif what == "redrive x":
                redrive(town.hub, Chosen(reason="unmapped_status", value="x"))
            else:
                held = list(town.held())
                one = Chosen(item_ids=(held[which % len(held)],)) if held and what == "redrive one" else Chosen()
                redrive(town.hub, one)
        town.words.known |= {"x": 5, "y": 5}
        redrive(town.hub)
        if order:
            town.deliver()
    assert town.held() == {}
    for code, last in newest.items():
        seen = [order[subject] for one, subject in town.sent if one == code]
        assert seen == sorted(set(seen)), "an older version went out after a newer one, or one twice"
        assert seen[-1] == last, "the newest version that arrived is not what the national side has"
        times = [moment for one, moment in town.steps if one == code]
        assert times == sorted(set(times)), "a step went out after a later one, or twice"


def test_of_two_held_versions_without_a_time_the_older_one_frees_itself_only(town: Town) -> None:
    town.arrive(town.record("A", None, "x"))
    town.arrive(town.record("A", None, "y"))
    older, newer = town.held()
    town.words.known["x"] = 4
    assert redrive(town.hub, Chosen(item_ids=(older,)))["freed"] == 0, "the dossier waits still"
    assert list(town.held()) == [newer], "a newer version that fails was thrown away with the older one"
    town.words.known["y"] = 4
    redrive(town.hub)
    assert [subject for _, subject in town.sent] == ["bản 0", "bản 1"]


def test_a_step_that_a_mended_mapping_leaves_out_is_free_though_the_dossier_is_the_same(town: Town) -> None:
    town.arrive(town.record("A", 2, undated=["x", "y"]))
    town.deliver()
    first, second = town.held()
    assert redrive(town.hub, Chosen(item_ids=(first,)))["freed"] == 0 and set(town.held()) == {first, second}
    town.words.known["x"] = 4
    redrive(town.hub, Chosen(item_ids=(first,)))
    assert list(town.held().values()) == ["step_without_time"] and len(town.sent) == 1
    [[value]] = town.ask(
        "SELECT findings -> 0 ->> 'value' FROM quarantine WHERE item_id = :id", id=next(iter(town.held()))
    )
    assert value == "y"
    town.words.known["y"] = 4
    assert redrive(town.hub)["freed"] == 1
    assert town.held() == {} and {town.state(first), town.state(second)} == {"redriven"} and len(town.sent) == 1


def test_a_version_read_earlier_never_overwrites_one_of_the_same_time_that_was_read_later(town: Town) -> None:
    town.arrive(town.record("A", 5, "x"))
    waiting = list(town.held())
    town.arrive(town.record("A", 5, "ok"))
    town.deliver()
    assert [town.state(one) for one in waiting] == ["corrected"]
    town.do("UPDATE quarantine SET state = 'held' WHERE province = :province")  # as if it was staged before that
    town.words.known["x"] = 4
    redrive(town.hub)
    assert [subject for _, subject in town.sent] == ["bản 1"] and town.held() == {}


def test_only_those_that_wait_for_a_value_are_taken(town: Town) -> None:
    town.arrive(town.record("A", 1, "x"), town.record("B", 2, "y"), town.record("C", 3, "x"))
    town.words.known |= {"x": 4, "y": 4}
    assert redrive(town.hub, Chosen(field="status", value="x"))["freed"] == 2
    assert [code.rpartition("-")[2] for code, _ in town.sent] == ["A", "C"]
    assert list(town.held()) == [town.item("B")]


def test_a_record_that_fails_again_stays_the_same_item_and_its_history_says_so(town: Town) -> None:
    town.arrive(town.record("A", 1, "x", also={"channel": None}))
    [item_id] = town.held()
    town.words.known["z"] = 4  # the mapping changed, yet not for this record; it makes another record of it
    reread = {**town.record("A", 1, "w"), "subject": "nói cách khác"}
    town.hub.source.parse = lambda stream, raw: iter([reread])  # type: ignore[method-assign]
    result = redrive(town.hub, who="Nguyễn Thị Lan")
    assert (result["redriven"], result["freed"]) == (1, 0) and list(town.held()) == [item_id]
    [[value, mapped]] = town.ask(
        "SELECT findings -> 0 ->> 'value', mapped ->> 'subject' FROM quarantine WHERE item_id = :id", id=item_id
    )
    assert (value, mapped) == ("w", "nói cách khác")
    [told] = audit.entries(town.hub.engine, item_id=item_id)
    assert (told["who"], told["action"], told["details"]["state"]) == ("Nguyễn Thị Lan", "redrive", "held")


def test_while_a_sync_holds_the_province_a_redrive_says_so_and_starts_nothing(town: Town) -> None:
    town.arrive(town.record("A", 1, "x"))
    before = town.ask("SELECT count(*) FROM run WHERE province = :province")
    for purpose in ("sync", "push", "redrive"):
        with (
            province_lock(town.hub.engine, town.name, purpose),
            pytest.raises(Busy, match=f"at work on {purpose}") as told,
        ):
            redrive(town.hub)
        assert exit_code_of(told.value) == BUSY
    assert town.ask("SELECT count(*) FROM run WHERE province = :province") == before
    town.words.known["x"] = 4
    assert redrive(town.hub)["freed"] == 1, "the locks were not given back"


def test_no_sync_slips_in_between_a_redrives_gate_and_its_merge(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    busy: list[str] = []

    def looked(hub: Hub, run_id: int) -> dict[str, Any]:
        from threading import Thread

        def other() -> None:
            try:
                with province_lock(hub.engine, hub.slug, "sync"):
                    busy.append("no")
            except Busy:
                busy.append("yes")

        one = Thread(target=other)
        one.start()
        one.join()
        return town.check(hub, run_id)

    monkeypatch.setattr("hub.redrive.check", looked)
    town.arrive(town.record("A", 1, "x"))
    redrive(town.hub)
    assert busy == ["yes"]


@pytest.mark.parametrize("stage", ["check", "merge"])
def test_stopped_before_its_merge_a_redrive_leaves_everything_as_it_was(
    town: Town, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def pressed(hub: Hub, run_id: int) -> dict[str, Any]:
        raise KeyboardInterrupt

    town.arrive(town.record("A", 1, "x"), town.record("B", 1, "x"))
    town.words.known["x"] = 4
    before = town.ask("SELECT item_id, state, version, findings FROM quarantine ORDER BY 1")
    with monkeypatch.context() as stopping, pytest.raises(KeyboardInterrupt):
        stopping.setattr(f"hub.redrive.{stage}", pressed)
        redrive(town.hub)
    assert town.ask("SELECT item_id, state, version, findings FROM quarantine ORDER BY 1") == before
    assert not town.ask("SELECT FROM pg_tables WHERE tablename ~ '^(redrive|staging)_'") and town.sent == []
    assert redrive(town.hub)["freed"] == 2


def test_stopped_after_its_merge_a_redrive_is_ended_by_the_same_command(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(hub: Hub, run_id: int) -> dict[str, Any]:
        raise KeyboardInterrupt

    town.arrive(town.record("A", 1, "x"))
    town.words.known["x"] = 4
    with monkeypatch.context() as stopping, pytest.raises(KeyboardInterrupt):
        stopping.setattr("hub.redrive.push", pressed)
        redrive(town.hub)
    assert town.sent == [] and town.held() == {}
    result = redrive(town.hub)
    assert [subject for _, subject in town.sent] == ["bản 0"] and result["redriven"] == 0
    assert province_status(town.hub.engine, town.name)["last_run"]["state"] == "done"
    redrive(town.hub)
    assert len(town.sent) == 1


def test_what_a_killed_redrive_took_is_told_by_the_next_one(town: Town) -> None:
    town.arrive(town.record("A", 1, "x"))
    [item_id] = town.held()
    killed = open_run(town.hub.engine, town.name, since=START, until=START, kind="redrive").run_id
    town.do(
        f"CREATE UNLOGGED TABLE redrive_{killed} AS SELECT item_id, message_id, position, stage, kind, reason,"
        " 'Lan' AS who FROM quarantine WHERE province = :province"
    )
    town.do(f"CREATE UNLOGGED TABLE staging_dossier_{killed} (x integer)")
    town.do(f"CREATE UNLOGGED TABLE staging_held_{killed} (x integer)")
    redrive(town.hub)
    history = audit.entries(town.hub.engine, item_id=item_id)
    assert next((one["who"], one["details"]["run_id"]) for one in history) == ("Lan", killed) and len(history) == 2
    assert not town.ask("SELECT FROM pg_tables WHERE tablename ~ '^(redrive|staging)_'")


def test_a_message_that_cannot_be_read_any_more_leaves_its_items_and_stops_nobody(town: Town) -> None:
    from connectors.errors import ConnectorError

    town.arrive(town.record("A", 1, "x"))
    town.arrive(town.record("B", 1, "x"))
    town.words.known["x"] = 4
    real, lost = town.hub.source.parse, town.item("A")

    def parse(stream: str, body: bytes) -> Any:
        if any(one["key"].endswith("-A") for one in real(stream, body)):
            raise ConnectorError("no JSON", where="message", next_step="")
        return real(stream, body)

    town.hub.source.parse = parse  # type: ignore[method-assign, assignment]
    result = redrive(town.hub)
    assert (result["freed"], result["unreadable"]) == (1, 1) and list(town.held()) == [lost]


def test_what_the_national_side_refuses_again_is_the_same_item(town: Town) -> None:
    from hub.push import HOLD

    town.arrive(town.record("A", 1))
    refused = {"province": town.name, "kind": "dossier", "code": f"{town.name}-A", "run_id": 1}

    def refuse() -> None:
        town.do("UPDATE delivery SET state = 'held' WHERE province = :province")
        finding = '[{"reason": "refused_nationally", "field": "dossier", "value": "-99", "rule": "national adapter"}]'
        with town.hub.engine.begin() as connection:
            connection.execute(text(HOLD), refused | {"reason": "refused_nationally", "findings": finding})

    refuse()
    [item_id] = town.held()
    assert redrive(town.hub, Chosen(stage="push"))["freed"] == 1 and len(town.sent) == 1
    refuse()
    assert list(town.held()) == [item_id]
