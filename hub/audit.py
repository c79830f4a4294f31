"""The audit: who did what to which item and why. Rows are only added."""

import os
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, insert, select, text

from hub.errors import ConfigurationError
from schemas.quality_tables import audit

HUB = "hub"
"""Who did what nobody gave a name for: a run, a redrive by schedule."""


def person(named: str | None) -> str:
    """The name under which a decision is kept: what was given, else `LIENTHONG_USER`.

    Raises:
        ConfigurationError: neither; a decision without a name is none.
    """
    if name := named_or_none(named):
        return name
    raise ConfigurationError(
        "nobody's name stands behind this",
        where="--by",
        next_step="Say who decides: --by 'Nguyễn Thị Lan', or set LIENTHONG_USER once for your session.",
    )


def named_or_none(named: str | None) -> str | None:
    """As `person`, where a name may be missing."""
    return clean_name(named or os.environ.get("LIENTHONG_USER") or "") or None


def clean_name(name: str) -> str:
    """A person's name on one line, without what a screen would obey instead of show (control and direction marks)."""
    words = "".join(one if one.isprintable() or one.isspace() else "" for one in name).split()
    return " ".join(words)


def write(
    connection: Connection,
    who: str,
    action: str,
    *,
    province: str | None = None,
    item_id: int | None = None,
    **details: Any,
) -> None:
    """One row, inside the transaction of what was done, so that neither stands without the other."""
    connection.execute(
        insert(audit).values(who=who, action=action, province=province, item_id=item_id, details=details)
    )


def write_for_items(connection: Connection, who: str, action: str, item_ids: list[int], **details: Any) -> None:
    """The same row for each of these items, under their provinces."""
    connection.execute(
        text(
            "INSERT INTO audit (who, action, province, item_id, details)"
            " SELECT :who, :action, province, item_id, CAST(:details AS jsonb) FROM quarantine"
            " WHERE item_id = ANY(:ids) ORDER BY item_id"
        ),
        {"who": who, "action": action, "ids": item_ids, "details": orjson.dumps(details).decode()},
    )


def entries(
    engine: Engine,
    *,
    province: str | None = None,
    item_id: int | None = None,
    who: str | None = None,
    action: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """The newest rows that fit, oldest of them first: audit_id, at, who, action, province, item_id, details."""
    column = audit.c
    query = select(audit).order_by(column.audit_id.desc())
    for one, wanted in (
        (column.province, province),
        (column.item_id, item_id),
        (column.who, who),
        (column.action, action),
    ):
        if wanted is not None:
            query = query.where(one == wanted)
    with engine.connect() as connection:
        rows = connection.execute(query.limit(limit) if limit else query)
        return [dict(row._mapping) for row in rows][::-1]
