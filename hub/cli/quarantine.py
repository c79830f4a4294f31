"""`lienthong quarantine list | show | redrive`."""

from typing import Annotated, Any

import orjson
import typer
from lxml import etree
from rich import box
from rich.table import Table

from hub.cli.output import NO, Json, local_time, out, print_json, progress_bars
from hub.cli.sync import ready_hub, run_lines
from hub.config import Settings, load_province
from hub.context import open_hub
from hub.quarantine import counts_by_reason, held_items, item, raw_of, rivals
from hub.redrive import redrive as run_redrive
from hub.store import database_url, engine_of, upgrade
from schemas.masking import mask_text
from schemas.reasons import explain

app = typer.Typer(help="What is held and why: list, show, redrive.", no_args_is_help=True)

Province = Annotated[str | None, typer.Argument(help="One province; without it all.")]
Reason = Annotated[str | None, typer.Option(help="Only this reason, such as unmapped_status.")]


@app.command("list")
def list_command(
    province: Province = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(help="Items at most, oldest first; 0: only the groups.")] = 20,
    as_json: Json = False,
) -> None:
    """Open items: grouped by reason, then the oldest. Values are masked."""
    settings = Settings.from_environment()
    if province:
        load_province(settings, province)
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    groups = counts_by_reason(engine, province, reason)
    items = [_masked(one) for one in held_items(engine, province, reason, limit or None)] if limit or as_json else []
    if as_json:
        print_json({"total": sum(group["items"] for group in groups), "groups": groups, "items": items})
        return
    if not groups:
        out.print(f"Nothing is held for '{reason}'." if reason else "Nothing is held.")
        return
    out.print(_groups_table(groups, with_province=province is None))
    for one in items:
        first = one["findings"][0]
        value = f" = {first['value']}" if first.get("value") else ""
        code = one["dossier_code"] or one["source_key"]
        out.print(f"item {one['item_id']} · {code} · changed {local_time(one['changed_at'])}", highlight=False)
        why = f"  {one['reason']}: {first['field']}{value}  ({first.get('rule') or one['stage']})"
        out.print(why, style="dim", markup=False, highlight=False)
    if sum(group["items"] for group in groups) > len(items) > 0:
        out.print("These changed longest ago; --limit shows more, `quarantine show ITEM` one whole.")


def _groups_table(groups: list[dict[str, Any]], *, with_province: bool) -> Table:
    """With one province also the field; over all of them the width goes to the words that one must type."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("province", "what", "reason") if with_province else ("what", "reason", "field"):
        table.add_column(name, no_wrap=True)
    table.add_column("dossiers", justify="right")
    table.add_column("held since")
    for group in groups:
        words = [group["kind"], group["reason"]]
        lead = [group["province"], *words] if with_province else [*words, group["field"] or ""]
        table.add_row(*lead, f"{group['dossiers']:,}", local_time(group["since"])[:10])
    return table


def _masked(one: dict[str, Any]) -> dict[str, Any]:
    findings = [{**found, "value": found.get("value") and mask_text(found["value"])} for found in one["findings"]]
    return {**one, "findings": findings}


@app.command()
def show(item_id: Annotated[int, typer.Argument(help="Number of the item.")], as_json: Json = False) -> None:
    """One item: every finding, the raw record as received, what the mapping made of it. Personal data is masked."""
    settings = Settings.from_environment()
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    found = item(engine, item_id)
    hub = open_hub(found["province"], settings)
    raw = ""
    if found["message_id"] is not None and found["position"] is not None:
        raw = mask_text(readable(raw_of(hub, found["message_id"], found["position"])))
    mapped = mask_text(orjson.dumps(found["mapped"], option=orjson.OPT_INDENT_2).decode())
    found = _masked(found)
    if as_json:
        print_json({**found, "mapped": orjson.loads(mapped), "raw": raw})
        return
    out.print(
        f"[bold]item {item_id}[/bold] · {found['province']} · {found['kind']} · {found['state']}", highlight=False
    )
    out.print(f"dossier {found['dossier_code'] or '–'}, changed {local_time(found['changed_at'])}", highlight=False)
    out.print("mapped:", style="bold")
    out.print(mapped, markup=False, highlight=False, soft_wrap=True)
    place = f"as received (message {found['message_id']}, record {found['position']}):"
    out.print(place, style="bold", highlight=False)
    out.print(raw or "not kept: the record did not come with a message", markup=False, highlight=False, soft_wrap=True)
    out.print("held because:", style="bold")
    for one in found["findings"]:
        value = f" = {one['value']!r}" if one.get("value") else ""
        out.print(f"  {one['reason']}: {one['field']}{value}  ({one.get('rule') or found['stage']})", markup=False)
        words = explain(one["reason"])
        out.print(f"    {words.meaning} · {words.nghia}. Ask {words.who}.", markup=False, highlight=False)
    for one in rivals(engine, found):
        which = f"item {one['item_id']}" if one["item_id"] else "the merged dossier"
        out.print(f"  beside it: {which}, record {one['source_key']}", markup=False, highlight=False)


def readable(raw: bytes) -> str:
    """A raw record on several lines, JSON or XML; anything else as it is."""
    text = raw.decode("utf-8", "replace")
    try:
        if text.lstrip().startswith("<"):
            root = etree.fromstring(
                raw, etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True)
            )
            etree.indent(root)
            return str(etree.tostring(root, encoding="unicode"))
        return orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2).decode()
    except (etree.XMLSyntaxError, orjson.JSONDecodeError):
        return text


@app.command()
def redrive(
    province: Annotated[str, typer.Argument(help="Province.")],
    reason: Reason = None,
    item_id: Annotated[list[int] | None, typer.Option("--item", help="Only this item; may be repeated.")] = None,
    dossier: Annotated[str | None, typer.Option(help="Only this dossier code.")] = None,
    as_json: Json = False,
) -> None:
    """Send held items through the mapping again, in time order. Exit code 1 when some are held still."""
    with progress_bars(quiet=as_json) as progress:
        result = run_redrive(ready_hub(province, progress=progress), reason=reason, item_ids=item_id, code=dossier)
    if as_json:
        print_json({"province": province, **result})
    elif not result["redriven"]:
        out.print("Nothing that is held fits.")
    else:
        out.print(run_lines(province, result, dry_run=False), highlight=False)
        out.print(f"  {result['freed']:,} of {result['redriven']:,} items freed")
    raise typer.Exit(0 if result["freed"] == result["redriven"] else NO)
