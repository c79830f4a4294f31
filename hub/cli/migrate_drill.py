"""`lienthong migrate drill`: a whole cutover against simulated systems, with kills and trouble, and its proof."""

import os
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from hub import services
from hub.cli.lines import Lines, moving_lines
from hub.cli.output import NO, OK, Json, err, out, print_json
from hub.config import Settings
from hub.drill.ground import Ground
from hub.drill.run import Wanted, drill

NOT_OURS = ("LIENTHONG_CONFIG", "LIENTHONG_DATABASE_URL")
"""Unset for a drill, as all connections: it must not reach a real peer, nor write into somebody's database."""


def register(app: typer.Typer) -> None:
    """Add `drill` to the group `migrate`."""

    @app.command("drill")
    def run(
        dossiers: Annotated[int, typer.Option(min=10, max=1_000_000, help="Dossiers of each old system.")] = 50_000,
        kills: Annotated[int, typer.Option(min=0, max=50, help="How often the migration is killed.")] = 5,
        seed: Annotated[int, typer.Option(help="Where it is killed follows from this number.")] = 1,
        as_json: Json = False,
    ) -> int:
        """Three old systems become one, killed at random points, one slow, one changing, the target refusing 1 %.

        Exit codes: 0 nothing is unaccounted and the peers' own ledgers agree, 1 something is not.
        """
        for name in [name for name in os.environ if name in NOT_OURS or name.startswith("AIRFLOW_CONN_")]:
            if os.environ.pop(name):
                err.print(f"{name} is set and not used: the drill works on simulated peers and its own database.")
        home = Settings.from_environment().home / "drill"
        with services.stopped_by_signals(), services.alone(home, "drill"), moving_lines() as lines:
            answer = drill(home, Wanted(dossiers, kills, seed), datetime.now(UTC), _said(lines))
        proof = home / "proof.json"
        if as_json:
            print_json(answer)
        else:
            _show(answer, Ground(home))
        proof.write_bytes(_json(answer))
        return OK if answer["passed"] else NO


def _json(answer: dict[str, Any]) -> bytes:
    import orjson

    return orjson.dumps(answer, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)


def _said(lines: Lines) -> Any:
    """One line for each step of the drill; the one before is done when the next begins."""
    known: dict[str, Any] = {}

    def say(step: str, doing: str, far: int, total: int) -> None:
        if step not in known:
            for line in known.values():
                lines.say(line, "done", done=True)
            known[step] = lines.add(step)
        lines.say(known[step], doing, far, total)

    return say


def _show(answer: dict[str, Any], ground: Ground) -> None:
    for source, one in answer["peers"]["sources"].items():
        out.print(
            f"{source:<12} has {one['has']:>9,}   migrated {one.get('migrated', 0):>9,}   held {one.get('held', 0):>7,}"
            f"   out of scope {one.get('out_of_scope', 0):>7,}",
            highlight=False,
        )
    kills = ", ".join(f"{one['share']:.0%}" for one in answer["kills"]) or "none"
    out.print(f"Killed at: {kills} of the work; {answer['starts']} starts; {answer['seconds']:.0f} s", highlight=False)
    if answer["passed"]:
        out.print("[bold green]Nothing is unaccounted, and the peers' own ledgers agree.[/bold green]")
    else:
        out.print("[bold red]The account is not complete; the proof names what is missing.[/bold red]")
    out.print(f"Page:  {answer['page']}", highlight=False, soft_wrap=True)
    out.print(f"Proof: {ground.home / 'proof.json'}", highlight=False, soft_wrap=True)
