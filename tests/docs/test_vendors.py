"""Every spec has a page; what a page shows of a spec stands in it; its connection line has all that the spec needs."""

import re
from pathlib import Path

import pytest

from connectors import load_spec
from connectors.spec.templates import PLACEHOLDER
from hub.connections import peer

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted(path.stem for path in (ROOT / "connectors" / "specs").glob("*.yaml"))
FOLDER = ROOT / "docs" / "vendors"
MARKS = ("[seen]", "[inferred]", "[style]")


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text("utf-8")


def spec(name: str) -> str:
    return (ROOT / "connectors" / "specs" / f"{name}.yaml").read_text("utf-8")


@pytest.mark.parametrize("name", SPECS)
def test_every_spec_has_a_page_that_the_list_of_vendors_names(name: str) -> None:
    assert f"]({name}.md)" in page("README")
    assert f"`{name}`" in page(name)


@pytest.mark.parametrize("name", SPECS)
def test_what_a_page_shows_of_a_spec_stands_in_the_spec(name: str) -> None:
    excerpts = re.findall(r"```yaml\n(.*?)```", page(name), re.DOTALL)

    assert excerpts
    for excerpt in excerpts:
        assert excerpt in spec(name)


@pytest.mark.parametrize("name", SPECS)
def test_every_fact_of_a_page_has_a_mark(name: str) -> None:
    table = page(name).split("\n\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]

    assert rows and [row for row in rows if not any(mark in row for mark in MARKS)] == []


@pytest.mark.parametrize("name", SPECS)
def test_the_connection_line_has_what_the_spec_asks_for(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(r"export AIRFLOW_CONN_(\w+)='([^']*)'", page(name))
    assert found
    monkeypatch.setenv(f"AIRFLOW_CONN_{found[1]}", found[2])

    account = peer(found[1].lower(), tmp_path)

    load_spec(ROOT / "connectors" / "specs" / f"{name}.yaml")
    needed = {
        names.removeprefix("extra.")
        for names, otherwise, _ in PLACEHOLDER.findall(spec(name))
        if names.startswith("extra.") and not otherwise
    }
    assert account.url.startswith("https://") and account.login and account.password
    assert needed <= set(account.extra)
