"""`lienthong quarantine assign | note | waive | decide | reopen | redrive` and `lienthong audit list`."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from hub import audit
from hub.cli.filters import Assignee, Dossier, Field, Items, OlderThan, Reason, Rule, Stage, Value, chosen_by
from hub.cli.item import entry_line
from hub.cli.output import NO, Json, out, print_json, progress_bars
from hub.cli.sync import Slug, ready_hub, run_lines
from hub.config import Settings, load_province
from hub.context import Hub
from hub.errors import ConfigurationError
from hub.quarantine import item
from hub.store import database_url, engine_of, upgrade
from schemas.masking import mask_json

Number = Annotated[int, typer.Argument(metavar="ITEM", help="Number of the item.")]
Numbers = Annotated[list[int], typer.Argument(metavar="ITEM…", help="Numbers of the items.")]
By = Annotated[str | None, typer.Option(help="Who decides; without it LIENTHONG_USER.")]
Why = Annotated[str, typer.Option(help="The reason, kept with the name.")]
Version = Annotated[
    int | None, typer.Option(help="Only when the item is still at this version (show --json): nobody came between.")
]

audit_app = typer.Typer(help="Who decided what, when and why.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to the group `quarantine`."""
    for command in (assign, note, waive, decide, reopen, redrive):
        app.command()(command)


def assign(
    items: Numbers,
    to: Annotated[str, typer.Option(help="Who works on them from now on; `nobody` gives them back.")],
    by: By = None,
    version: Version = None,
    as_json: Json = False,
) -> None:
    """Give items to a person. What another person works on is taken over only with the version that was seen."""
    from hub.worklist.work import assign as give

    who = audit.person(by)
    count = give(_engine(), items, to, who, version)
    if as_json:
        print_json({"assigned": count, "to": to, "by": who})
    else:
        out.print(f"{count} {'item' if count == 1 else 'items'} assigned to {to}.", markup=False, highlight=False)


def note(
    items: Numbers,
    said: Annotated[str, typer.Argument(metavar="TEXT", help="What there is to say.")],
    by: By = None,
    version: Version = None,
    as_json: Json = False,
) -> None:
    """Write a note on items; it stands in their history with the name."""
    from hub.worklist.work import note as write

    who = audit.person(by)
    count = write(_engine(), items, said, who, version)
    if as_json:
        print_json({"noted": count, "by": who})
    else:
        out.print(f"Noted on {count} {'item' if count == 1 else 'items'}.", highlight=False)


def waive(
    item_id: Number,
    why: Why,
    by: By = None,
    reason: Annotated[str | None, typer.Option(help="Only the findings of this reason.")] = None,
    version: Version = None,
    as_json: Json = False,
) -> None:
    """Let a record through in spite of a finding, under a name and a reason, and redrive it.

    Only what a rule calls waivable; a late step is laid aside. Exit code 1 when the item is held still.
    """
    from hub.worklist.deciding import waive as run_waive

    who = audit.person(by)
    _must_have_a_reason(why)
    with progress_bars(quiet=as_json) as progress:
        _answer(run_waive(_hub_of(item_id, progress), item_id, who, why, reason=reason, version=version), as_json)


def decide(
    item_id: Number,
    keep: Annotated[bool, typer.Option("--keep/--aside", help="This record is right, or it is the wrong one.")],
    why: Why,
    by: By = None,
    version: Version = None,
    as_json: Json = False,
) -> None:
    """Decide which of several records with one dossier code is right; the others are laid aside, and it is redriven."""
    from hub.worklist import deciding

    who = audit.person(by)
    _must_have_a_reason(why)
    with progress_bars(quiet=as_json) as progress:
        run = deciding.keep if keep else deciding.aside
        _answer(run(_hub_of(item_id, progress), item_id, who, why, version=version), as_json)


