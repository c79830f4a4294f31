"""One quarantine item on the screen: raw beside mapped, why, and what has been done about it."""

from typing import Any

import orjson
from lxml import etree
from rich import box
from rich.table import Table
from rich.text import Text

from hub.cli.output import local_time, out, print_json
from hub.context import Hub
from hub.quarantine import raw_of
from schemas.masking import mask_json, mask_text
from schemas.personal_fields import masked
from schemas.reasons import explain
from schemas.records import DOSSIER, STEP
from schemas.wording import for_people, in_words

ABREAST = 120
"""Columns of a screen on which raw and mapped stand side by side."""


def shown_item(hub: Hub, found: dict[str, Any], around: dict[str, Any], *, as_json: bool) -> None:
    """Print an item (its findings masked) with what stands around it (hub.quarantine.about)."""
    raw = ""
    if found["message_id"] is not None and found["position"] is not None:
        raw = mask_text(readable(raw_of(hub, found["message_id"], found["position"])))
    mapped = mask_json(found["mapped"])
    filled = orjson.dumps(_filled(mapped), option=orjson.OPT_INDENT_2).decode()
    history, waivers = map(_masked_entry, around["history"]), map(_masked_waiver, around["waivers"])
    around = {"differences": [], **around, "history": list(history), "waivers": list(waivers)}
    if as_json:
        print_json({**found, "mapped": mapped, "raw": raw, **around})
        return
    whose = f" · {found['assignee']}" if found["assignee"] else ""
    head = f"item {found['item_id']} · {found['province']} · {found['kind']} · {found['state']}{whose}"
    _say(head, style="bold")
    _say(f"dossier {found['dossier_code'] or '–'} · record {found['source_key']}")
    if found["kind"] == "step":
        _say(which_step(found, around["merged"]))
    _say(
        f"changed {local_time(found['changed_at']) or '–'} · held since {local_time(found['held_at'])}"
        f" (run {found['run_id']}), met last by run {found['seen_run_id']} · version {found['version']}"
    )
    _say_findings(found)
    place = f"as received (message {found['message_id']}, record {found['position']})"
    _beside(place, raw or "not kept: the record did not come with a message", filled)
    _say_around(around)


def which_step(found: dict[str, Any], merged: dict[str, Any] | None) -> str:
    """A held step's place in the dossier's progress and its time; those before the first held one are kept as steps."""
    step = found["mapped"] or {}
    place, number = "step", found["source_key"].rpartition("/")[2]
    if found["stage"] == "map" and number.isdigit():
        place = f"step {int(number) + (merged['steps_kept'] if merged else 0)} of its progress"
    at = for_people(str(step["at"])) if step.get("at") else "no time"
    return f"{place} · {at} · status {step.get('status') or '–'}"


FIELDS = [one.name for one in (*DOSSIER, *STEP)]


def _filled(mapped: Any) -> Any:
    """The canonical record in its own order, without what is empty."""
    if not isinstance(mapped, dict):
        return mapped
    known = [name for name in FIELDS if name in mapped] + [name for name in mapped if name not in FIELDS]
    return {name: mapped[name] for name in dict.fromkeys(known) if mapped[name] not in (None, "", [])}


def _say_findings(found: dict[str, Any]) -> None:
    _say("held because", style="bold")
    for one in found["findings"]:
        _say(f"  {one['reason']}: {in_words(one)}  ({one.get('rule') or found['stage']})", style="yellow")
        words = explain(one["reason"])
        _say(f"    {words.meaning} · {words.nghia}. Ask {words.who}.")


def _beside(place: str, raw: str, mapped: str) -> None:
    """Two columns where the screen is wide, one under the other where it is narrow."""
    if out.width < ABREAST:
        _say(place, style="bold")
        out.print(raw, markup=False, highlight=False, soft_wrap=True)
        _say("mapped", style="bold")
        out.print(mapped, markup=False, highlight=False, soft_wrap=True)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column(place, ratio=1, overflow="fold")
    table.add_column("mapped", ratio=1, overflow="fold")
    table.add_row(Text(raw), Text(mapped))
    out.print(table)


def _say_around(around: dict[str, Any]) -> None:
    if merged := around["merged"]:
        sent = "sent as it is" if merged["delivered"] else "not sent yet"
        _say("in the hub", style="bold")
        waiting = f"{merged['steps_waiting']} steps wait, {merged['steps_held']} of them held"
        _say(
            f"  a version of {local_time(merged['changed_at']) or 'no time'} from record {merged['source_key']}, "
            f"status {merged['status']}, {sent}; {waiting}"
        )
    for title, rows in (("beside it, with the same code", around["rivals"]), ("waits with it", around["behind"])):
        if rows:
            _say(title, style="bold")
        for one in rows:
            which = f"item {one['item_id']}" if one["item_id"] else "the merged dossier"
            what = f"{one['kind']} · {one['reason']}" if "reason" in one else f"record {one['source_key']}"
            _say(f"  {which} · {what} · changed {local_time(one['changed_at']) or '–'}")
    if around["differences"]:
        _say("differs from it in: this item | the rival", style="bold")
    for one in around["differences"]:
        _say(f"  {one['field']}: {one['this']} | {one['rival']}")
    if around["waivers"]:
        _say("waivers of this record", style="bold")
    for one in around["waivers"]:
        ended = f"; ended by {one['ended_by']} {local_time(one['ended_at'])}" if one["ended_at"] else ""
        _say(f"  {local_time(one['at'])} {one['who']}: {one['reason']} · {one['field']}: {one['why']}{ended}")
    if around["history"]:
        _say("history", style="bold")
    for one in around["history"]:
        _say(f"  {entry_line(one)}")


def _masked_entry(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "details": mask_json(one["details"])}


def _masked_waiver(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "value": one["value"] and masked(one["field"], one["value"]), "why": mask_text(one["why"])}


def entry_line(one: dict[str, Any]) -> str:
    """A row of the audit in one line: when, who, what, details."""
    said = ", ".join(f"{name} {_worded(value)}" for name, value in one["details"].items() if value not in (None, ""))
    return f"{local_time(one['at'])} {one['who']}: {one['action']}" + (f" ({said})" if said else "")


def _worded(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={one}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _say(line: str, style: str | None = None) -> None:
    out.print(line, style=style, markup=False, highlight=False)


def readable(raw: bytes) -> str:
    """A raw record on several lines, JSON or XML; anything else as it is."""
    text = raw.decode("utf-8", "replace")
    try:
        if text.lstrip().startswith("<"):
            root = etree.fromstring(
                raw, etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True)
            )
            etree.indent(root)
            return str(etree.tostring(root, encoding="unicode"))
        return orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2).decode()
    except (etree.XMLSyntaxError, orjson.JSONDecodeError):
        return text
