"""Conditions: what paths of a record must say for a rule, a whole list or a single entry of it to count.

`{loaiGiayTo: [CCCD, CMND]}` asks each path for (one of) the values; a table in place of the value asks for more:
`{ngayTra: {filled: true}}`, `{loai: {not: [A, B]}}`, `{soBoSung: {same: ^so}}`. A list of such tables holds when any of
them does. Values compare as codes do: clean text, letter case aside.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from mappings.mapped import Refused
from mappings.paths import Path
from mappings.transforms import clean, read_key

Scalar = str | int | float | bool
Said = frozenset[str | None]


class Condition(BaseModel):
    """What one path must say. Of several keys all must hold."""

    model_config = ConfigDict(extra="forbid")

    is_: Scalar | list[Scalar] | None = Field(None, alias="is", description="the value, or one of several")
    not_: Scalar | list[Scalar] | None = Field(
        None, alias="not", description="none of these values; a blank one is none of them"
    )
    filled: bool | None = Field(None, description="`true`: something stands there; `false`: it is blank or missing")
    same: str | None = Field(None, description="a path: both are filled and equal, as keys of two joined lists are")

    @model_validator(mode="after")
    def _says_something(self) -> "Condition":
        if self.is_ is None and self.not_ is None and self.filled is None and self.same is None:
            raise ValueError("the condition asks for nothing: write is, not, filled or same")
        return self


def _wanted_form(wanted: Any) -> str:
    if isinstance(wanted, dict | Condition):
        return "is a condition"
    return "is a list of values" if isinstance(wanted, list) else "is a value"


def _when_form(when: Any) -> str:
    return "is a list of tables" if isinstance(when, list) else "is a table"


Wanted = Annotated[
    Annotated[Scalar, Tag("is a value")]
    | Annotated[list[Scalar], Tag("is a list of values")]
    | Annotated[Condition, Tag("is a condition")],
    Discriminator(_wanted_form),
]
Table = dict[str, Wanted]
When = Annotated[
    Annotated[Table, Tag("is a table")] | Annotated[list[Table], Tag("is a list of tables"), Field(min_length=1)],
    Discriminator(_when_form),
]


@dataclass(frozen=True, slots=True)
class Test:
    """One condition, ready to be compiled: `path` is asked for all that is not None."""

    path: Path
    said: Said | None = None
    never: Said | None = None
    filled: bool | None = None
    same: Path | None = None


Tests = tuple[tuple[Test, ...], ...]
"""Any of these holds when all of its tests do; none at all always holds."""


def planned(when: "Table | list[Table] | None", path_of: Callable[[str], Path]) -> Tests:
    """Conditions with their paths read by `path_of`, which tells the faults."""
    tables = when if isinstance(when, list) else [when] if when else []
    return tuple(tuple(_test(path_of(path), wanted, path_of) for path, wanted in table.items()) for table in tables)


def paths_of(tests: Tests) -> Iterator[Path]:
    """Every path that conditions look at."""
    for test in (test for group in tests for test in group):
        yield test.path
        if test.same is not None:
            yield test.same


def filled(value: Any) -> bool:
    """Whether anything stands in a wire value; false and 0 do."""
    if value.__class__ is str:
        return bool(clean(value))
    return value is not None and value != [] and value != {}


def holds(tests: Tests, read: Callable[[Path], Any]) -> bool:
    """Whether conditions hold, asked value by value; what cannot be compared does not. A report's way, not a run's."""
    return not tests or any(all(_holds(test, read) for test in group) for group in tests)


def _holds(test: Test, read: Callable[[Path], Any]) -> bool:
    value = read(test.path)
    try:
        key = read_key(value)
        other = None if test.same is None else read_key(read(test.same))
    except Refused:
        return test.filled is True and test.said is None and test.never is None and test.same is None
    return (
        (test.filled is None or test.filled is filled(value))
        and (test.said is None or key in test.said)
        and (test.never is None or key not in test.never)
        and (test.same is None or (key is not None and key == other))
    )


def expression(tests: Tests, read: Callable[[Path], str], bind: Callable[[str, Any], str]) -> str:
    """The conditions as one Python expression; `v` is the value that was looked at last, for what is told of it."""
    groups = [" and ".join(_asked(test, read, bind) for test in group) or "True" for group in tests]
    return groups[0] if len(groups) == 1 else " or ".join(f"({group})" for group in groups)


def _asked(test: Test, read: Callable[[Path], str], bind: Callable[[str, Any], str]) -> str:
    value = read(test.path)
    asks = []
    if test.filled is not None:
        asks.append(f"{'' if test.filled else 'not '}filled(v := {value})")
    if test.said is not None:
        asks.append(f"key[v := {value}] in {bind('SAID', test.said)}")
    if test.never is not None:
        asks.append(f"key[v := {value}] not in {bind('NEVER', test.never)}")
    if test.same is not None:
        asks.append(f"(k := key[v := {value}]) is not None and k == key[v := {read(test.same)}]")
    return " and ".join(asks)


def _test(path: Path, wanted: Any, path_of: Callable[[str], Path]) -> Test:
    if not isinstance(wanted, Condition):
        return Test(path, said=_keys(wanted))
    return Test(
        path,
        None if wanted.is_ is None else _keys(wanted.is_),
        None if wanted.not_ is None else _keys(wanted.not_),
        wanted.filled,
        None if wanted.same is None else path_of(wanted.same),
    )


def _keys(said: Any) -> Said:
    return frozenset(map(read_key, said if isinstance(said, list) else [said]))
