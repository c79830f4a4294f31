"""What is broken outside the program, the database or the disk, told as something that a person can mend."""

import errno

from psycopg import OperationalError
from sqlalchemy.exc import DBAPIError

from hub.errors import StageFailed

DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EIO})
STAYS = "What landed stays; then run the command again."


def told(error: Exception) -> Exception:
    """The error as StageFailed where the database is away or the disk refuses; any other unchanged."""
    behind = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(behind, OperationalError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        lines = str(behind).strip().splitlines()
        return StageFailed(
            f"the database does not answer: {lines[0] if lines else type(behind).__name__}",
            where="database",
            next_step=f"Is the server up, has it room, and is LIENTHONG_DATABASE_URL right? {STAYS}",
        )
    if isinstance(error, OSError) and error.errno in DISK and error.filename is not None:
        return StageFailed(
            f"the disk refuses: {error.strerror}",
            where=str(error.filename),
            next_step=f"See that there is room and that it may be written (LIENTHONG_HOME, LIENTHONG_CONFIG). {STAYS}",
        )
    return error
