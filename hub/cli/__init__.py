"""The command `lienthong`: every module of this package adds its own commands to the app."""

import sys
from collections.abc import Sequence

import typer

from hub.cli import database, operate, procedures, quarantine, sandbox, sync
from hub.cli.output import exit_code_of, say_error

app = typer.Typer(
    name="lienthong",
    help="Connect provincial public-service systems with the national database, and prove that both sides agree.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

for module in (sync, operate):
    module.register(app)
app.add_typer(procedures.app, name="procedures")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(database.app, name="db")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; errors that a person can act on become a sentence and an exit code (hub.cli.output)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(words, standalone_mode=True)
    except Exception as error:
        say_error(error, as_json="--json" in words)
        sys.exit(exit_code_of(error))
