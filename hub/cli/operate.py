"""`lienthong demo`, `up` and `down`: everything on this machine, for a first look and for an operator's desk."""

from typing import Annotated

import typer

from hub.cli.output import Json, out, print_json


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(demo)
    app.command()(up)
    app.command()(down)


def demo(
    dossiers: Annotated[
        int | None, typer.Option(help="Dossiers of each of the five provinces, chosen once (500).", min=10)
    ] = None,
    provinces: Annotated[
        str | None, typer.Option(help="Only these, such as lao_cai,quang_ngai; one vendor each, five in all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sync five simulated provinces, one per vendor, into a simulated national database, and compare both sides.

    Real PostgreSQL, real HTTP and SOAP, the real Airflow flows. Stops what it started. Exit code 0 when every dossier
    is delivered and found equal, or held with a reason. Run again, it moves nothing: nothing has changed.
    """
    from hub.cli.demo import run_demo

    raise typer.Exit(run_demo(dossiers=dossiers, provinces=provinces, as_json=as_json))


def up(
    port: Annotated[int, typer.Option(help="Port of Airflow's page; the next free one when it is taken.")] = 8080,
    sandbox: Annotated[
        bool | None,
        typer.Option("--sandbox/--no-sandbox", help="Simulated peers; by default unless LIENTHONG_CONFIG is set."),
    ] = None,
) -> None:
    """Start PostgreSQL, the simulated peers, the receiver of the way in and Airflow; stop them in order at Ctrl-C."""
    from hub.cli.up import run_up

    raise typer.Exit(run_up(port=port, with_sandbox=sandbox))


def down(as_json: Json = False) -> None:
    """Stop what a killed `demo` or `up` left running: Airflow's services, the simulated peers, PostgreSQL."""
    from hub import embedded
    from hub.config import Settings
    from hub.services import alone, sandbox, sandbox_running, stop_sandbox

    home = Settings.from_environment().home
    stopped = []
    if home.is_dir():
        with alone(home, "down") as left:
            stopped.extend(left)
            environment = {"LIENTHONG_HOME": str(home)}
            if sandbox_running(home):
                sandbox(environment, "stop")
                stopped.append("sandbox")
            stop_sandbox(home, environment)
            if embedded.stop(home / "pg"):
                stopped.append("postgresql")
    if as_json:
        print_json({"stopped": stopped})
    else:
        out.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")
