"""`lienthong inbound serve | list | show | push`."""

import socket
from typing import Annotated, Any

import orjson
import typer
from rich import box
from rich.table import Table

from hub.cli.output import NO, Json, err, local_time, out, print_json, progress_bars
from hub.cli.sync import ready_hub
from hub.config import Settings, load_province
from hub.errors import ConfigurationError
from hub.inbound import dossier, listing, receivable
from hub.inbound import push as run_push
from hub.store import database_url, engine_of, upgrade
from schemas.masking import mask_text

app = typer.Typer(
    help="Dossiers that citizens file on the national portal: serve, list, show, push.", no_args_is_help=True
)

Slug = Annotated[str, typer.Argument(help="Province: the name of its file in provinces/, such as lao_cai.")]


@app.command()
def serve(
    provinces: Annotated[
        list[str] | None,
        typer.Argument(help="Provinces; without them all with inbound: in their file and a portal account."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; another than this machine's needs TLS in front.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one and says which.")] = 8090,
    as_json: Json = False,
) -> None:
    """Receive dossiers from the national portal until Ctrl-C: checked, kept with their files, then answered."""
    from hub.inbound.server import serve as run

    hubs = {slug: ready_hub(slug) for slug in provinces or receivable(Settings.from_environment())}
    if not hubs:
        raise ConfigurationError(
            "no province has a way in and an account that the portal may show",
            where="provinces/*.yaml: inbound",
            next_step="Write inbound: (docs/configuration.md) and set AIRFLOW_CONN_<account>; lienthong check tells.",
        )
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # before the address is told: who calls at once waits, and is not refused
    except OSError as error:
        raise ConfigurationError(
            f"the port {port} on {host} cannot be had: {error.strerror}",
            where="--host, --port",
            next_step="End the program that holds it, or choose another; 0 takes a free one.",
        ) from None
    address = f"http://{host}:{listener.getsockname()[1]}"
    addresses = {slug: f"{address}/inbound/{slug}" for slug in hubs}
    if as_json:
        print_json({"address": address, "provinces": addresses})
    else:
        for slug, one in addresses.items():
            err.print(f"{slug}: POST {one}", markup=False, highlight=False)
        err.print("Ctrl-C ends it; what is being taken is finished first.")
    run(hubs, listener)


@app.command("list")
def list_command(
    province: Annotated[str | None, typer.Argument(help="One province; without it all.")] = None,
    limit: Annotated[int, typer.Option(help="Lines at most, the last that came first; 0: only the counts.")] = 20,
    as_json: Json = False,
) -> None:
    """What came in and where it stands; messages that were not taken, with the reason. Personal data is not shown."""
    settings = Settings.from_environment()
    if province:
        load_province(settings, province)
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    found = listing(engine, province, limit)
    if as_json:
        print_json({"province": province, **_masked(found)})
        return
    shown = {name: count for name, count in found["counts"].items() if count}
    out.print(", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in shown.items()) or "Nothing came in.")
    if found["dossiers"]:
        out.print(_dossiers_table(found["dossiers"]))
    for one in found["not_taken"]:
        code = one["national_code"] or "without code"
        times = f", {one['times']} times" if one["times"] > 1 else ""
        words = f"{one['province']} · {code} · {local_time(one['seen_at'])} · answered {one['answer']}{times}"
        out.print(words, highlight=False)
        out.print(f"  {mask_text(one['description'])}", style="dim", markup=False, highlight=False)


def _dossiers_table(dossiers: list[dict[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    several = len({one["province"] for one in dossiers}) > 1
    for name in (*(["province"] if several else []), "portal's code", "came", "state", "number", "status"):
        table.add_column(name, no_wrap=True)
    for one in dossiers:
        table.add_row(
            *([one["province"]] if several else []),
            one["national_code"],
            local_time(one["received_at"])[:10],
            one["state"].replace("_", " "),
            one["number"] or "–",
            f"{one['status']}{' ✓' if one['returned'] else ''}" if one["status"] else "–",
        )
    return table


@app.command()
def show(
    province: Slug,
    code: Annotated[str, typer.Argument(help="The portal's dossier code (MaHoSo).")],
    as_json: Json = False,
) -> None:
    """One dossier: its versions, each step of the hand-over, the messages that brought it. Personal data is masked."""
    settings = Settings.from_environment()
    load_province(settings, province)
    engine = engine_of(database_url(settings.home))
    upgrade(engine)
    found = _masked(dossier(engine, province, code))
    if as_json:
        print_json(found)
        return
    for version in found["versions"]:
        out.print(f"[bold]{code}[/bold] · version {version['version']} · {version['state']}", highlight=False)
        if version["reason"]:
            out.print(f"  {version['reason']}", style="yellow", markup=False, highlight=False)
        for step in version["steps"]:
            answer = step["answer"] or "not answered yet"
            when = local_time(step["done_at"] or step["begun_at"])
            words = f"  {step['step_key']}: {step['state']} · {when} · {answer}"
            out.print(words, markup=False, highlight=False)
        body = orjson.dumps(version["record"], option=orjson.OPT_INDENT_2).decode()
        out.print(body, markup=False, highlight=False, soft_wrap=True)
    for one in found["messages"]:
        words = f"message {one['message_id']}: answered {one['answer']}, {one['description']}"
        out.print(words, markup=False, highlight=False)
    back = found["in_the_province"]
    if back:
        told = "the national side has it" if back["returned"] else "not told to the national side yet"
        out.print(f"in the province's pull: {back['dossier_code']}, status {back['status']}, {told}", highlight=False)


@app.command()
def push(
    province: Slug,
    held: Annotated[bool, typer.Option("--held", help="Also what the province's system refused before.")] = False,
    as_json: Json = False,
) -> None:
    """Hand what came in over to the province's system. Exit code 1 when something is held or unknown."""
    with progress_bars(quiet=as_json) as progress:
        result = run_push(ready_hub(province, progress=progress), held=held)
    if as_json:
        print_json({"province": province, **result})
    else:
        words = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in result.items())
        out.print(f"{province}: {words}", highlight=False)
        if result["held"] or result["unknown"]:
            out.print(f"See lienthong inbound list {province}.")
    raise typer.Exit(NO if result["held"] or result["unknown"] else 0)


def _masked(found: dict[str, Any]) -> dict[str, Any]:
    """The document with every text masked; names and numbers are known by their fields."""
    return dict(orjson.loads(mask_text(orjson.dumps(found, default=str).decode())))
