"""Which rows are dirty, how, and what a right hub does with them: by the row's number alone.

The rows of a system repeat a pattern of `PERIOD` rows: twenty of its 501 dossiers are dirty (3.99 %). Two kinds need a
second row for the same dossier, its *twin*: `conflicting_duplicate` (same code, other content and id) and `stale_copy`
(an older version of the same record, served after the newer one). Six more are doubtful: one of each kind of `WARNED`.
"""

import random
from dataclasses import dataclass

PERIOD = 503
OLD_PERIOD = 3 * PERIOD
"""A system that merges: its people have corrected most of what their two years of dossiers had wrong."""

HELD = (
    "unmapped_procedure",
    "unmapped_status",
    "missing_owner",
    "missing_received",
    "impossible_dates",
    "bad_identity",
    "conflicting_duplicate",
)
"""The dossier stays out of the national database until the province corrects it."""

DELIVERED = (
    "blank_due",
    "long_subject",
    "unsorted_progress",
    "step_without_time",
    "impossible_transition",
    "internal_link",
    "joined_links",
    "decomposed_text",
    "odd_code",
    "stale_copy",
)
"""The dossier is delivered with a note; for the two kinds of bad progress the steps after the legal head are held."""

OUTSIDE_GATEWAY = "outside_gateway"
WARNED = (
    OUTSIDE_GATEWAY,
    "bad_tax_code",
    "bad_phone",
    "fee_off",
    "due_beyond_limit",
    "unknown_commune",
)
"""The dossier is delivered as it is and somebody should look at it; it is not counted as dirty."""
WITHOUT = {"viettel": ("bad_tax_code",)}
"""Kinds that a system cannot show, because its record has no such field, by the kind of system."""

CORRECTABLE = tuple(k for k in HELD if k != "conflicting_duplicate")
FROZEN = frozenset({"conflicting_duplicate", "step_without_time", "impossible_transition"})
"""Never changed by a virtual day, so that what is expected of them stays plain."""

_EXTRA = ("unmapped_procedure", "blank_due", "bad_identity")
_TWIN = "twin:"
_WARNED_STRIDE = 26


def outcome(kind: str) -> str:
    """`held` or `delivered`."""
    return "held" if kind in HELD else "delivered"


@dataclass(frozen=True, slots=True)
class Role:
    """What a row is: `kind` empty when clean; `main` is the row that owns the dossier (itself unless it is a twin)."""

    kind: str
    main: int
    twin: bool


class Pattern:
    """The pattern of one system of `size` dossiers.

    `stale_before` puts the stale twin on the older side (for newest-first systems); `without` are kinds of `WARNED`
    that the system cannot show; `period` is how many rows the pattern spreads over.
    """

    def __init__(
        self,
        seed: int,
        slug: str,
        size: int,
        stale_before: bool,
        without: tuple[str, ...] = (),
        period: int = PERIOD,
    ) -> None:
        rng = random.Random(f"dirt:{seed}:{slug}")
        self.period = period
        self.offset = rng.randrange(period)
        self.at: list[str] = [""] * period
        self.stale_step = -1 if stale_before else 1
        self._pairs: list[int] = []
        kinds = list(HELD + DELIVERED + _EXTRA)
        rng.shuffle(kinds)
        stride = period // len(kinds)
        self._places: dict[str, list[int]] = {kind: [] for kind in kinds}
        for n, kind in enumerate(kinds):
            r = n * stride + 1 + rng.randrange(stride - 3)
            self.at[r] = kind
            self._places[kind].append(r)
            if kind == "conflicting_duplicate":
                self.at[r + 1] = _TWIN + kind
                self._pairs.append(r)
            elif kind == "stale_copy":
                self.at[r + self.stale_step] = _TWIN + kind
                self._pairs.append(min(r, r + self.stale_step))
        self._warn(self.rows_for(0, size), [k for k in WARNED if k not in without], rng)

    def _warn(self, end: int, kinds: list[str], rng: random.Random) -> None:
        """Gives each kind one clean place among the 150 rows before `end`; the first kind among the last few rows,
        which are new enough for it."""
        for n, kind in enumerate(kinds):
            r = self.residue(end - 1 - n * _WARNED_STRIDE - rng.randrange(_WARNED_STRIDE - 4 if n else 3))
            while self.at[r]:
                r = (r - 1) % self.period
            self.at[r] = kind
            self._places[kind] = [r]

    def residue(self, row: int) -> int:
        return (row + self.offset) % self.period

    def role(self, row: int, start: int, end: int) -> Role:
        """The role of a row inside its segment [start, end): a pair that a segment's edge cuts is two clean rows."""
        kind = self.at[(row + self.offset) % self.period]
        if not kind:
            return Role("", row, False)
        twin = kind.startswith(_TWIN)
        kind = kind.removeprefix(_TWIN)
        step = 1 if kind == "conflicting_duplicate" else self.stale_step if kind == "stale_copy" else 0
        if step:
            other = row - step if twin else row + step
            if not start <= other < end:
                return Role("", row, False)
            return Role(kind, other if twin else row, twin)
        return Role(kind, row, False)

    def twins(self, start: int, end: int) -> int:
        """How many rows of a segment are twins: its rows less this are its dossiers."""
        return sum(self._count(r, start, end - 1) for r in self._pairs)

    def rows_for(self, start: int, dossiers: int) -> int:
        """The end of the segment from `start` that holds so many dossiers."""
        end = start + dossiers
        while (missing := dossiers - (end - start - self.twins(start, end))) > 0:
            end += missing
        return end

    def rows_of(self, kind: str, start: int, end: int) -> list[int]:
        """Rows of [start, end) whose place in the pattern is of this kind."""
        found: list[int] = []
        for r in self._places.get(kind, []):
            first = start + (r - self.residue(start)) % self.period
            found.extend(range(first, end, self.period))
        return sorted(found)

    def _count(self, r: int, start: int, end: int) -> int:
        first = start + (r - self.residue(start)) % self.period
        return 0 if first >= end else (end - 1 - first) // self.period + 1
