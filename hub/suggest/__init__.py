"""Suggest: from a sample, what a province's mapping lacks and what it might be; nothing is applied by itself."""

from collections.abc import Sequence
from datetime import date

from connectors.survey.fields import Profile
from hub.context import Hub
from hub.messages import STREAM
from hub.sample import sample
from hub.suggest import fields, places, procedures, statuses
from hub.suggest import lists as list_rules
from hub.suggest.model import PARTS, Coverage, Part, Proposal, Suggestions
from hub.suggest.overlay import Written, overlay_path, text_of, write
from hub.suggest.statuses import Sampled
from mappings import load_mapping, overlay_names
from mappings.mapping import overlaid_lists
from schemas.records import DOSSIER

__all__ = ["PARTS", "Coverage", "Proposal", "Suggestions", "Written", "overlay_path", "suggest", "text_of", "write"]

_MANDATORY = [field.name for field in DOSSIER if field.mandatory and field.name not in ("procedure_code", "status")]


def suggest(hub: Hub, most: int = 200) -> Suggestions:
    """Sample records; how much of them the mapping and its lists cover, and proposals for what they do not.

    A mapping that lacks mandatory fields is read all the same. The national list must be here for procedures.
    """
    now = hub.clock()
    folders = [folder / "mappings" for folder in hub.settings.folders]
    name, own = hub.province.mapping_name, hub.province.overlay
    overlay = own if own in dict(overlay_names(folders)) else None
    mapping = load_mapping(name, folders=folders, overlay=overlay, lists=hub.lists, whole=False)
    lists = overlaid_lists(name, overlay, folders, hub.lists)
    records = sample(hub, most, now)
    sampled: Sampled = [(record, mapping.map(record)) for record in records]
    profile = Profile(STREAM)
    for record in records:
        profile.add(record)
    known = procedures.national(hub.engine)
    names = procedures.local_names(hub.engine, hub.slug)
    place = hub.province.province
    found: list[Proposal] = []
    if records:
        found += fields.proposals(mapping, records, profile, lists)
        found += list_rules.proposals(mapping, records, profile, lists)
        found += procedures.proposals(mapping, sampled, profile, known, names) if known else []
        found += statuses.proposals(mapping, sampled, lists)
        found += places.agency_proposals(mapping, sampled, place)
        found += places.unit_proposals(mapping, sampled, place, now.date(), hub.units())
    remarks = (
        [] if known else ["The national list is not here, so procedures cannot be judged: lienthong procedures pull"]
    )
    if own is None:
        remarks.append(f"provinces/{hub.slug}.yaml names no overlay yet: add `overlay: {hub.slug}`")
    coverage = coverage_of(hub, sampled, set(known), now.date())
    return Suggestions(hub.slug, name, own or hub.slug, len(records), coverage, found, remarks)


def coverage_of(hub: Hub, sampled: Sampled, national: set[str], today: date) -> list[Coverage]:
    """Of how many dossiers each part is known."""
    place = hub.province.province
    records = [mapped.record for _, mapped in sampled]
    said: dict[Part, Sequence[bool | None]] = {
        "fields": [all(record.get(name) is not None for name in _MANDATORY) for record in records],
        "procedures": [record.get("procedure_code") in national if national else None for record in records],
        "statuses": [
            mapped.record.get("status") is not None
            and not any(finding.reason.startswith("unmapped_") for _, finding in mapped.held_steps)
            for _, mapped in sampled
        ],
        "agencies": [places.agency_known(record, place) for record in records],
        "units": [places.commune_known(record, place, today, hub.units()) for record in records],
    }
    return [
        Coverage(part, sum(one is True for one in known), sum(one is not None for one in known))
        for part, known in said.items()
    ]
