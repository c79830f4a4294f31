"""JSON Schema of a plan, for editors: `python -m hub.migration.plans.plan_schema` writes it anew from the model."""

import json
from typing import Any

from hub.config import BASE
from hub.migration.plans.plan import Plan

FILE = BASE / "schemas" / "plan.schema.json"


def plan_schema() -> dict[str, Any]:
    """The keys of `migrations/<plan>.yaml`."""
    schema = Plan.model_json_schema()
    schema["properties"].pop("slug")
    schema["required"].remove("slug")
    return schema


if __name__ == "__main__":
    FILE.write_text(json.dumps(plan_schema(), ensure_ascii=False, indent=2) + "\n", "utf-8")
