"""The connector language's JSON Schema, for editors: `python -m connectors.schema` writes it beside the models."""

from pathlib import Path

import orjson

from connectors.spec import Spec

SCHEMA_FILE = Path(__file__).with_name("spec.schema.json")


def schema_text() -> str:
    """The schema as it stands in the file."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Spec.model_json_schema()}
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode() + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
