"""The merge over any sequence of versions: the newest wins, nothing is owed twice, doubt holds."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from hub.check import check
from hub.context import Hub
from hub.landing import prepare_staging
from hub.merge import merge
from hub.messages import STREAM
from hub.pull import pull
from hub.runs import end_stage, get_run, open_run
from hub.staging import Batch, copy_batch, create_staging
from hub.sync import start_run
from mappings import Mapped
from schemas.findings import Finding
from schemas.records import DOSSIER, VIET_NAM
from tests.conftest import Sandbox

START = datetime(2026, 6, 1, 8, tzinfo=VIET_NAM)
NAMES = count()


def version(code: str, number: int, **other: Any) -> dict[str, Any]:
    """Version `number` of a dossier: as many hours after START, with as many steps."""
    empty: dict[str, Any] = {one.name: [] if one.kind == "list" else None for one in DOSSIER}
    steps = [
        {"at": START + timedelta(hours=hour), "status": 4, "content": f"bước {hour}", "officer": None}
        for hour in range(number)
    ]
    return empty | {
        "dossier_code": code,
        "procedure_code": "1.001193",
        "status": 4,
        "channel": 1,
        "applicant_name": "Nguyễn Văn An",
        "applicant_kind": 1,
        "agency_name": "Sở Tài chính",
        "subject": f"bản {number}",
        "submitted_at": START,
        "received_at": START,
        "steps": steps,
        **other,
    }


class Province:
    """A province without peers: versions go straight into staging."""

    def __init__(self, hub: Hub) -> None:
        name = f"p{next(NAMES)}"
        self.hub = replace(hub, province=hub.province.model_copy(update={"slug": name}))
        self.name = name

    def run(
        self, *records: tuple[str, int, dict[str, Any]], findings: tuple[Finding, ...] = (), gate: bool = True
    ) -> dict[str, Any]:
        """One run over (source key, version number, record), with or without the gate; answers with its counts."""
        run = open_run(self.hub.engine, self.name, until=START + timedelta(days=300))
        batch = Batch()
        for place, (key, number, record) in enumerate(records):
            changed = START + timedelta(hours=number)
            batch.add(place, key, changed, Mapped(dict(record), list(findings), [], []))
        with self.hub.engine.begin() as connection:
            create_staging(connection, run.run_id)
            copy_batch(connection, run.run_id, 0, batch)
            end_stage(connection, run.run_id, "pulled" if gate else "checked", {})
        check(self.hub, run.run_id)
        merge(self.hub, run.run_id)
        with self.hub.engine.begin() as connection:
            end_stage(connection, run.run_id, "done", {})
        return get_run(self.hub.engine, run.run_id).counts

    def ask(self, query: str) -> list[Any]:
        with self.hub.engine.connect() as connection:
            return list(connection.execute(text(query), {"province": self.name}))

    def owed(self) -> dict[str, str]:
        """Subjects of the dossiers that are owed to the national side, by code."""
        rows = self.ask(
            "SELECT d.dossier_code, d.record ->> 'subject'"
            " FROM delivery x JOIN dossier d USING (province, dossier_code)"
            " WHERE x.province = :province AND x.state = 'pending'"
            " AND x.content_hash = d.content_hash"
        )
        return {code: subject for code, subject in rows}

    def deliver(self) -> dict[str, str]:
        """Say that everything owed arrived; answers with what that was."""
        sent = self.owed()
        for statement in (
            "UPDATE dossier d SET delivered_hash = d.content_hash FROM delivery x WHERE d.province = :province"
            " AND x.province = d.province AND x.dossier_code = d.dossier_code AND x.state = 'pending'",
            "UPDATE delivery SET state = 'delivered' WHERE province = :province AND state = 'pending'",
            "UPDATE progress_step SET state = 'delivered' WHERE province = :province AND state = 'pending'",
        ):
            with self.hub.engine.begin() as connection:
                connection.execute(text(statement), {"province": self.name})
        return sent

    def held(self) -> dict[str, str]:
        rows = self.ask("SELECT source_key, reason FROM quarantine WHERE province = :province AND state = 'held'")
        return {key: reason for key, reason in rows}


@pytest.fixture
def province(lao_cai: Hub) -> Province:
    return Province(lao_cai)


seen = st.tuples(st.sampled_from("ABC"), st.integers(0, 5))
runs = st.lists(st.lists(seen, max_size=6), min_size=1, max_size=4)


@given(runs, st.booleans())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_sequence_of_versions_ends_with_the_newest_and_never_goes_back(
    lao_cai: Hub, history: list[list[tuple[str, int]]], delivered_between: bool
) -> None:
    province, sent = Province(lao_cai), list[tuple[str, str]]()
    newest: dict[str, int] = {}
    for _ in range(2):  # the whole history twice: running any window twice is harmless
        for shape in history:
            run = [(f"{province.name}-{letter}", number) for letter, number in shape]
            province.run(*((code, number, version(code, number)) for code, number in run), gate=False)
            for code, number in run:
                newest[code] = max(number, newest.get(code, 0))
            if delivered_between:
                sent += list(province.deliver().items())
    sent += list(province.deliver().items())
    subjects = province.ask("SELECT dossier_code, record ->> 'subject' FROM dossier WHERE province = :province")
    assert dict(map(tuple, subjects)) == {code: f"bản {number}" for code, number in newest.items()}
    steps = province.ask("SELECT dossier_code, count(*) FROM progress_step WHERE province = :province GROUP BY 1")
    assert {code: number for code, number in steps} == {code: number for code, number in newest.items() if number}
    for code in newest:
        order = [int(subject.split()[1]) for one, subject in sent if one == code]
        assert order == sorted(set(order)), "a version was sent twice, or after a newer one"
    assert province.held() == {}


def test_what_is_seen_again_is_counted_unchanged_and_owes_nothing(province: Province) -> None:
    assert province.run(("A", 1, version("A", 1)))["merged"] == 1
    province.deliver()
    counts = province.run(("A", 1, version("A", 1)))
    assert (counts["merged"], counts["unchanged"], province.owed()) == (0, 1, {})


def test_a_touch_without_a_change_owes_nothing(province: Province) -> None:
    province.run(("A", 1, version("A", 1)))
    province.deliver()
    assert province.run(("A", 9, version("A", 1)))["unchanged"] == 1
    assert province.owed() == {}


def test_two_records_with_one_code_and_other_content_are_both_held(province: Province) -> None:
    province.run(("x", 1, version("A", 1)), ("y", 2, version("A", 1, subject="khác")))
    assert province.held() == {"x": "conflicting_duplicate", "y": "conflicting_duplicate"} and province.owed() == {}


def test_one_of_two_rivals_that_comes_alone_later_is_still_held(province: Province) -> None:
    province.run(("x", 1, version("A", 1)), ("y", 2, version("A", 1, subject="khác")))
    province.run(("y", 3, version("A", 1, subject="khác, sửa")))
    assert set(province.held()) == {"x", "y"} and province.owed() == {}


def test_a_rival_of_a_delivered_dossier_is_held_and_never_wins(province: Province) -> None:
    province.run(("x", 1, version("A", 1)))
    province.deliver()
    province.run(("y", 9, version("A", 1, subject="khác")))
    assert province.held() == {"y": "conflicting_duplicate"} and province.owed() == {}


def test_two_dossiers_that_claim_one_national_code_never_become_one_national_dossier(province: Province) -> None:
    province.run(("x", 1, version("A", 1, national_code="G01")), ("y", 1, version("B", 1, national_code="G01")))
    assert set(province.held().values()) == {"conflicting_duplicate"} and province.owed() == {}


def test_a_national_code_that_comes_later_does_not_make_a_second_national_dossier(province: Province) -> None:
    province.run(("x", 1, version("A", 1)))
    province.deliver()
    province.run(("x", 2, version("A", 2, national_code="G09.20-20260609-0092637")))
    [[code]] = province.ask("SELECT outgoing_code FROM dossier WHERE province = :province")
    assert code == "A" and province.owed() == {"A": "bản 2"}


def test_a_clean_version_frees_the_held_one_and_an_old_one_coming_back_is_not_held_again(province: Province) -> None:
    bad = (Finding("unmapped_status", "status", "99"),)
    province.run(("x", 1, version("A", 1)), findings=bad)
    assert province.held() == {"x": "unmapped_status"}
    province.run(("x", 2, version("A", 2)))
    assert province.held() == {} and province.owed() == {"A": "bản 2"}
    province.run(("x", 1, version("A", 1)), findings=bad)
    assert province.held() == {}


def test_a_step_older_than_what_was_sent_waits_for_a_person(province: Province) -> None:
    province.run(("x", 3, version("A", 3)))
    province.deliver()
    late = version("A", 3)
    late["steps"] = [{**late["steps"][0], "at": START - timedelta(days=1)}, *late["steps"]]
    province.run(("x", 4, late))
    [[state, reason]] = province.ask(
        "SELECT state, reason FROM progress_step WHERE province = :province AND run_id ="
        " (SELECT max(run_id) FROM run WHERE province = :province)"
    )
    assert (state, reason) == ("late", "late_step") and list(province.held().values()) == ["late_step"]


def test_a_step_whose_text_is_corrected_is_not_a_second_step(province: Province) -> None:
    province.run(("x", 2, version("A", 2)))
    province.deliver()
    again = version("A", 2)
    again["steps"][0]["content"] = "đã sửa chính tả"
    province.run(("x", 3, again))
    assert province.ask("SELECT count(*) FROM progress_step WHERE province = :province") == [(2,)]


@pytest.mark.dossiers(150)
def test_staging_that_a_crash_of_the_server_emptied_is_filled_again_from_the_message_log(
    lao_cai: Hub, sandbox: Sandbox
) -> None:
    run = start_run(lao_cai)
    pull(lao_cai, run.run_id)
    tables = (f"staging_dossier_{run.run_id}", f"staging_held_{run.run_id}")
    with lao_cai.engine.begin() as connection:
        before = [connection.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2")).all() for name in tables]
        connection.execute(text(f"TRUNCATE {', '.join(tables)}"))
        connection.execute(text("UPDATE run SET stage = 'open' WHERE run_id = :id"), {"id": run.run_id})
    prepare_staging(lao_cai, get_run(lao_cai.engine, run.run_id))
    with lao_cai.engine.connect() as connection:
        assert [connection.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2")).all() for name in tables] == before
        kept = connection.scalar(text("SELECT count(*) FROM message WHERE stream = :s"), {"s": STREAM})
    assert len(before[0]) > 100 and kept


def test_a_procedure_that_becomes_known_frees_what_waited_for_it(province: Province) -> None:
    province.run(("x", 1, version("A", 1, procedure_code="9.999999")))
    assert province.held() == {"x": "unmapped_procedure"}
    with province.hub.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO procedure_version (procedure_code, valid_from, name, levels, public, content_hash, record,"
                " run_id) VALUES ('9.999999', now(), 'Thủ tục mới', '[]', true, 'x', '{}', 0)"
            )
        )
    province.run(("x", 1, version("A", 1, procedure_code="9.999999")))
    assert province.held() == {} and province.owed() == {"A": "bản 1"}


def test_a_delivered_content_that_comes_back_while_another_is_in_flight_is_owed_again(province: Province) -> None:
    province.run(("x", 1, version("A", 1, subject="một")))
    province.deliver()
    province.run(("x", 2, version("A", 1, subject="hai")))
    with province.hub.engine.begin() as connection:
        connection.execute(text("UPDATE delivery SET state = 'sending' WHERE state = 'pending'"))
    province.run(("x", 3, version("A", 1, subject="một")))
    [[same]] = province.ask(
        "SELECT x.content_hash = d.content_hash FROM delivery x JOIN dossier d USING (province, dossier_code)"
        " WHERE x.province = :province AND x.state <> 'delivered'"
    )
    assert same, "what is in flight would be taken for the newest content"


def test_records_without_a_key_are_held_apart_and_free_nobody(province: Province) -> None:
    bad = (Finding("missing_source_key", "source_key"),)
    province.run(("without key 1", 1, version("A", 1)), findings=bad)
    province.run(("without key 2", 2, version("B", 2)))
    assert province.held() == {"without key 1": "missing_source_key"} and province.owed() == {"B": "bản 2"}


def test_a_bad_version_with_the_time_of_the_good_one_is_held(province: Province) -> None:
    province.run(("x", 1, version("A", 1)))
    with province.hub.engine.begin() as connection:
        connection.execute(text("UPDATE dossier SET message_id = -1 WHERE province = :p"), {"p": province.name})
    province.run(("x", 1, version("A", 1, subject="khác")), findings=(Finding("unmapped_status", "status", "99"),))
    assert province.held() == {"x": "unmapped_status"}


def test_an_unsent_step_goes_out_corrected_and_a_withdrawn_one_not_at_all(province: Province) -> None:
    province.run(("x", 3, version("A", 3)))
    later = version("A", 4)
    later["steps"] = [{**later["steps"][0], "content": "đã sửa"}, *later["steps"][2:]]
    province.run(("x", 4, later))
    steps = province.ask(
        "SELECT record ->> 'content' FROM progress_step WHERE province = :province ORDER BY happened_at"
    )
    assert [content for (content,) in steps] == ["đã sửa", "bước 2", "bước 3"]


def test_odd_characters_reach_the_tables_and_stop_nothing(province: Province) -> None:
    odd = 'a\x00b\\u0000 "quoted" \\N \t tab \r\n line 💡 \u2028'
    province.run(("x\x00|'", 1, version("A", 1, subject=odd, applicant_name=odd, note="\\")))
    [[subject, note]] = province.ask(
        "SELECT record ->> 'subject', record ->> 'note' FROM dossier WHERE province = :province"
    )
    assert subject == odd.replace("\x00", "\ufffd") and note == "\\"


def test_one_source_record_under_two_local_codes_and_one_national_code_is_held(province: Province) -> None:
    province.run(("x", 1, version("A", 1, national_code="G01")), ("x", 2, version("B", 2, national_code="G01")))
    assert set(province.held().values()) == {"conflicting_duplicate"}


def test_a_bad_version_read_behind_a_good_one_of_the_same_time_is_held_and_the_other_way_round_it_is_not(
    lao_cai: Hub,
) -> None:
    from tests.hub.held import Town

    for words, held in ((("ok", "x"), 1), (("x", "ok"), 0)):
        town = Town(lao_cai)
        counts = town.arrive(*(town.record("A", 5, word) for word in words))
        assert (len(town.held()), counts["held"]) == (held, held)
