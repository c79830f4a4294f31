"""What old provinces still owe the national side: after the opening they could not send it."""

from sqlalchemy import Connection, text

from hub.errors import Refused

OWED = """
SELECT province, count(*) FROM (
    SELECT province, dossier_code FROM delivery
    WHERE province = ANY(:sources) AND state IN ('pending', 'sending', 'unknown')
    UNION
    SELECT province, dossier_code FROM progress_step p
    WHERE province = ANY(:sources) AND state IN ('pending', 'sending', 'unknown')
      AND NOT EXISTS (SELECT FROM delivery x WHERE x.province = p.province AND x.dossier_code = p.dossier_code
                      AND x.state = 'held')
      AND NOT EXISTS (SELECT FROM progress_step h WHERE h.province = p.province AND h.dossier_code = p.dossier_code
                      AND h.state = 'held' AND h.happened_at <= p.happened_at)
) owed GROUP BY province ORDER BY province
"""


def owed_by(connection: Connection, provinces: list[str]) -> dict[str, int]:
    """Dossiers that each province still owes the national side and that nobody holds back, by its slug."""
    return {slug: int(count) for slug, count in connection.execute(text(OWED), {"sources": provinces})}


def must_owe_nothing(connection: Connection, plan: str, sources: list[str]) -> None:
    """Raises Refused while an old province has something in its outbox: after the opening it could not be sent."""
    if owed := owed_by(connection, sources):
        raise Refused(
            "old provinces still owe the national side: " + ", ".join(f"{slug} {n:,}" for slug, n in owed.items()),
            where=f"migration {plan}",
            next_step="Nothing was changed. Send it first: "
            + "; ".join(f"lienthong sync {slug}" for slug in owed)
            + f"\n  Then again: lienthong migrate open {plan} --by …",
        )
