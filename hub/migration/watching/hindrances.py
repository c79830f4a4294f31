"""What is in the way of a migration's hour: failed chunks, the slowest source, the target, gates, missed milestones."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from hub.migration.attempt import Attempt
from hub.migration.cutover.milestones import milestones_of
from hub.migration.plans.plan import Plan, told
from schemas.masking import mask_text
from schemas.reasons import explain

FAILED = """
SELECT c.source, c.number, r.error FROM migration_chunk c LEFT JOIN run r USING (run_id)
WHERE c.migration_id = :id AND c.state = 'failed' ORDER BY c.source, c.number
"""

OPEN = """
SELECT source, count(*) AS chunks, count(*) FILTER (WHERE state = 'done') AS done FROM migration_chunk
WHERE migration_id = :id AND kind = 'history' GROUP BY source ORDER BY source
"""

HELD = "SELECT reason, count(*) AS dossiers FROM migrated WHERE migration_id = :id AND state = 'held' GROUP BY reason"

UNKNOWN = "SELECT count(*) FROM migrated WHERE migration_id = :id AND state = 'unknown'"

FILES = """
SELECT count(*) AS files, count(*) FILTER (WHERE state = 'missing') AS missing FROM migrated_file
WHERE migration_id = :id
"""

STANDS = """
SELECT read, migrated FROM migration_tick WHERE migration_id = :id AND at <= :now ORDER BY at DESC LIMIT 1
"""

FEW = 100
"""Dossiers of which no share is told."""

FIRST = 3
"""Failed chunks that are named one by one."""


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One thing in the way, in both languages; `what` is chunk, target, gate, source or milestone."""

    what: str
    text: str
    ten: str


def hindrances(connection: Connection, plan: Plan, attempt: Attempt | None, now: datetime) -> list[Hindrance]:
    """What must be mended comes first, then what is only slow."""
    if attempt is None:
        return list(_missed(connection, plan, now))
    given = {"id": attempt.migration_id, "now": now}
    return [
        *_failed(connection, attempt, given),
        *_target(connection, given),
        *_gates(connection, plan, given),
        *_missed(connection, plan, now),
        *_slowest(connection, given),
    ]


def _failed(connection: Connection, attempt: Attempt, given: dict[str, Any]) -> Iterator[Hindrance]:
    rows = connection.execute(text(FAILED), given).all()
    for row in rows[:FIRST]:
        why = mask_text((row.error or "").split("\n")[0])
        yield Hindrance(
            "chunk",
            f"{row.source}: chunk {row.number} failed" + (f": {why}" if why else ""),
            f"{row.source}: đoạn {row.number} bị lỗi" + (f": {why}" if why else ""),
        )
    if len(rows) > FIRST:
        more = len(rows) - FIRST
        yield Hindrance("chunk", f"{more} more chunks failed", f"còn {more} đoạn khác bị lỗi")
    if attempt.error and not rows:
        why = mask_text(attempt.error.split("\n")[0])
        yield Hindrance("chunk", f"the last step ended badly: {why}", f"bước gần nhất bị lỗi: {why}")


def _target(connection: Connection, given: dict[str, Any]) -> Iterator[Hindrance]:
    if unknown := connection.scalar(text(UNKNOWN), given):
        yield Hindrance(
            "target",
            f"the target gave no readable answer for {unknown:,} dossiers; they are looked up before a resend",
            f"hệ thống mới chưa trả lời rõ cho {_vi(unknown)} hồ sơ; sẽ tra cứu trước khi gửi lại",
        )


def _gates(connection: Connection, plan: Plan, given: dict[str, Any]) -> Iterator[Hindrance]:
    held = {reason: dossiers for reason, dossiers in connection.execute(text(HELD), given)}
    stands = connection.execute(text(STANDS), given).one_or_none()
    read, sent = (stands.read, stands.migrated) if stands else (0, 0)
    refused = held.pop("refused_by_target", 0)  # it has a gate of its own
    if read >= FEW and sum(held.values()) / read > plan.gates.held:
        share, most = sum(held.values()) / read, max(held, key=lambda reason: held[reason])
        words = explain(most)
        yield Hindrance(
            "gate",
            f"{share:.1%} are held, {plan.gates.held:.1%} may be; most: {most} {held[most]:,} ({words.meaning})",
            f"{_share(share)} hồ sơ bị giữ lại, cho phép {_share(plan.gates.held)}; nhiều nhất: {words.nghia}, "
            f"{_vi(held[most])} hồ sơ",
        )
    if refused + sent >= FEW and refused / (refused + sent) > plan.gates.refused:
        share = refused / (refused + sent)
        yield Hindrance(
            "target",
            f"the target refuses {share:.1%}, {plan.gates.refused:.1%} may be",
            f"hệ thống mới từ chối {_share(share)}, cho phép {_share(plan.gates.refused)}",
        )
    undecided = held.get("commune_undecided", 0)
    if undecided:
        yield Hindrance(
            "gate",
            f"{undecided:,} dossiers wait for a decision on a split commune: lienthong migrate work {plan.slug}",
            f"{_vi(undecided)} hồ sơ chờ quyết định về xã bị chia tách",
        )
    files = connection.execute(text(FILES), given).one()
    if files.files and files.missing / files.files > plan.gates.files_missing:
        share = files.missing / files.files
        yield Hindrance(
            "gate",
            f"{share:.1%} of the files are missing at the sources, {plan.gates.files_missing:.1%} may be",
            f"{_share(share)} tệp không còn ở hệ thống cũ, cho phép {_share(plan.gates.files_missing)}",
        )


def _missed(connection: Connection, plan: Plan, now: datetime) -> Iterator[Hindrance]:
    for one in milestones_of(connection.engine, plan, now):
        if one.state == "late":
            yield Hindrance(
                "milestone",
                f"the milestone {one.name} ({one.title}) was due {told(one.by)}",
                f"mốc {one.title} quá hạn từ {told(one.by)}",
            )


def _slowest(connection: Connection, given: dict[str, Any]) -> Iterator[Hindrance]:
    """The source that is read least far, while another is further."""
    rows = connection.execute(text(OPEN), given).all()
    shares = {row.source: row.done / row.chunks for row in rows}
    if len(rows) > 1 and (least := min(shares.values())) < max(shares.values()):
        row = next(row for row in rows if shares[row.source] == least)
        yield Hindrance(
            "source",
            f"{row.source} is slowest: {row.done} of {row.chunks} chunks are read",
            f"{row.source} chậm nhất: đã đọc {row.done}/{row.chunks} đoạn",
        )


def _vi(count: int) -> str:
    return f"{count:,}".replace(",", ".")


def _share(share: float) -> str:
    return f"{100 * share:.1f} %".replace(".", ",")
