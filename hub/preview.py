"""Preview: a sample through mapping and gate, beside what the national side would get. Sends nothing, keeps nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, text

from hub.aside import aside
from hub.check import apply_gate
from hub.context import Hub
from hub.landing import mapped_records
from hub.merge import NEWEST
from hub.procedures.in_force import version_then
from hub.sample import Record, records_of_dossier, sample
from hub.sidebyside import Row, names_of, rows_of
from hub.staging import Batch, copy_batch, create_staging
from mappings import Mapped
from schemas.findings import Finding
from schemas.personal_fields import masked
from schemas.reasons import explain
from schemas.tables import holding_table, staging_table

Verdict = Literal["new", "changed", "same", "older", "held"]
RUN = 0
"""Number of the run that is none: its tables live aside, and no row of `run` has it."""

VERDICTS: dict[Verdict, str] = {
    "new": "new to the hub, would be delivered",
    "changed": "known with other content, would be delivered anew",
    "same": "known as it is, nothing to send",
    "older": "an older copy of a dossier that is known or in the sample",
    "held": "would be held",
}

_NATIONAL = f"""
SELECT n.code AS dossier_code, coalesce(d.outgoing_code, x.outgoing_code, n.national, n.code) AS outgoing_code,
       p.name AS procedure_name, p.field_code, p.field_name
FROM unnest(CAST(:codes AS text[]), CAST(:nationals AS text[]), CAST(:procedures AS text[]),
            CAST(:received AS timestamptz[])) AS n (code, national, procedure, received_at)
LEFT JOIN dossier d ON d.province = :province AND d.dossier_code = n.code
LEFT JOIN succession x ON x.province = :province AND x.dossier_code = n.code
{version_then("n.procedure", "n.received_at")}
"""


@dataclass(slots=True)
class Previewed:
    """One record: what would become of it, and why. `rows` are masked; so are the values of `findings`."""

    dossier_code: str | None
    source_key: str
    changed_at: datetime | None
    verdict: Verdict
    findings: list[Finding]
    held_steps: list[Finding]
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "dossier_code": self.dossier_code,
            "source_key": self.source_key,
            "changed_at": self.changed_at.isoformat() if self.changed_at else None,
            "verdict": self.verdict,
            "findings": [_finding(one) for one in self.findings],
            "held_steps": [_finding(one) for one in self.held_steps],
            "notes": self.notes,
            "fields": [row.as_dict() for row in self.rows],
        }


@dataclass(frozen=True, slots=True)
class Cause:
    """Why dossiers would be held, once for each field and rule: how many, an example, who must act and how."""

    reason: str
    field: str
    rule: str
    values: tuple[str, ...]
    dossiers: tuple[str, ...]
    meaning: str
    nghia: str
    next_step: str

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Preview:
    """A sample of a province's system, previewed."""

    province: str
    records: list[Previewed]

    def counts(self) -> dict[Verdict, int]:
        found = Counter(one.verdict for one in self.records)
        return {verdict: found[verdict] for verdict in VERDICTS}

    def causes(self) -> list[Cause]:
        """Every reason to hold, most frequent first; a dossier counts under each of its findings."""
        groups: dict[tuple[str, str, str], list[tuple[Previewed, Finding]]] = {}
        for one in self.records:
            for finding in one.findings:
                groups.setdefault((finding.reason, finding.field, finding.rule or ""), []).append((one, finding))
        causes = [_cause(self.province, key, group) for key, group in groups.items()]
        return sorted(causes, key=lambda cause: (-len(cause.dossiers), cause.reason, cause.field))

    def as_dict(self) -> dict[str, Any]:
        return {
            "province": self.province,
            "records": len(self.records),
            "counts": self.counts(),
            "held_because": [cause.as_dict() for cause in self.causes()],
            "dossiers": [one.as_dict() for one in self.records],
        }


def preview(hub: Hub, most: int = 50, code: str | None = None) -> Preview:
    """Read a sample (or one dossier), map it and put it through the run's own gate on tables that are dropped again.

    Raises:
        StageFailed: the system does not answer.
        ConfigurationError: there is no such dossier, or the database's user may not make a schema.
    """
    now = hub.clock()
    records = records_of_dossier(hub, code, now) if code else sample(hub, most, now)
    found = list(mapped_records(hub, enumerate(records)))
    with aside(hub, "preview") as beside:
        verdicts, refused = _through_the_gate(beside, found)
    shown = []
    national = _resolved(hub, [mapped.record for _, _, _, mapped in found])
    for place, key, changed_at, mapped in found:
        findings = [*mapped.findings, *refused.get(place, [])]
        one = Previewed(
            mapped.record.get("dossier_code"),
            key,
            changed_at,
            "held" if findings else verdicts.get(place, "older"),
            findings,
            [finding for _, finding in mapped.held_steps],
            notes=[f"{note.kind}: {note.field}" for note in mapped.notes],
        )
        _beside(hub, one, records[place], mapped, national.get(one.dossier_code or "", {}))
        shown.append(one)
    return Preview(hub.slug, shown)


