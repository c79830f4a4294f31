"""`lienthong quarantine list | show | export`; what is done about an item is in hub.cli.worklist."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from hub.cli.filters import Assignee, Dossier, Field, Items, OlderThan, Reason, Rule, Stage, Value, chosen_by
from hub.cli.item import shown_item
from hub.cli.output import Json, local_time, out, print_json
from hub.config import Settings, load_province
from hub.context import open_hub
from hub.quarantine import AGES, about, groups, item, listed, total
from hub.store import database_url, engine_of, upgrade
from hub.worklist.differing import differences
from schemas.masking import mask_text
from schemas.personal_fields import masked, masked_finding
from schemas.wording import in_words, value_for_people

app = typer.Typer(
    help="What is held and why, and what is done about it: list, show, assign, note, waive, decide, redrive, export.",
    no_args_is_help=True,
)

Province = Annotated[str | None, typer.Argument(help="One province; without it all.")]


@app.command("list")
def list_command(
    province: Province = None,
    reason: Reason = None,
    field: Field = None,
    value: Value = None,
    rule: Rule = None,
    assignee: Assignee = None,
    stage: Stage = None,
    older_than: OlderThan = None,
    dossier: Dossier = None,
    limit: Annotated[int, typer.Option(min=0, help="Items at most, oldest first; 0: only the groups.")] = 20,
    after: Annotated[
        int | None, typer.Option(help="The page behind this item, the last one of the page before.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Open items: grouped by reason, field and value with their age, then the oldest. Values are masked."""
    settings, now = Settings.from_environment(), datetime.now(UTC)
    if province:
        load_province(settings, province)
    chosen = chosen_by(now, province, reason, field, value, rule, assignee, stage, older_than, dossier)
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    found = [_masked_group(group) for group in groups(engine, chosen, now)]
    items = [_masked(one) for one in listed(engine, chosen, limit, after)] if limit else []
    count = total(engine, chosen)
    if as_json:
        print_json({"total": count, "groups": found, "items": items})
        return
    if not found:
        out.print("Nothing that is held fits." if chosen.words().keys() - {"province"} else "Nothing is held.")
        return
    out.print(_groups_table(found, with_province=province is None))
    for one in items:
        first = one["findings"][0]
        more = f" and {len(one['findings']) - 1} more" if len(one["findings"]) > 1 else ""
        whose = f" · {one['assignee']}" if one["assignee"] else ""
        code = one["dossier_code"] or one["source_key"]
        out.print(
            f"item {one['item_id']} · {code} · changed {local_time(one['changed_at'])}{whose}",
            markup=False,
            highlight=False,
        )
        why = f"  {one['reason']}: {in_words(first)}{more}  ({first.get('rule') or one['stage']})"
        out.print(why, style="dim", markup=False, highlight=False)
    if count > len(items) > 0:
        out.print(
            f"{count:,} items in all. The next page: --after {items[-1]['item_id']}; one whole: quarantine show ITEM."
        )


def _groups_table(found: list[dict[str, Any]], *, with_province: bool) -> Table:
    """A row for each reason and field, under it the values that most dossiers wait for; ages in days held."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("waits for", overflow="fold", min_width=38)
    for name in ("dossiers", "0–1 d", "2–7 d", "8–30", "older"):
        table.add_column(name, justify="right", no_wrap=True)
    before = None
    for group in found:
        if with_province and group["province"] != before:
            before = group["province"]
            table.add_row(Text(before, style="bold"))
        kind = "step: " if group["kind"] == "step" else ""
        ages = (group["ages"][age] for age in AGES)
        waits = Text(f"{kind}{group['reason']} · {group['field']}")
        table.add_row(waits, f"{group['dossiers']:,}", *(f"{count:,}" if count else "–" for count in ages))
        for one in group["values"]:
            table.add_row(
                Text(f"  = {value_for_people(group['field'], one['value'])}", style="dim"),
                f"{one['dossiers']:,}",
                style="dim",
            )
        if group["more"]:
            table.add_row(Text(f"  and {group['more']:,} other values", style="dim"))
    return table


def _masked_group(group: dict[str, Any]) -> dict[str, Any]:
    values = [{**one, "value": masked(group["field"], one["value"])} for one in group["values"]]
    return {**group, "values": values}


def _masked(one: dict[str, Any]) -> dict[str, Any]:
    record = one.get("person") or one.get("mapped")
    shown = {**one, "findings": [masked_finding(found, record) for found in one["findings"]]}
    shown.pop("person", None)
    return shown


@app.command()
def show(item_id: Annotated[int, typer.Argument(help="Number of the item.")], as_json: Json = False) -> None:
    """One item: findings, the record as received beside what the mapping made of it, history, what waits behind it.

    Personal data is masked.
    """
    settings = Settings.from_environment()
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    found = item(engine, item_id)
    around = {**about(engine, found), "differences": differences(engine, found)}
    shown_item(open_hub(found["province"], settings), _masked(found), around, as_json=as_json)


@app.command("export")
def export_command(
    province: Province = None,
    to: Annotated[Path, typer.Option("--to", help="The file: .csv or .xlsx.")] = Path("quarantine.xlsx"),
    reason: Reason = None,
    field: Field = None,
    value: Value = None,
    rule: Rule = None,
    assignee: Assignee = None,
    stage: Stage = None,
    older_than: OlderThan = None,
    dossier: Dossier = None,
    items: Items = None,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Personal data in clear; needs a permission.")] = False,
    by: Annotated[str | None, typer.Option(help="Who exports; without it LIENTHONG_USER.")] = None,
    why: Annotated[str | None, typer.Option(help="What personal data in clear is needed for.")] = None,
    as_json: Json = False,
) -> None:
    """Write what is held to a file for the vendor, a line for each finding. Personal data is masked."""
    from hub.audit import named_or_none
    from hub.worklist.export import export

    settings = Settings.from_environment()
    if province:
        load_province(settings, province)
    chosen = chosen_by(
        datetime.now(UTC), province, reason, field, value, rule, assignee, stage, older_than, dossier, items
    )
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    count = export(engine, chosen, to, who=named_or_none(by), why=why, unmasked=unmasked)
    if as_json:
        print_json({"file": str(to), "lines": count, "unmasked": unmasked})
    else:
        clear = "personal data in clear" if unmasked else "personal data masked"
        out.print(f"{count:,} lines in {mask_text(str(to))}, {clear}.", markup=False, highlight=False)
