"""Checks of what stands in the records: times in the stated form, text that is whole."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from connectors.conformance.ground import Ground, Verdict, failed, passed, skipped
from connectors.survey.fields import leaves
from connectors.survey.looks import time_form

FEW = 10
"""Per cent of a field's values that may be wrong before it is the peer's form and not somebody's typing."""
EARLIEST, AHEAD = 1900, timedelta(days=365 * 20)
# UTF-8 read as Latin-1 or Windows-1252: what Vietnamese letters become.
MOJIBAKE = re.compile("Ã[\u0080-\u00ff]|á[º»¼]|Ä[\u0080-\u0091‘’]|Æ[°¡]|Ä‘|â€")


def dates(ground: Ground, stream: str) -> Verdict:
    """Every field of times is written in the stated form, and no time is absurd."""
    records = ground.walk(stream).records
    if not records:
        return skipped("no record in this stretch of time")
    path = ground.stream(stream).changed
    blank = [key for key, record in records.items() if path and ground.connector.changed_of(stream, record) is None]
    if blank:
        return failed(
            f"{len(blank)} of {len(records)} records have no time of the form {ground.form(stream).form!r} under "
            f"{path!r}, as {blank[0]}",
            "Correct changed: or dates: in the spec.",
        )
    columns = _columns(records.values())
    fields = {name: values for name, values in columns.items() if _is_time(values)}
    few: list[str] = []
    for name, values in fields.items():
        other, absurd = _wrong(ground, stream, values)
        wrong = sum(other.values()) + len(absurd)
        if wrong * 100 > len(values) * FEW:
            said = f"{', '.join(other)} instead of {ground.form(stream).form}" if other else f"as {absurd[0]}"
            return failed(
                f"{name}: {wrong} of {len(values)} times are not as stated ({said})",
                "Correct dates: in the spec; a field that differs from the others is given its format in the mapping.",
            )
        if wrong:
            few.append(f"{name} {wrong} of {len(values)}")
    odd = f"; single odd ones, held one by one: {', '.join(few)}" if few else ""
    return passed(f"{len(fields)} field{'' if len(fields) == 1 else 's'} of times in {len(records)} records{odd}")


def encoding(ground: Ground, stream: str) -> Verdict:
    """Text is UTF-8 in composed letters (NFC): no replacement marks, no letters read in another charset."""
    texts = broken = split = 0
    first = ""
    for record in ground.walk(stream).records.values():
        for path, _, value in leaves(record):
            if isinstance(value, str) and not value.isascii():
                texts += 1
                if "\ufffd" in value or MOJIBAKE.search(value):
                    broken += 1
                    first = first or path
                split += not unicodedata.is_normalized("NFC", value)
    if not texts:
        return skipped("no text with Vietnamese letters")
    if broken:
        return failed(
            f"{broken} of {texts} texts were read in another charset on their way, the first under {first}",
            "Ask the vendor for UTF-8 throughout; what is lost cannot be brought back here.",
        )
    if split * 100 > texts * FEW:
        return failed(
            f"{split} of {texts} texts have letters and marks apart (NFD)",
            "Ask the vendor for composed letters (NFC): lookups by name fail otherwise.",
        )
    return passed(
        f"{texts:,} texts" + (f"; {split} with letters and marks apart, mended by the mapping" if split else "")
    )


def _columns(records: Any) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for record in records:
        for path, value in _scalars(record):
            columns.setdefault(path, []).append(value)
    return columns


def _scalars(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((path, value) for path, _, value in leaves(record) if isinstance(value, str | int) and value != "")


def _is_time(values: list[Any]) -> bool:
    forms = sum(time_form(value) is not None for value in values)
    return forms >= 3 and forms * 5 >= len(values) * 4


def _wrong(ground: Ground, stream: str, values: list[Any]) -> tuple[Counter[str], list[str]]:
    """Forms other than the stated one, and times that cannot be; a day alone in the stated order is as stated."""
    stated = ground.form(stream)
    read, horizon = stated.reader(), ground.connector.clock() + AHEAD
    day = "yyyy-MM-dd" if stated.form == "iso" else stated.form.split(" ")[0].split("T")[0]
    other: Counter[str] = Counter()
    absurd: list[str] = []
    for value in values:
        form = time_form(value)
        moment = read(value)
        if moment is None:
            if form != day:
                other[form or "no time"] += 1
        elif moment.year < EARLIEST or moment > horizon:
            absurd.append(str(value))
    return other, absurd
