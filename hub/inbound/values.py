"""What a hand-over's sequence is given: the application in the words of the province's intake, and its files."""

import base64
from datetime import datetime
from typing import Any

from hub.errors import HubError
from mappings import Mapping
from schemas.records import APPLICATION

REGISTERED = 1
FILED = "Nộp hồ sơ trên Cổng Dịch vụ công quốc gia"
"""Content of the one step that a dossier has when it comes: the citizen filed it, at its time of submission."""

_TIMES = [field.name for field in APPLICATION if field.kind == "time"]


class Unsayable(HubError):
    """A kept application that the intake's mapping refuses; the mapping or the dossier must be mended."""


def values_of(
    record: dict[str, Any], *, local_code: str, local_name: str, mapping: Mapping, contents: dict[str, bytes]
) -> dict[str, Any]:
    """`dossier`: the mapped fields; each mapped list under its own name; `documents`: the files in canonical fields,
    their `content` as bytes. `contents` are the files by digest.

    Raises:
        Unsayable: what the mapping cannot say.
    """
    known = record | {name: datetime.fromisoformat(record[name]) for name in _TIMES if record.get(name)}
    documents = [one | {"content": contents[one["digest"]]} for one in record["documents"]]
    mapped = mapping.map(
        known
        | {
            "procedure_code_local": local_code,
            "procedure_name": local_name,
            "status": REGISTERED,
            "steps": [{"at": known["submitted_at"], "status": REGISTERED, "content": FILED}],
            "documents": [one | {"content": base64.b64encode(one["content"]).decode()} for one in documents],
        }
    )
    if mapped.findings:
        finding = mapped.findings[0]
        raise Unsayable(
            f"{finding.field} cannot be said to the province's system: {finding.reason}",
            where=f"{record['national_code']} · {finding.rule}",
            next_step="Mend the mapping (or the list it reads), then hand it over again.",
        )
    lists = {name: value for name, value in mapped.record.items() if isinstance(value, list)}
    plain = {name: value for name, value in mapped.record.items() if name not in lists}
    return {**lists, "dossier": plain, "documents": documents}
