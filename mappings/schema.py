"""JSON Schemas of the mapping files, for editors: `python -m mappings.schema` writes them anew from the models."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mappings.codelists import CodeListFile
from mappings.editions import Edition
from mappings.language import MappingFile, OverlayFile
from mappings.places import BASE
from schemas.records import KINDS

MODELS: dict[str, type[BaseModel]] = {
    "mapping.schema.json": MappingFile,
    "overlay.schema.json": OverlayFile,
    "codelist.schema.json": CodeListFile,
    "edition.schema.json": Edition,
}
"""Schema files beside the mappings, and the models that they say in JSON."""


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """A model's JSON Schema; its sections also name the canonical fields, so that an editor offers them."""
    schema = model.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for kind, fields in KINDS.items():
        section = schema["properties"].get(kind)
        if section is None or "anyOf" not in section:
            continue
        table = next(form for form in section["anyOf"] if form.get("type") == "object")
        rule = table["additionalProperties"]
        table["properties"] = {
            field.name: {**rule, "description": field.doc + (" (mandatory)" if field.mandatory else "")}
            for field in fields
        }
    return schema


def text_of(model: type[BaseModel]) -> str:
    return json.dumps(schema_of(model), ensure_ascii=False, indent=2) + "\n"


def write_schemas(folder: Path = BASE) -> None:
    for name, model in MODELS.items():
        (folder / name).write_text(text_of(model), encoding="utf-8")


if __name__ == "__main__":
    write_schemas()
