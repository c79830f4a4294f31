"""Editions: what changed in the administrative units on a day, as dated rows, and the counts that must come out.

The package's tables come with `editions.yaml`. An engineer's folder holds one folder for each later edition,
`units/<edition>/`: edition.yaml, units.csv (codes, names and days that changed) and, where units were merged or split,
crosswalk.csv. An edition that breaks a count, its own or another's, is refused whole.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from mappings.errors import Fault, MappingError, near
from mappings.unit_tables import Tables
from mappings.units import FOLDER, REFORM, Unit, Units
from mappings.validation import validated
from mappings.yamlfile import YamlFile, read_yaml

FILE, UNITS, CROSSWALK = "edition.yaml", "units.csv", "crosswalk.csv"
_DAY = timedelta(days=1)


class Counts(BaseModel):
    """How many units are in force on the edition's day. What is not stated is not counted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provinces: int = Field(description="provinces and cities of that level")
    cities: int | None = Field(None, description="those of them that are cities (thành phố)")
    districts: int | None = Field(None, description="districts; none since 2025-07-01")
    communes: int = Field(description="communes of every type")
    wards: int | None = Field(None, description="communes that are wards (phường)")
    towns: int | None = Field(None, description="communes that are towns (thị trấn)")
    special_zones: int | None = Field(None, description="communes that are special zones (đặc khu)")
    splits: int | None = Field(None, description="units that went to several others on this day")


class Edition(BaseModel):
    """What changed on a day."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Lien Thong edition of administrative units")

    edition: str = Field(pattern=r"^[a-z0-9_]+$", description="name of the edition and of its folder")
    day: date = Field(description="first day on which it holds")
    what: str = Field(description="what changed, in a sentence")
    source: str = Field(description="resolution and catalogue, with the mark [seen], [inferred] or [style]")
    counts: Counts = Field(description="the units in force on that day")
    replaces: str | None = Field(
        None,
        description="name of an edition after the reform whose rows are taken back first, such as one with a wrong day",
    )


class EditionsFile(BaseModel):
    """The editions of one set of tables."""

    model_config = ConfigDict(extra="forbid")

    editions: list[Edition]


def load_units(folder: Path = FOLDER, own: Sequence[Path] = ()) -> Units:
    """The tables of a folder with the editions in `own` (folders of edition folders) over them, in order of their days.

    Raises MappingError, with file and line, when a row cannot be read, days overlap, a unit vanishes without a
    successor, a successor does not exist, or a count of any edition is not met.
    """
    return _load(folder, [path for place in own for path in sorted(place.iterdir()) if _is_edition(path)])


def _is_edition(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _load(folder: Path, own: Sequence[Path]) -> Units:
    file = read_yaml(folder / "editions.yaml", f"{folder.name}/editions.yaml")
    editions = {one.edition: (one, file) for one in validated(EditionsFile, file, {}, Edition).editions}
    tables = Tables()
    tables.take_units(folder / "admin_units_old.csv", "admin_units_old.csv", ("district_code", "valid_to"), None)
    tables.take_units(folder / "admin_units_new.csv", "admin_units_new.csv", ("valid_from", "valid_to"), REFORM)
    for name, level in (("commune_crosswalk.csv", "commune"), ("province_crosswalk.csv", "province")):
        tables.take_crosswalk(folder / name, name, f"old_{level}_code", f"new_{level}_code", REFORM)
    tables.refuse_faults()
    for path, (edition, said) in sorted(_read_own(own), key=lambda one: one[1][0].day):
        _lay_over(tables, editions, path, edition, said)
    made = _made(tables, sorted((one for one, _ in editions.values()), key=lambda one: one.day))
    faults = [fault for one, said in editions.values() for fault in _faults(made, one, said, tables)]
    if faults:
        raise MappingError(faults[:20])
    return made


def _read_own(folders: Sequence[Path]) -> Iterator[tuple[Path, tuple[Edition, YamlFile]]]:
    for path in folders:
        file = read_edition_file(path)
        yield path, (validated(Edition, file, {}), file)


def read_edition_file(folder: Path) -> YamlFile:
    """A folder's edition.yaml; MappingError when there is none."""
    path = folder / FILE
    if not path.is_file():
        what = f"there is no {FILE}."
        raise MappingError([Fault(f"{folder.name}/", 1, "", what, "Name a folder that holds it (docs/codes.md).")])
    return read_yaml(path, f"{folder.name}/{FILE}")


