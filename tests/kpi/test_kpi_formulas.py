"""Each indicator counts what its formula says: one dossier for each side of every edge, the figures by hand."""

from datetime import datetime
from decimal import Decimal

import pytest

from hub.errors import ConfigurationError
from hub.kpi import INDICATORS, Month
from hub.kpi.model import figure, two_decimals
from hub.kpi.page import percent
from schemas.records import VIET_NAM
from tests.kpi.conftest import PAPER, RECEIVED, Province, day

TIME = "THOIGIANGIAIQUYET"


def times(*entries: tuple[str, str]) -> list[dict[str, object]]:
    return [{"KENH": "1", "THOIGIAN": [{TIME: number, "DONVITINH": unit} for number, unit in entries]}]


def test_a_dossier_that_carries_everything_counts_everywhere(province: Province) -> None:
    province.dossier()
    figures = province.kpi()
    for name in ("sync", "on_time", "online", "online_payment", "digitised", "result_copy", "reuse", "identity"):
        assert (figures[name].numerator, figures[name].denominator, figures[name].share) == (1, 1, Decimal("100.00")), (
            name
        )
        assert not figures[name].not_counting


def test_on_time_takes_the_first_end_that_is_there_and_the_supplement_time_off(province: Province) -> None:
    expected = {
        province.dossier(finished_at=day(9), due_at=day(9)): None,
        province.dossier(finished_at=day(9, 10), due_at=day(9)): "overdue",
        # NgayKetThucXuLy is missing: status 9 before 10, 10 before 8 and 3, the last of several
        province.dossier((day(9), 9), (day(12), 10), finished_at=None): None,
        province.dossier((day(12), 10), finished_at=None): "overdue",
        province.dossier((day(2), 9), (day(3), 5), (day(12), 9), finished_at=None, status=9, due_at=day(4)): None,
        province.dossier((day(8), 3), finished_at=None, status=3): None,
        province.dossier((day(11), 8), finished_at=None, status=8): "overdue",
        province.dossier(finished_at=None, status=9): "no_end",
        # four days late, five days of them spent on one supplement; then three
        province.dossier((day(2), 5), (day(7), 4), finished_at=day(13)): None,
        province.dossier((day(2), 5), (day(5), 4), finished_at=day(13)): "overdue",
        # one that was asked for after the stated end took none of its time
        province.dossier((day(5), 5), (day(6), 9), finished_at=day(3), due_at=day(3)): None,
        # a supplement that was still open at the end is subtracted up to there
        province.dossier((day(8), 5), finished_at=day(20)): None,
        province.dossier((day(1), 5), (day(2), 4), (day(3), 5), (day(4), 4), finished_at=day(5)): "two_supplements",
    }
    late = {code: reason for code, reason in expected.items() if reason}
    assert province.reasons("on_time") == late
    assert province.kpi()["on_time"].numerator == len(expected) - len(late)


def test_the_first_supplement_of_a_correction_after_status_9_is_time_of_the_applicant(province: Province) -> None:
    code = province.dossier((day(2), 9), (day(3), 5), (day(4), 9), finished_at=None, status=9, due_at=day(3))
    assert province.reasons("on_time") == {}, code
    late = province.dossier(
        (day(2), 9), (day(3), 5), (day(4), 4), (day(6), 9), finished_at=None, status=9, due_at=day(3)
    )
    assert province.reasons("on_time") == {late: "overdue"}


def test_what_has_not_ended_is_outside_and_what_is_past_its_due_date_is_told(province: Province) -> None:
    province.dossier(status=4, finished_at=None, due_at=day(60))
    province.dossier(status=5, finished_at=day(1), due_at=day(2))
    one = province.kpi()["on_time"]
    assert (one.denominator, one.share, one.outside) == (0, None, {"open": 1, "open_overdue": 1})


def test_without_a_due_date_the_longest_time_of_the_procedure_counts_in_working_days(province: Province) -> None:
    province.procedure(CACHTHUCTHUCHIEN=times(("2", "Ngày làm việc"), ("24", "Giờ"), ("1 tuần", "Ngày")))
    friday = datetime(2026, 4, 24, 15, tzinfo=VIET_NAM)  # then a weekend and the holiday of 27/04, observed
    last = datetime(2026, 5, 4, 23, 59, tzinfo=VIET_NAM)  # 28/04, 29/04, and over 30/04 and 01/05
    province.dossier(due_at=None, received_at=friday, finished_at=last)
    late = province.dossier(due_at=None, received_at=friday, finished_at=last.replace(day=5, hour=0, minute=1))
    assert province.reasons("on_time") == {late: "overdue_by_limit"}


