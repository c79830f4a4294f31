"""A place beside the hub's tables: a schema in which a run's staging is tried and of which nothing stays."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from hub.context import Hub
from hub.errors import ConfigurationError
from hub.store import province_lock


@contextmanager
def aside(hub: Hub, purpose: str) -> Iterator[Hub]:
    """The same hub, whose new tables fall into a schema that is dropped at the end; the hub's own are read through.

    What a killed process left behind goes when the next one begins.

    Raises:
        Busy: another process tries something for this province.
        ConfigurationError: the database's user may not make a schema.
    """
    schema = f"{purpose}_{hub.slug}"[:63]
    with province_lock(hub.engine, hub.slug, purpose):
        own = _fresh_schema(hub.engine, schema)
        beside = _looking_into(hub.engine, schema, own)
        try:
            yield replace(hub, engine=beside)
        finally:
            beside.dispose()
            with hub.engine.begin() as connection:
                connection.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))


def _fresh_schema(engine: Engine, schema: str) -> str:
    """Make the schema anew; answers with the one that holds the hub's own tables."""
    try:
        with engine.begin() as connection:
            own = str(connection.scalar(text("SELECT current_schema()")))
            connection.execute(text("SET LOCAL client_min_messages = warning"))
            connection.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
            connection.execute(text(f"CREATE SCHEMA {schema}"))
            return own
    except ProgrammingError as error:
        raise ConfigurationError(
            f"the database's user may not make the schema {schema}: {str(error.orig).splitlines()[0]}",
            where="LIENTHONG_DATABASE_URL",
            next_step="As its owner: GRANT CREATE ON DATABASE … TO …; the place is dropped again at once.",
        ) from error


def _looking_into(engine: Engine, schema: str, own: str) -> Engine:
    said = engine.url.query.get("options", "")
    options = f"{said if isinstance(said, str) else ' '.join(said)} -csearch_path={schema},{own}".strip()
    return create_engine(engine.url.update_query_dict({"options": options}), poolclass=NullPool)
