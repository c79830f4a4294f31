"""`python -m benchmarks.labelled [--size 500] [--days 0]`: faults that the sandbox plants, and which rule caught them.

All six systems are synced into an empty database, and again after each advanced day. What was planted is the peers'
word (`/_sandbox/labels`), what was caught is read from the hub's tables. Exit codes: 0 nothing missed and no false
alarm; 1 otherwise.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests
import yaml
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text

from benchmarks.ground import UNLIMITED
from hub import embedded
from hub.config import BASE, Settings, load_province
from hub.connections import peer
from hub.context import open_hub
from hub.procedures.national import pull_national
from hub.procedures.portal import open_national
from hub.store import engine_of, upgrade
from hub.sync import sync
from sandbox.dirt import DELIVERED, HELD, WARNED
from sandbox.provinces import OF_EACH_SYSTEM, PROFILES

NAMED_OTHERWISE = {"fee_off": "fee_differs"}
"""Labels whose reason has another word."""
WARNED_BY_NOTE = ("blank_due", "internal_link", "odd_code")
"""What the mapping notes and a rule warns of."""
STEPS = ("step_without_time", "impossible_transition")
FIELDS = {
    "unmapped_procedure": {"procedure_code"},
    "unmapped_status": {"status"},
    "missing_owner": {"applicant_name"},
    "missing_received": {"received_at"},
    "impossible_dates": {"received_at", "due_at", "finished_at", "returned_at"},
    "bad_identity": {"identifiers"},
    "conflicting_duplicate": {"dossier_code"},
    "bad_tax_code": {"tax_code"},
    "bad_phone": {"phone"},
    "fee_off": {"fees"},
    "due_beyond_limit": {"due_at"},
    "outside_gateway": {"portal"},
    "unknown_commune": {"commune"},
}
"""The field that the rule must name, where one is at fault."""
FINISHED = 10
SHOWN = 5
"""How many missed dossiers and false alarms of a label are printed."""

FOUND = """
SELECT q.dossier_code, 'held', f ->> 'reason', f ->> 'field' FROM quarantine q, jsonb_array_elements(q.findings) f
WHERE q.province = :province AND q.kind = 'dossier' AND q.state = 'held'
UNION SELECT dossier_code, 'step', reason, NULL FROM quarantine
WHERE province = :province AND kind = 'step' AND state = 'held'
UNION SELECT dossier_code, 'warned', reason, field FROM warning WHERE province = :province AND gone_at IS NULL
UNION SELECT d.dossier_code, 'noted', n ->> 'kind', n ->> 'field' FROM dossier d, jsonb_array_elements(d.notes) n
WHERE d.province = :province
"""
"""Everything that the hub says of the province's dossiers: (code, how, reason, field)."""
SENT_ONCE = """
SELECT d.dossier_code FROM dossier d WHERE d.province = :province AND d.status = :finished
AND (SELECT count(*) FROM delivery v WHERE (v.province, v.dossier_code) = (d.province, d.dossier_code)) = 1
"""
"""Dossiers that stand in their last status and were owed in one version: an older copy changed nothing."""


@dataclass(frozen=True, slots=True)
class Sign:
    """How a fault shows: `how` is held, step, warned or noted; no `fields` means any."""

    how: str
    reason: str
    fields: frozenset[str] = frozenset()

    def shows_in(self, how: str, reason: str, name: str | None) -> bool:
        return (how, reason) == (self.how, self.reason) and (not self.fields or name in self.fields)


@dataclass(slots=True)
class Line:
    """What became of one label: dossiers planted, those of them not caught, and (code, what was said) without cause."""

    label: str
    planted: int = 0
    missed: list[str] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)

    @property
    def caught(self) -> int:
        return self.planted - len(self.missed)


def signs(label: str) -> tuple[tuple[Sign, ...], tuple[Sign, ...]]:
    """What the hub must say of a fault, and what it may say besides."""
    fields = frozenset(FIELDS.get(label, ()))
    if label in HELD:
        return (Sign("held", label, fields),), ()
    if label in WARNED:
        return (Sign("warned", NAMED_OTHERWISE.get(label, label), fields),), ()
    if label in STEPS:
        return (Sign("step", label),), (Sign("noted", label), Sign("warned", label), Sign("step", "waits_for_step"))
    if label == "stale_copy":
        return (), ()
    must = [Sign("noted", label)]
    return (*must, *([Sign("warned", label)] if label in WARNED_BY_NOTE else [])), ()


def judge(engine: Engine, province: str, labels: Mapping[str, str], lines: dict[str, Line]) -> None:
    """Add one province's dossiers to the lines; `labels` are its planted ones by code."""
    with engine.connect() as connection:
        rows = connection.execute(text(FOUND), {"province": province}).all()
        sent = connection.scalars(text(SENT_ONCE), {"province": province, "finished": FINISHED})
        once = set(sent)
    said: dict[str, list[tuple[str, str, str | None]]] = {}
    for code, how, reason, name in rows:
        said.setdefault(code, []).append((how, reason, name))
    for code, label in labels.items():
        line, found = lines.setdefault(label, Line(label)), said.get(code, [])
        line.planted += 1
        if not all(any(sign.shows_in(*one) for one in found) for sign in signs(label)[0]) or (
            label == "stale_copy" and code not in once
        ):
            line.missed.append(f"{province} {code}")
    for code, found in said.items():
        must, may = signs(labels[code]) if code in labels else ((), ())
        for one in found:
            if not any(sign.shows_in(*one) for sign in (*must, *may)):
                label = _label_of(one[1])
                lines.setdefault(label, Line(label)).alarms.append(
                    (f"{province} {code}", f"{' '.join(str(word) for word in one)}, planted: {labels.get(code, '-')}")
                )


