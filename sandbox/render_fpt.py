"""Dossiers and procedures in the words of FPT eGov's REST generation (English names, epoch milliseconds) [style].

The two generations of the product keep one list of statuses.
"""

from datetime import datetime
from typing import Any

from sandbox.dossiers import Generator
from sandbox.plain import LISTED_AT, Plain, PlainDossier, PlainStep
from sandbox.statuses import FPT

UNKNOWN_STATUS = (15, "Chuyển liên thông thuế")
STRANGE_STATUS = (77, "Chờ đồng bộ")
"""What the fault `unknown_status` shows."""

_VARIANTS = {
    1: (0,), 2: (1,), 3: (9,), 4: (2, 2, 3, 4), 5: (7,), 6: (8,), 7: (10,), 8: (11,), 9: (5,), 10: (6,),
}  # fmt: skip
_CHANNELS = ("ONLINE", "COUNTER", "POST")
_DELIVERY = ("COUNTER", "POST")
_KINDS = ("CITIZEN", "ENTERPRISE", "STATE_AGENCY", "ORGANISATION")
_PAYMENTS = ("NONE", "NATIONAL_GATEWAY", "PROVINCE_GATEWAY", "CASH")


def status_of(status: int, variant: int, unknown: bool = False) -> tuple[int, str]:
    """FPT's number and name for a national status; `variant` chooses where it has several."""
    if unknown:
        return UNKNOWN_STATUS
    numbers = _VARIANTS[status]
    number = numbers[variant % len(numbers)]
    return number, FPT[number][0]


class FptRestRenderer:
    """`record(row)` is one dossier as JSON values."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self._plain = Plain(generator)
        self._stem = f"TT{generator.profile.code}"

    def record(self, row: int) -> dict[str, Any]:
        """The record of a row as it is served now."""
        d = self._plain.record(row)
        return {
            "dossierId": f"{self._stem}{d.number + 1:09d}",
            "dossierCode": d.code,
            "nationalCode": d.national_code or None,
            "procedure": {
                "code": d.procedure_code,
                "name": d.procedure.name,
                "fieldCode": d.procedure.field_code,
                "fieldName": d.procedure.field_name,
            },
            "agency": {"code": d.office.new, "name": d.office.name},
            "applicant": self._applicant(d),
            "submitterName": d.filer or None,
            "summary": d.subject,
            "submissionChannel": _CHANNELS[d.channel],
            "resultDelivery": _DELIVERY[d.back],
            "fromNationalPortal": d.on_national,
            "payment": _PAYMENTS[d.pay],
            "vneidVerified": d.vneid,
            "submittedAt": _ms(d.submitted),
            "receivedAt": _ms(d.received),
            "dueAt": _ms(d.due),
            "finishedAt": _ms(d.finished),
            "returnedAt": _ms(d.returned),
            "rejectedAt": _ms(d.refused),
            "withdrawnAt": _ms(d.withdrawn),
            "modifiedAt": _ms(d.changed),
            "status": _status(*status_of(d.status, d.variant, d.unknown_status)),
            "note": None,
            "documents": [
                {
                    "componentCode": x.component,
                    "componentName": x.component_name,
                    "fileName": x.file_name,
                    "fileUrl": x.url,
                    "digitised": x.digitised,
                    "reuse": x.reused,
                }
                for x in d.documents
            ],
            "fees": [
                {"feeCode": x.code, "feeName": x.name, "amount": x.amount, "paidOnline": x.paid} for x in d.fees
            ],
            "progress": [self._step(x) for x in d.steps],
            "results": [
                {"resultCode": x.code, "resultName": x.name, "fileName": x.file_name, "fileUrl": x.url}
                for x in d.results
            ],
        }  # fmt: skip

    def procedures(self, start: int, stop: int) -> list[dict[str, Any]]:
        """Items of the province's own list at positions [start, stop)."""
        return [
            {
                "code": p.code,
                "name": p.name,
                "fieldCode": p.field_code,
                "fieldName": p.field_name,
                "level": p.level_text,
                "decisionNo": p.decision,
                "published": p.public,
                "modifiedAt": _ms(LISTED_AT),
            }
            for p in self.generator.listing.listed[start:stop]
        ]

    def _applicant(self, d: PlainDossier) -> dict[str, Any]:
        return {
            "fullName": d.owner or None,
            "type": _KINDS[d.target],
            "identityType": d.identity_kind,
            "identityNumber": d.identity,
            "taxCode": d.tax or None,
            "phone": d.phone,
            "email": d.email or None,
            "address": d.address,
            "communeCode": d.place.commune,
            "districtCode": d.place.district,
            "provinceCode": d.place.province,
        }

    def _step(self, step: PlainStep) -> dict[str, Any]:
        return {
            "processedAt": _ms(step.at),
            "officer": step.officer,
            "position": step.title,
            "department": step.unit,
            "content": step.content,
            "status": _status(*status_of(step.status, step.variant)),
            "deadline": _ms(step.due),
        }


def _status(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "name": name}


def _ms(at: datetime | None) -> int | None:
    """Epoch milliseconds; negative for a slip of the year."""
    return None if at is None else int(at.timestamp() * 1000)
