"""One attempt at a list: its run row, its lock, its place in the message log, and how a failure is written down."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import zstandard
from sqlalchemy import Engine, insert

from connectors.errors import PeerError
from hub.errors import StageFailed
from hub.runs import fail_run, open_run
from hub.store import province_lock
from schemas import tables

STREAM = "procedures"
PULL, IMPORT = "procedures", "import"
"""Kinds of runs; a failed pull is taken up by a pull, never by an import."""


def as_told(run_id: int, error: PeerError) -> StageFailed:
    """The peer's failure in its own words."""
    return StageFailed(error.what, where=error.where, next_step=error.next_step)


@contextmanager
def attempt(
    engine: Engine,
    province: str,
    now: datetime,
    explain: Callable[[int, PeerError], StageFailed] = as_told,
    *,
    kind: str = PULL,
) -> Iterator[int]:
    """Hold the lists of one province (or `national`), and give the run's id; the last failed run is taken up again.

    Raises:
        StageFailed: the peer failed; `explain` made the sentence, and the run is marked failed with it.
        Busy: another process is at work on this list.
    """
    with province_lock(engine, province, STREAM):
        run_id = open_run(engine, province, until=now, overlap=timedelta(0), kind=kind, stream=STREAM).run_id
        try:
            yield run_id
        except PeerError as error:
            failed = explain(run_id, error)
            fail_run(engine, run_id, failed)
            raise failed from error
        except KeyboardInterrupt:
            fail_run(engine, run_id, StageFailed("stopped by hand", where=province))
            raise
        except Exception as error:
            fail_run(engine, run_id, error)
            raise


def keep_message(
    engine: Engine,
    run_id: int,
    province: str,
    raw: bytes,
    *,
    at: datetime,
    page: int = 1,
    records: int = 0,
    status: int | None = None,
    media_type: str | None = None,
    error: str | None = None,
) -> None:
    """A body in the message log, as it came; `error` says why it could not be used."""
    with engine.begin() as connection:
        connection.execute(
            insert(tables.message).values(
                run_id=run_id,
                province=province,
                stream=STREAM,
                page=page,
                media_type=media_type,
                http_status=status,
                digest=hashlib.sha256(raw).hexdigest(),
                size=len(raw),
                records=records,
                body=zstandard.compress(raw, 3),
                error=error,
                received_at=at,
            )
        )
