"""The floors that a change must not fall below."""

from collections.abc import Mapping
from typing import Any

VS_ZEEP_ORM = 4.0
VS_DLT = 3.0
PEAK_MB = 300
LANGUAGE = 1.10
"""Times as long as a reader by hand that reading through the spec language may take."""
GATE_SHARE = 0.15
"""Of a run (pull, map, check, merge) that the gate may take."""
CORES_BUSY = 1.6
"""Of two, while a province of each vendor is synced at once."""


def missed(found: Mapping[str, Any]) -> list[str]:
    """A sentence for each floor that a result misses; `found` is what latest.json holds."""
    soap, rest, peak = found["soap"]["vs_zeep_orm"], found["rest"]["vs_dlt"], found["peak_mb"]
    says = []
    if soap < VS_ZEEP_ORM:
        says.append(f"SOAP runs {soap:.1f} times as fast as zeep + ORM; the floor is {VS_ZEEP_ORM:g}.")
    if rest < VS_DLT:
        says.append(f"REST runs {rest:.1f} times as fast as dlt; the floor is {VS_DLT:g}.")
    if (busy := found["together"]["cores_busy"]) < CORES_BUSY:
        says.append(f"{busy:.2f} cores are busy while all provinces are synced; the floor is {CORES_BUSY:g}.")
    for kind, cost in found["language"].items():
        if cost > LANGUAGE:
            says.append(
                f"Reading {kind.upper()} through the spec takes {cost:.2f} times as long as by hand; "
                f"the limit is {LANGUAGE:g}."
            )
    for kind, share in found["gate_share"].items():
        if share > GATE_SHARE:
            says.append(f"The gate takes {share:.0%} of a run over {kind.upper()}; the limit is {GATE_SHARE:.0%}.")
    if peak >= PEAK_MB:
        says.append(f"{peak} MB at {found['memory_size']:,} dossiers; the limit is {PEAK_MB} MB.")
    return says
