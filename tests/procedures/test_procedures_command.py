"""`lienthong procedures`: what a person and a script get back, and the exit codes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hub.cli import main
from hub.procedures import Portal, import_list, open_national, pull_national
from tests.conftest import Sandbox
from tests.procedures.doubles import Adapter, line, many

Excel = Callable[..., Path]
NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs a command on a database: (exit code, standard output, standard error)."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")

    def run(engine: Engine, *words: str) -> tuple[int, str, str]:
        monkeypatch.setenv("LIENTHONG_DATABASE_URL", engine.url.render_as_string(hide_password=False))
        with pytest.raises(SystemExit) as ended:
            main(["procedures", *words])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run


def test_pull_and_compare_of_a_province_with_the_file_and_exit_code_1(
    engine: Engine, peers: Sandbox, say: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_HOME", str(peers.home))
    code, out, _ = say(engine, "pull", "--province", "lao_cai", "--json")
    pulled = json.loads(out)
    assert (code, pulled["province"], pulled["new"]) == (0, "lao_cai", pulled["listed"])

    code, out, _ = say(engine, "compare", "lao_cai")
    planted = peers.get("vnpt_lao_cai", "procedures")["counts"]
    assert code == 1
    assert f"missing (5 of {planted['missing']}; --all shows every one)" in out
    file = peers.home / "reports" / "procedures-lao_cai.xlsx"
    assert file.is_file()
    assert out.rstrip().endswith(f"every line: {file}")

    code, out, _ = say(engine, "compare", "lao_cai", "--json", "--out", str(peers.home / "d.json"))
    told = json.loads(out)
    assert code == 1
    assert {kind: told["counts"][kind] for kind in ("missing", "stale", "unknown")} == {
        kind: planted[kind] for kind in ("missing", "stale", "unknown")
    }
    assert told["differences"] == json.loads((peers.home / "d.json").read_bytes())["differences"]


def test_lists_that_agree_end_with_exit_code_0(blank: Engine, excel: Excel, say: Callable[..., Any]) -> None:
    file = str(excel([line(f"1.{n:06d}", f"Thủ tục {n}") for n in range(1, 4)]))
    assert say(blank, "import", file)[0] == 0
    code, out, _ = say(blank, "import", file, "--province", "quang_ngai")
    assert (code, out.splitlines()[1]) == (0, "  3 new, 0 changed, 0 reopened, 0 unchanged, 0 gone")
    code, out, _ = say(blank, "compare", "quang_ngai")
    assert code == 0
    assert "3  agree" in out


def test_a_bad_file_is_a_sentence_and_exit_code_2(blank: Engine, excel: Excel, say: Callable[..., Any]) -> None:
    path = excel([line("", "Tên thủ tục")])
    code, out, err = say(blank, "import", str(path))
    assert (code, out) == (2, "")
    assert " ".join(err.split()) == (
        f"{path}: 1 cell cannot be used sheet DanhSach, row 4, column Mã TTHC: the cell is empty"
        " Mend the list and import it again; nothing was changed."
    )
    code, out, _ = say(blank, "import", str(path), "--json")
    assert (code, json.loads(out)["exit_code"]) == (2, 2)
    assert say(blank, "import", str(path), "--province", "lao_cay")[0] == 2
    assert say(blank, "compare", "lao_cai", "--out", "diff.pdf")[0] == 2
    assert say(blank, "compare", "lao_cai")[0] == 2


def test_a_peer_that_is_down_is_exit_code_3(
    blank: Engine, say: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_NATIONAL", "http://login:password@127.0.0.1:9")
    monkeypatch.setattr(open_national, "__kwdefaults__", {"transport": None, "sleep": lambda seconds: None})
    code, _, err = say(blank, "pull")
    assert code == 3
    assert "127.0.0.1:9 cannot be reached" in err
    assert "No procedure was closed or changed" in err


def test_show_tells_the_version_of_a_day(
    portal: Portal, adapter: Adapter, say: Callable[..., Any], excel: Excel
) -> None:
    adapter.records = many(6)
    pull_national(portal)
    adapter.records["1.000002"]["TENTTHC"] = "Tên mới"
    pull_national(portal)
    code, out, _ = say(portal.engine, "show", "1.000002.H38", "--json")
    told = json.loads(out)
    assert (code, told["procedure_code"], len(told["versions"])) == (0, "1.000002", 2)
    assert told["version"]["record"]["TENTTHC"] == "Tên mới"
    code, out, _ = say(portal.engine, "show", "1.000002", "--on", "01/07/2026")
    assert code == 0
    assert "2 versions" in out
    code, out, _ = say(portal.engine, "show", "1.000002", "--on", "30/06/2026")
    assert code == 1
    assert "No version was in force on 30/06/2026" in out
    assert say(portal.engine, "show", "9.999999")[0] == 1
    import_list(portal.engine, excel([line("3.000001", "Từ tệp")]), now=NOW)
    assert "list.xlsx" in say(portal.engine, "show", "3.000001")[1]
