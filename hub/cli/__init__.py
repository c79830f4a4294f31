"""The command `lienthong`: every module of this package adds its own commands to the app."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer

from hub.cli import (
    check,
    codes,
    conform,
    database,
    discover,
    inbound,
    kpi,
    mapping,
    migrate,
    operate,
    preview,
    procedures,
    province,
    quality,
    quarantine,
    readiness,
    record,
    sandbox,
    suggest,
    sync,
    units,
    worklist,
)
from hub.cli.output import STOPPED, err, exit_code_of, say_error
from hub.cli.outside import told
from hub.errors import ConfigurationError

UsageError = typer.BadParameter.__bases__[0]
"""Of the click inside typer: a wrong word on the command line."""

app = typer.Typer(
    name="lienthong",
    help="Connect provincial public-service systems with the national database, and prove that both sides agree.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"lienthong {version('lienthong')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """Connect provincial public-service systems with the national database, and prove that both sides agree."""


for module in (sync, province, check, discover, conform, record, operate, preview, suggest, readiness, kpi):
    module.register(app)
app.add_typer(procedures.app, name="procedures")
app.add_typer(quality.app, name="quality")
worklist.register(quarantine.app)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(worklist.audit_app, name="audit")
app.add_typer(inbound.app, name="inbound")
app.add_typer(migrate.app, name="migrate")
app.add_typer(mapping.app, name="mapping")
app.add_typer(codes.app, name="codes")
app.add_typer(units.app, name="units")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(database.app, name="db")


def _usage(error: Any) -> ConfigurationError:
    """A wrong word on the command line, told like every other mistake."""
    command = error.ctx.command_path if error.ctx else "lienthong"
    return ConfigurationError(error.format_message(), where="command line", next_step=f"See {command} --help.")


def _must_be_text(words: Sequence[str]) -> None:
    """Bytes that are no UTF-8, as a terminal of another charset sends them, cannot be kept or looked for."""
    for word in words:
        if not word.isascii() and any("\ud800" <= one <= "\udfff" for one in word):
            raise ConfigurationError(
                f"{word.encode('utf-8', 'replace').decode()!r} is not UTF-8",
                where="command line",
                next_step="Set the terminal to UTF-8 and type it again.",
            )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code.

    Errors that a person can act on become a sentence and a code (hub.cli.output), with --json a document.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        _must_be_text(words)
        code = app(words, standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        code = STOPPED
    except Exception as raised:
        error = _usage(raised) if isinstance(raised, UsageError) else told(raised)
        say_error(error, as_json=as_json)
        code = exit_code_of(error)
    if code == STOPPED:  # also what typer makes of Ctrl-C inside a command
        err.print("\nStopped. What landed stays; the next run goes on there.")
    sys.exit(code if isinstance(code, int) else 0)
