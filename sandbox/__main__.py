"""`python -m sandbox start|stop|status|advance|reset|faults|file|agencies|open|staff [--json]`.

Exit codes: 0 done; 2 the command line or the state does not allow it (the sentence says what to do); 3 a peer
is not running.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox import agencies, portal, processes, status
from sandbox.faults import COMMON, NATIONAL, SYSTEM, TARGET
from sandbox.processes import SandboxError
from sandbox.provinces import ALL, STARTED, TARGETS
from sandbox.state import TAKES, Config, Folder, default_folder

DEFAULT_SIZE = 2000
RECEIVER = "http://127.0.0.1:8090"
"""Where `lienthong inbound serve` listens unless it is told otherwise."""
DEFAULT_SEED = 20260630


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    options = _parser().parse_args(arguments)
    folder = Folder(options.state or default_folder())
    if options.command == "serve":
        from sandbox.serve import serve_all

        serve_all(folder, options.peer, options.sockets)
        return 0
    try:
        body, text = _COMMANDS[options.command](folder, options)
    except SandboxError as problem:
        if options.json:
            print(json.dumps({"error": str(problem)}, ensure_ascii=False))
        print(f"sandbox: {problem}", file=sys.stderr)
        return 3 if "not running" in str(problem) else 2
    print(json.dumps(body, ensure_ascii=False, indent=1) if options.json else text)
    return 0


def _joined(held: tuple[str, ...], chosen: tuple[str, ...]) -> tuple[str, ...]:
    """Provinces that are named join those that are there: each system follows from the seed alone."""
    return (*held, *(slug for slug in chosen if slug not in held))


def _start(folder: Folder, options: argparse.Namespace) -> tuple[Any, str]:
    chosen = tuple(s for s in options.provinces.split(",") if s) if options.provinces else None
    for slug in chosen or ():
        if slug not in ALL:
            raise SandboxError(f"unknown province {slug!r}; the sandbox knows: {', '.join(ALL)}")
    if options.size is not None and not 10 <= options.size <= 1_000_000:
        raise SandboxError(f"--size must lie between 10 and 1000000, not {options.size}")
    held = folder.config()
    wanted = Config(
        seed=options.seed if options.seed is not None else held.seed if held else DEFAULT_SEED,
        size=options.size if options.size is not None else held.size if held else DEFAULT_SIZE,
        provinces=_joined(held.provinces if held else (), chosen or (() if held else STARTED)),
    )
    if held is not None and (held.seed, held.size) != (wanted.seed, wanted.size):
        raise SandboxError(
            f"the sandbox in {folder.path} was made with size {held.size}, seed {held.seed}; "
            "start it without these options, or run: python -m sandbox reset"
        )
    folder.create(wanted)
    found, fresh = processes.start(folder, wanted.provinces, options.port_base)
    processes.write_addresses(folder, found)
    lines = [
        f"{p.peer:12} {p.url}  {'started' if p.peer in fresh else 'already running'} (process {p.pid})" for p in found
    ]
    lines.append(
        f"{wanted.size} dossiers per province, seed {wanted.seed}, now {folder.now():%Y-%m-%d %H:%M}; "
        f"state in {folder.path}"
    )
    body = {
        "peers": {p.peer: {"url": p.url, "pid": p.pid, "started": p.peer in fresh} for p in found},
        "size": wanted.size,
        "seed": wanted.seed,
        "now": folder.now().isoformat(),
        "state": str(folder.path),
        "connections": str(folder.connections),
    }
    return body, "\n".join(lines)


def _stop(folder: Folder, options: argparse.Namespace) -> tuple[Any, str]:
    known = processes.all_names(folder)
    for name in options.peers:
        if name not in known:
            raise SandboxError(f"unknown peer {name!r}; this sandbox has: {', '.join(known)}")
    ended = processes.stop(folder, tuple(options.peers) or known)
    return {"stopped": ended}, f"stopped: {', '.join(ended)}" if ended else "nothing was running"


def _status(folder: Folder, options: argparse.Namespace) -> tuple[Any, str]:
    body = status.status(folder)
    n = body["national"]
    lines = [
        f"running: {', '.join(body['running']) or 'nothing'}",
        f"national: {n['dossiers']} dossiers, {n['steps']} steps, {n['duplicates']} duplicates, "
        f"{n['order_violations']} order violations, {n['refused']} refused",
    ]
    for slug, s in body["systems"].items():
        lines.append(
            f"{slug}: {s['dossiers']} dossiers, {s['served']} served, {s['labelled_dirty']} labelled dirty "
            f"({s['expected_held']} to be held), {s['corrected']} corrected"
        )
    return body, "\n".join(lines)


def _advance(folder: Folder, options: argparse.Namespace) -> tuple[Any, str]:
    if options.days < 1:
        raise SandboxError(f"--days must be at least 1, not {options.days}")
    body = status.advance(folder, options.days)
    lines = [
        f"{slug}: {m['changed']} changed ({m['corrected']} corrected), {m['added']} added"
        for slug, m in body["systems"].items()
    ]
    return body, "\n".join([*lines, f"now {body['now']}"])


def _reset(folder: Folder, options: argparse.Namespace) -> tuple[Any, str]:
    ended = processes.stop(folder, processes.all_names(folder))
    existed = folder.config() is not None
    if existed:
        shutil.rmtree(folder.path)
    text = f"deleted {folder.path}" if existed else f"there was no sandbox in {folder.path}"
    return {"stopped": ended, "deleted": existed}, text


def _faults(folder: Folder, options: argparse.Namespace) -> tuple[Any, str]:
    process = processes.running(folder, options.peer)
    if process is None:
        raise SandboxError(f"the peer {options.peer} is not running; run: python -m sandbox start")
    if options.clear:
        body = processes.call(process, "/_sandbox/faults", method="DELETE")
        return body, f"{body['cleared']} faults cleared"
    if options.kind:
        fault: dict[str, Any] = {
            "kind": options.kind,
            "operation": options.operation,
            "after": options.after,
            "times": options.times,
        }
        for pair in options.set:
            name, _, value = pair.partition("=")
            fault[name] = int(value) if value.isdigit() else value
        body = processes.call(process, "/_sandbox/faults", fault)
        return (
            body,
            f"armed: {options.kind} on {options.operation} of {options.peer}, "
            f"{options.times} times after {options.after} calls",
        )
    body = processes.call(process, "/_sandbox/faults")
    lines = [f"{f['kind']} on {f['operation']}: {f['times']} times after {f['after']} calls" for f in body["faults"]]
    return body, "\n".join(lines or ["no faults are armed"])


def _file(folder: Folder, options: argparse.Namespace) -> tuple[Any, str]:
    config = folder.config()
    if config is None or options.province not in config.provinces:
        known = ", ".join(config.provinces) if config else "none: run python -m sandbox start"
        raise SandboxError(f"this sandbox has no province {options.province!r}; it has: {known}")
    if ALL[options.province].kind not in TAKES:
        raise SandboxError(f"the system of {options.province} takes no dossiers from the portal")
    unknown = options.n // 5 if options.unknown is None else options.unknown
    if not 0 <= unknown <= options.n <= 10_000:
        raise SandboxError(
            f"-n must lie between 0 and 10000 and --unknown between 0 and -n, not {options.n}, {unknown}"
        )
    to = options.to or RECEIVER
    if urlsplit(to).path.strip("/") == "":
        to = f"{to.rstrip('/')}/inbound/{options.province}"
    body = portal.file(folder, config, options.province, options.n, unknown, to)
    answers = ", ".join(f"{count} answered {status}" for status, count in sorted(body["answers"].items()))
    return body, f"{len(body['filed'])} filed for {options.province}; {answers or 'nothing was owed'}"


def _agencies(folder: Folder, options: argparse.Namespace) -> tuple[Any, str]:
    if options.target not in TARGETS:
        raise SandboxError(f"no provinces join {options.target!r}; some join: {', '.join(TARGETS)}")
    return agencies.successors(options.target), agencies.table(options.target).rstrip("\n")


def _target(folder: Folder, options: argparse.Namespace) -> processes.Process:
    if options.target not in TARGETS:
        raise SandboxError(f"{options.target!r} is no new province; these are: {', '.join(TARGETS)}")
    process = processes.running(folder, options.target)
    if process is None:
        raise SandboxError(f"the peer {options.target} is not running; run: python -m sandbox start")
    return process


def _open(folder: Folder, options: argparse.Namespace) -> tuple[Any, str]:
    body = processes.call(_target(folder, options), "/_sandbox/open", {})
    return body, f"{options.target} is open; its staff work from the next day on"


def _staff(folder: Folder, options: argparse.Namespace) -> tuple[Any, str]:
    wanted = {"code": options.code} if options.code else {}
    body = processes.call(_target(folder, options), "/_sandbox/move" if options.move else "/_sandbox/staff", wanted)
    return body, f"{body['code']} is at status {body['status']} now" if options.move else f"{body['code']} was entered"


_COMMANDS = {
    "agencies": _agencies,
    "open": _open,
    "staff": _staff,
    "file": _file,
    "start": _start,
    "stop": _stop,
    "status": _status,
    "advance": _advance,
    "reset": _reset,
    "faults": _faults,
}


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state", type=Path, help="the sandbox's folder (LIENTHONG_HOME/sandbox)")
    common.add_argument("--json", action="store_true", help="answer as JSON")
    parser = argparse.ArgumentParser(
        prog="sandbox", description="Simulated provincial systems and national adapter on loopback."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    start = commands.add_parser("start", parents=[common], help="start the peers; already running ones stay")
    start.add_argument("--size", type=int, help=f"dossiers per province ({DEFAULT_SIZE}), at most 1000000")
    start.add_argument("--seed", type=int, help="what decides every record")
    start.add_argument("--port-base", type=int, default=18080, help="first of the ports (18080); 0 takes free ones")
    start.add_argument("--provinces", help=f"comma list of {', '.join(ALL)}; joins those that are there")
    stop = commands.add_parser("stop", parents=[common], help="end the peers, or the named ones; their ledgers stay")
    stop.add_argument("peers", nargs="*", metavar="peer")
    commands.add_parser("status", parents=[common], help="counts from the peers' own ledgers")
    advance = commands.add_parser(
        "advance", parents=[common], help="let virtual days pass: dossiers change and come new"
    )
    advance.add_argument("--days", type=int, default=1)
    commands.add_parser("reset", parents=[common], help="end the peers and delete their state")
    kinds = ", ".join(sorted({*COMMON, *SYSTEM, *TARGET, *NATIONAL}))
    faults = commands.add_parser(
        "faults", parents=[common], help="arm, list or clear faults of a peer", epilog=f"kinds: {kinds}"
    )
    faults.add_argument("peer", help="national, or the name of a province")
    faults.add_argument("--kind", help="what goes wrong; without it the armed faults are listed")
    faults.add_argument("--operation", default="*", help="one operation or service (any)")
    faults.add_argument("--after", type=int, default=0, help="good calls before it (0)")
    faults.add_argument("--times", type=int, default=1, help="calls it spoils (1)")
    faults.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a word of the kind: seconds, status, records, code, text",
    )
    faults.add_argument("--clear", action="store_true", help="forget every armed fault")
    file = commands.add_parser("file", parents=[common], help="citizens file on the national portal")
    file.add_argument("--province", required=True, help="whose dossiers they are")
    file.add_argument("-n", type=int, default=20, help="how many (20)")
    file.add_argument("--unknown", type=int, help="how many of them for procedures that the province lacks (a fifth)")
    file.add_argument("--to", help=f"the receiver ({RECEIVER}); without a path, /inbound/<province> of it")
    agencies_ = commands.add_parser("agencies", parents=[common], help="who takes over from whom, as CSV")
    agencies_.add_argument("target", help="the new province, such as can_tho")
    opening = commands.add_parser("open", parents=[common], help="a new province opens: its staff go on with dossiers")
    opening.add_argument("target", help="the new province, such as can_tho")
    staff = commands.add_parser("staff", parents=[common], help="staff of a new province enter a dossier, or move one")
    staff.add_argument("target", help="the new province, such as can_tho")
    staff.add_argument("--code", help="its code (made up); with --move an imported dossier's")
    staff.add_argument("--move", action="store_true", help="take the dossier one step further instead")
    serve = commands.add_parser("serve", parents=[common])
    serve.add_argument("peer", nargs="+")
    serve.add_argument("--sockets", type=int, nargs="+", required=True)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
