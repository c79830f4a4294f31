"""Which record stands where in order of change: arithmetic for the base set, a short list for what moved or came since.

The journal is a file of JSON lines that all peers of one sandbox read: `{"day": n}` is one advanced day (its contents
follow from the seed and from the lines before), `{"slug", "changed": [row, ...]}` is what changed in one system while
somebody was paging.
"""

import json
import os
import random
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sandbox import calendar
from sandbox.calendar import DAY_SECONDS, REGULAR_SECONDS
from sandbox.dirt import CORRECTABLE, FROZEN, OUTSIDE_GATEWAY, Pattern, Role

INTAKE = 1 << 40
"""Rows from here on are dossiers that came from outside (`sandbox.intake`); each knows its own record."""
INTAKE_PATH = (2, 4, 9, 10)
"""Statuses that a dossier from outside goes through, received first; one more with each day."""


def read_journal(path: Path) -> list[dict]:
    """The journal's lines; none yet is an empty list."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def append_journal(path: Path, entry: dict) -> None:
    """Adds one line in a single write, so that a reader never sees half of one."""
    line = (json.dumps(entry) + "\n").encode()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line)
    finally:
        os.close(handle)


@dataclass(slots=True)
class Moved:
    """What one journal line did to a system, in rows: `corrected` are among `changed`."""

    changed: list[int] = field(default_factory=list)
    added: range = range(0)
    corrected: list[int] = field(default_factory=list)


class Timeline:
    """Order of change of one system. `open_at(row)` says whether a record may still move (its status has not ended).

    A record that changed before office second `gateway` is none of those filed outside the gateway. The base set's
    changes begin with the office day `first_day`.
    """

    def __init__(
        self,
        seed: int,
        slug: str,
        size: int,
        pattern: Pattern,
        open_at: Callable[["Timeline", int], bool],
        gateway: int = 0,
        first_day: int = calendar.FIRST_BASE_DAY,
    ) -> None:
        self.seed, self.slug, self.size, self.pattern, self._gateway = seed, slug, size, pattern, gateway
        self.base_rows = pattern.rows_for(0, size)
        self._first_day = first_day
        self._span = (calendar.LAST_BASE_DAY - first_day + 1) * REGULAR_SECONDS
        self.days = 0
        self.history: dict[int, list[int]] = {}
        """Office seconds at which a row changed after its first appearance."""
        self.corrected: set[int] = set()
        self._starts = [0]
        self._ends = [self.base_rows]
        self._born: dict[int, int] = {}
        self._moved_base: list[int] = []
        self._gaps: list[int] = []
        self._entries: list[tuple[int, int]] = []
        self._tail_w = array("q")
        self._tail_row = array("q")
        self._extra_today = 0
        self._open_at = open_at

    # -- rows and segments

    @property
    def rows(self) -> int:
        return self._ends[-1]

    @property
    def now(self) -> datetime:
        return calendar.virtual_now(self.days)

    def dossiers(self) -> int:
        """Distinct dossier codes."""
        return sum(e - s - self.pattern.twins(s, e) for s, e in self._segments())

    def role(self, row: int) -> Role:
        start, end = 0, self.base_rows
        if row >= end:
            n = bisect_right(self._starts, row) - 1
            start, end = self._starts[n], self._ends[n]
        role = self.pattern.role(row, start, end)
        if role.kind and role.kind == OUTSIDE_GATEWAY and self.first_w(row) < self._gateway:
            return Role("", row, False)
        return role

    def mains(self, kind: str) -> list[int]:
        """Rows whose dossier carries this label, corrected or not."""
        found = []
        for start, end in self._segments():
            for row in self.pattern.rows_of(kind, start, end):
                role = self.role(row)
                if role.kind == kind and not role.twin:
                    found.append(row)
        return found

    def first_w(self, row: int) -> int:
        """When the row first appeared or, for the base set, when it last changed before the sandbox began."""
        if row >= self.base_rows:
            return self._born[row]
        day, r = divmod(row * self._span // self.base_rows, REGULAR_SECONDS)
        return (self._first_day + day) * DAY_SECONDS + r

    # -- positions

    def __len__(self) -> int:
        return self.base_rows - len(self._moved_base) + len(self._tail_row)

    def slice(self, start: int, stop: int) -> list[int]:
        """Rows at positions [start, stop), oldest change first."""
        stop = min(stop, len(self))
        base_live = self.base_rows - len(self._moved_base)
        found: list[int] = []
        if start < base_live:
            first, last = self._row_at(start), self._row_at(min(stop, base_live) - 1)
            if last - first == min(stop, base_live) - 1 - start:
                found.extend(range(first, last + 1))
            else:
                gone = set(
                    self._moved_base[bisect_left(self._moved_base, first) : bisect_right(self._moved_base, last)]
                )
                found.extend(r for r in range(first, last + 1) if r not in gone)
        if stop > base_live:
            found.extend(self._tail_row[max(start - base_live, 0) : stop - base_live])
        return found

    def position(self, w: int) -> int:
        """How many records changed before office second `w`."""
        if self._tail_w and w > self._tail_w[0]:
            return self.base_rows - len(self._moved_base) + bisect_left(self._tail_w, w)
        row = bisect_left(range(self.base_rows), w, key=self.first_w)
        return row - bisect_left(self._moved_base, row)

    def changed_w(self, row: int) -> int:
        seen = self.history.get(row)
        return seen[-1] if seen else self.first_w(row)

    # -- change

    def apply(self, entry: dict) -> Moved:
        """One line of the journal."""
        if "day" in entry:
            return self._new_day(int(entry["day"]))
        if entry.get("slug") != self.slug:
            return Moved()
        moved = Moved(changed=[int(r) for r in entry["changed"]])
        for row in moved.changed:
            self._move_last(row)
        self._rebuild()
        return moved

    def movable(self, row: int) -> bool:
        """Whether a change of this row is a plain legal one: no twin, no frozen or held label, status not ended."""
        role = self.role(row)
        if role.twin or role.kind in FROZEN:
            return False
        if role.kind in CORRECTABLE and row not in self.corrected:
            return False
        return self._open_at(self, row)

    def _new_day(self, day: int) -> Moved:
        """2 % of the first day's number change (a correction among them) and 1 % come new, spread over the day."""
        rng = random.Random(f"day:{self.seed}:{self.slug}:{day}")
        self.days, self._extra_today = day, 0
        wanted = max(1, round(self.size * 0.02))
        held = [r for k in CORRECTABLE for r in self.mains(k) if r not in self.corrected]
        corrected = rng.sample(held, min(len(held), wanted, max(1, round(len(held) * 0.08)))) if held else []
        picked = set(corrected)
        tries = 40 * wanted + 200
        while len(picked) < wanted and tries:
            tries -= 1
            row = self.rows - 1 - int(rng.random() ** 3 * self.rows)  # the newer, the likelier it is still open
            if row not in picked and self.movable(row):
                picked.add(row)
        changed = sorted(picked)
        rng.shuffle(changed)
        start = self.rows
        end = self.pattern.rows_for(start, max(1, self.size // 100))
        self._starts.append(start)
        self._ends.append(end)
        order: list[int | None] = [*changed, *([None] * (end - start))]
        rng.shuffle(order)
        fresh = iter(range(start, end))
        first = (calendar.LAST_BASE_DAY + day) * DAY_SECONDS
        for n, known in enumerate(order):
            w = first + n * REGULAR_SECONDS // len(order)
            if known is None:
                row = next(fresh)
                self._born[row] = w
                self._entries.append((w, row))
            else:
                self._move(known, w)
        for row in [r for r, times in self.history.items() if r >= INTAKE and len(times) < len(INTAKE_PATH)]:
            self._move_last(row)
        self.corrected.update(corrected)
        self._rebuild()
        return Moved(changed, range(start, end), sorted(corrected))

    def _move_last(self, row: int) -> None:
        """A change in the last hour of the day, behind all others."""
        day = (calendar.LAST_BASE_DAY + self.days) * DAY_SECONDS
        w = day + REGULAR_SECONDS + min(self._extra_today, DAY_SECONDS - REGULAR_SECONDS - 1)
        self._extra_today += 1
        self._move(row, w)

    def _move(self, row: int, w: int) -> None:
        if row < self.base_rows and row not in self.history:
            self._moved_base.append(row)
        self.history.setdefault(row, []).append(w)
        self._entries.append((w, row))

    def _rebuild(self) -> None:
        self._moved_base.sort()
        self._gaps = [r - n for n, r in enumerate(self._moved_base)]
        last = {row: n for n, (_, row) in enumerate(self._entries)}
        live = [entry for n, entry in enumerate(self._entries) if last[entry[1]] == n]
        self._entries = live
        self._tail_w = array("q", [w for w, _ in live])
        self._tail_row = array("q", [row for _, row in live])

    def _row_at(self, position: int) -> int:
        return position + bisect_right(self._gaps, position)

    def _segments(self) -> list[tuple[int, int]]:
        return list(zip(self._starts, self._ends, strict=True))
