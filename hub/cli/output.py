"""How commands answer: rich tables for people, one JSON document with --json, and the exit codes.

Exit codes: 0 done, 1 the answer is no (a check failed, the gate stopped the run, the sides differ, it may not be done
now), 2 usage or configuration, 3 a peer failed (the next run resumes), 4 another process works on the province, 70 a
defect of the hub, 130 Ctrl-C.
"""

import sys
import textwrap
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connectors.errors import ConfigError, ConnectorError
from hub.context import Progress as Report
from hub.errors import Busy, CheckBroken, ConfigurationError, GateStopped, HubError, Refused
from mappings.errors import MappingError
from schemas.records import VIET_NAM

OK, NO, USAGE, PEER, BUSY, DEFECT, STOPPED = 0, 1, 2, 3, 4, 70, 130

Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on standard output.")]

out = Console()
err = Console(stderr=True)


def exit_code_of(error: BaseException) -> int:
    """The exit code of an error, by who must act."""
    if isinstance(error, Busy):
        return BUSY
    if isinstance(error, ConfigurationError | ConfigError | MappingError):
        return USAGE
    if isinstance(error, CheckBroken):
        return DEFECT
    if isinstance(error, GateStopped | Refused):
        return NO
    return PEER if isinstance(error, HubError | ConnectorError) else DEFECT


def say_error(error: BaseException, *, as_json: bool) -> None:
    """What, where and what to do next; a traceback only for a defect of ours."""
    if as_json:
        print_json(
            {
                "error": type(error).__name__,
                "what": getattr(error, "what", str(error)),
                "where": _where(error),
                "next_step": getattr(error, "next_step", ""),
                "exit_code": exit_code_of(error),
            }
        )
    if exit_code_of(error) == DEFECT:
        err.print("".join(traceback.format_exception(error)), markup=False, highlight=False)
    err.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)


def say_long(text: str, style: str | None = None) -> None:
    """A long line, broken between words only: a path stays whole, to be copied or followed."""
    width = max(out.width, 20)
    for line in textwrap.wrap(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False):
        out.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def _where(error: BaseException) -> str:
    if isinstance(error, MappingError):
        return f"{error.file}:{error.line}"
    return str(getattr(error, "where", ""))


def print_json(value: Any) -> None:
    """One document, indented, keys in the order given, UTF-8 as it is."""
    body = orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    sys.stdout.write(body.decode() + "\n")
    sys.stdout.flush()


def local_time(value: datetime | str | None) -> str:
    """dd/MM/yyyy HH:mm in Viet Nam."""
    if not value:
        return ""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(VIET_NAM).strftime("%d/%m/%Y %H:%M")


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[Report]:
    """Bars on standard error, one for each stage; silent with --json or when it is not a terminal."""
    if quiet or not err.is_terminal:
        yield lambda stage, done, total: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report
