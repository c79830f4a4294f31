"""The evidence of a proof: files for whoever must sign, and the manifest whose digest is the proof's."""

from collections.abc import Iterable, Iterator
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, text

from hub.errors import ConfigurationError
from hub.migration.proof.sides import LIST
from hub.tabular import Rows, Sheet, write_table
from schemas.masking import mask_text
from schemas.personal_fields import masked, masked_finding

MANIFEST = "MANIFEST.sha256"
COUNTS = "counts.json"

_OF_DOSSIER = ("source", "source_key", "dossier_code", "status")

COLUMNS: dict[str, tuple[str, ...]] = {
    "accounting.csv": (
        "source",
        "source_key",
        "dossier_code",
        "status",
        "verdict",
        "reason",
        "content_hash",
        "target_id",
    ),
    "held.csv": (*_OF_DOSSIER, "reason", "field", "value"),
    "out_of_scope.csv": (*_OF_DOSSIER, "reason"),
    "differences.csv": ("source", "dossier_code", "kind", "field", "ours", "theirs"),
    "files.csv": ("source", "dossier_code", "file_id", "state", "reason", "bytes", "digest", "target_digest"),
    "fields.csv": ("field", "compared", "equal", "share"),
}
"""The files and their columns."""

_SORTED = 'source COLLATE "C", source_key COLLATE "C"'

QUERIES = {
    "accounting.csv": f"""
SELECT source, source_key, dossier_code, status, verdict, reason, content_hash, target_id FROM account
ORDER BY {_SORTED}""",
    "held.csv": f"""
SELECT a.source, a.source_key, a.dossier_code, a.status, a.reason, f ->> 'field', f ->> 'value', r.record
FROM (SELECT * FROM account WHERE verdict = 'held') a
JOIN migrated r ON r.migration_id = :id AND r.source = a.source AND r.source_key = a.source_key
LEFT JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(r.findings) WHEN 'array' THEN r.findings END) f ON true
ORDER BY a.{_SORTED.replace(" s", " a.s")}, 5, 6, 7""",
    "out_of_scope.csv": f"""
SELECT source, source_key, dossier_code, status, reason FROM account WHERE verdict = 'out_of_scope'
ORDER BY {_SORTED}""",
    "differences.csv": """
SELECT source, dossier_code, kind, field, ours, theirs FROM difference
ORDER BY kind, source COLLATE "C", dossier_code COLLATE "C", field COLLATE "C", ours, theirs""",
    "files.csv": f"""
SELECT f.source, f.dossier_code, f.file_id, f.state, f.reason, f.size, f.digest,
       (SELECT string_agg(DISTINCT t.digest, ' ') FROM there_file t
        WHERE t.code = f.dossier_code AND t.file_id = f.file_id)
FROM migrated_file f WHERE f.migration_id = :id
ORDER BY f.{_SORTED.replace(" s", " f.s")}, f.file_id COLLATE "C" """,
}
"""Every file in a fixed order: the same account gives the same bytes."""


def write_evidence(
    connection: Connection,
    folder: Path,
    migration_id: int,
    counts: dict[str, Any],
    canonical: dict[str, str],
) -> str:
    """Write the files out of the proof's tables, row by row, personal values masked; `canonical` names the canonical
    field of a field on the wire.

    Returns:
        The digest of the proof: SHA-256 of the manifest, hex.
    """
    for name, query in QUERIES.items():
        rows = connection.execute(text(query), {"id": migration_id}, execution_options={"yield_per": 5000})
        _write(folder / name, _shown(name, (tuple(row) for row in rows), canonical))
    shares = ((name, one["compared"], one["equal"], f"{one['share']:.6f}") for name, one in counts["fields"].items())
    _write(folder / "fields.csv", shares)
    (folder / COUNTS).write_bytes(orjson.dumps(counts, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    lines = (f"{_digest(folder / name)}  {name}\n" for name in sorted((*COLUMNS, COUNTS)))
    (folder / MANIFEST).write_text("".join(lines), "utf-8")
    return _digest(folder / MANIFEST)


def _write(path: Path, rows: Rows) -> None:
    write_table(Sheet(path.stem, dict.fromkeys(COLUMNS[path.name], 20)), rows, path)


def _shown(name: str, rows: Iterable[tuple[Any, ...]], canonical: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    if name == "held.csv":
        return ((*row[:6], _found(*row[5:])) for row in rows)
    if name == "files.csv":
        return ((*row[:4], mask_text(row[4]) if row[4] else row[4], *row[5:]) for row in rows)
    if name == "differences.csv":
        return ((*row[:4], *(masked_value(row[2], row[3], value, canonical) for value in row[4:])) for row in rows)
    return iter(rows)


def _found(field: str | None, value: str | None, record: dict[str, Any] | None) -> str | None:
    """The value of a finding as a person may read it, beside the personal values of its own record."""
    return masked_finding({"field": field, "value": value}, record)["value"] if field and value else value


def masked_value(kind: str, field: str | None, value: str | None, canonical: dict[str, str]) -> str | None:
    """A value of a difference as a person may read it."""
    if kind != "field" or not field or not value or LIST.fullmatch(value):
        return value
    return masked(canonical.get(field, field), value)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def manifest_digest(folder: Path) -> str:
    """The digest of the evidence as it lies there: SHA-256 of the manifest, hex.

    Raises:
        ConfigurationError: there is no manifest.
    """
    try:
        return sha256((folder / MANIFEST).read_bytes()).hexdigest()
    except OSError:
        raise ConfigurationError(
            f"there is no {MANIFEST} here",
            where=str(folder),
            next_step="Give the folder of a proof, as lienthong migrate reconcile names it.",
        ) from None


def verify(folder: Path, digest: str | None = None) -> list[str]:
    """What does not match: files that were changed, are missing or were added, and, against the `digest` that was
    signed, the manifest itself. Nothing for evidence as it was written."""
    signed = manifest_digest(folder)
    wrong = []
    if digest is not None and signed != digest:
        wrong.append(f"{MANIFEST} is not the one that was signed: its digest is {signed}, not {digest}")
    listed = {}
    for number, line in enumerate((folder / MANIFEST).read_text("utf-8").splitlines(), 1):
        wanted, _, name = line.partition("  ")
        if len(wanted) != 64 or not name or "/" in name:
            wrong.append(f"{MANIFEST} line {number} is no line of a manifest")
            continue
        listed[name] = wanted
    for name, wanted in listed.items():
        path = folder / name
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif (found := _digest(path)) != wanted:
            wrong.append(f"{name} was changed after the proof: its SHA-256 is {found}, not {wanted}")
    expected = {*COLUMNS, COUNTS}
    wrong += [f"{name} is not in the manifest" for name in sorted(expected - listed.keys())]
    present = {path.name for path in folder.iterdir()}
    wrong += [f"{name} was added after the proof" for name in sorted(present - listed.keys() - {MANIFEST})]
    return wrong