@pytest.mark.parametrize(
    ("number", "unit", "last"),
    [("10", "Ngày", 10), ("1", "Tháng", 30), ("3 ngày, kể từ khi nhận đủ hồ sơ", "Ngày", 3)],
)
def test_days_and_months_are_calendar_time(province: Province, number: str, unit: str, last: int) -> None:
    province.procedure(CACHTHUCTHUCHIEN=times((number, unit)))
    province.dossier(finished_at=day(last, 23), due_at=None)
    late = province.dossier(finished_at=day(last + 1, 0), due_at=None)
    assert province.reasons("on_time") == {late: "overdue_by_limit"}


def test_the_due_day_is_the_gate_s_a_day_off_moves_on_and_the_installation_s_own_days_count(province: Province) -> None:
    province.procedure(CACHTHUCTHUCHIEN=times(("5", "Ngày")))  # a Saturday
    province.dossier(finished_at=day(7, 23), due_at=None)
    late = province.dossier(finished_at=day(8, 1), due_at=None)
    assert province.reasons("on_time") == {late: "overdue_by_limit"}
    province.own_days = {day(7).date(): False}
    assert province.reasons("on_time") == {}
    province.own_days = {day(5).date(): True}
    assert set(province.reasons("on_time").values()) == {"overdue_by_limit"} and len(province.reasons("on_time")) == 2


def test_where_one_time_cannot_be_read_nothing_is_called_late_by_another(province: Province) -> None:
    province.procedure(CACHTHUCTHUCHIEN=times(("5", "Ngày"), ("Theo quy định", "Ngày")))
    province.dossier(finished_at=day(3), due_at=None)
    unknown = province.dossier(finished_at=day(20), due_at=None)
    province.dossier(status=4, finished_at=None, due_at=None)
    assert province.reasons("on_time") == {unknown: "no_limit"}
    assert province.kpi()["on_time"].outside == {"open": 1}


@pytest.mark.parametrize(("number", "unit"), [("Theo quy định", "Ngày"), ("24 ngày làm việc", "Giờ"), ("", "")])
def test_a_time_that_cannot_be_read_is_not_guessed(province: Province, number: str, unit: str) -> None:
    province.procedure(CACHTHUCTHUCHIEN=times((number, unit)))
    code = province.dossier(due_at=None)
    assert province.reasons("on_time") == {code: "no_limit"}


def test_online_needs_code_and_link_where_a_result_paper_is_due_and_is_multiplied_by_the_sync_rate(
    province: Province,
) -> None:
    no_link, no_code = {**PAPER, "url": None}, {**PAPER, "result_code": ""}
    expected = {
        province.dossier(): None,
        province.dossier(status=4, finished_at=None, results=[]): None,
        province.dossier(status=3, results=[]): None,
        province.dossier(channel=1): "not_online",
        province.dossier(channel=None): "not_online",
        province.dossier(results=[]): "result_missing",
        province.dossier(results=[no_link]): "result_without_link",
        province.dossier(results=[no_code]): "result_without_code",
        province.dossier(results=[no_link, no_code]): "result_apart",
        province.dossier(results=[no_link, PAPER]): None,
    }
    province.dossier(sent=False)
    province.held("unmapped_status")
    assert province.reasons("online") == {code: reason for code, reason in expected.items() if reason}
    one, sync = province.kpi()["online"], province.kpi()["sync"]
    assert (one.numerator, one.denominator, sync.share) == (4, 10, Decimal("83.33"))
    assert (one.share, one.value, one.of_full) == (Decimal("40.00"), Decimal("33.33"), Decimal("66.67"))


def test_no_result_paper_is_due_of_a_procedure_that_names_none(province: Province) -> None:
    province.procedure(KETQUATHUCHIEN=[])
    province.dossier(results=[])
    figures = province.kpi()
    assert figures["online"].numerator == 1
    assert (figures["result_copy"].denominator, figures["result_copy"].outside) == (0, {"no_result_due": 1})


def test_online_payment_leaves_out_what_has_no_fee(province: Province) -> None:
    fees = [{"amount": 0}, {"amount": 15000}]
    expected = {
        province.dossier(online_payment=1, fees=fees): None,
        province.dossier(online_payment=2, fees=fees): None,
        province.dossier(online_payment=3, fees=fees): "not_paid_online",
        province.dossier(online_payment=0, fees=fees): "payment_not_stated",
        province.dossier(online_payment=None, fees=[{"amount": None}]): "payment_not_stated",
        province.dossier(online_payment=3, fees=[{"amount": 0}, {"amount": 0.0}]): None,
        province.dossier(online_payment=3, fees=[]): None,
    }
    assert province.reasons("online_payment") == {code: reason for code, reason in expected.items() if reason}
    one = province.kpi()["online_payment"]
    assert (one.numerator, one.denominator, one.outside) == (2, 5, {"no_fee": 2})
    assert (one.share, one.of_full) == (Decimal("40.00"), Decimal("50.00"))


