"""The environment of the dlt contestant: `.venv-bench`, exactly what requirements-dlt.lock says."""

import os
import subprocess
import sys
from pathlib import Path

from hub.config import BASE

FOLDER = BASE / ".venv-bench"
LOCK = Path(__file__).with_name("requirements-dlt.lock")
SOURCE = LOCK.with_suffix(".in")


def python() -> Path:
    return FOLDER / "bin" / "python"


def ready() -> bool:
    """Whether the environment holds what the lock says now."""
    stamp = FOLDER / ".installed"
    return stamp.is_file() and stamp.read_bytes() == LOCK.read_bytes()


def make() -> None:
    """Make the environment with the uv of this one, from the index that pip is set up with."""
    if not python().exists():
        _uv("venv", "--quiet", "--python", sys.executable, str(FOLDER))
    _uv("pip", "sync", "--quiet", "--python", str(python()), "--require-hashes", str(LOCK))
    (FOLDER / ".installed").write_bytes(LOCK.read_bytes())


def lock() -> None:
    """Write the lock again from its source: `python -m benchmarks --lock`."""
    words = ("--universal", "--python-version", "3.11", "--generate-hashes", "--quiet")
    said = "python -m benchmarks --lock"
    _uv("pip", "compile", *words, "--custom-compile-command", said, "-o", str(LOCK), str(SOURCE))


def _uv(*words: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([str(uv), *words], check=True, env={"UV_SYSTEM_CERTS": "true", **_index(), **os.environ})


def _index() -> dict[str, str]:
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    index = os.environ.get("PIP_INDEX_URL") or found
    return {"UV_DEFAULT_INDEX": index} if index else {}
