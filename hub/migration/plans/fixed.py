"""What of a plan may not change under an attempt: where dossiers come from, where they go, how, and until when."""

from datetime import UTC
from typing import Any

from hub.migration.plans.plan import Plan


def fixed_parts(plan: Plan) -> dict[str, Any]:
    """By key of the plan, as JSON; the hours in UTC, the table of agencies by its name."""
    target = plan.target
    return {
        "sources": {
            one.province: {"scope": one.scope, "since": one.since and one.since.astimezone(UTC).isoformat()}
            for one in plan.sources
        },
        "target": {name: getattr(target, name) for name in ("province", "system", "connection", "mapping", "url")},
        "recode": {
            "on": plan.recode.on.isoformat(),
            "agencies": plan.recode.agencies.name if plan.recode.agencies else None,
        },
        "freeze": plan.freeze.astimezone(UTC).isoformat(),
        "attachments": plan.attachments,
    }
