"""`lienthong sandbox`: simulated peers on this machine, run by the sandbox's own command in a process of its own."""

import subprocess
import sys

import typer

app = typer.Typer(
    help="Simulated peers on this machine: start, stop, status, advance, reset, faults, file, open, staff, agencies.",
    no_args_is_help=True,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)

_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def _run(command: str, context: typer.Context) -> None:
    """Hand the words over to `python -m sandbox` and end with its exit code."""
    raise typer.Exit(subprocess.run([sys.executable, "-m", "sandbox", command, *context.args], check=False).returncode)


@app.command(context_settings=_PASSED_ON)
def start(context: typer.Context) -> None:
    """Start the national peer and the provinces' systems on loopback."""
    _run("start", context)


@app.command(context_settings=_PASSED_ON)
def stop(context: typer.Context) -> None:
    """Stop the peers; their ledgers stay."""
    _run("stop", context)


@app.command(context_settings=_PASSED_ON)
def status(context: typer.Context) -> None:
    """What the peers counted in their own ledgers."""
    _run("status", context)


@app.command(context_settings=_PASSED_ON)
def advance(context: typer.Context) -> None:
    """Let days pass: dossiers change and new ones come."""
    _run("advance", context)


@app.command(context_settings=_PASSED_ON)
def reset(context: typer.Context) -> None:
    """Forget everything: ledgers, clocks, accounts."""
    _run("reset", context)


@app.command(context_settings=_PASSED_ON)
def faults(context: typer.Context) -> None:
    """Let a peer misbehave."""
    _run("faults", context)


@app.command(context_settings=_PASSED_ON)
def file(context: typer.Context) -> None:
    """Let citizens file dossiers on the national portal, which hands them to the receiver."""
    _run("file", context)


@app.command(name="open", context_settings=_PASSED_ON)
def open_(context: typer.Context) -> None:
    """Let a new province open: its staff go on with imported dossiers."""
    _run("open", context)


@app.command(context_settings=_PASSED_ON)
def staff(context: typer.Context) -> None:
    """Let staff of a new province enter a dossier, or move one."""
    _run("staff", context)


@app.command(context_settings=_PASSED_ON)
def agencies(context: typer.Context) -> None:
    """Which agency of a new province takes over from whom, as CSV."""
    _run("agencies", context)