def _lay_over(
    tables: Tables, editions: dict[str, tuple[Edition, YamlFile]], path: Path, edition: Edition, file: YamlFile
) -> None:
    if edition.edition in editions:
        what = f"there is an edition `{edition.edition}` already."
        raise MappingError([file.fault(("edition",), what, "Give another name; `replaces` takes an edition back.")])
    if edition.replaces is not None:
        old = editions.get(edition.replaces)
        later = [name for name, (one, _) in editions.items() if one.day > REFORM]
        if old is None or old[0].day <= REFORM:
            what = f"`{edition.replaces}` is no edition that can be taken back."
            raise MappingError([file.fault(("replaces",), what, near(edition.replaces, later))])
        del editions[edition.replaces]
        tables.drop(old[0].day)
    same = next((name for name, (one, _) in editions.items() if one.day == edition.day), None)
    if same or edition.day <= REFORM:
        what = f"the day {edition.day} is that of `{same}`." if same else f"{edition.day} is not after the reform."
        raise MappingError(
            [file.fault(("day",), what, "One edition holds all changes of its day, from 2025-07-02 on.")]
        )
    editions[edition.edition] = (edition, file)
    tables.take_units(path / UNITS, f"{path.name}/{UNITS}", ("valid_from", "valid_to"), edition.day)
    if (path / CROSSWALK).exists():
        tables.take_crosswalk(path / CROSSWALK, f"{path.name}/{CROSSWALK}", "old_code", "new_code", edition.day)
    tables.refuse_faults()


def _made(tables: Tables, editions: Sequence[Edition]) -> Units:
    children: dict[str, list[str]] = {}
    for (level, code), rows in tables.units.items():
        parent = rows[0].district if level == "commune" else rows[0].province if level == "district" else None
        if parent:
            children.setdefault(parent, []).append(code)
    by_code = {key: tuple(rows) for key, rows in tables.units.items() if rows}
    successors = {code: tuple(found) for code, found in tables.successors.items() if found}
    taken = [found[0].code for code, found in successors.items() if len(code) == 2]
    for code, found in successors.items():  # the province table does not say which were left alone
        if len(code) == 2 and found[0].code == code and taken.count(code) == 1:
            successors[code] = (replace(found[0], kind="unchanged"), *found[1:])
    provinces = {code: found[0].code for code, found in successors.items() if len(code) == 2 and found[0].day == REFORM}
    inside = {code: tuple(found) for code, found in children.items()}
    return Units(by_code, successors, provinces, inside, tuple(editions))


def counts(edition: Units, on: date) -> dict[str, int]:
    """The units in force on a day, under the names of `Counts`; `splits` are those of this very day."""
    return _counted(edition, on, _in_force(edition, on))


_COUNTED = {
    ("province", "Thành phố"): "cities",
    ("commune", "Phường"): "wards",
    ("commune", "Thị trấn"): "towns",
    ("commune", "Đặc khu"): "special_zones",
}


def _counted(edition: Units, on: date, now: dict[str, Unit]) -> dict[str, int]:
    found = dict.fromkeys(Counts.model_fields, 0)
    for kind, number in Counter((unit.level, unit.type) for unit in now.values()).items():
        found[f"{kind[0]}s"] += number
        if kind in _COUNTED:
            found[_COUNTED[kind]] += number
    found["splits"] = sum(
        len(successors) > 1 and len({one.code for one in successors if one.day == on}) > 1
        for successors in edition.successors.values()
    )
    return found


def _in_force(edition: Units, on: date) -> dict[str, Unit]:
    return {code: unit for (_, code), rows in edition.by_code.items() for unit in rows if unit.holds_on(on)}


