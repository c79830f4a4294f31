"""Both sides of a migration, in temporary tables: what the target lists, beside what the hub would say of it now."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, text

from connectors import Window
from connectors.errors import PeerError
from hub.ahead import one_ahead
from hub.errors import StageFailed
from hub.migration.attempt import Migrating
from hub.migration.target.outgoing import Outgoing, Unsayable
from hub.staging import content_hash, printable
from hub.store import raw_cursor
from schemas.migration_tables import KNOWN_TO_TARGET

CODE, SOURCE, IMPORTED, VERSION = "maHoSo", "nguon", "nhap", "phienBan"
"""[style] Names on the wire of the import: of a code, of where it comes from, whether it was imported, of its hash."""
FILE, NAME, DIGEST, SIZE = "tepId", "ten", "sha256", "soByte"
LONGEST = 1000
"""Characters of a value that a difference keeps."""
LIST = re.compile(r"\d+ entr(y|ies) #[0-9a-f]{8}")
"""How a difference tells a list: it says nothing about a person."""

TABLES = (
    "there (place bigint, code text, target_id text, source text, imported boolean, version text, ours text,"
    " differs jsonb)",
    "there_file (code text, file_id text, name text, digest text, size bigint)",
    "seen (place bigint, source text, source_key text, changed_at timestamptz, digest text)",
    "logged (message_id bigint, position integer, digest text)",
)

OURS = f"""
SELECT dossier_code, source, content_hash, record FROM migrated
WHERE migration_id = :id AND dossier_code = ANY(:codes) AND {KNOWN_TO_TARGET} AND state = 'migrated'
"""


@contextmanager
def work_tables(engine: Engine) -> Iterator[Connection]:
    """A connection with the empty tables of a proof; they go with it."""
    with engine.connect() as connection:
        try:
            for table in TABLES:
                connection.execute(text(f"CREATE TEMP TABLE {table}"))
            connection.commit()
            yield connection
        finally:
            connection.invalidate()


def read_target(m: Migrating, connection: Connection, outgoing: Outgoing) -> list[str]:
    """Fill `there` from the target's own list, page by page; `differs` are the fields in which it is not what the hub
    would send now, [] for none and NULL for a dossier that is not the hub's.

    Returns:
        The fields that were compared, in the order of the item.

    Raises:
        StageFailed: the target does not answer; names the page.
    """
    fields: dict[str, None] = {}
    place = 0
    for items in _pages(m, "dossiers"):
        codes = [str(item.get(CODE) or "") for item in items]
        found = connection.execute(text(OURS), {"id": m.attempt_id, "codes": codes}).mappings()
        ours = {row["dossier_code"]: _said(outgoing, dict(row)) for row in found}
        with raw_cursor(connection).copy("COPY there FROM STDIN") as copy:
            for code, item in zip(codes, items, strict=True):
                place += 1
                version, differs = None, None
                if code in ours:
                    said = ours[code]
                    fields |= dict.fromkeys(said)
                    version, differs = _word(said, VERSION), orjson.dumps(differing(said, item)).decode()
                imported = item.get(IMPORTED) in (True, "true", "1")
                words = [_word(item, name) for name in ("id", SOURCE)]
                copy.write_row((place, printable(code), *words, imported, _word(item, VERSION), version, differs))
        connection.commit()
    connection.execute(text("CREATE INDEX ON there (code)"))
    connection.execute(text("ANALYZE there"))
    return list(fields)


def _said(outgoing: Outgoing, row: dict[str, Any]) -> dict[str, Any]:
    """The item of a row; the version alone, which nothing equals, where the mapping cannot say the record any more."""
    try:
        return outgoing(row)
    except Unsayable as error:
        return {VERSION: f"cannot be said: {error}"}


def read_target_files(m: Migrating, connection: Connection) -> None:
    """Fill `there_file` from the target's own list of files; raises as `read_target`."""
    for items in _pages(m, "files"):
        with raw_cursor(connection).copy("COPY there_file FROM STDIN") as copy:
            for item in items:
                words = (_word(item, name) for name in (CODE, FILE, NAME))
                copy.write_row((*words, (_word(item, DIGEST) or "").lower(), item.get(SIZE) or 0))
        connection.commit()
    connection.execute(text("ANALYZE there_file"))


def _pages(m: Migrating, stream: str) -> Iterator[list[dict[str, Any]]]:
    done, number = 0, 0
    try:
        for page in one_ahead(m.target.pull(stream, Window(None, m.clock()))):
            items, number = list(page.records()), page.number
            yield items
            done += len(items)
            m.progress(f"target's {stream}", done, page.total)
    except PeerError as error:
        raise StageFailed(
            error.what,
            where=f"migration {m.plan.slug} · proof · target's {stream} · page {number + 1}",
            next_step=f"Nothing was changed. {error.next_step}\n  Again: lienthong migrate reconcile {m.plan.slug}",
        ) from error


def _word(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    return None if value is None else printable(str(value))


def differing(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(field, ours, theirs) of each field that the hub sends and that the target shows otherwise.

    A list is told by its length and a short hash: its entries are about people.
    """
    return [
        (name, _short(value), _short(theirs.get(name)))
        for name, value in ours.items()
        if value != theirs.get(name) and comparable(value) != comparable(theirs.get(name))
    ]


def comparable(value: Any) -> str:
    """A value in one form: absent, null, blank and empty are the same, so are 5 and "5"; the order of a list tells
    nothing, since its entries carry their times.

    >>> comparable([{"b": 2, "a": None}, {"a": "1"}]) == comparable([{"a": "1"}, {"b": "2"}])
    True
    """
    if isinstance(value, str):
        return value
    plain = _plain(value)
    return plain if isinstance(plain, str) else orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: plain for name, one in value.items() if (plain := _plain(one))} or ""
    if isinstance(value, list):
        entries = (orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode() for one in value if (plain := _plain(one)))
        return sorted(entries) or ""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short(value: Any) -> str:
    words = comparable(value)
    if words and isinstance(value, list | dict):
        return f"{len(value)} {'entry' if len(value) == 1 else 'entries'} #{content_hash(words.encode())[:8]}"
    return printable(words[:LONGEST])
