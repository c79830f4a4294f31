"""What is found in a list of procedures: the kinds, one finding, and what a check answers as a whole."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal[
    "incomplete",
    "fee_off",
    "fee_low",
    "district_name",
    "district_text",
    "stale_decision",
    "published_late",
    "unpublished",
    "shifted",
    "other_name",
]


@dataclass(frozen=True, slots=True)
class Words:
    """A kind in both languages, and what to do about it."""

    meaning: str
    nghia: str
    todo: str


KINDS: dict[Kind, Words] = {
    "incomplete": Words(
        "a part that every procedure must have is missing (NĐ 63/2010 Điều 8.2)",
        "thiếu bộ phận bắt buộc của thủ tục (NĐ 63/2010, Điều 8.2)",
        "ask the agency that published it to complete the record on the national database",
    ),
    "fee_off": Words(
        "an amount is 1,000 times too small or too large against its own text or another channel",
        "mức phí lệch 1.000 lần so với phần mô tả hoặc kênh khác",
        "correct SOTIEN after the decision that sets the fee",
    ),
    "fee_low": Words(
        "an amount in đồng under 1,000, which hardly any fee is",
        "mức phí dưới 1.000 đồng",
        "look into the decision that sets the fee: thousands left out, or another currency",
    ),
    "district_name": Words(
        "the name still speaks of the district level, abolished on 01/07/2025",
        "tên thủ tục còn nhắc cấp huyện (đã bỏ từ 01/07/2025)",
        "publish it again under the level that handles it now",
    ),
    "district_text": Words(
        "level or texts still speak of the district level",
        "cấp thực hiện hoặc nội dung còn nhắc cấp huyện",
        "mend the record: name the commune or province office that handles it now",
    ),
    "stale_decision": Words(
        "the province's decision is not the one that the national list has",
        "quyết định của tỉnh khác hoặc cũ hơn quyết định trên CSDL quốc gia",
        "take the procedure over from the newer decision, then renew the line",
    ),
    "published_late": Words(
        "it came on the national list more than 5 working days after its decision",
        "công khai sau 5 ngày làm việc kể từ ngày quyết định",
        "nothing can be done for this one; look at how decisions are entered",
    ),
    "unpublished": Words(
        "decided more than 5 working days ago and not on the national list",
        "quá 5 ngày làm việc mà chưa có trên CSDL quốc gia",
        "enter it on the national database",
    ),
    "shifted": Words(
        "codes stand beside the name of the row above or below",
        "cột mã bị lệch dòng so với cột tên",
        "export the list again; do not use it as it is",
    ),
    "other_name": Words(
        "the code stands beside another procedure's name",
        "mã đứng cạnh tên của thủ tục khác",
        "find out which of the two is meant, and correct the line",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. `field` names where; `evidence` shows the values; `last` is the end of a range of rows."""

    kind: Kind
    code: str
    name: str
    field: str
    evidence: str
    local_code: str | None = None
    row: int | None = None
    last: int | None = None

    @property
    def todo(self) -> str:
        return KINDS[self.kind].todo

    def as_dict(self) -> dict[str, Any]:
        values = {key: getattr(self, key) for key in Finding.__dataclass_fields__}
        return {**values, "meaning": KINDS[self.kind].meaning, "todo": self.todo}


@dataclass(frozen=True, slots=True)
class Quality:
    """What was found in one list at a time. `notes` say what could not be judged, and why."""

    listing: str
    at: datetime
    looked_at: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def good(self) -> bool:
        return not self.findings

    def of(self, kind: Kind) -> list[Finding]:
        return [one for one in self.findings if one.kind == kind]

    def counts(self) -> dict[Kind, int]:
        """Findings by kind; kinds of which there is none are 0."""
        found = Counter(one.kind for one in self.findings)
        return {kind: found[kind] for kind in KINDS}

    def as_dict(self) -> dict[str, Any]:
        return {
            "list": self.listing,
            "at": self.at.isoformat(),
            "looked_at": self.looked_at,
            "counts": self.counts(),
            "notes": list(self.notes),
            "findings": [one.as_dict() for one in self.findings],
        }
