"""`lienthong migrate rehearse | reconcile | go | verify`: try it, prove it, and see whether it may be opened."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from hub.cli.migrating import Opened, PlanSlug, open_plan
from hub.cli.moments import past_moment
from hub.cli.output import NO, OK, Json, out, print_json, progress_bars, say_long
from hub.cli.sync import parse_time
from hub.config import Settings
from schemas.statuses import NATIONAL_STATUSES

At = Annotated[str | None, typer.Option("--at", help="Take this moment for now.", show_default=False)]

TWO_SIDED = ("field", "file", "twice")
"""Kinds of difference that have a value on each side."""
SHOWN = 8
"""Rows of a table that tells what is other than in the last rehearsal."""


def register(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command("rehearse")(rehearse)
    app.command("reconcile")(reconcile)
    app.command("go")(go)
    app.command("verify")(verify)


def rehearse(
    slug: PlanSlug,
    mark: Annotated[
        str | None, typer.Option("--mark", help="The history reaches to here; else to now.", show_default=False)
    ] = None,
    at: At = None,
    as_json: Json = False,
) -> None:
    """The whole run against the plan's rehearsal target, as often as one likes; compared with the last rehearsal.

    What earlier rehearsals left there is rolled back first; one that was broken off goes on. Exit codes: 0 nothing is
    unaccounted and both sides are equal, 1 something is not.
    """
    from hub.migration import flow
    from hub.migration.proof.rehearsal import rehearse as run

    opened, until = open_plan(slug), parse_time(mark, "--mark")
    with progress_bars(quiet=as_json) as progress:
        m = flow.begin(opened.settings, opened.engine, slug, "rehearsal", clock=_clock(at), mark=until)
        m.progress = progress
        report = run(m, processes=2 * (os.cpu_count() or 1))
    fine = report["proof"]["equal"]
    if as_json:
        print_json(report)
    else:
        _show_rehearsal(report)
    raise typer.Exit(OK if fine else NO)


def reconcile(
    slug: PlanSlug,
    reread: Annotated[
        bool, typer.Option("--reread/--no-reread", help="Read every source again, to find what was never read.")
    ] = True,
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Prove the last rehearsal instead.")] = False,
    at: At = None,
    as_json: Json = False,
) -> None:
    """The proof: the target's own list and the sources' own lists against the account, with evidence and its digest.

    Exit codes: 0 nothing is unaccounted and both sides are equal in every field, 1 something is not.
    """
    from hub.migration.attempt import must_be_current
    from hub.migration.proof.proving import prove

    opened = open_plan(slug)
    past_moment(at)
    attempt = must_be_current(opened.engine, slug, "rehearsal" if rehearsal else "cutover")
    with progress_bars(quiet=as_json) as progress:
        proof = prove(_migrating(opened, attempt.migration_id, at, progress=progress), reread=reread)
    if as_json:
        print_json({"plan": slug, **proof.as_dict()})
    else:
        _show_proof(slug, proof)
    raise typer.Exit(OK if proof.equal else NO)


def go(slug: PlanSlug, at: At = None, as_json: Json = False) -> None:
    """GO or NO-GO: every gate green or red, and why; also writes the page. Asks no peer. Exit codes: 0 GO, 1 NO-GO."""
    from hub.migration.cutover.gates import go as may
    from hub.migration.cutover.gates import judge
    from hub.migration.watching.page import write_page

    opened, now = open_plan(slug), parse_time(at, "--at") or datetime.now(UTC)
    gates = judge(opened.engine, opened.plan, now)
    page = write_page(opened.engine, opened.settings, opened.plan, now, gates)
    yes = may(gates)
    if as_json:
        print_json({"plan": slug, "go": yes, "gates": [gate.as_dict() for gate in gates], "page": str(page)})
    else:
        red = sum(not gate.green for gate in gates)
        out.print(Text(f"{slug}: GO", "bold green") if yes else Text(f"{slug}: NO-GO, {red} red", "bold red"))
        for gate in gates:
            sign = Text(" ✓ ", "green") if gate.green else Text(" ✗ ", "bold red")
            may_be = f"{gate.value} (asked: {gate.threshold})"
            out.print(Text.assemble(sign, (f"{gate.name:<16}", "bold"), may_be), highlight=False, soft_wrap=True)
            out.print(Text(f"     {gate.why}", "dim" if gate.green else ""), highlight=False, soft_wrap=True)
        out.print(str(page), highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(OK if yes else NO)


def verify(
    folder: Annotated[Path, typer.Argument(help="Folder of a proof, under proofs/ of the data folder.")],
    digest: Annotated[
        str | None, typer.Option("--digest", help="The digest that was signed; else the hub's own, where it has it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Whether the evidence of a proof is as it was written. Exit codes: 0 it is, 1 a file or the manifest is not."""
    from hub.migration.proof.evidence import manifest_digest
    from hub.migration.proof.evidence import verify as run

    found = manifest_digest(folder)
    signed = digest or _signed(folder)
    wrong = run(folder, signed)
    if as_json:
        print_json({"folder": str(folder), "digest": found, "signed": signed, "sound": not wrong, "wrong": wrong})
    else:
        for line in wrong:
            out.print(f" ✗ {line}", style="red", markup=False, highlight=False, soft_wrap=True)
        if not wrong:
            out.print("Every file is as it was written.", highlight=False)
        words = "no digest to hold it against: --digest" if signed is None else "as signed" if found == signed else ""
        out.print(f"digest {found}" + (f" ({words})" if words else ""), highlight=False, soft_wrap=True)
    raise typer.Exit(NO if wrong else OK)


