"""Every rule of the gate on one hand-made staging: each planted fault is found by its rule, and a right row by none."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from hub import audit
from hub.check import check_suites
from hub.cli.output import exit_code_of
from hub.config import BASE, Settings
from hub.context import Hub
from hub.errors import ConfigurationError, StageFailed
from hub.gate import columns
from hub.gate.stops import accept
from hub.recheck import Rechecked, recheck
from hub.runs import Run, end_stage
from hub.staging import drop_staging
from schemas.findings import Finding, Note
from schemas.masking import mask_text
from schemas.tables import holding_table, staging_table
from tests.quality.conftest import NOW, at, clean, gated, noted, staged

Change = Callable[[dict[str, Any]], None]
FILED = ("submitted_at", "received_at")


def being(**fields: Any) -> Change:
    return lambda record: record.update(fields)


def numbered(number: str) -> Change:
    return being(identifiers=[{"kind": "1", "number": number}])


HELD: dict[str, tuple[str, str, Change]] = {
    "no owner": ("missing_owner", "applicant_name", being(applicant_name=None)),
    "no receipt": ("missing_received", "received_at", being(received_at=None)),
    "unknown procedure": ("unmapped_procedure", "procedure_code", being(procedure_code="9.999999")),
    "closed procedure": ("procedure_not_in_force", "procedure_code", being(procedure_code="9.000002")),
    "submitted later": ("impossible_dates", "received_at", being(submitted_at=at("2026-07-08"))),
    "received tomorrow": (
        "impossible_dates",
        "received_at",
        being(received_at=at("2026-08-09"), due_at=at("2026-08-10"), finished_at=None, returned_at=None),
    ),
    "year 0202": ("impossible_dates", "received_at", being(**dict.fromkeys(FILED, at("0202-07-06")))),
    "finished earlier": ("impossible_dates", "finished_at", being(finished_at=at("2026-07-01"))),
    "returned next year": ("impossible_dates", "returned_at", being(returned_at=at("2027-07-01"))),
    "eleven digits": ("bad_identity", "identifiers", numbered("01509000123")),
    "no such place of birth": ("bad_identity", "identifiers", numbered("003090001234")),
    "born after filing": ("bad_identity", "identifiers", numbered("015290001234")),
    "no portal": ("bad_portal", "portal", being(portal=7)),
}  # fmt: skip

WARNED: dict[str, tuple[str, str, Change]] = {
    "check digit": ("bad_tax_code", "tax_code", being(tax_code="0100233480")),
    "no network": ("bad_phone", "phone", being(phone="0161234567")),
    "no commune": ("unknown_commune", "commune", being(commune="92647")),
    "a thousandth": ("fee_differs", "fees", being(fees=[{"amount": 50}])),
    "a thousand times": ("fee_differs", "fees", being(fees=[{"amount": 50_000_000}])),
    "one working day too late": ("due_beyond_limit", "due_at", being(due_at=at("2026-07-14T08:00:00"))),
    "not through the gateway": ("outside_gateway", "portal", being(portal=2)),
    "no link": ("result_without_link", "results", being(results=[{"url": None, "result_code": "KQ.G15.000031"}])),
    "back to processing": ("status_went_back", "status", being(status=4, finished_at=None, returned_at=None)),
}

RIGHT: dict[str, Change] = {
    "as it is": being(),
    "CMND": numbered("123456789"),
    "Hà Tây": numbered("028090001234"),
    "born in this century": numbered("015310001234"),
    "born abroad": numbered("112090001234"),
    "no number": being(identifiers=[]),
    "land line": being(phone="(024) 3825 3536"),
    "with country": being(phone="+84 912 345 678"),
    "a branch": being(tax_code="0314409058-002"),
    "a citizen's number": being(tax_code="015090001234"),
    "an abolished commune": being(commune="02650"),
    "free": being(fees=[]),
    "another fee": being(fees=[{"amount": 12345}]),
    "before the gateway": being(
        portal=2, submitted_at=at("2026-05-04T08:00:00"), received_at=at("2026-05-04T09:00:00"), due_at=at("2026-05-11")
    ),
    "in person": being(portal=2, channel=1),
    "over the holidays of April": being(
        submitted_at=at("2026-04-21T08:00:00"), received_at=at("2026-04-24T09:00:00"), due_at=at("2026-05-06T17:00:00")
    ),
    "before the procedure was closed": being(
        procedure_code="9.000002", submitted_at=at("2026-01-12T08:00:00"), received_at=at("2026-01-12T09:00:00"),
        due_at=at("2026-01-19"), results=[], status=4, finished_at=None, returned_at=None, portal=2,
    ),
    "no due date": being(due_at=None),
    "not finished": being(status=4, results=[], finished_at=None, returned_at=None),
}  # fmt: skip


def held(hub: Hub, run: Run) -> dict[str, set[tuple[str, str]]]:
    """(reason, field) of the findings by label."""
    query = f"SELECT source_key, findings::text AS found FROM {holding_table(run.run_id).name}"
    with hub.engine.connect() as connection:
        rows = connection.execute(text(query)).all()
    return {row.source_key: {(one["reason"], one["field"]) for one in orjson.loads(row.found)} for row in rows}


def warned(hub: Hub) -> dict[str, set[tuple[str, str]]]:
    """(reason, field) of open warnings by dossier code."""
    found: dict[str, set[tuple[str, str]]] = {}
    with hub.engine.connect() as connection:
        for row in connection.execute(text("SELECT dossier_code, reason, field FROM warning WHERE gone_at IS NULL")):
            found.setdefault(row.dossier_code, set()).add((row.reason, row.field))
    return found


def stored(hub: Hub, code: str, status: int) -> None:
    """A dossier that the hub knows already."""
    with hub.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO dossier (province, dossier_code, outgoing_code, source_key, procedure_code, status,"
                " changed_at, content_hash, steps_hash, record, message_id, run_id) VALUES ('lao_cai', :code, :code,"
                " 'back to processing', '9.000001', :status, :at, 'x', 'x', '{}', 1, 1)"
            ),
            {"code": code, "status": status, "at": NOW - timedelta(days=2)},
        )


def test_each_planted_fault_is_found_by_its_rule_and_no_right_row_by_any(hub: Hub) -> None:
    rows = {}
    for number, label in enumerate((*HELD, *WARNED, *RIGHT)):
        rows[label] = clean(number)
        change = HELD[label][2] if label in HELD else WARNED[label][2] if label in WARNED else RIGHT[label]
        change(rows[label])
    for label in ("first claim", "second claim"):
        rows[label] = {**clean(900), "subject": label}
    notes = {
        "as it is": noted(notes=[Note("unsorted_progress", "steps")]),
        "free": noted(notes=[Note("internal_link", "documents.url"), Note("odd_code", "dossier_code")]),
        "no due date": noted(notes=[Note("blank_due", "due_at")]),
        "CMND": noted(held_steps=[({"at": None}, Finding("step_without_time", "steps.at"))]),
    }
    stored(hub, str(rows["back to processing"]["dossier_code"]), 10)
    run = staged(hub, rows, notes)
    counts = gated(hub, run)

    expected = {label: {(reason, field)} for label, (reason, field, _) in HELD.items()}
    expected |= {label: {("conflicting_duplicate", "dossier_code")} for label in ("first claim", "second claim")}
    assert held(hub, run) == expected
    by_code = {str(record["dossier_code"]): label for label, record in rows.items()}
    expected = {label: {(reason, field)} for label, (reason, field, _) in WARNED.items()}
    expected |= {
        "free": {("internal_link", "documents"), ("odd_code", "dossier_code")},
        "no due date": {("blank_due", "due_at")},
        "CMND": {("step_without_time", "steps")},
    }
    assert {by_code[code]: found for code, found in warned(hub).items()} == expected
    assert counts["check_held"] == len(HELD) + 2 and counts["warned_rules"]["fee_differs"] == 2
    with hub.engine.connect() as connection:
        kept = connection.execute(text("SELECT reason, field, evaluated, failed FROM rule_outcome")).all()
        holding = holding_table(run.run_id).name
        rival = connection.scalar(
            text(f"SELECT findings -> 0 ->> 'detail' FROM {holding} WHERE source_key = 'first claim'")
        )
    assert len(kept) > 40 and sum(row.failed for row in kept if row.reason == "bad_identity") == 3
    assert "second claim" in str(rival)


def test_a_warning_ends_when_a_newer_version_passes_and_no_outcome_holds_a_value(hub: Hub) -> None:
    wrong = {**clean(1), "phone": "0161234567"}
    gated(hub, staged(hub, {"a": wrong}))
    assert warned(hub) == {wrong["dossier_code"]: {("bad_phone", "phone")}}
    with hub.engine.connect() as connection:
        value = connection.scalar(text("SELECT value FROM warning"))
    assert value == "0161234567 · no network has it" and "0161234567" not in mask_text(str(value))
    gated(hub, staged(hub, {"a": clean(1)}))
    assert warned(hub) == {}


def test_a_warning_that_no_rule_gives_any_more_ends_with_the_next_check(hub: Hub, tmp_path: Path) -> None:
    mine = own_suite(hub, tmp_path, EXTENDED.rsplit("  - {", 1)[0])
    gated(mine, run := staged(mine, {"a": {**clean(1), "note": "dài quá", "phone": "0161234567"}}))
    assert warned(mine)[clean(1)["dossier_code"]] == {("long_note", "note"), ("bad_phone", "phone")}
    merged(mine, run)
    gated(hub, staged(hub, {"b": clean(2)}))
    assert warned(hub) == {clean(1)["dossier_code"]: {("bad_phone", "phone")}}


def test_after_a_correction_a_recheck_ends_the_warnings_of_what_passes_and_no_other(hub: Hub) -> None:
    fee = {**clean(1), "fees": [{"amount": 50}], "phone": "0161234567"}
    gated(hub, staged(hub, {"a": fee}))
    gone_back = "INSERT INTO warning (province, dossier_code, reason, field, rule, run_id, seen_run_id)"
    with hub.engine.begin() as connection:
        given = {"code": fee["dossier_code"], "record": orjson.dumps(fee).decode(), "at": NOW - timedelta(hours=1)}
        connection.execute(
            text(f"{gone_back} VALUES ('lao_cai', :code, 'status_went_back', 'status', '', 1, 1)"), given
        )
        connection.execute(
            text(
                "INSERT INTO dossier (province, dossier_code, outgoing_code, source_key, procedure_code, status,"
                " changed_at, content_hash, steps_hash, record, message_id, run_id) VALUES ('lao_cai', :code, :code,"
                " 'a', '9.000001', 10, :at, 'x', 'x', CAST(:record AS jsonb), 1, 1)"
            ),
            given,
        )
    standing = {("bad_phone", "phone"), ("status_went_back", "status")}
    assert recheck(hub, "Lan") == Rechecked(1, 0, 3)
    assert warned(hub)[fee["dossier_code"]] == standing | {("fee_differs", "fees")}
    with hub.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE procedure_version SET content_hash = 'corrected',"
                " record = replace(record::text, '50.000', '50')::jsonb WHERE procedure_code = '9.000001'"
            )
        )
    assert recheck(hub, "Lan") == Rechecked(1, 1, 2)
    assert warned(hub) == {fee["dossier_code"]: standing}
    assert audit.entries(hub.engine, action="recheck")[-1]["details"] == {"looked_at": 1, "ended": 1, "left": 2}


def test_outcomes_and_measures_of_the_province_are_kept_for_400_days(hub: Hub) -> None:
    gated(hub, old := staged(hub, {"a": clean(1)}))
    with hub.engine.begin() as connection:
        connection.execute(text("UPDATE rule_outcome SET at = :at"), {"at": NOW - timedelta(days=401)})
        connection.execute(
            text("INSERT INTO measure VALUES (:run, 'share', 'a', :province, 1, :at)"),
            {"run": old.run_id, "province": "lao_cai", "at": NOW - timedelta(days=401)},
        )
        connection.execute(
            text("INSERT INTO measure VALUES (:run, 'share', 'b', 'son_la', 1, :at)"),
            {"run": old.run_id, "at": NOW - timedelta(days=401)},
        )
    merged(hub, old)
    gated(hub, staged(hub, {"a": clean(1)}))
    with hub.engine.connect() as connection:
        runs = connection.scalars(text("SELECT DISTINCT run_id FROM rule_outcome")).all()
        keys = connection.scalars(
            text("SELECT key FROM measure WHERE run_id = :run AND name = 'share'"), {"run": old.run_id}
        ).all()
    assert old.run_id not in runs and len(runs) == 1 and list(keys) == ["b"]


def own_suite(hub: Hub, tmp_path: Path, content: str, name: str = "dossier.yaml") -> Hub:
    """The hub with an own folder that holds this suite."""
    folder = tmp_path / "own" / "expectations"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content, "utf-8")
    settings = Settings(tmp_path, (tmp_path / "own", BASE))
    return replace(hub, settings=settings)


EXTENDED = """
extend: true
columns:
  note_length: "length(record ->> 'note')"
