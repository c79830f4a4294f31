"""What a person decides about a held item: waive a finding, choose between rivals, lay a late step aside.

A decision is kept under a name with its reason (tables `waiver` and `audit`), and the item goes back through mapping,
gate and merge at once: what is decided is proved there, and what still fails stays held.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, text

from hub import audit, waivers
from hub.context import Hub
from hub.errors import ConfigurationError
from hub.gate.suite import Suite, load_suite
from hub.redrive import NOTHING, PURPOSES, redrive
from hub.store import whole_province
from hub.succession import must_be_open
from hub.waivers import CONFLICT, LATE, Waiver
from hub.worklist.chosen import Chosen
from hub.worklist.locked import lock, touched
from schemas.masking import mask_text
from schemas.reasons import explain

Decision = Callable[[Connection, dict[str, Any]], list[int]]
"""Writes what is decided about a locked item; answers with the items that go through the mapping again."""


class NotToBeWaived(ConfigurationError):
    """The finding is one that nobody can decide away: the national side would refuse the record, or it is a guess."""


def waive(
    hub: Hub, item_id: int, who: str, why: str, *, reason: str | None = None, version: int | None = None
) -> dict[str, Any]:
    """Waive an item's findings (or those of one reason) for its record and value, and redrive it.

    A late step is laid aside: it stays kept and is not sent. Of rivals for one code, the item is kept.

    Raises:
        ConfigurationError: of several findings it is not said which: `reason`, or the `version` with all of them.
        NotToBeWaived: names the finding and why; nothing was changed.
        ChangedMeanwhile: somebody else was first.
        Busy: a sync or another redrive holds the province; nothing was changed.
    """

    def decided(connection: Connection, one: dict[str, Any]) -> list[int]:
        found = [finding for finding in one["findings"] if reason in (None, finding["reason"])]
        if not found:
            reasons = ", ".join(finding["reason"] for finding in one["findings"])
            raise ConfigurationError(
                f"item {item_id} is not held for '{reason}'", where="--reason", next_step=f"It is held for: {reasons}."
            )
        if len(found) > 1 and reason is None and version is None:
            raise ConfigurationError(
                f"item {item_id} has {len(found)} findings: {', '.join(finding['reason'] for finding in found)}",
                where="--reason",
                next_step=f"Say which is waived: --reason REASON; or, having seen all: --version {one['version']}",
            )
        _must_be_waivable(hub, one, found)
        again, made = [item_id], list[int]()
        for finding in found:
            if finding["reason"] == CONFLICT:
                again, kept = _keep(connection, one, who, why)
            else:
                kept = waivers.keep(connection, _waiver(one, finding), who, why)
            made.append(kept)
        if one["reason"] == LATE:
            _lay_aside(connection, [item_id], "waived")
            again = []
        told = {"reasons": sorted({finding["reason"] for finding in found}), "why": why, "waivers": made}
        audit.write(connection, who, "waive", province=one["province"], item_id=item_id, **told)
        return again

    return _decide(hub, item_id, who, version, decided)


def keep(hub: Hub, item_id: int, who: str, why: str, *, version: int | None = None) -> dict[str, Any]:
    """Of the records that claim one dossier code, this one is right; the others are laid aside as `superseded`.

    Raises:
        ConfigurationError: it has no rival, or the national dossier belongs to another dossier or province.
    """

    def decided(connection: Connection, one: dict[str, Any]) -> list[int]:
        _must_be_waivable(hub, one, [_must_be_contested(one)])
        again, made = _keep(connection, one, who, why)
        audit.write(connection, who, "keep", province=one["province"], item_id=item_id, why=why, waivers=[made])
        return again

    return _decide(hub, item_id, who, version, decided)


def aside(hub: Hub, item_id: int, who: str, why: str, *, version: int | None = None) -> dict[str, Any]:
    """This record is wrong and is laid aside; the only other one that claims its code is right, held or merged.

    Raises:
        ConfigurationError: there is none, or several: then the right one must be named.
    """

    def decided(connection: Connection, one: dict[str, Any]) -> list[int]:
        _must_be_waivable(hub, one, [_must_be_contested(one)])
        others = connection.execute(text(CLAIMS), one).all()
        if len({other.source_key for other in others}) != 1:
            raise ConfigurationError(
                f"{len(others)} other records claim {one['dossier_code']}" if others else "no other record claims it",
                where=f"{one['province']} · item {item_id}",
                next_step="Name the right one: lienthong quarantine decide ITEM --keep"
                if others
                else f"Redrive it: lienthong quarantine redrive {one['province']} --item {item_id}",
            )
        right = {**one, "source_key": others[0].source_key}
        winner = _waiver(right, _must_be_contested(one))
        waivers.end_others(connection, winner, who, others[0].national)
        made = waivers.keep(connection, winner, who, why)
        _lay_aside(connection, [item_id], "superseded")
        audit.write(connection, who, "aside", province=one["province"], item_id=item_id, why=why, waivers=[made])
        return [other.item_id for other in others if other.item_id is not None]

    return _decide(hub, item_id, who, version, decided)


def _decide(hub: Hub, item_id: int, who: str, version: int | None, decided: Decision) -> dict[str, Any]:
    """Write the decision in one transaction, then redrive what it frees, all while nobody else has the province."""
    must_be_open(hub.engine, hub.slug)
    with whole_province(hub.engine, hub.slug, *PURPOSES):
        with hub.engine.begin() as connection:
            [one] = lock(connection, [item_id], version)
            again = decided(connection, one)
            touched(connection, [item_id])
        result = redrive(hub, Chosen(item_ids=tuple(again)), who=who) if again else dict(NOTHING)
    with hub.engine.connect() as connection:
        row = connection.execute(
            text("SELECT state, findings FROM quarantine WHERE item_id = :id"), {"id": item_id}
        ).one()
    still = [finding["reason"] for finding in row.findings] if row.state == "held" else []
    return {"item_id": item_id, "state": row.state, "still_held_for": still, **result}


CLAIMS = """
SELECT item_id, source_key, mapped ->> 'national_code' AS national
FROM quarantine WHERE province = :province AND state = 'held' AND kind = 'dossier'
AND dossier_code = :dossier_code AND source_key <> :source_key
AND findings @> '[{"reason": "conflicting_duplicate"}]'
UNION ALL SELECT NULL, source_key, outgoing_code FROM dossier
WHERE province = :province AND dossier_code = :dossier_code AND source_key <> :source_key
"""

TAKEN = """
SELECT o.province, o.dossier_code FROM dossier o
WHERE o.outgoing_code = coalesce(CAST(:national AS text), :dossier_code) AND o.succeeded_by IS NULL
AND (o.province, o.dossier_code) IS DISTINCT FROM (:province, :dossier_code)
"""


def _keep(connection: Connection, one: dict[str, Any], who: str, why: str) -> tuple[list[int], int]:
    """The item's record is the one for its code: waiver for it, an end to earlier ones, rivals laid aside.

    Returns:
        The items of the record that go through the mapping again, and the number of the waiver.
    """
    conflict = _must_be_contested(one)
    given = {**one, "national": (one["mapped"] or {}).get("national_code")}
    taken = connection.execute(text(TAKEN), given).one_or_none()
    if taken is not None:
        raise NotToBeWaived(
            f"the national dossier {given['national'] or one['dossier_code']} is {taken.dossier_code}'s of"
            f" {taken.province}, and one national dossier is never two",
            where=f"{one['province']} · item {one['item_id']}",
            next_step="The province whose code is wrong corrects it at the source; its next version frees this one.",
        )
    winner = _waiver(one, conflict)
    waivers.end_others(connection, winner, who, given["national"])
    made = waivers.keep(connection, winner, who, why)
    others = [row.item_id for row in connection.execute(text(CLAIMS), one) if row.item_id is not None]
    locked = [other["item_id"] for other in lock(connection, others)] if others else []
    _lay_aside(connection, locked, "superseded")
    audit.write_for_items(connection, who, "superseded", locked, by_item=one["item_id"], why=why, waivers=[made])
    same = text(
        "SELECT item_id FROM quarantine WHERE province = :province AND state = 'held' AND kind = 'dossier'"
        " AND dossier_code = :dossier_code AND source_key = :source_key"
        ' AND findings @> \'[{"reason": "conflicting_duplicate"}]\''
    )
    return sorted({one["item_id"], *connection.scalars(same, one)}), made


def _must_be_contested(one: dict[str, Any]) -> dict[str, Any]:
    """The finding that another record claims its code; ConfigurationError when there is none."""
    for finding in one["findings"]:
        if finding["reason"] == CONFLICT:
            return dict(finding)
    raise ConfigurationError(
        f"no other record claims the code of item {one['item_id']}",
        where=f"{one['province']} · item {one['item_id']}",
        next_step=f"It is held for {one['reason']}: lienthong quarantine show {one['item_id']}",
    )


def _waiver(one: dict[str, Any], finding: dict[str, Any]) -> Waiver:
    given = finding["reason"], finding["field"], finding.get("value")
    return Waiver(one["province"], one["source_key"], one["dossier_code"], *given)


def _lay_aside(connection: Connection, item_ids: Sequence[int], state: str) -> None:
    connection.execute(
        text(
            "UPDATE quarantine SET state = :state, freed_at = clock_timestamp(), version = version + 1"
            " WHERE item_id = ANY(:ids)"
        ),
        {"state": state, "ids": list(item_ids)},
    )


def _must_be_waivable(hub: Hub, one: dict[str, Any], found: Sequence[dict[str, Any]]) -> None:
    """Raises NotToBeWaived for the first finding that no person can decide away."""
    suite = load_suite(hub.settings.folders, "dossier")
    for finding in found:
        if finding["reason"] == LATE or _may(suite, finding):
            continue
        words = explain(finding["reason"])
        value = f" = {mask_text(finding['value'])}" if finding.get("value") else ""
        raise NotToBeWaived(
            f"{finding['reason']} · {finding['field']}{value} cannot be waived: {_why_not(one, finding)}",
            where=finding.get("rule") or f"item {one['item_id']}",
            next_step=f"{words.meaning[:1].upper()}{words.meaning[1:]}. {words.who[:1].upper()}{words.who[1:]} mends it"
            f"; then: lienthong quarantine redrive {one['province']} --item {one['item_id']}",
        )


def _why_not(one: dict[str, Any], finding: dict[str, Any]) -> str:
    if one["stage"] == "push":
        return "the national side itself refused it"
    if "expectations/" in (finding.get("rule") or ""):
        return "the national side would refuse the record, and a blank or a guess is never sent"
    return "the mapping has nothing that could be sent in its place, and a blank or a guess is never sent"


def _may(suite: Suite, finding: dict[str, Any]) -> bool:
    """Whether the rule that gave the finding can be waived; when its file was edited since, some rule of its reason."""
    said = finding.get("rule") or ""
    same = [rule for rule in suite.rules if (rule.where, rule.reason) == (said, finding["reason"])]
    if same:
        return same[0].waivable
    return "expectations/" in said and suite.waivable(finding["reason"], finding["field"])
