"""Lines that show what several things do at once, on standard error."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from hub.cli.output import err


class Lines:
    """One line for each thing that works: a moving one on a terminal, one printed at each change of step elsewhere."""

    def __init__(self, bars: Progress | None) -> None:
        self.bars, self.begun = bars, time.monotonic()
        self._plain: list[str] = []
        self._said: dict[int, str] = {}

    def add(self, title: str) -> TaskID:
        """A new line; returns its handle."""
        if self.bars:
            return self.bars.add_task(title, total=None, doing="")
        self._plain.append(title)
        return TaskID(len(self._plain) - 1)

    def say(self, line: TaskID | None, doing: str, far: int = 0, total: int = 0, *, done: bool = False) -> None:
        """What this line does now, and how far it is; without a total its bar only moves."""
        if line is None:
            return
        if self.bars:
            length = max(total, far) or (1 if done else None)
            self.bars.update(line, doing=doing, total=length, completed=(length or 0) if done else far)
        elif self._said.get(line) != (step := doing.split(" ")[0]):
            self._said[line] = step
            err.print(f"{time.monotonic() - self.begun:5.0f} s  {self._plain[line]}: {doing}", highlight=False)


@contextmanager
def moving_lines() -> Iterator[Lines]:
    """Lines on standard error while something works."""
    if not err.is_terminal:
        yield Lines(None)
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[doing]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as bars:
        yield Lines(bars)
