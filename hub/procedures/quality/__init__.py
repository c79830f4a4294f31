"""Quality of procedure lists: what is incomplete, wrong or out of date in them, with evidence and what to do."""

from hub.procedures.quality.checking import NATIONAL, national_quality, province_quality
from hub.procedures.quality.findings import KINDS, Finding, Kind, Quality
from hub.procedures.quality.report import write_findings

__all__ = [
    "KINDS",
    "NATIONAL",
    "Finding",
    "Kind",
    "Quality",
    "national_quality",
    "province_quality",
    "write_findings",
]