def test_digitised_reuse_and_identity_stand_on_their_own_marks(province: Province) -> None:
    paper = {"name": "a.pdf", "digitised": False, "reused": 1}
    bare = province.dossier(documents=[paper, paper], identity_verified=False)
    empty = province.dossier(documents=[], identity_verified=None)
    other = province.dossier(documents=[paper, {**paper, "digitised": True, "from_store": False}])
    assert province.reasons("digitised") == {bare: "not_digitised", empty: "no_documents"}
    assert province.reasons("reuse") == {bare: "reuse_not_stated", empty: "reuse_not_stated", other: "not_reused"}
    assert province.reasons("identity") == {bare: "not_verified", empty: "identity_not_stated"}
    assert not province.kpi()["reuse"].note


def test_what_is_not_on_the_national_side_is_in_the_sync_rate_only(province: Province) -> None:
    expected = {
        province.dossier(): None,
        province.dossier(sent=False): "waiting",
        province.dossier(sent=False, state="pending"): "waiting",
        province.dossier(state="unknown"): "unknown",
        province.dossier(state="held"): "refused_nationally",
        province.held("bad_identity"): "bad_identity",
    }
    known = province.dossier()
    province.held("impossible_dates", code=known)  # a newer version is held; the one before is national
    nowhere = province.held("missing_received", received=None)
    assert province.reasons("sync") == {code: reason for code, reason in expected.items() if reason}
    figures = province.kpi()
    one = figures["sync"]
    assert (one.numerator, one.denominator, one.outside) == (2, 7, {"no_receipt": 1})
    assert nowhere not in province.reasons("sync")
    for name in ("on_time", "online", "digitised", "identity"):
        assert (figures[name].denominator, figures[name].outside["not_synced"]) == (2, 4)


def test_a_month_is_that_of_the_receipt_in_viet_nam(province: Province) -> None:
    province.dossier(received_at=datetime(2026, 6, 1, 0, 0, tzinfo=VIET_NAM))
    province.dossier(received_at=datetime(2026, 5, 31, 23, 59, 59, tzinfo=VIET_NAM))
    province.dossier(received_at=datetime(2026, 6, 30, 23, 59, tzinfo=VIET_NAM), finished_at=None, status=4)
    province.held("bad_identity", datetime(2026, 7, 1, tzinfo=VIET_NAM))
    assert [province.kpi(month)["sync"].denominator for month in ("2026-05", "06/2026", "2026-07", "2026-08")] == [
        1,
        2,
        1,
        0,
    ]
    assert province.kpi("2026-08")["online"].value is None
    with pytest.raises(ConfigurationError, match="is no month"):
        Month.read("2026-13")


def test_what_the_hub_cannot_know_is_not_known(province: Province) -> None:
    province.dossier()
    figures = province.kpi()
    for name in ("satisfaction", "publication"):
        one = figures[name]
        assert (one.numerator, one.denominator, one.share, one.of_full) == (None, None, None, None)
        assert one.note and one.ghi_chu
    assert INDICATORS["satisfaction"].full_at == 90


def test_figures_add_up_and_are_rounded_half_up_from_the_exact_fraction(province: Province) -> None:
    for number in range(7):
        province.dossier(channel=2 if number % 3 else 1, identity_verified=number == 4, fees=[])
    for one in province.kpi().values():
        if one.denominator is not None:
            assert one.numerator + sum(one.not_counting.values()) == one.denominator
    assert two_decimals(Decimal("12.345")) == Decimal("12.35")  # half to even would say 12.34
    assert figure("identity", 1, 800).share == Decimal("0.13")  # 0.125
    assert figure("online", 1, 3, times=Decimal(2) / 3).value == Decimal("22.22")
    assert percent(Decimal("62.5")) == "62,50 %"


def test_looking_changes_nothing(province: Province) -> None:
    province.dossier((RECEIVED, 2), due_at=None)
    province.held("bad_identity")
    query = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM (SELECT * FROM {}) t"
    names = ("dossier", "progress_step", "delivery", "quarantine", "procedure_version")

    def state() -> list[object]:
        with province.engine.connect() as connection:
            return [connection.exec_driver_sql(query.format(name)).scalar() for name in names]

    before = state()
    province.kpi(look=lambda kpi: [line.as_dict() for line in kpi.lines()])
    assert state() == before
