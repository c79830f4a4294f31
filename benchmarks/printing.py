"""The result as tables."""

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import floors


def show(console: Console, found: dict[str, Any]) -> None:
    """Rates and ratios, where the time goes, what the peers could serve, memory."""
    console.print(_rates(found))
    console.print(_costs(found))
    console.print(_gate(found))
    for kind, peer in found["peers"].items():
        console.print(
            f"{kind.upper()} pages hold {peer['bytes_per_record']:,} bytes a record. The sandbox makes "
            f"{peer['sandbox_per_second']:,} records a second; replayed from files, as every contestant read them, "
            f"{peer['replayed_per_second']:,}."
        )
    for kind, cost in found["language"].items():
        each = found["language_us"][kind]
        console.print(
            f"Reading {kind.upper()} through the spec: {each['spec']:.0f} microseconds a record, by hand "
            f"{each['by_hand']:.0f}: {cost:.2f} times as long (limit {floors.LANGUAGE:g})."
        )
    at_once = found["together"]
    console.print(
        f"{at_once['provinces']} provinces, one per vendor, {at_once['records']:,} records: "
        f"{at_once['one_after_the_other_s']} s one after the other, {at_once['together_s']} s at once "
        f"({at_once['gain']:.2f} x), {at_once['cores_busy']:.2f} cores busy."
    )
    for kind, memory in found["memory"].items():
        console.print(
            f"Peak memory of pull, check and merge of {found['memory_size']:,} dossiers over {kind.upper()}: "
            f"{memory['peak_mb']} MB (limit {floors.PEAK_MB}), {memory['seconds']:.0f} s."
        )
    show_migration(console, found["migration"])


def show_migration(console: Console, found: dict[str, Any]) -> None:
    """What a dossier costs in a migration's history, by the history's size, and the largest process."""
    costs = ", ".join(
        f"{int(size):,}: {cost:,.0f} ({found['work_us'][size]:,.0f} of work)"
        for size, cost in found["us_per_dossier"].items()
    )
    tenth = "" if found["last_tenth"] is None else f", the last tenth {found['last_tenth']:.2f} times the first"
    console.print(
        f"A migration's history, pull -> recode -> check -> merge, microseconds a dossier by its size: {costs}"
        f" (growth {found['growth']:.2f}, of work {found['work_growth']:.2f}{tenth};"
        f" limit {floors.MIGRATION_GROWTH:g}); {found['per_second']:,} a second,"
        f" {found['peak_mb']} MB (limit {floors.MIGRATION_PEAK_MB})."
    )


def _rates(found: dict[str, Any]) -> Table:
    title = f"pull -> map -> check -> merge, {found['size']:,} dossiers, {found['rounds']} rounds in turn"
    table = Table(title=title, title_justify="left")
    table.add_column("into PostgreSQL")
    for name in ("best, records/s", "ratio (median)", "floor"):
        table.add_column(name, justify="right")
    soap, rest = found["soap"], found["rest"]
    table.add_row(
        "SOAP: the hub", f"{soap['per_second']:,}", f"{soap['vs_zeep_orm']:.1f} x", f"{floors.VS_ZEEP_ORM:g} x"
    )
    table.add_row("SOAP: zeep + SQLAlchemy ORM", f"{found['zeep_orm_per_second']:,}", "1", "")
    table.add_row("REST: the hub", f"{rest['per_second']:,}", f"{rest['vs_dlt']:.1f} x", f"{floors.VS_DLT:g} x")
    table.add_row("REST: dlt rest_api, merge", f"{found['dlt_per_second']:,}", "1", "")
    return table


def _gate(found: dict[str, Any]) -> str:
    """How much of the large run the gate takes; it has a second of its own however few the records."""
    shares = ", ".join(f"{kind.upper()} {share:.1%}" for kind, share in found["gate_share"].items())
    size = f"{found['memory_size']:,}"
    return (
        f"The gate's share of pull -> map -> check -> merge, {size} dossiers: {shares}; limit {floors.GATE_SHARE:.0%}."
    )


def _costs(found: dict[str, Any]) -> Table:
    """Microseconds a record, and their share of the whole run; parts of the pull stand below it."""
    table = Table(title="where the hub's time goes, microseconds a record", title_justify="left")
    table.add_column("")
    for kind in found["stages"]:
        table.add_column(kind.upper(), justify="right")
        table.add_column("share", justify="right")
    for stage in ("pull", "check", "merge"):
        _line(table, stage, {kind: s[stage] / found["size"] * 1e6 for kind, s in found["stages"].items()}, found)
        if stage == "pull":
            for part in ("fetch", "parse", "map", "COPY lines", "compress", "COPY"):
                _line(table, f"  {part}, alone", {k: p[part] for k, p in found["parts_us"].items()}, found)
    return table


def _line(table: Table, name: str, costs: dict[str, float], found: dict[str, Any]) -> None:
    cells = [name]
    for kind, stages in found["stages"].items():
        whole = sum(stages.values()) / found["size"] * 1e6
        cells += [f"{costs[kind]:.0f}", f"{costs[kind] / whole:.0%}"]
    table.add_row(*cells)