def _signed(folder: Path) -> str | None:
    """The digest that the hub kept of this folder; None for evidence from elsewhere."""
    from hub.migration.proof.proving import digest_kept
    from hub.store import database_url, engine_of

    home = Settings.from_environment().home
    if not folder.resolve().is_relative_to((home / "proofs").resolve()):
        return None
    return digest_kept(engine_of(database_url(home)), folder.resolve())


def _migrating(opened: Opened, number: int, at: str | None, **passed_in: Any) -> Any:
    from hub.migration.attempt import migrating

    passed_in["clock"] = _clock(at)
    return migrating(opened.settings, opened.engine, opened.plan.slug, number, **passed_in)


def _clock(at: str | None) -> Callable[[], datetime]:
    moment = parse_time(at, "--at")
    return lambda: moment or datetime.now(UTC)


def _show_proof(slug: str, proof: Any) -> None:
    counts, rows = proof.counts, proof.counts["rows"]
    word = Text("equal", "bold green") if proof.equal else Text("not equal", "bold red")
    out.print(Text(f"{slug} · proof {proof.proof_id}: ").append_text(word), highlight=False)
    columns = ("dossiers", "migrated", "held", "out_of_scope", "unaccounted", "gone", "changed")
    table = Table("source", *(name.replace("_", " ") for name in columns), box=None, padding=(0, 1))
    for source, one in sorted(counts["sources"].items()):
        table.add_row(source, *(_number(one[name], name in columns[4:]) for name in columns))
    out.print(table, highlight=False)
    out.print(_by_status(counts["sources"]), highlight=False)
    for source, one in sorted(counts["sources"].items()):
        for verdict in ("unaccounted", "held", "out_of_scope"):
            for reason, count in sorted(one["by_reason"].get(verdict, {}).items(), key=lambda pair: -pair[1]):
                out.print(f"  {verdict.replace('_', ' ')} · {source} · {reason}: {count:,}", highlight=False)
    out.print(
        f"  both sides: {rows['joined']:,} joined, {rows['full_match']:,} equal in every field,"
        f" {rows['only_source']:,} only here, {rows['only_target']:,} only there, {rows['twice']:,} twice",
        highlight=False,
        soft_wrap=True,
    )
    for name, one in sorted(counts["fields"].items(), key=lambda pair: (pair[1]["share"], pair[0])):
        if one["share"] < 1:
            out.print(f"  {name}: {one['equal']:,} of {one['compared']:,} equal", highlight=False)
    files = counts["files"]
    states = ", ".join(f"{state} {count:,}" for state, count in files["by_state"].items()) or "none"
    out.print(f"  files: {states}; {files['bytes']:,} bytes here, {files['bytes_there']:,} there", highlight=False)
    for one in proof.samples:
        field = f" · {one['field']}" if one["field"] else ""
        sides = f": {one['ours'] or '–'} here, {one['theirs'] or '–'} there" if one["kind"] in TWO_SIDED else ""
        words = f"  {one['kind']} · {one['dossier_code']}{field}{sides}"
        out.print(words, markup=False, highlight=False, soft_wrap=True)
    say_long(f"evidence {proof.folder}")
    say_long(f"digest {proof.digest}")