def _faults(made: Units, edition: Edition, file: YamlFile, tables: Tables) -> Iterator[Fault]:
    """What is wrong on an edition's day: counts, communes without a province, and the way from the day before."""
    now = _in_force(made, edition.day)
    found, said = _counted(made, edition.day, now), edition.counts.model_dump(exclude_none=True)
    at = ("counts",) if "editions" not in file.data else ("editions", _place(file, edition), "counts")
    for name, expected in said.items():
        if found[name] != expected:
            what = f"edition {edition.edition} holds {found[name]:,}, not {expected:,}."
            yield file.fault((*at, name), what, "Nothing was taken.")
    for unit in now.values():
        if unit.level == "commune" and unit.province not in now:
            shown, line = tables.lines[unit.code, unit.valid_from]
            what = f"`{unit.code}` lies in province `{unit.province}`, which there is not on {edition.day}."
            yield Fault(shown, line, "province_code", what, "Give the code of a province in force.")
    if edition.day >= REFORM:
        yield from _broken_ways(made, edition.day, now, tables)


def _broken_ways(made: Units, day: date, now: dict[str, Unit], tables: Tables) -> Iterator[Fault]:
    """Units that end before a day without a word of what became of them, and crosswalk rows from or to no unit."""
    before = day - _DAY
    went = {code: [one for one in found if one.day == day] for code, found in made.successors.items()}
    for code, successors in went.items():
        for one in successors:
            if one.code not in now or made.unit(code, before) is None:
                shown, line = tables.lines[f"{code}>{one.code}", day]
                missing, when = (one.code, "that day") if one.code not in now else (code, "the day before")
                yield Fault(shown, line, "", f"there is no unit `{missing}` {when}.", "Correct the code or the day.")
    for rows in made.by_code.values():
        for unit in rows:
            renamed = day != REFORM and unit.code in now  # codes of the reform were given to other areas
            if unit.valid_to == before and unit.level != "district" and not renamed and not went.get(unit.code):
                shown, line = tables.lines[unit.code, unit.valid_from]
                what = f"`{unit.code}` {unit.name} ends before {day}, and nothing says what became of it."
                yield Fault(shown, line, "valid_to", what, "Add its rows to the crosswalk.")


def _place(file: YamlFile, edition: Edition) -> int:
    return next(i for i, one in enumerate(file.data["editions"]) if one.get("edition") == edition.edition)


def import_edition(source: Path, into: Path, package: Path = FOLDER) -> Edition:
    """Check an edition with everything that is there already, then put it into `into` (the folder `units/`), whole or
    not at all. `source` is its folder or its edition.yaml. Taking the same files again changes nothing.

    Raises MappingError when it does not fit.
    """
    folder = source if source.is_dir() else source.parent
    file = read_edition_file(folder) if source.is_dir() or source.name == FILE else None
    if file is None:
        raise MappingError([Fault(source.name, 1, "", f"this is not {FILE}.", f"Name the folder, or its {FILE}.")])
    edition = validated(Edition, file, {})
    final = into / edition.edition
    if final.is_dir() and _same(folder, final):
        return edition
    into.mkdir(parents=True, exist_ok=True)
    aside = into / f".{edition.edition}.{os.getpid()}"
    waiting = aside / folder.resolve().name  # what is said of a row names the folder that was given
    try:
        waiting.mkdir(parents=True)
        for name in (FILE, UNITS, CROSSWALK):
            if (folder / name).exists():
                shutil.copyfile(folder / name, waiting / name)
        present = [path for path in sorted(into.iterdir()) if _is_edition(path)]
        _load(package, [*present, waiting])
        waiting.rename(final)
    except OSError as error:
        raise MappingError(
            [
                Fault(
                    f"{into.name}/{edition.edition}", 1, "", f"cannot be written: {error.strerror}.", "Nothing changed."
                )
            ]
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return edition


def _same(one: Path, other: Path) -> bool:
    def held(folder: Path) -> list[bytes | None]:
        return [path.read_bytes() if (path := folder / name).exists() else None for name in (FILE, UNITS, CROSSWALK)]

    return held(one) == held(other)