expectations:
  - expect: expect_column_values_to_be_between
    column: note_length
    max_value: 5
    reason: long_note
    field: note
    level: warn
  - {expect: expect_column_values_to_be_null, column: phone_fault, reason: bad_phone, field: phone, detail: phone_fault}
"""

NATIVE = """{
  "name": "dossier", "meta": {"extend": true},
  "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "tax_code"},
     "meta": {"reason": "missing_tax_code", "field": "tax_code", "level": "warn"}}
  ]
}"""


def test_a_steward_adds_a_rule_on_any_field_and_raises_a_level_without_python(hub: Hub, tmp_path: Path) -> None:
    own_suite(hub, tmp_path, NATIVE, "dossier.json")
    mine = own_suite(hub, tmp_path, EXTENDED)
    run = staged(
        mine,
        {
            "long": {**clean(1), "note": "dài quá"},
            "phone": {**clean(2), "phone": "0161234567"},
            "tax": {**clean(3), "tax_code": None},
            "right": clean(4),
        },
    )
    gated(mine, run)
    assert held(mine, run) == {"phone": {("bad_phone", "phone")}}
    assert warned(mine) == {
        clean(1)["dossier_code"]: {("long_note", "note")},
        clean(3)["dossier_code"]: {("missing_tax_code", "tax_code")},
    }


def extending(*rules: str) -> str:
    return "extend: true\nexpectations:\n" + "".join(f"  - {rule}\n" for rule in rules)


RULE = "{expect: expect_column_values_to_not_be_null, column: phone, reason: r, field: phone}"


WRONG = [
    ("dossier.yaml", extending(f"{RULE[:-1]}, level: loud}}"), 3, "no level 'loud'"),
    ("dossier.yaml", f"extend: yes please\nexpectations:\n  - {RULE}\n", 1, "'extend' is true or false"),
    ("dossier.yaml", f"extends: true\nexpectations:\n  - {RULE}\n", 1, "did you mean 'extend'"),
    ("dossier.yaml", extending(RULE, RULE), 4, "stands twice"),
    ("dossier.yaml", extending(RULE.replace("column: phone", "column: fone")), 3, "'phone'"),
    ("dossier.yaml", extending(f"{RULE[:-1]}, detail: nowhere}}"), 3, "no column 'nowhere'"),
    ("dossier.yaml", extending(RULE.replace("not_be_null", "be_nice")), 3, "be_nice"),
    ("dossier.yaml", extending(f"{RULE[:-1]}, regx: a}}"), 3, "does not take"),
    ("dossier.yaml", "extend: true\ncolumns:\n  n: length(recrd ->> 'note')\n", 3, "cannot be computed"),
    ("dossier.yaml", "extend: true\ncolumns:\n  n: 1; DROP TABLE run\n", 3, "cannot be computed"),
    ("dossier.yaml", "extend: true\ncolumns:\n  status: '1'\n", 3, "has a column 'status' already"),
    ("dosier.yaml", extending(RULE), 1, "did you mean 'dossier'"),
    ("batch.yaml", extending(RULE), 3, "no column 'phone'"),
    ("dossier.json", '{"name": "x",\n "expectations": [\n  {"type": "expect_x", "kwargs": {}}]}', 3, "no 'field'"),
]
"""(file, content, line of the mistake, words of the error)"""


def test_what_is_wrong_in_an_own_suite_is_told_with_file_and_line_before_anything_runs(
    hub: Hub, tmp_path: Path
) -> None:
    for number, (name, content, line, words) in enumerate(WRONG):
        folder = tmp_path / str(number)
        with pytest.raises(ConfigurationError) as failed:
            check_suites(own_suite(hub, folder, content, name))
        assert failed.value.where == f"{folder}/own/expectations/{name}:{line}", str(failed.value)
        assert words in failed.value.what, str(failed.value)


def test_sql_that_fails_on_the_rows_stops_the_run_and_moves_nothing(hub: Hub, tmp_path: Path) -> None:
    mine = own_suite(hub, tmp_path, "extend: true\ncolumns:\n  n: (record ->> 'subject')::integer\n")
    assert "expectations in" in check_suites(mine)
    run = staged(mine, {"a": clean(1)})
    with pytest.raises(ConfigurationError, match="column 'n' cannot be computed"):
        gated(mine, run)
    with hub.engine.connect() as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {staging_table(run.run_id).name}")) == 1


STOP = """
extend: true
expectations:
  - {expect: expect_column_values_to_not_be_null, column: phone, reason: no_phone, field: phone, level: stop}
