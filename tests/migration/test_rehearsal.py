"""A rehearsal tells what would become of every dossier, and what is other than in the last one."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hub.errors import Refused
from hub.migration.proof.proving import prove
from hub.migration.proof.rehearsal import keep_report, last_report, rehearse, step_back
from tests.migration.merged import SOURCE, Merged, merged, outgoing


def rehearsed(
    engine: Engine, home: Path, dossiers: int = 6, **changes: dict[str, Any]
) -> tuple[Merged, dict[str, Any]]:
    """A rehearsal that came to its end, with rows changed before it was proved, and its report."""
    both = merged(engine, home, dossiers, kind="rehearsal")
    for key, values in changes.items():
        both.change(key, **values)
    return both, keep_report(both.m, prove(both.m, outgoing=outgoing))


def test_the_report_counts_what_became_of_the_dossiers(engine: Engine, tmp_path: Path) -> None:
    both, report = rehearsed(engine, tmp_path, k1={"outcome": "unchanged"}, k2={"outcome": "updated"})

    assert report["sources"] == {
        SOURCE: {
            "dossiers": 6,
            "in_progress": 4,
            "created": 2,
            "updated": 1,
            "unchanged": 1,
            "held": {"commune_undecided": 1},
            "out_of_scope": {"scope": 1},
        }
    }
    assert report["recoded"] == {"commune": {"merged": 4}}
    assert report["files"] == [{"state": "migrated", "reason": "", "files": 4, "bytes": 400}]
    assert (report["proof"]["unaccounted"], report["proof"]["equal"], report["compared"]) == (0, True, None)
    assert both.m.attempt.state == "proved" and last_report(engine, "can_tho") == report


def test_the_same_mark_and_sources_give_the_same_digest_whatever_was_sent_twice(engine: Engine, tmp_path: Path) -> None:
    _, first = rehearsed(engine, tmp_path)
    _, second = rehearsed(engine, tmp_path, k1={"outcome": "unchanged", "attempts": 3})
    _, third = rehearsed(engine, tmp_path, k1={"content_hash": "other"})

    assert first["digest"] == second["digest"] != third["digest"]
    assert (second["compared"]["same"], second["compared"]["changes"]) == (6, [])


def test_files_are_counted_by_the_hubs_own_words_whatever_the_peer_said_of_each(engine: Engine, tmp_path: Path) -> None:
    refused = "UPDATE migrated_file SET state = 'refused', reason = 'the target refuses it: ' || {} || file_id"
    reports = []
    for words in ("source_key", "migration_id"):
        both = merged(engine, tmp_path, kind="rehearsal")
        both.run(refused.format(words))
        reports.append(keep_report(both.m, prove(both.m, outgoing=outgoing)))

    assert reports[0]["files"] == [{"state": "refused", "reason": "the target refuses it", "files": 4, "bytes": 400}]
    assert reports[0]["digest"] == reports[1]["digest"]


def test_what_is_new_gone_or_other_than_in_the_last_rehearsal_is_counted_with_codes(
    engine: Engine, tmp_path: Path
) -> None:
    rehearsed(engine, tmp_path, 8)
    both = merged(engine, tmp_path, 8, kind="rehearsal")
    both.change("k1", source_key="k99", dossier_code="H13.1-0099")
    both.change("k2", state="held", reason="code_collision")
    both.change("k3", content_hash="other")

    report = keep_report(both.m, prove(both.m, outgoing=outgoing))

    assert report["compared"]["same"] == 5
    assert [
        (one["kind"], one["before"], one["after"], one["dossiers"], one["codes"])
        for one in report["compared"]["changes"]
    ] == [
        ("content", "migrated", "migrated", 1, ["H13.1-0003"]),
        ("gone", "migrated", None, 1, ["H13.1-0001"]),
        ("moved", "migrated", "held (code_collision)", 1, ["H13.1-0002"]),
        ("new", None, "migrated", 1, ["H13.1-0099"]),
    ]


def test_what_the_sources_took_after_the_mark_was_not_to_be_read(engine: Engine, tmp_path: Path) -> None:
    both = merged(engine, tmp_path, kind="rehearsal")
    both.peers.records.append({"id": "k7", "updatedDate": "2026-06-30T23:00:00.000+0000"})
    both.peers.records[0]["updatedDate"] = "2026-06-30T23:00:00.000+0000"

    proof = prove(both.m, outgoing=outgoing)

    one = proof.counts["sources"][SOURCE]
    assert (proof.equal, one["dossiers"], one["changed"], one["gone"]) == (True, 6, 0, 0)


def test_of_older_rehearsals_the_counts_stay_and_the_rows_go(engine: Engine, tmp_path: Path) -> None:
    first = rehearsed(engine, tmp_path)[0]
    for _ in range(2):
        rehearsed(engine, tmp_path)

    kept = first.run("SELECT DISTINCT migration_id FROM migrated ORDER BY 1")
    assert len(kept) == 2 and first.m.attempt_id not in [row["migration_id"] for row in kept]
    assert first.run("SELECT count(*) AS n FROM message WHERE province = :p", p=SOURCE)[0]["n"] == 2
    assert first.m.attempt.counts["rehearsal"]["sources"][SOURCE]["dossiers"] == 6


def test_a_cutover_is_not_rehearsed(engine: Engine, tmp_path: Path) -> None:
    both = merged(engine, tmp_path)

    with pytest.raises(Refused, match="is a cutover"):
        rehearse(both.m)
    assert step_back(both.m) == []
