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
MIGRATION_GROWTH = 1.15
"""Times as much as one of 10,000 dossiers that one of a million may cost to read for a migration."""
MIGRATION_SIZE = 100_000
"""Of a shorter history the fixed part says more than the growth."""
MIGRATION_PEAK_MB = 400


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
    return says + (migration_missed(found["migration"]) if "migration" in found else [])


def migration_missed(found: Mapping[str, Any]) -> list[str]:
    """The same for what benchmarks.migration found."""
    says = []
    growth = min(found["growth"], found["work_growth"])  # seconds also tell of the machine's neighbours
    if growth > MIGRATION_GROWTH and found["size"] >= MIGRATION_SIZE:
        says.append(
            f"A dossier of {found['size']:,} costs {growth:.2f} times one of the first;"
            f" the limit is {MIGRATION_GROWTH:g}."
        )
    if (found["last_tenth"] or 0) > MIGRATION_GROWTH:
        says.append(
            f"The last tenth of {found['size']:,} dossiers took {found['last_tenth']:.2f} times as long as the first;"
            f" the limit is {MIGRATION_GROWTH:g}."
        )
    if found["peak_mb"] >= MIGRATION_PEAK_MB:
        says.append(f"{found['peak_mb']} MB for a migration's history; the limit is {MIGRATION_PEAK_MB} MB.")
    if found["new"] < found["size"] * 0.99:  # the sandbox repeats a few
        says.append(f"{found['size'] - found['new']:,} dossiers of {found['size']:,} are not in the account.")
    return says
