"""The reference pages say what the models say, and every example on them is read by the program itself."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors import load_spec
from connectors.spec import Spec
from docs.reference import FOLDER, Schema, UnknownObject, objects, shown, written
from mappings.language import MappingFile

OBJECTS = objects()
LANGUAGE = (FOLDER / "connector-language.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", LANGUAGE, re.DOTALL)
EXAMPLES = [yaml.safe_load(block) for block in BLOCKS]


def keys(known: Mapping[str, Schema]) -> set[tuple[str, str]]:
    return {(name, key) for name, schema in known.items() for key in schema.get("properties", {})}


@pytest.mark.parametrize("page", OBJECTS)
def test_the_tables_of_a_page_are_those_of_the_schemas(page: str) -> None:
    text = (FOLDER / page).read_text("utf-8")

    assert text == written(text, OBJECTS[page]), "run: make docs"


@pytest.mark.parametrize("page", ["connector-language.md", "mapping-language.md", "codes.md"])
def test_every_key_of_a_language_stands_in_a_table(page: str) -> None:
    text = (FOLDER / page).read_text("utf-8")

    assert sorted(keys(OBJECTS[page]) - shown(text, OBJECTS[page])) == []


@pytest.mark.parametrize("page", OBJECTS)
def test_every_key_has_words_of_its_own(page: str) -> None:
    known = OBJECTS[page]

    assert [
        (name, key) for name, key in sorted(keys(known)) if not known[name]["properties"][key].get("description")
    ] == []


def test_a_key_that_is_new_in_the_models_is_missed_on_the_page() -> None:
    text = "<!-- keys of Rows -->\n<!-- end of keys -->"
    known: dict[str, Schema] = {
        "Rows": {"properties": {"file": {"type": "string", "description": "a|b <c>"}, "is": {"type": "integer"}}}
    }

    page = written(text, known)

    assert page != text and page == written(page, known)
    assert "| `file` | text |  | a\\|b &lt;c> |" in page
    assert keys(known) == shown(page, known)
    assert keys(known) - shown(page.replace("keys of Rows", "keys of Rows: file"), known) == {("Rows", "is")}


def test_a_page_that_asks_for_an_unknown_object_is_told_the_known_ones() -> None:
    with pytest.raises(UnknownObject, match="there is no Row; known: Rows"):
        written("<!-- keys of Row -->\n<!-- end of keys -->", {"Rows": {"properties": {}}})


@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=lambda number: f"block_{number + 1}")
def test_an_example_of_the_connector_language_is_a_spec(number: int, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    missing = "".join(
        f"{key}: {value}\n"
        for key, value in (("system", "example"), ("transport", "rest"))
        if key not in EXAMPLES[number]
    )
    file.write_text(missing + BLOCKS[number], encoding="utf-8")

    assert load_spec(file).transport in ("rest", "soap")


def written_values(value: Any) -> set[tuple[str, str]]:
    """(key, value) of every text in the examples."""
    if isinstance(value, dict):
        found = {(str(key), str(item)) for key, item in value.items() if isinstance(item, str | int | bool)}
        return found.union(*map(written_values, value.values())) if value else found
    return set().union(*map(written_values, value)) if isinstance(value, list) and value else set()


def kinds() -> list[tuple[str, str]]:
    """Every kind of auth, paging and envelope, every verdict and every transport."""
    found = []
    for key, name, schema in [
        (key, name, schema)
        for name, known in {**Spec.model_json_schema()["$defs"], "Spec": Spec.model_json_schema()}.items()
        for key, schema in known["properties"].items()
    ]:
        if key in ("kind", "by"):
            found.append((key, schema["const"]))
        elif (name, key) in (("Inside", "as"), ("Rule", "then"), ("Spec", "transport")):
            found += [(key, word) for word in schema["enum"]]
    return found


@pytest.mark.parametrize(("key", "word"), kinds())
def test_every_kind_has_an_example_or_a_row(key: str, word: str) -> None:
    shown_in_examples = set().union(*map(written_values, EXAMPLES))

    assert (key, word) in shown_in_examples or (key == "then" and f"| `{word}` |" in LANGUAGE)


def test_the_file_that_opens_the_page_on_mappings_is_a_mapping() -> None:
    block = re.findall(r"```yaml\n(.*?)```", (FOLDER / "mapping-language.md").read_text("utf-8"), re.DOTALL)[0]

    assert MappingFile.model_validate(yaml.safe_load(block)).mapping
