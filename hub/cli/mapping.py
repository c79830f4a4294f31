"""`lienthong mapping test | coverage | show`: whether mappings do what they say, and what of the messages they read."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from connectors.survey.fields import masked
from hub.cli.output import NO, Json, local_time, out, print_json, progress_bars, say_long
from hub.cli.sync import Slug, parse_time, ready_hub
from hub.config import Settings
from hub.coverage import Coverage, coverage
from hub.errors import ConfigurationError
from hub.onboarding.known_fields import FieldDiff
from mappings import CodeLists, kinds_of, load_mapping
from mappings.examples import Tested, examine
from mappings.planned import FieldPlan, ListPlan, Plan
from schemas.masking import mask_text
from schemas.personal import kind_of

app = typer.Typer(help="Mappings: run their examples, measure what they read, show their rules.", no_args_is_help=True)

SHOWN = 8
"""Values of a code list and paths of a kind that the screen names; --json has all."""

Names = Annotated[list[str] | None, typer.Argument(help="Mappings or overlays; without one all of every folder.")]


@app.command("test")
def test_command(names: Names = None, as_json: Json = False) -> None:
    """Run the examples of mappings and overlays. Exit code 1 when one fails or a file cannot be used.

    What an example says stands beside what came, with file and line; personal data is masked.
    """
    folders = [folder / "mappings" for folder in Settings.from_environment().folders]
    with progress_bars(quiet=as_json) as progress:
        found = examine(names or (), folders, progress=lambda done, total: progress("examples", done, total))
    ok = all(one.ok for one in found)
    if as_json:
        print_json({"ok": ok, "mappings": [_tested_dict(one) for one in found]})
    else:
        _say_tested(found)
    raise typer.Exit(0 if ok else NO)


def _tested_dict(one: Tested) -> dict[str, Any]:
    return {
        "mapping": one.mapping,
        "overlay": one.overlay,
        "kind": one.kind,
        "examples": one.examples,
        "passed": one.passed,
        "failures": [
            {
                "where": failure.where,
                "field": failure.field,
                "expected": shown(failure.expected, failure.field),
                "got": shown(failure.got, failure.field),
            }
            for failure in one.failures
        ],
        "faults": [
            {"file": fault.file, "line": fault.line, "key": fault.key, "what": fault.what, "next_step": fault.next_step}
            for fault in one.faults
        ],
    }


def _say_tested(found: list[Tested]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("mapping", "overlay", "records", "examples", "passed"):
        table.add_column(title, justify="right" if title in ("examples", "passed") else "left")
    for one in found:
        style = "red" if not one.ok else "yellow" if not one.examples else None
        counts = ("-", "cannot be used") if one.faults else (str(one.examples), str(one.passed))
        table.add_row(one.mapping, one.overlay or "", one.kind, *counts, style=style)
    out.print(table, highlight=False)
    for one in found:
        for fault in one.faults:
            say_long(f"✗ {fault}", "red")
        for failure in one.failures:
            out.print(f"✗ {failure.where} · {failure.field}", style="red", markup=False, highlight=False)
            out.print(f"    expected  {shown(failure.expected, failure.field)}", markup=False, highlight=False)
            out.print(f"    got       {shown(failure.got, failure.field)}", markup=False, highlight=False)
    total, passed = sum(one.examples for one in found), sum(one.passed for one in found)
    broken = sum(1 for one in found if one.faults)
    said = f"{passed:,} of {total:,} examples hold" + (f"; {broken} cannot be used" if broken else "")
    out.print(f"{said}.", style="green" if all(one.ok for one in found) else "red", highlight=False)


def shown(value: Any, *keys: str) -> Any:
    """A value with what is about a person masked, by the names it stands under; lists and tables keep their shape."""
    if isinstance(value, dict):
        return {key: shown(inner, *keys, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [shown(inner, *keys) for inner in value]
    if not isinstance(value, str):
        return value
    return mask_text(value) if kind_of(keys, value) in (None, "words") else masked(keys, value)


@app.command("coverage")
def coverage_command(
    province: Slug,
    records: Annotated[int, typer.Option(min=1, help="Records at most, newest first.")] = 2_000,
    since: Annotated[str | None, typer.Option(help="Only messages received from here on.")] = None,
    as_json: Json = False,
) -> None:
    """Map the newest records of the message log again and count what each rule made of them.

    Canonical fields: filled, blank, refused, by which rule. Source fields: how often they came, what reads them. Code
    lists: the values seen and those that are unknown. Sends nothing and stores nothing; values are masked.
    """
    start = parse_time(since, "--since")
    with progress_bars(quiet=as_json) as progress:
        hub = ready_hub(province, progress=progress)
        found, diff = coverage(hub, records, start)
    if as_json:
        print_json(_coverage_dict(province, hub.province.mapping_name, hub.province.overlay, found, diff))
        return
    place = f"{hub.province.province.name} · {province} · {hub.province.mapping_name}"
    over = f" + {hub.province.overlay}" if hub.province.overlay else ""
    out.print(f"[bold]{escape(place + over)}[/bold]", highlight=False)
    span = f"{local_time(found.first)} to {local_time(found.last)}"
    counts = f"records {found.records:,} in messages {found.messages:,}, refused by the mapping {found.held:,}"
    out.print(f"  {counts}; {span}", highlight=False)
    out.print("  Every copy counts: a dossier that several runs read is as many records.", style="dim", highlight=False)
    if found.unreadable:
        out.print(f"  {found.unreadable:,} messages are not read any more: the spec was changed.", style="yellow")
    _say_fields(found)
    _say_sources(found, diff)
    _say_codes(found)


def _coverage_dict(
    province: str, mapping: str, overlay: str | None, found: Coverage, diff: FieldDiff
) -> dict[str, Any]:
    return {
        "province": province,
        "mapping": mapping,
        "overlay": overlay,
        "records": found.records,
        "refused": found.held,
        "messages": found.messages,
        "unreadable": found.unreadable,
        "from": found.first.isoformat() if found.first else None,
        "to": found.last.isoformat() if found.last else None,
        "fields": [
            {
                "field": one.name,
                "rule": one.rule,
                "path": one.path,
                "places": one.places,
                "filled": one.filled,
                "blank": one.blank,
                "refused": dict(one.refused.most_common()),
                "chosen": dict(one.chosen.most_common()),
            }
            for one in found.fields.values()
        ],
        "notes": [{"kind": kind, "field": name, "count": count} for (kind, name), count in found.notes.most_common()],
        "paths": [
            {
                "path": seen.path,
                "present": seen.present,
                "filled": seen.records,
                "feeds": diff.feeds(seen.path),
                "examples": seen.examples(),
            }
            for seen in found.profile.shown()
        ],
        "never_read": diff.unread,
        "never_came": {path: diff.read[path] for path in diff.missing},
        "codes": [
            {
                "field": one.name,
                "rule": one.rule,
                "list": one.codes,
                "values": [
                    {
                        "value": mask_text(value),
                        "count": count,
                        "code": one.known.get(value),
                        "known": value in one.known,
                    }
                    for value, count in one.values.most_common()
                ],
                "unknown": sum(count for _, count in one.unknown()),
                "more": one.more,
            }
            for one in found.codes.values()
        ],
    }


def _say_fields(found: Coverage) -> None:
    rules = Counter((one.rule or "").rpartition(":")[0] for one in found.fields.values())
    base = rules.most_common(1)[0][0]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("field", "filled", "%", "blank", "refused", "rule"):
        table.add_column(title, justify="left" if title in ("field", "refused") else "right", overflow="fold")
    for one in found.fields.values():
        share = f"{100 * one.filled / one.places:.0f}" if one.places else ""
        refused = ", ".join(f"{reason} {count:,}" for reason, count in one.refused.most_common())
        style = "red" if refused else "dim" if not one.filled else None
        rule = (one.rule or "").removeprefix(f"{base}:").removeprefix("mappings/")
        table.add_row(escape(one.name), f"{one.filled:,}", share, f"{one.blank:,}", refused, escape(rule), style=style)
    out.print(table, highlight=False)
    out.print(f"  rules without a file are lines of {base}", style="dim", highlight=False)
    for one in found.fields.values():
        if one.chosen:
            taken = ", ".join(f"{path} {count:,}" for path, count in one.chosen.most_common())
            out.print(f"  {one.name} was taken from {taken}", style="dim", markup=False, highlight=False)
    if found.notes:
        said = ", ".join(f"{kind} of {name} {count:,}" for (kind, name), count in found.notes.most_common(SHOWN))
        out.print(f"  notes: {said}", style="dim", markup=False, highlight=False)


def _say_sources(found: Coverage, diff: FieldDiff) -> None:
    unread = [seen for seen in found.profile.shown() if seen.path in set(diff.unread)]
    if diff.missing:
        out.print(f"\n[bold]Read, but never came[/bold] ({len(diff.missing)})", highlight=False)
        for path in diff.missing:
            out.print(f"  {path} -> {', '.join(dict.fromkeys(diff.read[path]))}", markup=False, highlight=False)
    if unread:
        out.print(f"\n[bold]Came, but read by no rule[/bold] ({len(unread)})", highlight=False)
        for seen in sorted(unread, key=lambda one: -one.records):
            examples = " · ".join(seen.examples(2))
            out.print(f"  {seen.records:>6,}  {seen.path}  {examples}", style="dim", markup=False, highlight=False)


def _say_codes(found: Coverage) -> None:
    for one in found.codes.values():
        if not one.values:
            continue
        unknown = one.unknown()
        said = f"values {len(one.values):,}" + (f", unknown {len(unknown):,}" if unknown else ", all known")
        out.print(f"\n[bold]{one.name}[/bold] · {escape(one.codes or 'table')} · {said}", highlight=False)
        for value, count in unknown[:SHOWN]:
            out.print(f"  {count:>6,}  ✗ {_plain(value)}", style="red", markup=False, highlight=False)
        known = [(value, count) for value, count in one.values.most_common() if value in one.known]
        shown_ones = "; ".join(f"{_plain(value)} = {one.known[value]} ({count:,})" for value, count in known[:SHOWN])
        rest = f"; and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
        if known:
            out.print(Padding(escape(shown_ones + rest), (0, 0, 0, 10)), style="dim", highlight=False)


def _plain(value: str) -> str:
    """A source's value, masked; a flag as a word."""
    return {"False": "no (không)", "True": "yes (có)"}.get(value) or mask_text(value)


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="The mapping.")],
    overlay: Annotated[str | None, typer.Option(help="With this overlay laid over it.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this record kind, such as dossier.")] = None,
    as_json: Json = False,
) -> None:
    """The rules of a mapping in the order in which they are carried out, each with its source path, file and line."""
    folders = [folder / "mappings" for folder in Settings.from_environment().folders]
    kinds = kinds_of(name, folders)
    if kind is not None and kind not in kinds:
        raise ConfigurationError(
            f"the mapping has no rules for a {kind}", where=name, next_step=f"It has: {', '.join(kinds)}."
        )
    lists = CodeLists.load(folders, wrong_too=True)
    loaded = [load_mapping(name, one, folders, overlay, lists) for one in kinds if kind in (None, one)]
    if as_json:
        sections = {one.kind: [rule for plan in one.plans for rule in _rules(plan, "")] for one in loaded}
        print_json({"mapping": name, "overlay": overlay, "direction": loaded[0].direction, "rules": sections})
        return
    for one in loaded:
        rules = [rule for plan in one.plans for rule in _rules(plan, "")]
        files = sorted({rule["rule"].rpartition(":")[0] for rule in rules})
        out.print(f"[bold]{one.kind}[/bold] · {escape(', '.join(files))}", highlight=False)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for title in ("line", "field", "from", "as"):
            table.add_column(title, overflow="fold", justify="right" if title == "line" else "left")
        for rule in rules:
            file, _, line = rule["rule"].rpartition(":")
            place = line if len(files) == 1 else f"{file.rpartition('/')[2]}:{line}"
            table.add_row(place, *(escape(str(rule[key] or "")) for key in ("field", "path", "as")))
        out.print(table, highlight=False)


def _rules(plan: Plan, above: str) -> Iterator[dict[str, Any]]:
    """A rule in few words; those of a list's entries behind it."""
    name = above + plan.target
    rule = {"field": name, "path": plan.where.path, "as": "each", "rule": plan.where.rule, "required": False}
    if isinstance(plan, ListPlan):
        yield rule
        for item in plan.items:
            yield from _rules(item, f"{name}.")
        return
    value = plan.constant if plan.take == "value" else plan.default
    yield rule | {"as": _how(plan), "required": plan.where.mandatory, "value": value}


def _how(plan: FieldPlan) -> str:
    """The way of reading in the language's own words."""
    if plan.take == "value":
        return f"the constant {plan.constant}"
    if plan.looked_up:
        return f"list {plan.codes}" if plan.codes else "table"
    name = (plan.reader.name if plan.reader else "").removesuffix("_once").removesuffix("_out")
    kind, _, most = name.partition("_")
    return f"text, cut {most}" if kind == "text" and most.isdigit() else name
