"""A national adapter in memory, a clock that is read forward, and lines of lists."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.connector import HOSTS
from connectors.wire.transport import NotSent, WireRequest, WireResponse
from hub.procedures import Portal, open_national


@dataclass
class Adapter:
    """The national adapter's list and records; `asked` holds every code it was asked for. A transport."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    listed: list[dict[str, Any]] | None = None
    asked: list[str] = field(default_factory=list)
    gone_after: int | None = None
    odd: dict[str, bytes] = field(default_factory=dict)
    refusal: dict[str, Any] | None = None

    def __call__(self, request: WireRequest) -> WireResponse:
        body = json.loads(request.body or b"{}")
        match body.get("service"):
            case None:
                return self._answer({"session": "s", "error_code": 0})
            case "LayDanhSachTTHC" if self.refusal:
                return self._answer(self.refusal)
            case "LayDanhSachTTHC":
                rows = [{"MATTHC": code, "TENTTHC": one["TENTTHC"]} for code, one in self.records.items()]
                return self._answer({"error_code": "00", "result": rows if self.listed is None else self.listed})
            case "LayThuTuc":
                return self._procedure(body["maTTHC"])
        raise AssertionError(f"nobody asks for {body['service']} here")

    def _procedure(self, code: str) -> WireResponse:
        if self.gone_after is not None and len(self.asked) >= self.gone_after:
            raise NotSent("no connection")
        self.asked.append(code)
        if code in self.odd:
            return WireResponse(200, self.odd[code])
        found = self.records.get(code)
        return self._answer({"error_code": 0, "result": [found] if found else []})

    @staticmethod
    def _answer(body: dict[str, Any]) -> WireResponse:
        return WireResponse(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def record(code: str, name: str = "Cấp giấy phép", **changes: Any) -> dict[str, Any]:
    """A record as LayThuTuc gives it, handled by the province."""
    return {
        "MATTHC": code,
        "TENTTHC": name,
        "TRANGTHAI": "1",
        "IDQUYETDINHCONGBO": "10/QĐ-BTP",
        "CAPTHUCHIEN": [{"CAPTHUCHIEN": "1"}],
        "LINHVUCTHUCHIEN": [{"MALINHVUC": "G15-HT01", "TENLINHVUC": "Hộ tịch"}],
        **changes,
    }


def many(count: int) -> dict[str, dict[str, Any]]:
    codes = [f"1.{number:06d}" for number in range(1, count + 1)]
    return {code: record(code, f"Thủ tục số {code}") for code in codes}


def reconnected(portal: Portal, adapter: Adapter) -> Portal:
    """The portal as a new process opens it: no circuit is open."""
    HOSTS.forget()
    return open_national(
        portal.settings, portal.engine, transport=adapter, sleep=lambda seconds: None, clock=portal.clock
    )


@dataclass
class Clock:
    """A clock that goes on one minute every time it is read."""

    now: datetime = datetime(2026, 7, 1, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


HEADINGS = (
    "Mã TTHC",
    "Tên TTHC",
    "Lĩnh vực",
    "Đối tượng",
    "Cơ quan công khai",
    "Cấp thực hiện",
    "Tình trạng",
    "QĐ Công bố",
)


def line(code: Any, name: str, **changes: str) -> dict[str, Any]:
    """A line of the exported list, by its headings."""
    values = (code, name, "Hộ tịch", "Công dân", "Bộ Tư pháp", "Cấp Tỉnh, Cấp Xã", "Công khai", "10/QĐ-BTP")
    return dict(zip(HEADINGS, values, strict=True)) | changes
