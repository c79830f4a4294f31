"""The commands as a person and a script see them: JSON shapes, exit codes, sentences."""

import json
from typing import Any

import pytest

from hub.cli import main
from hub.context import open_hub
from hub.national import National
from tests.conftest import Sandbox


@pytest.fixture
def say(sandbox: Sandbox, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run one command in this process: (exit code, standard output, standard error)."""
    monkeypatch.setenv("LIENTHONG_HOME", str(sandbox.home))
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", database)
    monkeypatch.delenv("LIENTHONG_CONFIG", raising=False)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


@pytest.mark.dossiers(150)
def test_a_night_in_commands(say: Any, sandbox: Sandbox) -> None:
    """check, sync, status, reconcile, quarantine: each answers in JSON, and the ledgers say the same."""
    assert say("procedures", "pull", "--province", "lao_cai", "--json")[0] == 0
    code, text, _ = say("check", "lao_cai", "--json")
    assert code == 0 and json.loads(text)["ok"] is True and len(json.loads(text)["checks"]["national"]) >= 4
    code, text, _ = say("sync", "lao_cai", "--json")
    synced = json.loads(text)
    assert code == 0 and synced["delivered"] == synced["merged"] > 100
    code, text, _ = say("status", "--json")
    status = json.loads(text)["provinces"]
    keys = {"pulled", "unchanged", "held", "merged", "delivered", "steps_delivered", "unknown", "reconciled"}
    assert code == 0 and {"lao_cai", "quang_ngai"} <= set(status) and keys <= set(status["lao_cai"])
    national = sandbox.national()
    assert (national["dossiers"], national["steps"]) == (
        status["lao_cai"]["delivered"],
        status["lao_cai"]["steps_delivered"],
    )
    assert status["quang_ngai"]["pulled"] == 0
    code, text, _ = say("reconcile", "lao_cai", "--json")
    assert code == 0 and json.loads(text)["agrees"] is True and json.loads(text)["compared"] == synced["delivered"]
    code, text, _ = say("quarantine", "list", "lao_cai", "--json")
    items = json.loads(text)["items"]
    assert code == 0 and items
    code, text, _ = say("quarantine", "show", str(items[0]["item_id"]), "--json")
    shown = json.loads(text)
    assert code == 0 and shown["findings"] and shown["raw"] and shown["mapped"]
    code, text, _ = say("quarantine", "redrive", "lao_cai", "--json")
    assert code == 1 and json.loads(text)["freed"] == 0


def test_screens_fit_eighty_columns_and_name_the_provinces(say: Any) -> None:
    say("procedures", "pull", "--province", "lao_cai")
    say("sync", "lao_cai")
    for words in (["status"], ["quarantine", "list"], ["check", "lao_cai"]):
        code, text, _ = say(*words)
        assert code == 0 and text.strip()
        assert max(len(line) for line in text.splitlines()) <= 80
    assert "Lào Cai" in say("status")[1]


def test_a_difference_between_both_sides_is_exit_code_1(say: Any, sandbox: Sandbox) -> None:
    say("sync", "lao_cai")
    sent = sandbox.sent()
    body = next(row["body"] for row in sent.values() if row["status"] == 4)
    changed = {name: value for name, value in body.items() if name != "DanhSachTienTrinh"} | {"ChuHoSo": "Người khác"}
    assert National(open_hub("lao_cai")).put_dossier(changed, updating=True).kind == "done"
    ended, text, _ = say("reconcile", "lao_cai", "--json")
    found = json.loads(text)
    assert ended == 1 and found["agrees"] is False and found["by_field"] == {"ChuHoSo": 1}
    assert found["compared"] - found["equal"] == 1


def test_mistakes_are_exit_code_2_with_a_next_step(say: Any) -> None:
    for words, said in (
        (["sync", "lao_cia"], "did you mean 'lao_cai'?"),
        (["sync", "lao_cai", "--since", "yesterday"], "'yesterday' is not a time"),
        (["sync", "lao_cai", "--since", "2026-02-01", "--until", "2026-01-01"], "ends before it starts"),
        (["quarantine", "list", "hanoi"], "no province"),
    ):
        code, _, error = say(*words)
        assert code == 2 and said in error.replace("\n", " ")
    assert say("no-such-command")[0] == 2


def test_ctrl_c_inside_a_command_says_that_what_landed_stays(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(slug: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hub.cli.check.ready_hub", pressed)
    code, _, error = say("check", "lao_cai")
    assert code == 130 and "What landed stays" in error


def test_an_error_with_json_is_a_document_too(say: Any) -> None:
    code, text, _ = say("sync", "lao_cia", "--json")
    answer = json.loads(text)
    assert answer["exit_code"] == code == 2 and answer["what"] and answer["where"] and answer["next_step"]


def test_check_without_the_provinces_account_names_the_variable_and_still_tries_the_rest(
    say: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_VNPT_LAO_CAI", "{not json")
    code, text, _ = say("check", "lao_cai", "--json")
    checks = json.loads(text)["checks"]
    assert code == 1 and [line["name"] for line in checks["source"]] == ["connection"]
    assert "AIRFLOW_CONN_VNPT_LAO_CAI" in checks["source"][0]["detail"] and checks["source"][0]["next_step"]
    assert all(line["ok"] for side in ("configuration", "national") for line in checks[side])


def test_check_says_what_to_do_about_a_peer_that_is_down(say: Any, sandbox: Sandbox) -> None:
    sandbox.say("stop", "lao_cai")
    code, text, _ = say("check", "lao_cai", "--json")
    assert code == 1 and json.loads(text)["ok"] is False
    failed = [line for line in json.loads(text)["checks"]["source"] if not line["ok"]]
    assert failed and all(line["next_step"] for line in failed)