def _through_the_gate(
    hub: Hub, found: Sequence[tuple[int, str, datetime | None, Mapped]]
) -> tuple[dict[int, Verdict], dict[int, list[Finding]]]:
    """Stage the records, let the suite look at them: the merge's verdict and the gate's findings by place."""
    batch = Batch()
    for place, key, changed_at, mapped in found:
        batch.add(place, key, changed_at, mapped)
    with hub.engine.begin() as connection:
        create_staging(connection, RUN)
        copy_batch(connection, RUN, 0, batch)
    apply_gate(hub, RUN, lambda connection, counts: None)
    with hub.engine.begin() as connection:
        return _verdicts(connection, hub.slug), _refused(connection)


def _verdicts(connection: Connection, province: str) -> dict[int, Verdict]:
    statement = text(NEWEST.format(staging=staging_table(RUN).name))
    connection.execute(statement, {"province": province})
    return {row.position: row.verdict for row in connection.execute(text("SELECT position, verdict FROM verdict"))}


def _refused(connection: Connection) -> dict[int, list[Finding]]:
    """What the gate found, by place; findings of the mapping stand in the same table and are known already."""
    query = text(f"SELECT position, findings::text AS findings FROM {holding_table(RUN).name}")
    refused = {}
    for row in connection.execute(query):
        found = [Finding(**one) for one in orjson.loads(row.findings)]
        refused[row.position] = [one for one in found if "expectations/" in (one.rule or "")]
    return refused


def _resolved(hub: Hub, records: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What the hub would add to each dossier for the national side, by its code."""
    coded = [record for record in records if record.get("dossier_code")]
    given = {
        "province": hub.slug,
        "codes": [record["dossier_code"] for record in coded],
        "nationals": [record.get("national_code") for record in coded],
        "procedures": [record.get("procedure_code") for record in coded],
        "received": [record.get("received_at") for record in coded],
    }
    with hub.engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(text(_NATIONAL), given)]
    return {row.pop("dossier_code"): row for row in rows}


def _beside(hub: Hub, one: Previewed, source: Record, mapped: Mapped, resolved: dict[str, Any]) -> None:
    """Lay the dossier side by side; one that the national mapping refuses would be held at the push."""
    incoming, outgoing = hub.mapping("dossier"), hub.national_mapping("dossier")
    canonical, payload = mapped.record | resolved, {}
    if not one.findings:
        said = outgoing.map(canonical | {"steps": []})
        payload = said.record
        if said.findings:
            first = said.findings[0]
            one.findings.append(Finding("unsendable", first.field, first.reason, first.rule))
            one.verdict, payload = "held", {}
    names = names_of(incoming, source, mapped.record)
    one.findings = [_masked(finding, names) for finding in one.findings]
    one.held_steps = [_masked(finding, names) for finding in one.held_steps]
    one.rows = rows_of(incoming, outgoing, source, canonical, payload)


def _masked(finding: Finding, names: list[str]) -> Finding:
    value = finding.value
    # A mapping masks or shortens what it refuses for being personal.
    if value and "*" not in value and not value.endswith(" characters)"):
        value = masked(finding.field, value, names)
    return Finding(finding.reason, finding.field, value, finding.rule, finding.path)


def _finding(one: Finding) -> dict[str, Any]:
    words = explain(one.reason)
    return {**one.as_dict(), "meaning": words.meaning, "nghia": words.nghia, "who": words.who}


def _cause(province: str, key: tuple[str, str, str], group: list[tuple[Previewed, Finding]]) -> Cause:
    reason, name, rule = key
    words = explain(reason)
    values = dict.fromkeys(finding.value for _, finding in group if finding.value)
    codes = dict.fromkeys(one.dossier_code or one.source_key for one, _ in group)
    return Cause(
        reason,
        name,
        rule,
        tuple(values),
        tuple(codes),
        words.meaning,
        words.nghia,
        _next_step(province, reason, words.who),
    )


def _next_step(province: str, reason: str, who: str) -> str:
    if reason.startswith("unmapped_"):
        return f"Proposals for the overlay: lienthong suggest {province}"
    if reason in ("bad_date", "bad_value"):
        return f"The mapping's format may be wrong; else ask {who}."
    if reason.startswith("missing_"):
        return f"Where else the system may carry it: lienthong suggest {province}; else ask {who}."
    return f"Ask {who}."
