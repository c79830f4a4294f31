"""What a person gets from the commands of the last hours: an answer, a reason, what to do, and an exit code."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hub.cli import main, moments
from hub.config import BASE
from tests.migration.deciding import APPROVER, SOURCE, bring, proved_cutover, stands
from tests.migration.merged import NOON, Merged

AT = ("--at", "2026-07-01T14:00")


@pytest.fixture
def cutover(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Merged:
    """A proved cutover whose folders and database the command line finds."""
    monkeypatch.setattr(moments, "machine_now", lambda: NOON + timedelta(hours=3))
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.setenv("LIENTHONG_CONFIG", str(BASE / "examples" / "can_tho"))
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    return proved_cutover(engine, tmp_path)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Exit code and JSON of a command."""

    def say(*words: str) -> tuple[int, dict[str, Any]]:
        with pytest.raises(SystemExit) as ended:
            main([*words, "--json"])
        return int(ended.value.code or 0), json.loads(capsys.readouterr().out)

    return say


def test_what_may_not_be_done_is_exit_code_1_with_its_meaning_and_a_way_on(cutover: Merged, said: Any) -> None:
    by = ("--by", "Nguyễn Văn Tư", "--why", "tôi thấy được")
    for words, what, step in (
        (("approve", "can_tho", *by), "is not among those who may decide", APPROVER),
        (("open", "can_tho", "--by", APPROVER), "stands at 'proved'", "approve can_tho"),
        (("find", "can_tho", "H99.9-0001"), None, None),
    ):
        code, answer = said("migrate", *words)
        assert code == 1, words
        assert what is None or (what in answer["what"] and step in answer["next_step"]), answer


def test_before_its_hour_the_freeze_is_exit_code_1(cutover: Merged, said: Any) -> None:
    bring(cutover.m, "following")
    code, answer = said("migrate", "freeze", "can_tho", "--at", "2026-07-01T11:00")
    assert code == 1 and "the sources freeze at 01/07/2026 12:00" in answer["what"]


def test_a_milestone_is_stated_and_the_late_ones_are_exit_code_1(cutover: Merged, said: Any) -> None:
    stated = ("migrate", "milestone", "can_tho", "procedures_published", "--source", SOURCE, "--by", "Lê Thị Hoa")
    code, answer = said(*stated, *AT)
    assert (code, answer["milestones"][0]["state"], answer["milestones"][0]["source"]) == (0, "met", SOURCE)
    assert said("migrate", "milestone", "can_tho", "--at", "2026-07-03T08:00")[0] == 1


def test_from_the_opening_on_the_old_province_is_refused_and_its_codes_are_found(cutover: Merged, said: Any) -> None:
    for name in ("procedures_published", "gateway_switched", "centres_ready"):
        said("migrate", "milestone", "can_tho", name, "--source", SOURCE, "--by", "Lê Thị Hoa", *AT)
    bring(cutover.m, "approved")
    code, answer = said("migrate", "open", "can_tho", "--by", APPROVER, *AT)
    assert code == 0, answer
    assert (code, answer["dossiers"], answer["closed"]) == (0, 4, ["can_tho_cu", "hau_giang", "soc_trang"])
    code, answer = said("migrate", "find", "can_tho", "H13.1-0002")
    assert (code, [one["is_in"] for one in answer["found"]]) == (0, ["can_tho"])
    code, answer = said("sync", "hau_giang")
    assert code == 1 and "closed: its dossiers are can_tho's since 01/07/2026 14:00" in answer["what"]
    assert said("status")[1]["provinces"]["hau_giang"]["closed"]["successor"] == "can_tho"
    code, answer = said("migrate", "rollback", "can_tho", "--by", APPROVER, "--why", "lỗi")
    assert code == 1 and "corrected forward" in answer["next_step"]


def test_no_command_that_changes_something_takes_an_hour_that_is_still_to_come_for_now(
    cutover: Merged, said: Any
) -> None:
    before = stands(cutover.m)
    by, why, later = ("--by", APPROVER), ("--why", "đủ điều kiện"), ("--at", "2026-07-01T15:02")
    for words in (
        ("run", "can_tho"),
        ("freeze", "can_tho"),
        ("reconcile", "can_tho"),
        ("approve", "can_tho", *by, *why),
        ("refuse", "can_tho", *by, *why),
        ("open", "can_tho", *by),
        ("rollback", "can_tho", *by, *why),
        ("milestone", "can_tho", "centres_ready", "--source", SOURCE, *by),
    ):
        code, answer = said("migrate", *words, *later)
        assert code == 1 and "01/07/2026 15:02 is still to come: it is 01/07/2026 15:00" in answer["what"], words
    assert stands(cutover.m) == before
