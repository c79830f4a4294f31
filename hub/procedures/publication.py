"""Whether a procedure stood on the national database within 5 working days of its decision, as far as the hub can tell.

Two days are needed. The day of the decision is known only where the list writes it into the decision's text (“… ngày
05/02/2026”): the record carries a number, and no date field was seen in LayThuTuc or LayQDCB. The day of publication
is known only for what appeared while the hub was watching: the first pull shows what is there, not since when.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from hub.procedures.names import tidy
from hub.procedures.record import LOCAL_LEVELS
from hub.working_days import NONE, after_working_days
from schemas.records import VIET_NAM

WORKING_DAYS = 5
_DAY = re.compile(r"(?:ngày\s*)(\d{1,2})\s*(?:/|-|\.|tháng)\s*(\d{1,2})\s*(?:/|-|\.|năm)\s*(\d{4})")

_SEEN = """
SELECT v.procedure_code AS code, v.name, v.decision, v.source, v.levels, v.public,
       (SELECT min(o.valid_from) FROM procedure_version o
        WHERE o.procedure_code = v.procedure_code AND o.decision IS NOT DISTINCT FROM v.decision) AS seen_at,
       (SELECT min(o.valid_from) FROM procedure_version o) AS watching_since
FROM procedure_version v WHERE v.valid_to IS NULL AND v.decision <> '' ORDER BY v.procedure_code COLLATE "C"
"""


@dataclass(frozen=True, slots=True)
class Publication:
    """One procedure in force: the day of its decision and the day from which the national list had it, where known."""

    code: str
    name: str
    decision: str
    decided_on: date | None
    seen_on: date | None
    last_day: date | None
    """The last day in time; None where the day of the decision is not known."""

    @property
    def late(self) -> bool | None:
        """Whether it came too late; None where one of the two days is not known."""
        return None if self.last_day is None or self.seen_on is None else self.seen_on > self.last_day


def decision_day(words: str) -> date | None:
    """The date that the text of a decision gives.

    >>> decision_day("Quyết định số 135/QĐ-BTP ngày 05/02/2026")
    datetime.date(2026, 2, 5)
    >>> decision_day("2628/QĐ-BTC")
    """
    found = _DAY.search(tidy(words).casefold())
    if found is None:
        return None
    try:
        return date(int(found[3]), int(found[2]), int(found[1]))
    except ValueError:
        return None


def last_day(decided: date | None, own_days: Mapping[date, bool]) -> date | None:
    """The last day on which a decision of that day is published in time."""
    return after_working_days(decided, WORKING_DAYS, own_days) if decided else None


def publications(connection: Connection, own_days: Mapping[date, bool] = NONE) -> Iterator[Publication]:
    """Every public procedure in force that a province or its communes handle."""
    for row in connection.execute(text(_SEEN)):
        if row.public and not set(row.levels).isdisjoint(LOCAL_LEVELS):
            decided = decision_day(row.decision)
            yield Publication(row.code, row.name, row.decision, decided, _seen(row), last_day(decided, own_days))


def _seen(row: Any) -> date | None:
    """The day on which it appeared, if the hub had looked before and it was not there."""
    seen: datetime = row.seen_at
    return seen.astimezone(VIET_NAM).date() if seen > row.watching_since else None
