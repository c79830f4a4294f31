"""What each label puts into a record that is otherwise right."""

import unicodedata
from typing import TYPE_CHECKING

from sandbox import calendar, limits
from sandbox.calendar import DAY_SECONDS
from sandbox.procedures import fee_of

if TYPE_CHECKING:
    from sandbox.dossiers import Dossier, Generator

_LENGTHENED = "Kèm theo hồ sơ là bản mô tả hiện trạng, quá trình sử dụng và cam kết của người nộp; "
_NO_PROVINCE = (b"003", b"013", b"097", b"099")
"""Codes under which no province ever entered births."""
_THOUSAND = 1000


def soil(d: "Dossier", generator: "Generator") -> None:
    """Plants what the label of `d` says; variants go by the row's number."""
    match d.kind:
        case "unmapped_procedure":
            d.procedure = generator.usual + d.row % (len(generator.procedures) - generator.usual)
        case "unmapped_status":
            d.bad_status = True
        case "missing_owner":
            d.owner = d.filer = b""
        case "missing_received":
            d.received = -1
        case "impossible_dates":
            _impossible_dates(d, generator)
        case "bad_identity":
            d.identity = _bad_identity(d, generator.profile.cccd[0])
        case "blank_due":
            d.due_day = -1
        case "long_subject":
            d.subject += b" - " + (_LENGTHENED * 14).encode()
        case "unsorted_progress":
            d.shuffled = True
        case "step_without_time":
            d.lost_time = 1 + d.row % (len(d.path) - 1)
        case "internal_link":
            d.url = b"http://10.%d.3.%d:8080/files/%d.pdf" % (d.row % 200, d.picks[2] % 250, d.row)
        case "joined_links":
            stem = f"https://{generator.profile.host}/files/".encode()
            d.url = b"%b%d-a.pdf##%b%d-b.pdf" % (stem, d.row, stem, d.row)
        case "decomposed_text":
            d.owner = unicodedata.normalize("NFD", d.owner.decode().replace(" ", "  ")).encode()
            d.subject = unicodedata.normalize("NFD", d.subject.decode().replace(" - ", "  -  ")).encode()
        case "odd_code":
            d.code = b"HS/%b/%07d" % (calendar.CODE_LONG_DAY[d.submitted // DAY_SECONDS][:4], d.row + 1)
        case _:
            _make_doubtful(d, generator)


def _make_doubtful(d: "Dossier", generator: "Generator") -> None:
    """Plants what a rule of level warn should find."""
    match d.kind:
        case "bad_tax_code":
            right = generator.tax_code(d)
            d.target, d.tax = 1, right[:-1] + b"%d" % ((right[-1] - ord("0") + 1 + d.row % 9) % 10)
        case "bad_phone":
            d.phone = (b"016%b" % d.phone[2:], d.phone[:-1], b"012%b" % d.phone[3:])[d.row % 3]
        case "fee_off":
            fee = fee_of(generator.procedures[d.procedure])
            d.fee = fee // _THOUSAND if d.row % 2 and fee % _THOUSAND == 0 else fee * _THOUSAND
        case "due_beyond_limit":
            most = limits.longest(generator.procedures[d.procedure]) or 0
            d.due_day = limits.working_days_after(d.received // DAY_SECONDS, most + 5 + d.row % 20)
        case "outside_gateway":
            d.channel, d.on_national, d.national_code = 0, False, b""
        case "unknown_commune":
            d.place = generator.unknown_place[id(d.place)]


def _bad_identity(d: "Dossier", province: str) -> bytes:
    """Eleven digits; a province that never was; a birth after the receipt."""
    serial = d.picks[17] * 1000 + d.row % 1000
    match d.row % 3:
        case 0:
            return b"%011d" % (10_000_000_000 + serial)
        case 1:
            return b"%b%d%02d%06d" % (_NO_PROVINCE[d.row % 4], d.row & 1, 60 + d.row % 40, serial % 1_000_000)
    return b"%b%d%02d%06d" % (province.encode(), 2 + (d.row & 1), 40 + d.row % 60, serial % 1_000_000)


def _impossible_dates(d: "Dossier", generator: "Generator") -> None:
    """Submitted after the receipt; the year 0202; received after every day to which the sandbox can be advanced;
    finished before the receipt."""
    match d.row // 10 % 4:
        case 0:
            d.submitted = d.received + 5 * DAY_SECONDS
        case 1:
            d.year_slip = True
        case 2:
            d.received = (calendar.LAST_BASE_DAY + 370 + d.row % 60) * DAY_SECONDS + d.received % DAY_SECONDS
            d.due_day = generator.due_day(d.procedure, d.received)
        case 3:
            d.finished = d.submitted - 3 * DAY_SECONDS