"""


def test_a_stop_ends_the_run_until_a_person_accepts_it_and_then_once(hub: Hub, tmp_path: Path) -> None:
    mine = own_suite(hub, tmp_path, STOP)
    run = staged(mine, {"a": {**clean(1), "phone": None}, "b": {**clean(2), "applicant_name": None}})
    with pytest.raises(StageFailed, match="no_phone: 1 of 2 rows") as failed:
        gated(mine, run)
    assert "lienthong quality accept lao_cai --rule no_phone" in failed.value.next_step
    assert failed.value.next_step.endswith("then lienthong sync lao_cai") and exit_code_of(failed.value) == 1
    assert held(mine, run) == {}
    with hub.engine.begin() as connection:
        assert connection.scalar(text("SELECT failed FROM rule_outcome WHERE reason = 'no_phone'")) == 1
        accept(connection, "lao_cai", "no_phone", "Lan", "the new form has no phone")
        with pytest.raises(ConfigurationError, match="accepted already"):
            accept(connection, "lao_cai", "no_phone", "An", "said twice")
    gated(mine, run)
    gated(mine, run)  # its merge failed, and the gate looks again
    assert held(mine, run) == {"b": {("missing_owner", "applicant_name")}}
    merged(mine, run)
    again = staged(mine, {"a": {**clean(1), "phone": None}})
    with pytest.raises(StageFailed, match="no_phone"):
        gated(mine, again)


def test_what_was_accepted_and_not_needed_by_the_next_run_lapses(hub: Hub, tmp_path: Path) -> None:
    mine = own_suite(hub, tmp_path, STOP)
    with hub.engine.begin() as connection:
        accept(connection, "lao_cai", "no_phone", "Lan", "the new form has no phone")
    dry = replace(staged(mine, {"a": {**clean(1), "phone": None}}), dry_run=True)
    gated(mine, dry)  # a dry run does not take it
    with hub.engine.begin() as connection:
        drop_staging(connection, dry.run_id)
    fine = staged(mine, {"a": clean(1)})
    gated(mine, fine)
    merged(mine, fine)
    with pytest.raises(StageFailed, match="no_phone"):
        gated(mine, staged(mine, {"a": {**clean(1), "phone": None}}))
    told = [one["action"] for one in audit.entries(hub.engine, province="lao_cai")]
    assert told == ["accept", "lapsed"]


def merged(hub: Hub, run: Run) -> None:
    with hub.engine.begin() as connection:
        drop_staging(connection, run.run_id)
        end_stage(connection, run.run_id, "merged", {})


def test_a_column_that_does_not_end_is_told_and_holds_nobody(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "LONGEST", "100ms")
    mine = own_suite(hub, tmp_path, 'extend: true\ncolumns:\n  slow: "pg_sleep(30)::text"\n')
    with pytest.raises(ConfigurationError, match="the column 'slow' cannot be computed: canceling statement") as failed:
        gated(mine, staged(mine, {"a": clean(1)}))
    assert failed.value.where.endswith("expectations/dossier.yaml:3")


@pytest.mark.parametrize("sql", ["pg_sleep(0)", "(status, channel)"])
def test_a_column_of_a_kind_that_no_table_takes_is_told_with_its_line(hub: Hub, tmp_path: Path, sql: str) -> None:
    wrong = own_suite(hub, tmp_path, f'extend: true\ncolumns:\n  odd: "{sql}"\n')
    with pytest.raises(ConfigurationError, match="the column 'odd' cannot be computed") as failed:
        check_suites(wrong)
    assert failed.value.where.endswith("expectations/dossier.yaml:3")


def test_a_province_s_own_days_off_count(hub: Hub, tmp_path: Path) -> None:
    late = {**clean(1), "due_at": at("2026-07-14T08:00:00")}
    mine = own_suite(hub, tmp_path, "closed: [2026-07-08]\n", "days.yaml")
    gated(mine, staged(mine, {"a": late}))
    assert warned(mine) == {}
    wrong = own_suite(hub, tmp_path, "closed: [8/7/2026]\n", "days.yaml")
    with pytest.raises(ConfigurationError, match="'closed' is no list of days") as failed:
        check_suites(wrong)
    assert failed.value.where.endswith("expectations/days.yaml:1")
    (wrong.settings.folders[0] / "expectations" / "days.yaml").write_bytes(b"closed:\n  - \xff\n")
    with pytest.raises(ConfigurationError, match="not UTF-8") as failed:
        check_suites(wrong)
    assert failed.value.where.endswith("expectations/days.yaml:2")
