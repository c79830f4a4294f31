"""A province that has no file yet is brought on by the commands alone, in a folder of one's own."""

import json
import os
from pathlib import Path

import pytest

from hub.config import BASE
from tests.commands import lienthong
from tests.conftest import Sandbox
from tests.journey.conftest import planted


@pytest.mark.dossiers(80)
@pytest.mark.parametrize("slug", ["thanh_hoa"])
def test_from_a_spec_to_a_province_that_conforms(sandbox: Sandbox, slug: str, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    account = json.loads((sandbox.home / "sandbox" / "connections.json").read_text("utf-8"))["fpt_thanh_hoa"]
    environment = {
        **os.environ,
        "LIENTHONG_HOME": str(tmp_path / "home"),
        "LIENTHONG_CONFIG": str(own),
        "LIENTHONG_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    }

    def say(*words: str) -> tuple[int, dict[str, object]]:
        ended = lienthong(*words, "--json", environment=environment, folder=BASE)
        assert ended.returncode in (0, 1), ended.stdout + ended.stderr
        return ended.returncode, json.loads(ended.stdout)

    code, specs = say("specs")
    assert code == 0 and "fpt_egov_rest" in json.dumps(specs)
    code, made = say("province", "new", slug, "--spec", "fpt_egov_rest", "--url", str(account["host"]))
    assert code == 0
    variable, _, value = str(made["environment"]).removeprefix("export ").partition("=")
    filled = json.loads(value.strip("'")) | {name: account[name] for name in ("login", "password", "extra")}
    environment[variable] = json.dumps(filled)

    window = ("--until", "2026-07-01")
    code, fields = say("discover", slug, "--records", "40", *window)
    shown = json.dumps(fields, ensure_ascii=False)
    assert code == 0 and '"dossier_code"' in shown
    code, verdicts = say("conform", slug, *window)
    assert code == 0 and verdicts["ok"] is True, verdicts
    code, kept = say("record", slug, "--records", "12", *window)
    assert code == 0
    recorded = "".join(path.read_text("utf-8") for path in Path(str(kept["folder"])).iterdir())
    people = planted(sandbox, slug)
    assert not [value for value in people if value in shown or value in json.dumps(verdicts, ensure_ascii=False)]
    assert not [value for value in {*people, account["password"]} if value in recorded]