def reopen(item_id: Number, why: Why, by: By = None, version: Version = None, as_json: Json = False) -> None:
    """Take a decision back: its waivers end, and the item and the rivals that it laid aside are held again."""
    from hub.worklist.reopening import reopen as run_reopen

    who = audit.person(by)
    _must_have_a_reason(why)
    with progress_bars(quiet=True) as progress:
        result = run_reopen(_hub_of(item_id, progress), item_id, who, why, version=version)
    if as_json:
        print_json(result)
        return
    held = ", ".join(map(str, result["reopened"])) or "none"
    out.print(f"Waivers ended: {result['waivers_ended']}; items held again: {held}.", highlight=False)
    if result["state"] != "held":
        out.print(f"  item {item_id} stays {result['state']}: its version has gone through.", highlight=False)


def _answer(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        out.print(f"item {result['item_id']} is {result['state']}.", highlight=False)
        if result["still_held_for"]:
            out.print(f"  held still for: {', '.join(result['still_held_for'])}", style="yellow", highlight=False)
        if "run_id" in result:
            counts = f"{result.get('merged', 0):,} merged, {result.get('delivered', 0):,} delivered"
            out.print(f"  run {result['run_id']}: {counts}", highlight=False)
    raise typer.Exit(NO if result["state"] == "held" else 0)


def redrive(
    province: Slug,
    reason: Reason = None,
    field: Field = None,
    value: Value = None,
    rule: Rule = None,
    assignee: Assignee = None,
    stage: Stage = None,
    older_than: OlderThan = None,
    dossier: Dossier = None,
    items: Items = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Send held items through the mapping again, in time order; without a filter all.

    Exit code 1 when something of their dossiers is held still.

    Stopped before its merge nothing has changed; stopped later, the same command brings it to its end.
    """
    from hub.redrive import redrive as run_redrive

    chosen = chosen_by(
        datetime.now(UTC), province, reason, field, value, rule, assignee, stage, older_than, dossier, items
    )
    with progress_bars(quiet=as_json) as progress:
        result = run_redrive(ready_hub(province, progress=progress), chosen, who=audit.named_or_none(by))
    if as_json:
        print_json({"province": province, **result})
    elif "run_id" not in result:
        out.print("Nothing that is held fits.")
    else:
        out.print(run_lines(province, result, dry_run=False), highlight=False)
        out.print(f"  {result['freed']:,} of {result['dossiers']:,} dossiers freed", highlight=False)
        if result.get("unreadable"):
            out.print(f"  {result['unreadable']:,} messages could not be read; their items stay", style="yellow")
    raise typer.Exit(0 if result["freed"] == result["dossiers"] else NO)


@audit_app.callback()
def _group() -> None:
    """Who decided what, when and why."""


@audit_app.command("list")
def audit_list(
    province: Annotated[str | None, typer.Option(help="Only this province.")] = None,
    item_id: Annotated[int | None, typer.Option("--item", help="Only this quarantine item.")] = None,
    who: Annotated[str | None, typer.Option(help="Only this person.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this: assign, note, waive, keep, redrive, export …")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest rows, so many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """The audit: who did what to which item and why. Personal data in notes is masked."""
    found = audit.entries(_engine(), province=province, item_id=item_id, who=who, action=action, limit=limit)
    for one in found:
        one["details"] = mask_json(one["details"])
    if as_json:
        print_json({"entries": found})
        return
    if not found:
        out.print("Nothing was decided that fits.")
    for one in found:
        about = f" · {one['province']}" if one["province"] else ""
        about += f" · item {one['item_id']}" if one["item_id"] else ""
        out.print(f"{entry_line(one)}{about}", markup=False, highlight=False)


def _engine() -> Any:
    engine = engine_of(database_url(Settings.from_environment().home))
    upgrade(engine)
    return engine


def _hub_of(item_id: int, progress: Any) -> Hub:
    """The hub of the province that the item is of."""
    settings = Settings.from_environment()
    province = item(_engine(), item_id)["province"]
    return ready_hub(load_province(settings, province).slug, progress=progress)


def _must_have_a_reason(why: str) -> None:
    if not why.strip():
        raise ConfigurationError("a decision needs its reason", where="--why", next_step="Say why, in a sentence.")
