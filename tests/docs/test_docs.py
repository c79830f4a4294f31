"""The pages say what the program does: every command, key, variable and link of theirs exists, and none is left out."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from pydantic import BaseModel
from typer.core import TyperGroup

from hub.cli import app
from hub.config import Province, province_schema

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.vi.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "docker/README.md"]


def commands(group: TyperGroup, before: str = "lienthong") -> Iterator[tuple[str, str]]:
    """Every command with its help."""
    for name, command in group.commands.items():
        words = f"{before} {name}"
        if isinstance(command, TyperGroup):
            yield from commands(command, words)
        else:
            yield words, command.help or ""


ROOT_GROUP = typer.main.get_command(app)
assert isinstance(ROOT_GROUP, TyperGroup)
COMMANDS = dict(commands(ROOT_GROUP))


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_is_on_the_page_and_has_help(words: str) -> None:
    assert len(COMMANDS[words]) > 20
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    if words.startswith("lienthong sandbox "):
        row = next(line for line in page.splitlines() if line.startswith("| `lienthong sandbox"))
        assert f"`{words.rpartition(' ')[2]}`" in row.replace("`lienthong sandbox start`", "`start`")
    else:
        assert f"`{words}" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_that_pages_show_exist(page: Path) -> None:
    groups = {words.split()[1] for words in COMMANDS if len(words.split()) == 3}
    singles = {words.split()[1] for words in COMMANDS if len(words.split()) == 2}
    for first, second in re.findall(r"(?:^|[`\s])lienthong ([a-z]+)(?: ([a-z]+))?", page.read_text("utf-8")):
        if first in groups and second:
            assert f"lienthong {first} {second}" in COMMANDS, f"{page.name}: lienthong {first} {second}"
        else:
            assert first in groups | singles, f"{page.name}: lienthong {first}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def keys(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel) and name != "limits":
            yield from keys(kind, f"{above}{name}.")
        elif name == "limits" and not above and isinstance(kind, type):
            yield from keys(kind, "limits.")
        else:
            yield f"{above}{name}"


@pytest.mark.parametrize("key", [key for key in keys(Province) if key != "slug"])
def test_every_key_of_a_province_is_documented(key: str) -> None:
    assert f"| `{key}` |" in (ROOT / "docs" / "configuration.md").read_text("utf-8")


def test_the_schema_beside_the_provinces_is_the_programs_own() -> None:
    assert json.loads((ROOT / "provinces" / "province.schema.json").read_text("utf-8")) == province_schema()


def test_every_environment_variable_that_is_read_is_documented() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8") + (ROOT / "docker" / "README.md").read_text("utf-8")
    read = {
        name
        for folder in ("hub", "dags", "connectors", "mappings")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"""environ(?:\.get\(|\[)["'](LIENTHONG_[A-Z_]+)""", path.read_text("utf-8"))
    }
    assert read and {name for name in read if name not in page} == set()


def test_the_two_readmes_show_the_same_commands() -> None:
    def blocks(name: str) -> list[str]:
        text = (ROOT / name).read_text("utf-8")
        lines = [
            line.split("#")[0].strip()
            for block in re.findall(r"```\n(.*?)```", text, re.S)
            for line in block.splitlines()
        ]
        return [line for line in lines if line.startswith(("make ", "lienthong ", "source "))]

    assert blocks("README.md") == blocks("README.vi.md") != []
