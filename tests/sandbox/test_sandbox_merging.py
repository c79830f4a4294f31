"""Three old provinces with two years of history: places, offices and codes are those of their day."""

import csv
from datetime import date, datetime
from functools import cache
from pathlib import Path

import pytest

from mappings.resolving import Era, resolve
from sandbox import agencies
from sandbox.calendar import VIET_NAM
from sandbox.dossiers import Generator
from sandbox.plain import Plain, PlainDossier
from sandbox.provinces import PROFILES, offices, places

EXAMPLE = Path(__file__).parents[2] / "examples" / "can_tho"
SIZE, SEED = 3200, 7
MERGING = ("can_tho_cu", "hau_giang", "soc_trang")
REFORM = datetime(2025, 7, 1, tzinfo=VIET_NAM)


@cache
def clean(slug: str) -> list[PlainDossier]:
    """The records that carry no label."""
    generator = Generator(PROFILES[slug], SIZE, SEED)
    plain = Plain(generator)
    return [plain.record(row) for row in range(generator.timeline.rows) if not generator.dossier(row).kind]


@pytest.mark.parametrize("slug", MERGING)
def test_history_goes_back_to_july_2024_and_nearly_all_of_it_has_ended(slug: str) -> None:
    received = [d.received for d in clean(slug) if d.received]
    assert (min(received).year, min(received).month) == (2024, 7)
    assert max(received).date() > date(2026, 6, 1)
    going_on = [d for d in clean(slug) if d.status not in (3, 10)]
    assert 0.02 < len(going_on) / SIZE < 0.08
    assert sum(d.changed.date() > date(2026, 2, 1) for d in going_on) / len(going_on) > 0.8


@pytest.mark.parametrize("slug", MERGING)
def test_before_the_reform_every_unit_is_one_of_that_day_and_after_it_two_thirds_are_new(slug: str) -> None:
    profile = PROFILES[slug]
    for d in clean(slug):
        assert d.received
        era: Era = "old" if d.place.district else "new"
        day = d.received.date() if d.received < REFORM else date(2025, 7, 1)
        assert resolve(d.place.commune, day, era=None if d.received < REFORM else era).unit, d.place
        if d.received < REFORM:
            assert d.place.province == profile.code
            assert d.place.district
    after = [d for d in clean(slug) if d.received and d.received >= REFORM]
    assert 0.6 < sum(d.place.district is None for d in after) / len(after) < 0.73
    assert {d.place.province for d in after if d.place.district is None} == {"92"}


@pytest.mark.parametrize("slug", MERGING)
def test_districts_handle_dossiers_until_the_reform(slug: str) -> None:
    agency = PROFILES[slug].agency
    kinds = {int(d.office.old.split(".")[2]) for d in clean(slug) if d.received and d.received < REFORM}
    assert kinds <= {*range(11, 24), 40, *range(61, 72)}, "departments, districts, the communes of each district"
    districts = {d.office for d in clean(slug) if d.office.old.endswith(f".40.{agency}")}
    assert len(districts) == {"can_tho_cu": 9, "hau_giang": 8, "soc_trang": 11}[slug]
    assert all(o.name.startswith(("UBND quận", "UBND huyện", "UBND thị xã", "UBND thành phố")) for o in districts)
    departments, committees = offices(slug)
    after = {d.office for d in clean(slug) if d.received and d.received >= REFORM}
    assert after <= {*departments, *committees}


def test_two_of_three_addresses_in_a_split_commune_say_which_part_is_meant() -> None:
    split = [d for d in clean("can_tho_cu") if d.place.commune in ("31178", "31183", "31207") and d.place.district]
    decided = [resolve(d.place.commune, date(2025, 7, 1), d.address, era="old").unit for d in split]
    assert len(split) > 20
    assert 0.5 < sum(unit is not None for unit in decided) / len(split) < 0.8
    assert all(unit is None or f"nay là {unit.name}" in d.address for unit, d in zip(decided, split, strict=True))


def test_the_three_systems_gave_some_of_their_dossiers_the_same_code() -> None:
    codes = []
    for slug in MERGING:
        generator = Generator(PROFILES[slug], SIZE, SEED)
        codes.append({generator.code_of(row) for row in range(generator.timeline.rows)})
    both = codes[0] & codes[1] & codes[2]
    assert both
    assert all(code.startswith("HS/") for code in (codes[0] & codes[1]) | (codes[1] & codes[2]))


def test_the_table_of_agencies_names_who_takes_over_from_each_that_a_source_writes() -> None:
    rows = list(csv.DictReader((EXAMPLE / "migrations" / "can_tho.agencies.csv").open(encoding="utf-8", newline="")))
    assert rows == agencies.successors("can_tho")
    committees = [row for row in rows if not row["source"]]
    assert {row["commune"] for row in committees} == {place.commune for place in places("can_tho")[1]}
    known = {(row["source"], row["old_code"]): row for row in rows if row["source"]}
    assert len(known) == len(rows) - len(committees)
    new = {office.old: office.name for group in offices("can_tho") for office in group}
    for slug in MERGING:
        for d in clean(slug):
            row = known[slug, d.office.new if slug == "hau_giang" else d.office.old]
            if row["old_code"].split(".")[2:3] == ["40"]:
                assert (row["new_code"], row["note"]) == ("", agencies.BY_LEVEL)
            elif row["new_code"]:
                assert row["new_name"] == new[row["new_code"]]
                bare = d.office.name.partition(" ")[2].lower()
                assert d.place.district or row["level"] == "1" or bare in row["new_name"].lower()
