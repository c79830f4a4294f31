"""Times of the wire become aware datetimes in Viet Nam, or are refused by name."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.dates import datetime_reader, end_of_day_reader, is_format
from mappings.mapped import Refused
from mappings.transforms import write_compact_time
from schemas.records import VIET_NAM

WHOLE_SECONDS = st.datetimes(datetime(1990, 1, 2), datetime(2100, 12, 30)).map(lambda t: t.replace(microsecond=0))

PATTERNS = {
    "dd/MM/yyyy HH:mm:ss": "%d/%m/%Y %H:%M:%S",
    "yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S",
    "yyyyMMddHHmmss": "%Y%m%d%H%M%S",
    "yyyy/MM/dd HH:mm:ss": "%Y/%m/%d %H:%M:%S",
    "MM/dd/yyyy HH:mm:ss": "%m/%d/%Y %H:%M:%S",
    "HH:mm:ss dd-MM-yyyy": "%H:%M:%S %d-%m-%Y",
}


def read(text, *formats, zone="Asia/Ho_Chi_Minh"):
    return datetime_reader(formats, zone)(text)


def local(year, month, day, hour=0, minute=0, second=0):
    return datetime(year, month, day, hour, minute, second, tzinfo=VIET_NAM)


@pytest.mark.parametrize("name", PATTERNS)
@given(at=WHOLE_SECONDS)
def test_every_pattern_reads_back_what_it_says(name, at):
    assert is_format(name)
    found = read(at.strftime(PATTERNS[name]), name)

    assert found == at.replace(tzinfo=VIET_NAM)
    assert found.tzinfo is VIET_NAM


@given(at=st.datetimes(datetime(1990, 1, 2), datetime(2100, 12, 30)))
def test_an_iso_instant_is_the_one_that_the_standard_library_reads(at):
    instant = at.replace(tzinfo=UTC)

    found = read(instant.isoformat(timespec="milliseconds").replace("+00:00", "+0000"), "iso", zone="UTC")

    assert found == instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert found.isoformat() == found.astimezone(VIET_NAM).isoformat()


@given(at=WHOLE_SECONDS)
def test_the_compact_form_goes_out_and_comes_back_the_same(at):
    moment = at.replace(tzinfo=VIET_NAM)

    assert read(write_compact_time(moment), "yyyyMMddHHmmss") == moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-12T17:00:00.000+0000", local(2026, 6, 13)),
        ("2026-06-12T03:04:05Z", local(2026, 6, 12, 10, 4, 5)),
        ("2026-06-12T10:04:05+07:00", local(2026, 6, 12, 10, 4, 5)),
        ("2026-06-12T03:04:05", local(2026, 6, 12, 10, 4, 5)),
        ("2026-06-12", local(2026, 6, 12)),
        ("", None),
        ("   ", None),
        (None, None),
    ],
)
def test_a_system_on_utc_is_read_in_viet_nam(text, expected):
    assert read(text, "iso", zone="UTC") == expected


def test_a_day_without_time_is_that_day_in_viet_nam_whatever_the_zone():
    assert read("12/06/2026", "dd/MM/yyyy", zone="UTC") == local(2026, 6, 12)


def test_several_formats_are_tried_in_order():
    formats = ("dd/MM/yyyy HH:mm:ss", "dd/MM/yyyy", "iso")

    assert read("12/06/2026 08:00:01", *formats) == local(2026, 6, 12, 8, 0, 1)
    assert read("12/06/2026", *formats) == local(2026, 6, 12)
    assert read("2026-06-12T01:00:00Z", *formats) == local(2026, 6, 12, 8)


def test_a_second_format_with_other_days_is_not_taken_for_the_first():
    formats = ("dd/MM/yyyy HH:mm", "MM/dd/yyyy HH:mm:ss")

    assert read("06/12/2026 08:00:01", *formats) == local(2026, 6, 12, 8, 0, 1)


@pytest.mark.parametrize("value", [1_781_200_000_000, "1781200000000"])
def test_epoch_milliseconds_are_an_instant(value):
    assert read(value, "epoch_ms") == datetime.fromtimestamp(1_781_200_000, VIET_NAM)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("12/13/2026 08:00:00", "bad_date"),
        ("31/02/2026 08:00:00", "bad_date"),
        ("2026-06-12", "bad_date"),
        ("12-06-2026 08:00:00", "bad_date"),
        ("12/06/2026 24:30:00", "bad_date"),
        ("hôm qua", "bad_date"),
        ("12/06/0202 08:00:00", "impossible_dates"),
        ("12/06/1989 08:00:00", "impossible_dates"),
        ("12/06/2101 08:00:00", "impossible_dates"),
        (True, "bad_value"),
        (["12/06/2026"], "bad_value"),
    ],
)
def test_what_is_no_time_is_refused_by_name(value, reason):
    with pytest.raises(Refused) as refused:
        read(value, "dd/MM/yyyy HH:mm:ss")

    assert refused.value.reason == reason


def test_an_impossible_year_of_an_instant_is_told_apart_from_an_unreadable_one():
    for text, reason in (("0202-06-12T00:00:00.000+0000", "impossible_dates"), ("2026-13-12T00:00:00Z", "bad_date")):
        with pytest.raises(Refused) as refused:
            read(text, "iso", zone="UTC")
        assert refused.value.reason == reason


def test_a_limit_given_as_a_day_holds_until_its_last_second():
    limit = end_of_day_reader(datetime_reader(("iso",), "UTC"))

    assert limit("2026-06-12T17:00:00.000+0000") == local(2026, 6, 13, 23, 59, 59)
    assert limit("2026-06-12T09:30:00.000+0000") == local(2026, 6, 12, 16, 30)
    assert limit(None) is None


def test_remembered_times_do_not_grow_without_end():
    read_time = datetime_reader(("dd/MM/yyyy HH:mm:ss",), "Asia/Ho_Chi_Minh")
    start = datetime(2026, 1, 1)
    for second in range(0, 86_400, 2):
        at = start + timedelta(seconds=second)
        assert read_time(at.strftime("%d/%m/%Y %H:%M:%S")) == at.replace(tzinfo=VIET_NAM)


@pytest.mark.parametrize("name", ["dd/MM/yy", "MM-dd", "yyyy-MM-dd'T'HH", "dd/MM/yyyy dd", "isoo"])
def test_a_format_that_cannot_be_read_is_known_beforehand(name):
    assert not is_format(name)
