"""What came in and where it stands: for people, for the flow's counts, and for one dossier in full."""

from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, text

from hub.config import Settings, load_province, province_slugs
from hub.connections import peer
from hub.errors import ConfigurationError

STATES = ("received", "sending", "unknown", "held", "handed_over")

NEWEST = """
SELECT DISTINCT ON (d.province, d.national_code) d.province, d.national_code, d.version, d.procedure_code, d.state,
       coalesce(d.given ->> 'number', n.dossier_code) AS number, jsonb_array_length(d.record -> 'documents') AS files,
       d.reason, d.received_at, d.answered_at, n.status AS status, n.delivered_hash IS NOT NULL AS returned
FROM inbound_dossier d
LEFT JOIN dossier n ON n.province = d.province AND n.outgoing_code = d.national_code
WHERE d.state <> 'superseded' AND (CAST(:province AS text) IS NULL OR d.province = :province)
ORDER BY d.province, d.national_code, d.version DESC
"""
"""The newest version of each dossier, with the status under which the province shows it in its own pull."""

NOT_TAKEN = """
SELECT province, national_code, procedure_code, answer, description, times, received_at, seen_at
FROM inbound_message m
WHERE answer <> 200 AND (CAST(:province AS text) IS NULL OR province = :province)
ORDER BY seen_at
"""


def receivable(settings: Settings) -> list[str]:
    """Provinces with a way in whose portal account is known: those that a receiver can serve."""
    found = []
    for slug in province_slugs(settings):
        with suppress(ConfigurationError):
            province = load_province(settings, slug)
            if province.inbound is not None:
                peer(province.inbound.account, settings.home, url=f"portal of {slug}")
                found.append(slug)
    return found


def listing(engine: Engine, province: str | None, limit: int | None = None) -> dict[str, Any]:
    """`counts` by state, `dossiers` (newest version each, the last that came first), `not_taken`: messages that were
    answered 404 or 500, with the reason."""
    given = {"province": province}
    with engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(text(NEWEST), given)]
        refused = [dict(row._mapping) for row in connection.execute(text(NOT_TAKEN), given)]
    counts = {state: sum(row["state"] == state for row in rows) for state in STATES}
    counts |= {
        "returned": sum(bool(row["returned"]) for row in rows),
        "unmapped": sum(row["answer"] == 404 for row in refused),
        "refused": sum(row["answer"] == 500 for row in refused),
    }
    rows.sort(key=lambda row: row["received_at"], reverse=True)
    refused.sort(key=lambda row: row["seen_at"], reverse=True)
    return {"counts": counts, "dossiers": rows[:limit], "not_taken": refused[:limit]}


def standing(engine: Engine, province: str) -> dict[str, int]:
    """The counts of one province: how many dossiers stand where, and of how many the status went back (`returned`)."""
    return dict(listing(engine, province, 0)["counts"])


def dossier(engine: Engine, province: str, national_code: str) -> dict[str, Any]:
    """One dossier: every version with its record, files and steps, and the messages that brought it.

    Raises:
        ConfigurationError: no such dossier came in, and no message of that code either.
    """
    who = {"province": province, "code": national_code}
    where = "WHERE province = :province AND national_code = :code"
    with engine.connect() as connection:
        versions = [
            dict(row._mapping)
            for row in connection.execute(
                text(
                    "SELECT version, state, procedure_code, procedure_code_local, procedure_name, given, attempts,"
                    f" reason, record, received_at, intent_at, answered_at FROM inbound_dossier {where}"
                    " ORDER BY version"
                ),
                who,
            )
        ]
        steps = connection.execute(
            text(
                "SELECT version, step_key, state, given, answer, begun_at, done_at"
                f" FROM inbound_step {where} ORDER BY version, begun_at"
            ),
            who,
        ).all()
        messages = connection.execute(
            text(
                "SELECT message_id, answer, description, digest, size, times, received_at, seen_at"
                f" FROM inbound_message {where} ORDER BY message_id"
            ),
            who,
        ).all()
        query = text("SELECT dossier_code, status, delivered_hash IS NOT NULL AS returned FROM dossier"
                     " WHERE province = :province AND outgoing_code = :code")  # fmt: skip
        back = connection.execute(query, who).one_or_none()
    if not versions and not messages:
        raise ConfigurationError(
            f"no dossier {national_code} came in for {province}",
            where="command line",
            next_step=f"See lienthong inbound list {province}.",
        )
    for version in versions:
        version["steps"] = [dict(step._mapping) for step in steps if step.version == version["version"]]
    return {
        "province": province,
        "national_code": national_code,
        "versions": versions,
        "messages": [dict(message._mapping) for message in messages],
        "in_the_province": dict(back._mapping) if back else None,
    }
