"""Dossiers from the national portal: read from the portal's words, written in the words of a province's intake."""

from datetime import UTC, datetime

import pytest

from mappings.dates import datetime_writer
from mappings.mapped import Refused


@pytest.mark.parametrize(
    ("form", "zone", "text"),
    [
        ("yyyy-MM-dd HH:mm:ss", "Asia/Ho_Chi_Minh", "2026-06-30 08:15:00"),
        ("dd/MM/yyyy HH:mm", "UTC", "30/06/2026 01:15"),
        ("iso", "Asia/Ho_Chi_Minh", "2026-06-30T08:15:00.120+07:00"),
        ("epoch_ms", "UTC", "1782782100120"),
        ("yyyyMMddHHmmssSSS", "Asia/Ho_Chi_Minh", "20260630081500120"),
    ],
)
def test_a_time_goes_out_in_the_form_and_zone_that_the_rule_names(form: str, zone: str, text: str) -> None:
    assert datetime_writer(form, zone)(datetime(2026, 6, 30, 1, 15, 0, 120_000, tzinfo=UTC)) == text


def test_a_time_without_zone_never_goes_out() -> None:
    with pytest.raises(Refused):
        datetime_writer("iso", "UTC")(datetime(2026, 6, 30))
