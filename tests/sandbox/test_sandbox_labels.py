"""What is not labelled is right by every yardstick of others; what is labelled doubtful is wrong in one thing."""

import csv
import re
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import holidays
import phonenumbers
import pytest
from stdnum.vn import mst

from sandbox import calendar, people
from sandbox.dirt import HELD, PERIOD, WARNED
from sandbox.dossiers import Generator
from sandbox.limits import due_days
from sandbox.plain import Plain, PlainDossier
from sandbox.procedures import LocalProcedure, local_list, national
from sandbox.provinces import PROFILES

SIZE = 500
UNITS = Path(__file__).parents[2] / "mappings" / "units"
OFF = holidays.country_holidays("VN", years=range(2024, 2029))
PROVINCES = {
    1, 2, 4, 6, 8, 10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25, 26, 27, 30, 31, 33, 34, 35, 36, 37, 38, 40, 42, 44, 45,
    46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, 66, 67, 68, 70, 72, 74, 75, 77, 79, 80, 82, 83, 84, 86, 87, 89, 91, 92,
    93, 94, 95, 96,
}  # fmt: skip
"""The 63 provinces of birth in citizen numbers."""


@cache
def generator(slug: str, days: int = 0) -> Generator:
    made = Generator(PROFILES[slug], SIZE, 20260630)
    for day in range(1, days + 1):
        made.timeline.apply({"day": day})
    return made


def records(slug: str, days: int = 0) -> list[tuple[str, PlainDossier]]:
    """Every record with its label, "" for a clean one."""
    made = generator(slug, days)
    plain = Plain(made)
    return [(made.dossier(row).kind, plain.record(row)) for row in range(made.timeline.rows)]


def working(day: date) -> bool:
    return day in OFF.weekend_workdays or (day.weekday() < 5 and day not in OFF)


def working_days(after: date, until: date) -> int:
    return sum(working(after + timedelta(days=n)) for n in range(1, (until - after).days + 1))


@cache
def known_communes() -> frozenset[str]:
    """Codes that either edition has."""
    found = set()
    for name in ("admin_units_old.csv", "admin_units_new.csv"):
        with (UNITS / name).open(encoding="utf-8", newline="") as file:
            found |= {value for row in csv.DictReader(file) for value in row.values() if re.fullmatch(r"\d{5}", value)}
    return frozenset(found)


def doubts(slug: str, d: PlainDossier) -> set[str]:
    """What is wrong with a record, by the libraries and tables of others."""
    found = set()
    if d.tax and not mst.is_valid(d.tax):
        found.add("bad_tax_code")
    if not phonenumbers.is_valid_number(phonenumbers.parse(d.phone, "VN")):
        found.add("bad_phone")
    if d.place.commune not in known_communes():
        found.add("unknown_commune")
    if d.channel == 0 and not d.on_national and d.submitted and d.submitted >= PROFILES[slug].gateway:
        found.add("outside_gateway")
    return found | by_procedure(d)


def by_procedure(d: PlainDossier) -> set[str]:
    """What the procedure's own record contradicts."""
    known = national().get(d.procedure.base or "")
    if known is None:
        return set()
    stated = {c.fee for c in known.channels if c.fee is not None}
    found = {"fee_off"} if any(fee.amount not in stated for fee in d.fees) else set()
    if d.due and d.received and d.received.year > 1000:
        limits = [
            latest(d.received.date(), int(c.duration), c.unit)
            for c in known.channels
            if c.duration.strip("0").isdigit()
        ]
        if limits and d.due.date() > max(limits):
            found.add("due_beyond_limit")
    return found


