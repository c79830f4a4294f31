"""The sandbox's folder: what it was started with, its clock, its accounts, and where the peers' ledgers lie."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox.calendar import virtual_now
from sandbox.provinces import ALL
from sandbox.timeline import read_journal

NATIONAL = "national"
EXTRA: dict[str, dict[str, str]] = {
    "vnpt": {"client_id": "svc-lienthong"},
    "mobifone": {"app_name": "LIENTHONG"},
    "vnpt_import": {"client_id": "svc-lienthong"},
}
"""What an account of a system holds besides login and password, by the system's kind."""
INTAKES = {"vnpt": "vnpt_intake_{slug}", "vnpt_import": "vnpt_import_{slug}"}
"""The connection under which a system takes dossiers from outside, where it is another than that of its pull."""
TAKES = ("vnpt", "viettel")
"""Kinds of systems that take dossiers which citizens file on the national portal."""
REPOSITORY = Path(__file__).resolve().parent.parent


def default_folder() -> Path:
    """`<LIENTHONG_HOME or repository/.lienthong>/sandbox`."""
    home = os.environ.get("LIENTHONG_HOME")
    return (Path(home) if home else REPOSITORY / ".lienthong") / "sandbox"


@dataclass(frozen=True, slots=True)
class Config:
    """What decides every record: kept until `reset`."""

    seed: int
    size: int
    provinces: tuple[str, ...]


class Folder:
    """Paths and small files of one sandbox; the peers keep their ledgers in it too."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.journal = path / "journal.jsonl"
        self.connections = path / "connections.json"

    def config(self) -> Config | None:
        """None when there is no state yet."""
        file = self.path / "config.json"
        if not file.exists():
            return None
        body = json.loads(file.read_text())
        return Config(int(body["seed"]), int(body["size"]), tuple(body["provinces"]))

    def create(self, config: Config) -> None:
        """Makes the folder and accounts with passwords made up now; only the owner can read them."""
        self.path.mkdir(parents=True, exist_ok=True)
        _write(self.path / "config.json", {**asdict(config), "provinces": list(config.provinces)})
        self.add_accounts(config)

    def add_accounts(self, config: Config) -> None:
        """An account for every connection that has none yet: the systems', their intakes', the portal's at the hub."""
        accounts = self.accounts()
        wanted = {NATIONAL: _account("dvc_lienthong", {})}
        for slug in config.provinces:
            p = ALL[slug]
            wanted[p.connection] = _account(f"lienthong_{slug}", EXTRA.get(p.kind, {}))
            if p.kind in INTAKES:
                wanted[INTAKES[p.kind].format(slug=slug)] = _account(f"lienthong_intake_{slug}", {})
            if p.kind in TAKES:
                wanted[portal_account(slug)] = _account(f"dvcqg_{slug}", {})
        if set(wanted) - set(accounts):
            self.write_accounts({**wanted, **accounts})

    def accounts(self) -> dict[str, dict[str, Any]]:
        return json.loads(self.connections.read_text()) if self.connections.exists() else {}

    def write_accounts(self, accounts: dict[str, dict[str, Any]]) -> None:
        _write(self.connections, accounts, 0o600)

    def days(self) -> int:
        return max((int(e["day"]) for e in read_journal(self.journal) if "day" in e), default=0)

    def now(self) -> datetime:
        return virtual_now(self.days())

    def ledger(self, peer: str) -> Path:
        return self.path / f"{peer}.ledger.sqlite"

    def served(self, slug: str) -> Path:
        return self.path / f"{slug}.served"

    def pid_file(self, peer: str) -> Path:
        return self.path / f"{peer}.pid"

    def log(self, peer: str) -> Path:
        return self.path / f"{peer}.log"


def portal_account(slug: str) -> str:
    """The connection that holds what the national portal shows when it calls this province."""
    return f"portal_{slug}"


def _account(login: str, extra: dict[str, str]) -> dict[str, Any]:
    return {"host": "", "login": login, "password": secrets.token_urlsafe(18), "extra": extra}


def _write(path: Path, value: object, mode: int = 0o644) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
    os.replace(temporary, path)