def _label_of(reason: str) -> str:
    return next((label for label, word in NAMED_OTHERWISE.items() if word == reason), reason)


def score(lines: Iterable[Line]) -> tuple[float, float]:
    """(precision, recall) over all lines."""
    lines = list(lines)
    caught, alarms = sum(line.caught for line in lines), sum(len(line.alarms) for line in lines)
    planted = sum(line.planted for line in lines)
    return caught / max(1, caught + alarms), caught / max(1, planted)


def show(console: Console, lines: Mapping[str, Line]) -> None:
    """The table, what was missed or said without cause, precision and recall."""
    table = Table("label", *(("planted", "caught", "missed", "false alarms")))
    for column in table.columns[1:]:
        column.justify = "right"
    order = {label: n for n, label in enumerate((*HELD, *WARNED, *DELIVERED))}
    for line in sorted(lines.values(), key=lambda line: (order.get(line.label, len(order)), line.label)):
        table.add_row(line.label, str(line.planted), str(line.caught), str(len(line.missed)), str(len(line.alarms)))
    console.print(table)
    for line in lines.values():
        for code in line.missed[:SHOWN]:
            console.print(f"[red]missed: {line.label} of {code}", soft_wrap=True)
        for code, words in line.alarms[:SHOWN]:
            console.print(f"[red]false alarm: {code}: {words}", soft_wrap=True)
    precision, recall = score(lines.values())
    console.print(f"precision {precision:.1%}, recall {recall:.1%}")


def sandbox(home: Path, *words: str) -> None:
    """One command of the sandbox in this home's folder."""
    command = [sys.executable, "-m", "sandbox", *words, "--state", str(home / "sandbox"), "--json"]
    subprocess.run(command, cwd=BASE, check=True, stdout=subprocess.DEVNULL)


def planted(address: str) -> dict[str, str]:
    """The labels of a peer's dossiers by code."""
    answer = requests.get(f"{address}/_sandbox/labels", timeout=30)
    answer.raise_for_status()
    return dict(answer.json())


@contextmanager
def six_provinces(home: Path, size: int) -> Iterator[tuple[Settings, Engine]]:
    """A database of its own and the peers of all six systems, with the national procedures pulled."""
    server = embedded.start(home / "pg", "labelled")
    try:
        sandbox(home, "start", "--size", str(size), "--port-base", "0", "--provinces", ",".join(OF_EACH_SYSTEM))
        os.environ["LIENTHONG_DATABASE_URL"] = embedded.beside(server, "labelled")
        engine = engine_of(os.environ["LIENTHONG_DATABASE_URL"])
        upgrade(engine)
        settings = Settings(home, (home / "config", BASE))
        configure(home / "config" / "provinces")
        pull_national(open_national(settings, engine))
        yield settings, engine
        engine.dispose()
    finally:
        sandbox(home, "stop")
        embedded.stop(home / "pg")


THANH_HOA = {
    "province": {"code": "38", "name": "Thanh Hóa", "agency": "H56"},
    "system": "fpt_egov_rest",
    "connection": "fpt_thanh_hoa",
    "national": {"connection": "national", "unit": "H56"},
    "gateway": PROFILES["thanh_hoa"].gateway,
}
"""The sixth system's province: the repository's provinces are one per vendor, and FPT has two generations."""


def configure(folder: Path) -> None:
    """The repository's provinces and the sixth, without rate limits."""
    folder.mkdir(parents=True)
    for slug in OF_EACH_SYSTEM:
        known = BASE / "provinces" / f"{slug}.yaml"
        data = yaml.safe_load(known.read_text("utf-8")) if known.exists() else dict(THANH_HOA)
        (folder / f"{slug}.yaml").write_text(
            yaml.safe_dump(data | {"limits": UNLIMITED}, allow_unicode=True), encoding="utf-8"
        )


def main() -> int:
    """Sync all six and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.labelled", description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=500, help="dossiers a province")
    parser.add_argument("--days", type=int, default=0, help="days that pass, with a sync behind each")
    options = parser.parse_args()
    lines: dict[str, Line] = {}
    with (
        tempfile.TemporaryDirectory(prefix="lienthong-labelled-") as folder,
        six_provinces(Path(folder), options.size) as (settings, engine),
    ):
        for day in range(options.days + 1):
            if day:
                sandbox(Path(folder), "advance", "--days", "1")
            for slug in OF_EACH_SYSTEM:
                sync(open_hub(slug, settings))
        for slug in OF_EACH_SYSTEM:
            address = peer(load_province(settings, slug).connection, settings.home).url
            judge(engine, slug, planted(address), lines)
    show(Console(), lines)
    return 0 if score(lines.values()) == (1.0, 1.0) else 1


if __name__ == "__main__":
    sys.exit(main())
