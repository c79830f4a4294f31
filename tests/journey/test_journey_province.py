"""A new province is a file that the hub reads, in one's own folder, with the account that its spec asks for."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from connectors import load_spec
from connectors.spec.account import account_fields
from hub.cli import main
from hub.config import BASE, Settings, load_province
from hub.connections import peer
from hub.onboarding.proposals import propose
from mappings import CodeLists
from schemas.records import VIET_NAM
from tests.connectors.conftest import NOW, SPECS

TODAY = NOW.astimezone(VIET_NAM).date()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("LIENTHONG_CONFIG", str(folder))
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path / "home"))
    return folder


def say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(words)
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


def test_the_file_is_read_by_the_hub_and_says_what_the_lists_know(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text, _ = say(
        capsys, "province", "new", "thanh_hoa", "--spec", "vnpt_igate", "--url", "https://a.vn", "--json"
    )
    assert code == 0 and json.loads(text)["file"] == str(own / "provinces" / "thanh_hoa.yaml")
    written = load_province(Settings(tmp_path, (own, BASE)), "thanh_hoa")
    assert (written.province.code, written.province.name, written.province.agency) == ("38", "Thanh Hóa", "H56")
    assert (written.system, written.connection, written.url) == ("vnpt_igate", "vnpt_thanh_hoa", "https://a.vn")
    assert written.schedule == "30 1 * * *" and written.national.unit == "H56"
    assert (own / "provinces" / "province.schema.json").is_file()
    say(capsys, "province", "new", "son_la", "--spec", "viettel_onegate")
    assert load_province(Settings(tmp_path, (own, BASE)), "son_la").schedule == "45 1 * * *"


def test_the_connection_line_is_one_that_the_hub_reads_and_the_spec_is_content_with(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text, _ = say(capsys, "province", "new", "thanh_hoa", "--spec", "vnpt_igate", "--url", "https://a.vn", "--json")
    answer = json.loads(text)
    name, _, value = answer["environment"].removeprefix("export ").partition("=")
    monkeypatch.setenv(name, value.strip("'").replace('"login": "…"', '"login": "svc"'))
    found = peer("vnpt_thanh_hoa", tmp_path)
    assert (found.url, found.login, found.password, found.extra) == ("https://a.vn", "svc", "…", {"client_id": "…"})
    assert answer["optional"] == ["extra.client_secret is used when it is there"]


@pytest.mark.parametrize(
    ("spec", "login", "password", "extra"),
    [
        ("vnpt_igate", True, True, ("client_id",)),
        ("viettel_onegate", True, True, ()),
        ("national_adapter", True, True, ()),
    ],
)
def test_an_account_has_what_the_auth_kind_and_the_placeholders_use(
    spec: str, login: bool, password: bool, extra: tuple[str, ...]
) -> None:
    fields = account_fields(load_spec(SPECS / f"{spec}.yaml"))
    assert (fields.login, fields.password, fields.extra) == (login, password, extra)


def test_nothing_is_written_without_a_folder_of_ones_own_nor_over_a_file_nor_when_it_would_be_wrong(
    own: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new = ("province", "new", "thanh_hoa", "--spec", "vnpt_igate")
    for wrong, said in (
        (("--schedule", "at night"), "cron"),
        (("--agency", "56"), "province.agency"),
        (("--url", "a.vn"), "https://"),
        (("--spec", "national_adapter"), "vnpt_igate"),
        (("--spec", "vnpt_igat"), "did you mean 'vnpt_igate'?"),
    ):
        code, _, error = say(capsys, *new, *wrong)
        assert code == 2 and said in error and not (own / "provinces").exists()
    assert say(capsys, "province", "new", "xa_nao", "--spec", "vnpt_igate")[0] == 2
    assert say(capsys, "province", "new", "Thanh-Hoa", "--spec", "vnpt_igate")[0] == 2
    assert not (own / "provinces").exists()
    assert say(capsys, *new)[0] == 0
    before = (own / "provinces" / "thanh_hoa.yaml").read_text("utf-8")
    code, _, error = say(capsys, *new, "--name", "Khác")
    assert code == 2 and "--force" in error
    assert (own / "provinces" / "thanh_hoa.yaml").read_text("utf-8") == before
    assert say(capsys, *new, "--name", "Khác", "--code", "38", "--agency", "H56", "--force")[0] == 0
    assert "Khác" in (own / "provinces" / "thanh_hoa.yaml").read_text("utf-8")
    monkeypatch.delenv("LIENTHONG_CONFIG")
    code, _, error = say(capsys, *new)
    assert code == 2 and "export LIENTHONG_CONFIG" in error


def test_an_account_that_is_known_already_is_not_asked_for(
    own: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FPT_THANH_HOA", "http://key:secret@peer.test")
    code, text, _ = say(capsys, "province", "new", "thanh_hoa", "--spec", "fpt_egov_rest")
    assert code == 0 and "known already" in text and "export" not in text


@pytest.mark.parametrize("slug", ["Thanh Hóa", "thanh:hoa", "../thanh_hoa", "thanh_hoa.yaml", ""])
def test_a_name_that_no_file_may_have_is_told_with_the_folder_and_the_rule(
    own: Path, capsys: pytest.CaptureFixture[str], slug: str
) -> None:
    code, text, _ = say(capsys, "province", "new", slug, "--spec", "vnpt_igate", "--json")
    told = json.loads(text)
    assert code == 2 and told["where"].startswith(str(own / "provinces")) and "small letters" in told["next_step"]
    assert not (own / "provinces").exists()


def test_a_name_with_signs_of_yaml_is_written_so_that_it_reads_as_itself(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("Huế: thành phố", "Huế # cố đô", "no", "'"):
        new = ("province", "new", "hue", "--spec", "vnpt_igate", "--code", "46", "--agency", "H57", "--force")
        assert say(capsys, *new, "--name", name)[0] == 0
        assert load_province(Settings(own, (own, BASE)), "hue").province.name == name
    code, text, _ = say(capsys, *new, "--name", "", "--json")
    told = json.loads(text)
    assert code == 2 and told["where"] == str(own / "provinces" / "hue.yaml") and "province.name" in told["what"]


def test_a_terminal_is_asked_for_what_is_missing(own: Path) -> None:
    answers = "viettel_onegate\nThanh Hóa\n38\nH56\n\nmy_connection\nnone\n"
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "hub", "province", "new", "thanh_hoa"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=BASE,
        env={**os.environ, "TERM": "dumb"},
    ) as running:
        os.close(slave)
        os.write(master, answers.encode())
        shown = b""
        while True:
            try:
                part = os.read(master, 4096)
            except OSError:
                break
            if not part:
                break
            shown += part
        assert running.wait(60) == 0, shown.decode()
    os.close(master)
    text = (own / "provinces" / "thanh_hoa.yaml").read_text("utf-8")
    assert "connection: my_connection" in text and "schedule: null" in text
    assert "Its agency code (Hnn) [H56]" in shown.decode()


def test_provinces_in_force_are_known_by_slug_and_by_name_and_gone_ones_are_not() -> None:
    lists = CodeLists.load()
    found = propose("lao_cai", lists, TODAY)
    assert found is not None and (found.code, found.agency) == ("15", "H38")
    assert propose("Tỉnh Quảng Ngãi", lists, TODAY) == propose("quang_ngai", lists, TODAY)
    assert propose("ha_giang", lists, TODAY) is None


def test_specs_say_what_each_is_and_which_cannot_be_read(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "specs").mkdir()
    (own / "specs" / "moi.yaml").write_text("system: moi\ntransprot: rest\n", "utf-8")
    text = (SPECS / "vnpt_igate.yaml").read_text("utf-8").replace("VNPT iGate v2\n", "VNPT iGate v3\n")
    (own / "specs" / "vnpt_igate.yaml").write_text(text, "utf-8")
    code, text, _ = say(capsys, "specs", "--json")
    found = {line["name"]: line for line in json.loads(text)["specs"]}
    assert code == 0 and "transprot" in found["moi"]["problem"]
    assert (found["vnpt_igate"]["own"], found["vnpt_igate"]["title"]) == (True, "VNPT iGate v3")
    assert found["viettel_onegate"]["marks"] == ["style"] and found["viettel_onegate"]["auth"] == "wsse_username"
    assert "transprot" in say(capsys, "specs")[1]