def latest(received: date, count: int, unit: str) -> date:
    """The last day of a limit; one that ends on a day off ends with the next working day (Civil Code 2015, 148)."""
    if unit in ("Ngày", "Tháng"):
        day = received + timedelta(days=count * (31 if unit == "Tháng" else 1))
    else:
        left, day = -(-count // 8) if unit == "Giờ" else count, received
        while left:
            day += timedelta(days=1)
            left -= working(day)
    while not working(day):
        day += timedelta(days=1)
    return day


def birth_holds(number: str, received: datetime) -> bool:
    """The structure of a citizen number: province of birth, century and sex, year; the nine digits of old have none."""
    if re.fullmatch(r"\d{9}", number):
        return True
    if not re.fullmatch(r"\d{12}", number) or int(number[:3]) not in PROVINCES:
        return False
    return 1900 + int(number[3]) // 2 * 100 + int(number[4:6]) <= received.year


@pytest.mark.parametrize("days", [0, 9])
@pytest.mark.parametrize("slug", PROFILES)
def test_a_record_is_wrong_in_what_its_label_says_and_in_nothing_else(slug: str, days: int) -> None:
    seen = set()
    for kind, d in records(slug, days):
        assert doubts(slug, d) == ({kind} & set(WARNED)), (kind, d.code)
        if d.received and kind not in ("bad_identity", "impossible_dates"):
            assert birth_holds(d.identity, d.received), d.identity
            assert d.submitted and d.submitted <= d.received <= generator(slug, days).timeline.now
            assert d.due is None or d.due >= d.received
            assert d.finished is None or d.finished >= d.received
        seen.add(kind)
    without = {"bad_tax_code"} if PROFILES[slug].kind == "viettel" else set()
    assert set(WARNED) - seen == without


@pytest.mark.parametrize("slug", PROFILES)
def test_a_label_of_dates_or_identity_is_true(slug: str) -> None:
    now = generator(slug).timeline.now
    for kind, d in records(slug):
        if kind == "bad_identity":
            assert d.received and not birth_holds(d.identity, d.received)
        if kind == "impossible_dates":
            assert d.received and d.submitted
            late = d.finished is not None and d.finished < d.received
            assert d.received.year == 202 or d.received < d.submitted or d.received > now or late


def test_variants_of_a_label_go_by_the_row() -> None:
    made = Generator(PROFILES["lao_cai"], 20_000, 7)
    plain, now = Plain(made), made.timeline.now
    dates, births = set(), set()
    for d in map(plain.record, made.timeline.mains("impossible_dates")):
        assert d.received and d.submitted
        slip = "year" if d.received.year == 202 else "submitted" if d.submitted > d.received else "finished"
        dates.add("future" if d.received > now + timedelta(days=365) else slip)
    for d in map(plain.record, made.timeline.mains("bad_identity")):
        births.add("length" if len(d.identity) == 11 else "year" if int(d.identity[:3]) in PROVINCES else "province")
    assert dates == {"year", "submitted", "future", "finished"}
    assert births == {"length", "province", "year"}


@pytest.mark.parametrize("size", [150, 500, 5000])
def test_every_doubtful_kind_is_there_about_one_in_a_hundred_and_never_on_dirt(size: int) -> None:
    made = Generator(PROFILES["thai_nguyen"], size, 20260630)
    rows = {kind: made.timeline.mains(kind) for kind in WARNED}
    assert all(rows.values())
    assert sum(map(len, rows.values())) <= max(6, size * 6 // PERIOD)
    assert {made.dossier(row).kind for kind in WARNED for row in rows[kind]} == set(WARNED)
    held = sum(len(made.timeline.mains(kind)) for kind in HELD)
    assert size != 500 or held == 9


def test_a_fee_that_is_off_is_off_by_a_thousand() -> None:
    for slug in PROFILES:
        for kind, d in records(slug):
            if kind == "fee_off":
                stated = {c.fee for c in national()[d.procedure.base or ""].channels}
                (fee,) = d.fees
                assert {fee.amount * 1000, fee.amount / 1000} & stated


def test_offices_are_open_on_the_days_that_the_holidays_of_viet_nam_leave() -> None:
    days = [date(2024, 7, 1) + timedelta(days=n) for n in range(1270)]
    assert {day for day in days if calendar.is_working(day)} == {day for day in days if working(day)}
    assert all(working(calendar.due(n).date()) for n in range(len(calendar.DAYS) - 3))


def test_due_days_keep_every_limit_of_the_list_at_every_day_of_the_year() -> None:
    seen = set()
    for procedure in local_list("son_la", "H52", 20260630).listed:
        known = national().get(procedure.base or "")
        limits = {(c.duration, c.unit) for c in known.channels} if known else set()
        if limits and frozenset(limits) not in seen and all(re.fullmatch(r"[1-9]\d*", number) for number, _ in limits):
            seen.add(frozenset(limits))
            keeps_limits(procedure, limits)
    assert len(seen) > 30


def keeps_limits(procedure: LocalProcedure, limits: set[tuple[str, str]]) -> None:
    table = due_days(procedure)
    for n in range(calendar.FIRST_BASE_DAY, calendar.LAST_BASE_DAY + 60, 3):
        day = calendar.DAYS[n]
        due = calendar.due(table[n]).date()
        assert day < due <= min(latest(day, int(count), unit) for count, unit in limits), (procedure.code, day)


def test_every_tax_code_that_can_be_given_out_has_a_right_digit() -> None:
    assert all(mst.is_valid(people.tax_code(n).decode()) for n in (*range(0, 9_999_990, 997), 9_999_990))


def test_every_prefix_of_a_phone_is_valid_with_any_rest() -> None:
    for prefix in people.PHONE_PREFIX:
        for rest in range(0, 10_000_000, 9973):
            number = phonenumbers.parse(f"{prefix.decode()}{rest:07d}", "VN")
            assert phonenumbers.is_valid_number(number)
