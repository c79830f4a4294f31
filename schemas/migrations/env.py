"""Alembic's entry: runs on the connection that hub.store hands in."""

from alembic import context

# Their tables belong to the same metadata.
import schemas.inbound_tables
import schemas.migration_tables
import schemas.quality_tables  # noqa: F401
from schemas.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
