"""The national portal as a caller: what citizens file is handed to a province's receiver, and every answer kept."""

import base64
import json
import sqlite3
import urllib.error
import urllib.request
from typing import Any

import orjson

from sandbox.citizens import Filed
from sandbox.citizens import file as file_dossiers
from sandbox.processes import SandboxError, call, running
from sandbox.state import NATIONAL, Config, Folder, portal_account
from sandbox.system import open_ledger

LEDGER = "portal"
_TABLE = """
CREATE TABLE IF NOT EXISTS filed (
  id INTEGER PRIMARY KEY, province TEXT NOT NULL, code TEXT NOT NULL UNIQUE, procedure TEXT NOT NULL,
  known INTEGER NOT NULL, files TEXT NOT NULL, body BLOB NOT NULL, status INTEGER NOT NULL DEFAULT 0,
  description TEXT NOT NULL DEFAULT '', answers INTEGER NOT NULL DEFAULT 0)
"""


def file(folder: Folder, config: Config, slug: str, count: int, unknown: int, to: str) -> dict[str, Any]:
    """Let citizens file and hand it on: counts by answer, and the codes. Whatever is not answered stays to be sent
    with the next call.

    SandboxError when the portal's peer or the receiver cannot be reached.
    """
    process = running(folder, NATIONAL)
    if process is None:
        raise SandboxError("the peer national is not running; run: python -m sandbox start")
    db = open_ledger(folder.ledger(LEDGER), _TABLE)
    try:
        first = int(db.execute("SELECT count(*) FROM filed").fetchone()[0]) + 1
        fresh = file_dossiers(slug, config.seed, first, count, unknown, folder.now())
        call(process, "/_sandbox/filed", [one.own for one in fresh])
        for one in fresh:
            _write(db, slug, one)
        query = "SELECT code, body FROM filed WHERE province=? AND status NOT IN (200, 404) ORDER BY id"
        answers: dict[str, int] = {}
        for code, body in db.execute(query, (slug,)).fetchall():
            status, description = _post(to, body, folder.accounts()[portal_account(slug)])
            db.execute(
                "UPDATE filed SET status=?, description=?, answers=answers+1 WHERE code=?", (status, description, code)
            )
            answers[str(status)] = answers.get(str(status), 0) + 1
        return {"province": slug, "filed": [one.code for one in fresh], "answers": answers}
    finally:
        db.close()


def ledger(folder: Folder) -> list[dict[str, Any]]:
    """Every dossier that was filed, as the portal knows it."""
    db = open_ledger(folder.ledger(LEDGER), _TABLE)
    try:
        names = ("province", "code", "procedure", "known", "files", "status", "description", "answers")
        rows = db.execute(f"SELECT {', '.join(names)} FROM filed ORDER BY id").fetchall()
        found = [dict(zip(names, row, strict=True)) for row in rows]
    finally:
        db.close()
    return [{**one, "files": json.loads(one["files"]), "known": bool(one["known"])} for one in found]


def _write(db: sqlite3.Connection, slug: str, filed: Filed) -> None:
    db.execute(
        "INSERT INTO filed (province, code, procedure, known, files, body) VALUES (?,?,?,?,?,?)",
        (slug, filed.code, filed.procedure, filed.known, json.dumps(filed.files), orjson.dumps(filed.message)),
    )


def _post(to: str, body: bytes, account: dict[str, Any]) -> tuple[int, str]:
    """(status, description) of the receiver's answer."""
    secret = base64.b64encode(f"{account['login']}:{account['password']}".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {secret}"}
    request = urllib.request.Request(to, data=body, headers=headers, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            said = json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        said = json.loads(refused.read())
    except (OSError, ValueError) as problem:
        raise SandboxError(
            f"the receiver at {to} does not answer ({problem}) and is not running? "
            "Start it: lienthong inbound serve <province>; what was filed is sent with the next call"
        ) from problem
    return int(said["status"]), str(said["description"])
