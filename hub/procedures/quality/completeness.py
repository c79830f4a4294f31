"""Whether a procedure's record has every part that NĐ 63/2010 Điều 8.2 asks for (CONTRACTS 3 [seen])."""

from collections.abc import Iterator
from typing import Any

from hub.procedures.limits import longest_limit, objects, times_of
from hub.procedures.names import tidy

PARTS = {
    "name": "tên",
    "steps": "trình tự thực hiện",
    "channels": "cách thức thực hiện",
    "documents": "thành phần hồ sơ",
    "number": "số lượng hồ sơ",
    "time_limit": "thời hạn giải quyết",
    "audience": "đối tượng thực hiện",
    "agency": "cơ quan thực hiện",
}
"""The parts in their order, with their Vietnamese names."""


def missing_parts(record: dict[str, Any]) -> dict[str, str]:
    """The parts that a record of LayThuTuc lacks, with what stands in their place."""
    return dict(_missing(record))


def _missing(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not tidy(record.get("TENTTHC")):
        yield "name", "TENTTHC is blank"
    if not any(_said(case, "TRINHTU", "TENTRINHTU") for case in objects(record.get("TRINHTUTHUCHIEN"))):
        yield "steps", "TRINHTUTHUCHIEN names no step"
    if not any(tidy(channel.get("KENH")) for channel in objects(record.get("CACHTHUCTHUCHIEN"))):
        yield "channels", "CACHTHUCTHUCHIEN names no channel"
    papers = [paper for case in objects(record.get("THANHPHANHOSO")) for paper in objects(case.get("GIAYTO"))]
    named = [paper for paper in papers if tidy(paper.get("TENGIAYTO"))]
    if not named:
        yield "documents", "THANHPHANHOSO names no document"
    without = [tidy(paper["TENGIAYTO"]) for paper in named if not _copies(paper)]
    if without:
        yield "number", f"no SOBANCHINH or SOBANSAO for {without[0]}" + _more(len(without) - 1)
    if not longest_limit(record).known:
        texts = [tidy(entry.get("THOIGIANGIAIQUYET")) for entry in times_of(record)]
        said = next((text for text in texts if text), "")
        yield "time_limit", f"THOIGIANGIAIQUYET is no time: {said}" if said else "THOIGIANGIAIQUYET is blank"
    if not (_names(record, "DOITUONGTHUCHIEN", "TENDOITUONG") or tidy(record.get("MOTADOITUONGTHUCHIEN"))):
        yield "audience", "DOITUONGTHUCHIEN and MOTADOITUONGTHUCHIEN are blank"
    if not (_names(record, "COQUANTHUCHIEN", "TENDONVI") or tidy(record.get("MOTACOQUANTHUCHIEN"))):
        yield "agency", "COQUANTHUCHIEN and MOTACOQUANTHUCHIEN are blank"


def _names(record: dict[str, Any], key: str, name: str) -> bool:
    return any(tidy(one.get(name)) for one in objects(record.get(key)))


def _said(case: dict[str, Any], key: str, name: str) -> bool:
    return any(tidy(one.get(name)) for one in objects(case.get(key)))


def _copies(paper: dict[str, Any]) -> int:
    """Originals and copies together; a text that is no number counts as one, since something is said."""
    said = [tidy(paper.get(key)) for key in ("SOBANCHINH", "SOBANSAO")]
    return sum(int(value) if value.isdecimal() else bool(value) for value in said)


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""