def _by_status(sources: dict[str, Any]) -> Table:
    """All sources together, by national status."""
    verdicts = ("migrated", "held", "out_of_scope", "unaccounted")
    sums: dict[str, dict[str, int]] = {}
    for one in sources.values():
        for status, counts in one["by_status"].items():
            found = sums.setdefault(status, dict.fromkeys(verdicts, 0))
            for verdict, count in counts.items():
                found[verdict] += count
    table = Table("status", *(name.replace("_", " ") for name in verdicts), box=None, padding=(0, 1))
    for status, counts in sorted(sums.items(), key=lambda pair: int(pair[0] or 0)):
        name = NATIONAL_STATUSES.get(int(status), "") if status else "không rõ"
        table.add_row(f"{status} {name}".strip(), *(_number(counts[one], one == "unaccounted") for one in verdicts))
    return table


def _number(count: int, is_bad: bool) -> Text:
    return Text(f"{count:,}", "red" if count and is_bad else "")


def _show_rehearsal(report: dict[str, Any]) -> None:
    proof = report["proof"]
    out.print(f"[bold]{report['plan']}[/bold] · rehearsal {report['migration_id']} up to {report['until']}")
    table = Table("source", "dossiers", "created", "changed", "unchanged", "held", "out of scope", box=None)
    for source, one in report["sources"].items():
        numbers = (one["dossiers"], *(one.get(name, 0) for name in ("created", "updated", "unchanged")))
        left = (sum(one[name].values()) for name in ("held", "out_of_scope"))
        table.add_row(source, *(f"{number:,}" for number in (*numbers, *left)))
    out.print(table, highlight=False)
    for name in ("held", "out_of_scope"):
        reasons = [(reason, n, slug) for slug, one in report["sources"].items() for reason, n in one[name].items()]
        for reason, count, source in sorted(reasons, key=lambda one: -one[1]):
            out.print(f"  {name.replace('_', ' ')} · {source} · {reason}: {count:,}", highlight=False)
    for field, ways in report["recoded"].items():
        out.print(f"  recoded · {field}: " + ", ".join(f"{way} {n:,}" for way, n in ways.items()), highlight=False)
    for one in report["files"]:
        out.print(f"  files · {one['state']} {one['reason']}: {one['files']:,}", markup=False, highlight=False)
    _show_compared(report["compared"])
    verdict = "equal" if proof["equal"] else f"not equal, {proof['unaccounted']:,} unaccounted"
    out.print(f"  proof {proof['proof_id']}: {proof['full_match']:,} of {proof['joined']:,} equal; {verdict}")
    say_long(f"digest {report['digest']}")


def _show_compared(compared: dict[str, Any] | None) -> None:
    if compared is None:
        out.print("  the first rehearsal of this plan: nothing to compare it with", highlight=False)
        return
    out.print(f"  beside rehearsal {compared['with']}: {compared['same']:,} dossiers as then", highlight=False)
    for one in compared["changes"][:SHOWN]:
        way = " -> ".join(filter(None, (one["before"], one["after"])))
        codes = ", ".join(one["codes"])
        line = f"    {one['kind']} · {one['source']} · {way}: {one['dossiers']:,} ({codes})"
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(compared["changes"]) > SHOWN:
        out.print(f"    and {len(compared['changes']) - SHOWN} more groups: --json", highlight=False)
