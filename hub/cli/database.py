"""`lienthong db`: the hub's own database."""

import typer

from hub.cli.output import Json, out, print_json
from hub.config import Settings
from hub.store import database_url, engine_of, upgrade

app = typer.Typer(help="The hub's own database.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The hub's own database."""


@app.command("upgrade")
def upgrade_command(as_json: Json = False) -> None:
    """Bring the hub's tables to the newest revision; harmless when they are there."""
    before, after = upgrade(engine_of(database_url(Settings.from_environment().home)))
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        out.print(f"The database is at revision {after}; nothing to do.")
    else:
        out.print(f"The database went from {before or 'empty'} to revision {after}.")
