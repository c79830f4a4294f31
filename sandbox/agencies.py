"""Which agency of a new province takes over from each of the old ones: the sandbox's own table, as CSV [style]."""

import csv
import io

from sandbox.old_era import old_communes
from sandbox.provinces import PROFILES, Office, offices, places

COLUMNS = ("source", "old_code", "commune", "new_code", "new_name", "level", "note")
BY_LEVEL = "theo cấp thực hiện"
"""Where the level of the dossier's procedure decides between the department and the commune's committee."""
BY_COMMUNE = "theo xã của hồ sơ"
"""Where the commune was split: the committee of the dossier's own commune has it."""


def successors(target: str) -> list[dict[str, str]]:
    """The committee of each new commune, then a row for every way in which a system that joins `target` writes an
    agency of its own, in the order of codes."""
    departments, committees = offices(target)
    of_commune = {place.commune: office for place, office in zip(places(target)[1], committees, strict=True)}
    rows = [
        {**dict.fromkeys(COLUMNS, ""), "commune": commune, "new_code": one.old, "new_name": one.name, "level": "3"}
        for commune, one in of_commune.items()
    ]
    for slug, profile in PROFILES.items():
        if profile.joins != target:
            continue
        own_departments, own_committees = offices(slug)
        for old, new in zip(own_departments, departments, strict=True):
            rows += _rows(slug, old, new, "1")
        for place, old in zip(places(slug)[1], own_committees, strict=True):
            rows += _rows(slug, old, of_commune[place.commune], "3")
        communes = old_communes(slug)
        for district in {one.district for one in communes}:
            rows += _rows(slug, district, None, "")
        for one in communes:
            whole = one.successors[0] if len(one.successors) == 1 else None
            rows += _rows(slug, one.committee, of_commune[whole.commune] if whole else None, "3")
    return sorted(rows, key=lambda row: (row["source"], row["old_code"], row["commune"]))


def table(target: str) -> str:
    """The rows of `successors` as a CSV file's text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(successors(target))
    return text.getvalue()


def _rows(slug: str, old: Office, new: Office | None, level: str) -> list[dict[str, str]]:
    taken = {"new_code": new.old, "new_name": new.name} if new else {"new_code": "", "new_name": ""}
    note = "" if new else BY_COMMUNE if level else BY_LEVEL
    return [
        {"source": slug, "old_code": code, "commune": "", **taken, "level": level, "note": note}
        for code in dict.fromkeys((old.old, old.new))
    ]
