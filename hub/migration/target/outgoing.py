"""A row of the account as the item that goes to the target, with the digest by which its versions are told apart."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from hub.errors import ConfigurationError
from hub.migration.attempt import Migrating
from hub.national import with_times
from hub.staging import content_hash
from mappings import Mapping as WireMapping
from mappings.planned import FieldPlan
from schemas.findings import Finding
from schemas.records import DOSSIER, STEP

Outgoing = Callable[[Mapping[str, Any]], dict[str, Any]]
"""From a row of `migrated` (`source`, `record`) to the item of the target's import."""


class Unsayable(Exception):
    """The target's words cannot say this dossier: why, by field and rule."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__(", ".join(f"{one.field}: {one.reason}" for one in findings))


def outgoing_of(m: Migrating) -> Outgoing:
    """What makes the items of an attempt; equal records make equal items, byte for byte.

    Raises:
        ConfigurationError: the mapping does not say where the target keeps the version.
    """
    mapping = m.target_mapping()
    version, said = version_key(mapping), mapping.map

    def item(row: Mapping[str, Any]) -> dict[str, Any]:
        record = row["record"]
        steps = [with_times(step, STEP) for step in record.get("steps") or ()]
        added = {"steps": steps, "source": row["source"], "version": None}
        mapped = said(with_times(record, DOSSIER) | added)
        if mapped.findings:
            raise Unsayable(mapped.findings)
        written = dict(mapped.record)
        written[version] = content_hash(orjson.dumps(written, option=orjson.OPT_SORT_KEYS))
        return written

    return item


def version_key(mapping: WireMapping) -> str:
    """The key of an item under which the target keeps its version."""
    for plan in mapping.plans:
        if isinstance(plan, FieldPlan) and any(path is not None and path.text == "version" for path in plan.paths):
            return plan.target
    raise ConfigurationError(
        "no key of the target carries `version`: after a call without an answer nothing tells what arrived",
        where=f"mappings/{mapping.name}.yaml (dossier)",
        next_step="Add the key in which the import keeps a version given from outside, from: version.",
    )
