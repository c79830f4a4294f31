"""The reference page and the JSON Schemas say what the models say."""

import json
from pathlib import Path
from typing import get_args

import pytest

from mappings.codelists import CodeListFile, Entry, Rows
from mappings.dates import NAMED
from mappings.language import As, Example, ListRule, MappingFile, OverlayFile, Rule, Times
from mappings.places import BASE
from mappings.schema import MODELS, text_of
from mappings.validation import keys_of

PAGE = (Path(__file__).parents[2] / "docs" / "mapping-language.md").read_text(encoding="utf-8")
ALL = (MappingFile, OverlayFile, Rule, ListRule, Times, Example, CodeListFile, Entry, Rows)


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
def test_every_key_is_named_in_the_reference(model):
    assert sorted(key for key in keys_of(model) if f"`{key}`" not in PAGE) == []


def test_every_way_of_reading_is_named_in_the_reference():
    assert [word for word in (*get_args(As), *NAMED) if f"`{word}`" not in PAGE] == []


@pytest.mark.parametrize("name", MODELS)
def test_the_schema_beside_the_mappings_is_the_models(name):
    text = (BASE / name).read_text(encoding="utf-8")

    assert text == text_of(MODELS[name]), "run: python -m mappings.schema"
    assert json.loads(text)["title"].startswith("Lien Thong")
