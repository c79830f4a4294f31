"""`lienthong migrate`: the merger of provinces by a plan, each part of it a module of its own."""

from typing import Protocol

import typer

from hub.cli import (
    migrate_clock,
    migrate_cutover,
    migrate_drill,
    migrate_plan,
    migrate_proof,
    migrate_run,
    migrate_work,
)


class Commands(Protocol):
    """A module with commands of this group."""

    def register(self, app: typer.Typer) -> None: ...


COMMANDS: tuple[Commands, ...] = (
    migrate_plan,
    migrate_run,
    migrate_clock,
    migrate_proof,
    migrate_work,
    migrate_cutover,
    migrate_drill,
)
"""In the order in which `--help` lists them."""

app = typer.Typer(
    help="Merge provinces at a fixed hour: plan, rehearse, run, prove, decide, open, or go back.", no_args_is_help=True
)
for module in COMMANDS:
    module.register(app)
