"""What an attempt holds, in a few figures: equal figures, nothing changed since."""

from typing import Any

from sqlalchemy import Connection, text

_SUM = "coalesce(sum(hashtextextended(concat_ws('|', {}), 0)::numeric), 0)::text"

QUERY = f"""
SELECT d.*, f.* FROM
(SELECT count(*) AS dossiers, {_SUM.format("source, source_key, state, reason, content_hash, loaded_hash")}
  AS of_dossiers
 FROM migrated WHERE migration_id = :id) d,
(SELECT count(*) AS files, {_SUM.format("source, source_key, file_id, state, digest")} AS of_files
 FROM migrated_file WHERE migration_id = :id) f
"""


def fingerprint(connection: Connection, migration_id: int) -> dict[str, Any]:
    """`dossiers` and `files` with a sum over all their states; whose clock said when plays no part."""
    return dict(connection.execute(text(QUERY), {"id": migration_id}).one()._mapping)
