"""A province's list against the national one: what it lacks, what it has in an old form, what nobody else knows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, text

from hub.errors import ConfigurationError
from hub.procedures.decisions import same_decision
from hub.procedures.names import folded
from hub.procedures.record import LOCAL_LEVELS

Kind = Literal["missing", "stale", "unknown", "closed", "doubled"]
KINDS: dict[Kind, str] = {
    "missing": "national procedures of province or commune level that the province does not list",
    "stale": "listed with another name, field or decision than the national list has",
    "unknown": "listed under a code that is not a national one",
    "closed": "listed, but closed nationally",
    "doubled": "one national procedure listed under several forms of its code",
}
MOST_GUESSES = 300
"""Unknown codes for which the nearest national name is looked for."""
NEAR = 90
"""How alike two names must be, of 100, to be shown as a guess."""

_NATIONAL = """
SELECT procedure_code AS code, name, field_name, decision, public, levels, valid_to
FROM (SELECT DISTINCT ON (procedure_code) * FROM procedure_version
      ORDER BY procedure_code, valid_to DESC NULLS FIRST) newest
ORDER BY procedure_code COLLATE "C"
"""

_LOCAL = """
SELECT local_code, procedure_code AS base, name, field_name, decision, source
FROM province_procedure WHERE province = :province AND gone_at IS NULL ORDER BY local_code COLLATE "C"
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the answer. `field` is name, field or decision for `stale`; `hint` is a guess and never applied."""

    kind: Kind
    procedure_code: str | None
    local_code: str | None
    name: str
    field: str | None = None
    province: str | None = None
    national: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between a province's list and the national one at a time; `source` says where the list came from."""

    province: str
    at: datetime
    source: str
    national: int
    listed: int
    agreeing: int
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        return not self.differences

    def of(self, kind: Kind) -> list[Difference]:
        """The lines of one kind, in order of code."""
        return [one for one in self.differences if one.kind == kind]

    def counts(self) -> dict[str, int]:
        """Procedures by kind (one with two differing fields is one `stale`), and the sizes of both lists.

        `national` counts procedures of province or commune level in force, `agreeing` those of them listed without a
        difference.
        """
        named = {(one.kind, one.procedure_code or one.local_code) for one in self.differences}
        kinds = Counter(kind for kind, _ in named)
        sizes = {"national": self.national, "listed": self.listed, "agreeing": self.agreeing}
        return {**sizes, **{kind: kinds[kind] for kind in KINDS}}

    def stale_fields(self) -> dict[str, int]:
        """In how many lines each field differs."""
        return dict(Counter(one.field for one in self.of("stale") if one.field))

    def as_dict(self) -> dict[str, Any]:
        """The stable shape of `--json` and of the JSON file."""
        lines = [{key: getattr(one, key) for key in Difference.__dataclass_fields__} for one in self.differences]
        return {
            "province": self.province,
            "at": self.at.isoformat(),
            "source": self.source,
            "equal": self.equal,
            "counts": self.counts(),
            "stale_fields": self.stale_fields(),
            "differences": lines,
        }


@dataclass(frozen=True, slots=True)
class _National:
    code: str
    name: str
    field_name: str | None
    decision: str | None
    public: bool
    levels: list[str]
    valid_to: datetime | None

    @property
    def wanted(self) -> bool:
        """In force, public, and handled by a province or its communes."""
        return self.valid_to is None and self.public and not set(self.levels).isdisjoint(LOCAL_LEVELS)


@dataclass(frozen=True, slots=True)
class _Local:
    local_code: str
    base: str | None
    name: str
    field_name: str | None
    decision: str | None
    source: str


