"""What a ministry asks of a province, one measure each, and how an answer is given: verdict, value, evidence, date."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

Verdict = Literal["ready", "not ready", "not known"]

VERDICTS: dict[Verdict, str] = {"ready": "sẵn sàng", "not ready": "chưa sẵn sàng", "not known": "chưa rõ"}
"""The verdicts in Vietnamese."""


@dataclass(frozen=True, slots=True)
class Title:
    """A measure in both languages, and when it counts as ready."""

    title: str
    ten: str
    short: str
    ready_when: str


MEASURES: dict[str, Title] = {
    "procedures": Title(
        "Procedures configured and published",
        "Thủ tục đã cấu hình và công khai",
        "procedures",
        "the province's list has every public national procedure of province and commune level, and the province file "
        "states that they are published",
    ),
    "system": Title(
        "System connected",
        "Hệ thống một cửa đã kết nối",
        "system",
        "the last run ended well, at most two days ago",
    ),
    "national_databases": Title(
        "National databases connected",
        "Cơ sở dữ liệu quốc gia đã kết nối",
        "databases",
        "the province file states it; the hub cannot see it",
    ),
    "dossiers_up": Title(
        "Dossiers flow to the national side",
        "Hồ sơ lên quốc gia",
        "up",
        "dossiers are delivered, none waits or is unknown after the last run",
    ),
    "dossiers_down": Title(
        "Dossiers flow from the national portal",
        "Hồ sơ từ Cổng quốc gia về",
        "down",
        "dossiers were handed to the province's system, none is held or unknown",
    ),
    "service_centres": Title(
        "Service-centre list published",
        "Danh sách trung tâm phục vụ hành chính công đã công bố",
        "centres",
        "the province file states it; the hub cannot see it",
    ),
    "data_quality": Title(
        "Data quality",
        "Chất lượng dữ liệu",
        "quality",
        "at most 1 % of the dossiers are held and both sides were found equal",
    ),
}
"""The lines of the scorecard in their order. The thresholds are the hub's own, to be replaced by the ministry's."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One piece of evidence and where it comes from: a run, a table, a file."""

    fact: str
    source: str


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of a province's scorecard. `on` is the day or time of the evidence."""

    name: str
    verdict: Verdict
    value: str
    on: date | datetime | None
    evidence: tuple[Fact, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        facts = [{"fact": one.fact, "source": one.source} for one in self.evidence]
        on = self.on.isoformat() if self.on else None
        return {"verdict": self.verdict, "value": self.value, "on": on, "evidence": facts}


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A province and its lines; `broken` says why its file cannot be read."""

    slug: str
    name: str
    measures: tuple[Measure, ...]
    broken: str | None = None

    @property
    def ready(self) -> int:
        return sum(one.verdict == "ready" for one in self.measures)

    def as_dict(self) -> dict[str, Any]:
        lines = {one.name: one.as_dict() for one in self.measures}
        return {
            "name": self.name,
            "ready": self.ready,
            "of": len(self.measures),
            "broken": self.broken,
            "measures": lines,
        }
