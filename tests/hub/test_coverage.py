"""Coverage counts over kept messages: a log is written by hand, and the counts are those of what was put into it."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
import pytest
import zstandard
from sqlalchemy import insert

from hub.cli import main
from hub.context import Hub
from hub.coverage import Coverage, coverage
from hub.errors import ConfigurationError
from hub.messages import STREAM
from hub.runs import open_run
from schemas.tables import message
from tests.mappings.conftest import igate

START = datetime(2026, 6, 12, 1, tzinfo=UTC)


@pytest.fixture
def log(lao_cai: Hub, monkeypatch: pytest.MonkeyPatch, database: str) -> Hub:
    """The REST province, whose system is never asked."""
    monkeypatch.setenv("AIRFLOW_CONN_VNPT_LAO_CAI", "http://nobody:nothing@localhost:9")
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", database)
    monkeypatch.setenv("LIENTHONG_HOME", str(lao_cai.settings.home))
    return lao_cai


def keep(hub: Hub, *records: dict[str, Any], day: int = 0, body: bytes | None = None, error: str | None = None) -> None:
    """One message with these records, received so many days after START."""
    raw = orjson.dumps({"content": records}) if body is None else body
    run = open_run(hub.engine, hub.slug, until=START)
    with hub.engine.begin() as connection:
        connection.execute(
            insert(message).values(
                run_id=run.run_id,
                province=hub.slug,
                stream=STREAM,
                page=1,
                digest=sha256(raw).hexdigest(),
                size=len(raw),
                records=len(records),
                body=zstandard.compress(raw),
                error=error,
                received_at=START + timedelta(days=day),
            )
        )


def counts(found: Coverage, name: str) -> tuple[int, int, int, dict[str, int]]:
    one = found.fields[name]
    return one.places, one.filled, one.blank, dict(one.refused)


def test_each_field_is_counted_filled_blank_or_refused_with_its_reason(log: Hub) -> None:
    person = igate()["applicant"]["data"]
    unnamed = {"data": {**person, "ownerFullname": None, "identityNumber": "1"}}
    papers = [{"procedureForm": {"code": "A"}, "file": [{"id": "1", "filename": "a"}, {"id": "2"}]}]
    keep(
        log,
        igate(),
        igate(acceptedDate="hôm qua", appointmentDate=None, dossierFormFile=papers, vneid=None),
        igate(acceptedDate=None, applicant=unnamed, dossierFormFile=[], vneid=None),
    )

    found, _ = coverage(log, 100)

    assert (found.records, found.held, found.messages, found.unreadable) == (3, 2, 1, 0)
    assert counts(found, "received_at") == (3, 1, 0, {"bad_date": 1, "missing_received": 1})
    assert counts(found, "due_at") == (3, 2, 1, {})
    assert counts(found, "identity_verified") == (3, 1, 2, {})
    assert counts(found, "identifiers") == (3, 2, 0, {"bad_identity": 1})
    assert counts(found, "documents") == (3, 2, 1, {})
    assert counts(found, "documents.name") == (5, 4, 1, {})
    assert found.fields["applicant_name"].chosen == {"applicant.data.ownerFullname": 2, "applicant.data.fullname": 1}
    assert found.fields["received_at"].rule == rule_of(log, "received_at:")
    assert found.notes[("blank_due", "due_at")] == 1


def rule_of(hub: Hub, start: str) -> str:
    path = hub.settings.folders[-1] / "mappings" / "vnpt_igate.yaml"
    lines = [line.strip().startswith(start) for line in path.read_text("utf-8").splitlines()]
    return f"mappings/vnpt_igate.yaml:{lines.index(True) + 1}"


def test_paths_that_no_rule_reads_and_rules_that_nothing_feeds_are_named(log: Hub) -> None:
    records = [igate(extra={"ghiChu": "Gấp"}, attachment=None) for _ in range(2)]
    for record in records:
        del record["vneid"]
    keep(log, *records)

    found, diff = coverage(log, 100)

    assert "extra.ghiChu" in diff.unread and diff.read["vneid"] == ["identity_verified"]
    assert not any("languageId" in path and path.startswith("agency.name") for path in diff.unread)
    assert "vneid" in diff.missing and "code" not in diff.missing
    assert found.profile.fields["extra.ghiChu"].records == 2
    assert diff.feeds("dossierFormFile[].file[].filename") == ["documents.name"]


def test_code_lists_show_the_values_seen_and_the_unknown_ones(log: Hub) -> None:
    step = {"createdDate": "2026-06-11T01:04:05.000+0000", "status": {"id": 77, "name": "Chuyển thuế"}}
    unknown = igate(dossierStatus={"id": 77, "name": "Chuyển thuế"}, dossierTaskStatus=None, task=[step, step])
    keep(log, igate(), igate(), unknown, igate(applyMethod={"id": 9}))

    found, _ = coverage(log, 100)

    status = found.codes["status"]
    assert status.unknown() == [("77 / Chuyển thuế / -", 1)]
    assert status.values["2 / Đang xử lý / Chờ trình lãnh đạo"] == 3
    assert status.known["2 / Đang xử lý / Chờ trình lãnh đạo"] == 4
    assert (status.codes, found.codes["channel"].codes) == ("vnpt_igate_status", None)
    assert found.codes["channel"].unknown() == [("9", 1)]
    assert found.codes["steps.status"].unknown() == [("77 / Chuyển thuế", 2)]
    assert counts(found, "steps.status")[3] == {"unmapped_status": 1}, "the steps behind it only wait"


def test_the_newest_records_come_first_and_no_more_than_asked_for(log: Hub) -> None:
    for day in range(4):
        keep(log, igate(code=f"A-{day}"), igate(code=f"B-{day}"), day=day)
    keep(log, body=b"<html>", error="no JSON", day=4)
    keep(log, body=b'{"content": 3', day=5)

    found, _ = coverage(log, 3)

    assert (found.records, found.messages, found.unreadable) == (3, 3, 1)
    assert set(found.profile.fields["code"].values) == {"A-3", "B-3", "A-2"}
    assert found.last == START + timedelta(days=5) and found.first == START + timedelta(days=2)
    assert coverage(log, 100, START + timedelta(days=2))[0].records == 4
    with pytest.raises(ConfigurationError, match="in that time"):
        coverage(log, 100, START + timedelta(days=9))


def test_the_command_answers_masked_and_with_json(log: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    keep(log, igate(extra={"nguoiNop": "Lò Thị Mai"}, dossierStatus={"id": 77, "name": "?"}, dossierTaskStatus=None))

    with pytest.raises(SystemExit) as done:
        main(["mapping", "coverage", "lao_cai", "--json"])

    said = capsys.readouterr().out
    answer = json.loads(said)
    assert done.value.code == 0 and (answer["records"], answer["refused"], answer["messages"]) == (1, 1, 1)
    fields = {one["field"]: one for one in answer["fields"]}
    assert fields["status"]["refused"] == {"unmapped_status": 1} and fields["dossier_code"]["filled"] == 1
    assert answer["never_read"][-1] == "extra.nguoiNop" and "L. T. M." in said
    assert "Lò Thị Mai" not in said and "010190001234" not in said and "Nguyễn Thị Hạnh" not in said
    (status,) = (one for one in answer["codes"] if one["field"] == "status")
    assert (status["unknown"], status["values"]) == (
        1, [{"value": "77 / ? / -", "count": 1, "code": None, "known": False}],
    )  # fmt: skip


def test_the_screen_names_what_is_unknown_and_unread(log: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    keep(log, igate(extra="x", dossierStatus={"id": 77, "name": "?"}, dossierTaskStatus=None))

    with pytest.raises(SystemExit):
        main(["mapping", "coverage", "lao_cai"])

    said = capsys.readouterr().out
    assert "records 1 in messages 1, refused by the mapping 1" in said and "✗ 77 / ? / -" in said
    assert "Came, but read by no rule" in said and "unmapped_status 1" in said


def test_an_empty_log_says_what_to_do(log: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["mapping", "coverage", "lao_cai"])

    assert done.value.code == 2 and "lienthong sync lao_cai" in capsys.readouterr().err