def compare(engine: Engine, slug: str, *, at: datetime | None = None) -> Comparison:
    """Compare what is stored of both lists; nothing is asked of a peer and nothing is changed.

    Local forms of a code (`1.001612.000.00.00.H48`, `1.000948.H38`) count as their base. Texts are compared without
    case, spaces, Unicode form and the place of a tone mark; a text that one side does not have is not compared.

    Raises:
        ConfigurationError: one of the two lists was never read.
    """
    with engine.connect() as connection:
        national = {one.code: one for one in _read_national(connection)}
        local = list(_read_local(connection, slug))
    _refuse_empty(slug, national, local)
    forms: defaultdict[str, list[_Local]] = defaultdict(list)
    for line in local:
        if line.base in national:
            forms[line.base or ""].append(line)
    differences = [
        *_missing(national.values(), forms),
        *_stale(national, forms),
        *_unknown(national, [line for line in local if line.base not in national]),
        *_closed(national, forms),
        *_doubled(national, forms),
    ]
    wanted = [one.code for one in national.values() if one.wanted]
    differing = {one.procedure_code for one in differences}
    return Comparison(
        province=slug,
        at=at or datetime.now(UTC),
        source=", ".join(sorted({line.source for line in local})),
        national=len(wanted),
        listed=len(local),
        agreeing=sum(code in forms and code not in differing for code in wanted),
        differences=tuple(differences),
    )


def _read_national(connection: Connection) -> Iterator[_National]:
    return (_National(**row._mapping) for row in connection.execute(text(_NATIONAL)))


def _read_local(connection: Connection, slug: str) -> Iterator[_Local]:
    return (_Local(**row._mapping) for row in connection.execute(text(_LOCAL), {"province": slug}))


def _refuse_empty(slug: str, national: dict[str, _National], local: list[_Local]) -> None:
    if not any(one.valid_to is None for one in national.values()):
        raise ConfigurationError(
            "the national list is not here yet, so there is nothing to compare with",
            where="procedures",
            next_step="Pull it: lienthong procedures pull (or: lienthong procedures import list.xlsx).",
        )
    if not local:
        raise ConfigurationError(
            "the province's list is not here yet",
            where=slug,
            next_step=f"Pull it: lienthong procedures pull --province {slug}\n"
            f"  or take its Excel list: lienthong procedures import list.xlsx --province {slug}",
        )


def _missing(national: Iterable[_National], forms: dict[str, list[_Local]]) -> Iterator[Difference]:
    for one in national:
        if one.wanted and one.code not in forms:
            yield Difference("missing", one.code, None, one.name, national=one.decision)


def _stale(national: dict[str, _National], forms: dict[str, list[_Local]]) -> Iterator[Difference]:
    for code, lines in forms.items():
        one = national[code]
        if one.valid_to is None:
            for line in lines:
                for field, theirs, ours in _differing(line, one):
                    yield Difference("stale", code, line.local_code, one.name, field, theirs, ours)


def _differing(line: _Local, one: _National) -> Iterator[tuple[str, str, str]]:
    """(field, the province's value, the national value) where both have a value and they are not the same."""
    if folded(line.name) != folded(one.name):
        yield "name", line.name, one.name
    if line.field_name and one.field_name and folded(line.field_name) != folded(one.field_name):
        yield "field", line.field_name, one.field_name
    if line.decision and one.decision and not same_decision(line.decision, one.decision):
        yield "decision", line.decision, one.decision


def _unknown(national: dict[str, _National], lines: list[_Local]) -> Iterator[Difference]:
    by_name = {folded(one.name): one for one in national.values() if one.valid_to is None}
    for number, line in enumerate(lines):
        guess = by_name.get(folded(line.name))
        if guess is None and number < MOST_GUESSES:
            guess = _nearest(line.name, by_name)
        hint = f"named like {guess.code}: {guess.name}" if guess else None
        begins = line.local_code[:8]
        if line.base is None and begins in national:
            hint = f"begins with {begins}: {national[begins].name}"
        yield Difference("unknown", line.base, line.local_code, line.name, hint=hint)


def _nearest(name: str, by_name: dict[str, _National]) -> _National | None:
    from rapidfuzz import fuzz, process

    found = process.extractOne(folded(name), by_name.keys(), scorer=fuzz.ratio, score_cutoff=NEAR)
    return by_name[found[0]] if found else None


def _closed(national: dict[str, _National], forms: dict[str, list[_Local]]) -> Iterator[Difference]:
    for code, lines in forms.items():
        one = national[code]
        if one.valid_to is not None:
            for line in lines:
                yield Difference("closed", code, line.local_code, line.name, national=one.valid_to.date().isoformat())


def _doubled(national: dict[str, _National], forms: dict[str, list[_Local]]) -> Iterator[Difference]:
    for code, lines in forms.items():
        if len(lines) > 1:
            listed = " · ".join(line.local_code for line in lines)
            yield Difference("doubled", code, None, national[code].name, province=listed)
