"""Procedures that the national list does not know: by the base inside the code, then by name."""

import re
from collections.abc import Sequence
from typing import Any

from rapidfuzz import fuzz, process
from sqlalchemy import Engine, text

from connectors.survey.fields import Profile
from hub.procedures.names import folded
from hub.suggest.fields import candidates
from hub.suggest.model import Proposal, said
from hub.suggest.statuses import Sampled
from mappings import Mapping
from mappings.paths import parse_path, value_at
from mappings.planned import FieldPlan
from schemas.records import Field

LEAST = 85
"""Score of 100 below which a name is not proposed; the nearest one is told."""
LIST = "local_procedures"

_HIDDEN_BASE = re.compile(r"(?<!\d)0?(\d)[._ -]?(\d{6})(?!\d)")
_NAME = Field("procedure_name", "text", "name of the procedure")


def national(engine: Engine) -> dict[str, str]:
    """Codes and names of the national procedures in force."""
    query = text("SELECT procedure_code, name FROM procedure_version WHERE valid_to IS NULL ORDER BY 1")
    with engine.connect() as connection:
        return {code: name for code, name in connection.execute(query)}


def local_names(engine: Engine, province: str) -> dict[str, str]:
    """Names by code in the province's own list, where it was read."""
    query = text("SELECT local_code, name FROM province_procedure WHERE province = :province AND gone_at IS NULL")
    with engine.connect() as connection:
        return {code: name for code, name in connection.execute(query, {"province": province})}


def proposals(
    mapping: Mapping, sampled: Sampled, profile: Profile, known: dict[str, str], names: dict[str, str]
) -> list[Proposal]:
    """A line for each procedure code that is no national one, and before them the rule that makes the lines count."""
    plan = next((plan for plan in mapping.plans if plan.target == "procedure_code"), None)
    if not isinstance(plan, FieldPlan) or not plan.paths or plan.paths[0] is None:
        return []
    path = plan.paths[0]
    named = candidates(_NAME, profile)
    unknown: dict[str, tuple[str, int]] = {}
    for record, mapped in sampled:
        code = value_at(path, record)
        if code in (None, "") or mapped.record.get("procedure_code") in known:
            continue
        name = names.get(str(code)) or _name(record, [one[1] for one in named])
        unknown[str(code)] = (name, unknown.get(str(code), ("", 0))[1] + 1)
    by_name = {folded(name): code for code, name in known.items()}
    found = [_proposal(code, name, count, known, by_name) for code, (name, count) in unknown.items()]
    if found and not (plan.reader and plan.reader.name == LIST):
        rule = f"procedure_code: {{from: {said(path.text)}, as: procedure_base, list: {LIST}}}"
        found.append(
            Proposal(
                "procedures",
                "dossier",
                rule,
                100,
                f"makes the lines under {LIST} count",
                sum(p.dossiers for p in found),
            )
        )
    return sorted(found, key=lambda one: (one.place != "dossier", -one.dossiers))


def _name(record: dict[str, Any], paths: Sequence[str]) -> str:
    for path in paths:
        value = value_at(parse_path(path), record)
        if isinstance(value, str) and value.strip():
            return value
    return ""


def _proposal(code: str, name: str, count: int, known: dict[str, str], by_name: dict[str, str]) -> Proposal:
    def line(is_: str) -> str:
        return f"- {{code: {said(code)}, is: {is_}}}"

    for match in _HIDDEN_BASE.finditer(code):
        base = f"{match[1]}.{match[2]}"
        if base in known:
            why = f"the base {base} stands in the code: {_short(known[base])}"
            return Proposal("procedures", LIST, line(base), 95, why, count)
    best = process.extractOne(folded(name), by_name.keys(), scorer=fuzz.ratio) if name else None
    if best is None:
        return Proposal(
            "procedures", LIST, line("?"), 0, "no candidate: the code has no base and comes without a name", count
        )
    base, score = by_name[best[0]], round(best[1])
    if score < LEAST:
        why = f"no candidate: '{_short(name)}' is nearest to {base} '{_short(known[base])}' ({score} of {LEAST})"
        return Proposal("procedures", LIST, line("?"), 0, why, count)
    return Proposal("procedures", LIST, line(base), score, f"name '{_short(name)}' like '{_short(known[base])}'", count)


def _short(name: str, most: int = 70) -> str:
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"
