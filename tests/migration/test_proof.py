"""The proof finds every lie: what the target lacks, changed or doubled, what was never read, a file that is another."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hub.errors import StageFailed
from hub.migration.proof.evidence import verify
from hub.migration.proof.proving import Proof, last_proof, prove
from hub.migration.proof.sides import comparable
from hub.migration.target.loading import load
from tests.migration.importing import Target, moving
from tests.migration.merged import SOURCE, Merged, merged, outgoing


@pytest.fixture
def both(engine: Engine, tmp_path: Path) -> Merged:
    """Six dossiers, four of them migrated; both sides agree."""
    return merged(engine, tmp_path)


def proved(both: Merged, **given: Any) -> Proof:
    return prove(both.m, outgoing=outgoing, **given)


def kinds(proof: Proof) -> dict[str, int]:
    return dict(proof.counts["differences"])


def test_two_sides_that_agree_are_equal_and_every_dossier_stands_in_one_place(both: Merged) -> None:
    proof = proved(both)

    assert (proof.equal, proof.unaccounted, kinds(proof)) == (True, 0, {})
    one = proof.counts["sources"][SOURCE]
    assert (one["dossiers"], one["migrated"], one["held"], one["out_of_scope"]) == (6, 4, 1, 1)
    assert one["by_status"] == {"4": {"migrated": 2, "out_of_scope": 1}, "10": {"migrated": 2, "held": 1}}
    assert one["by_reason"] == {"held": {"commune_undecided": 1}, "out_of_scope": {"scope": 1}}
    assert one["digests"]["ours"] == one["digests"]["theirs"] != ""
    assert proof.counts["fields"]["maXa"] == {"compared": 4, "equal": 4, "share": 1.0}
    assert proof.counts["files"] == {
        "by_state": {"migrated": 4},
        "bytes": 400,
        "there": 4,
        "bytes_there": 400,
        "differences": 0,
    }
    assert both.m.attempt.state == "proved"


def test_a_row_that_says_migrated_counts_only_when_the_target_lists_it(both: Merged) -> None:
    del both.peers.items[1]

    proof = proved(both)

    assert (proof.equal, proof.unaccounted) == (False, 1)
    assert proof.counts["sources"][SOURCE]["by_reason"]["unaccounted"] == {"not_in_target": 1}
    assert [(one["dossier_code"], one["kind"]) for one in proof.samples] == [("H13.1-0002", "only_source")]


def test_staffs_own_dossier_with_the_same_code_is_not_ours(both: Merged) -> None:
    both.peers.item("H13.1-0002")["nhap"] = False

    proof = proved(both)

    assert (proof.unaccounted, kinds(proof), proof.counts["rows"]["own"]) == (1, {"only_source": 1}, 1)


def test_each_changed_field_is_counted_and_shown_masked(both: Merged) -> None:
    both.peers.item("H13.1-0001")["chuHoSo"] = "Nguyễn Văn An"
    both.peers.item("H13.1-0002").update(chuHoSo="Trần Thị Bé Tư", maXa="31427")
    both.peers.item("H13.1-0003")["giayToTuyThan"] = []

    proof = proved(both)

    assert proof.unaccounted == 0 and not proof.equal
    assert {name: one["equal"] for name, one in proof.counts["fields"].items() if one["equal"] < 4} == {
        "chuHoSo": 2,
        "maXa": 3,
        "giayToTuyThan": 3,
    }
    assert (proof.counts["rows"]["full_match"], proof.counts["rows"]["partial_match"]) == (1, 3)
    shown = {(one["dossier_code"], one["field"]): (one["ours"], one["theirs"]) for one in proof.samples}
    assert shown["H13.1-0001", "chuHoSo"] == ("T. T. B. B.", "N. V. A.")
    assert shown["H13.1-0002", "maXa"] == ("31423", "31427")
    assert shown["H13.1-0003", "giayToTuyThan"][0].startswith("1 entry #")
    written = (Path(proof.folder) / "differences.csv").read_text("utf-8")
    assert "Nguyễn Văn An" not in written and "N. V. A." in written


def test_a_dossier_that_stands_twice_or_that_nobody_sent_is_told(both: Merged) -> None:
    both.peers.items.append({**both.peers.item("H13.1-0001"), "id": "t8"})
    both.peers.items.append({**both.peers.item("H13.1-0002"), "id": "t9", "maHoSo": "H13.1-9999"})
    both.peers.items.append({"maHoSo": "H13.9-0001", "nhap": True, "nguon": "another_plan"})

    proof = proved(both)

    assert (kinds(proof), proof.unaccounted, proof.equal) == ({"only_target": 1, "twice": 1}, 0, False)


def test_a_held_dossier_that_the_target_lists_stands_in_two_places(both: Merged) -> None:
    both.peers.items.append({**both.peers.item("H13.1-0001"), "id": "t9", "maHoSo": "H13.1-0005"})

    proof = proved(both)

    assert (proof.unaccounted, kinds(proof)) == (1, {"only_target": 1})


def test_a_held_version_of_a_loaded_dossier_is_held_and_counted_as_older_there(both: Merged) -> None:
    both.change("k2", state="held", reason="agency_not_recoded", content_hash="new")

    proof = proved(both)

    one = proof.counts["sources"][SOURCE]
    assert (proof.unaccounted, one["held"], one["older_there"]) == (0, 2, 1)


def test_what_is_owed_or_unknown_is_unaccounted(both: Merged) -> None:
    both.change("k1", state="unknown")
    both.change("k2", state="read", content_hash="new")

    proof = proved(both)

    assert proof.counts["sources"][SOURCE]["by_reason"]["unaccounted"] == {"owed": 1, "unknown": 1}


def test_a_source_is_read_again_and_what_was_never_read_is_unaccounted(both: Merged) -> None:
    both.peers.records.append({"id": "k7", "code": "H13.1-0007", "updatedDate": "2025-01-05T01:00:00.000+0000"})
    del both.peers.records[0]
    both.peers.records[0]["code"] = "H13.1-0002x"

    proof = proved(both)

    one = proof.counts["sources"][SOURCE]
    assert (proof.unaccounted, one["by_reason"]["unaccounted"], one["gone"], one["changed"]) == (1, {"unread": 1}, 1, 1)
    found = {(each["kind"], each["dossier_code"]) for each in proof.samples}
    assert found == {("unread", "k7"), ("gone", "H13.1-0001"), ("changed", "H13.1-0002")}
    assert not proved(both, reread=False).counts["sources"][SOURCE]["gone"]


def test_a_file_with_another_digest_and_one_that_is_missing_are_named(both: Merged) -> None:
    both.peers.files[0]["sha256"] = "0" * 64
    del both.peers.files[1]
    both.run("UPDATE migrated_file SET state = 'missing', reason = 'not found' WHERE source_key = 'k3'")
    del both.peers.files[1]

    proof = proved(both)

    assert (kinds(proof), proof.unaccounted) == ({"file": 2}, 0)
    assert proof.counts["files"]["by_state"] == {"migrated": 3, "missing": 1}
    files = (Path(proof.folder) / "files.csv").read_text("utf-8-sig").splitlines()
    assert "missing,not found" in next(line for line in files if "H13.1-0003" in line)


def test_evidence_shows_no_person_in_what_a_peer_said_or_a_dossier_is_held_for(both: Merged) -> None:
    said = "the target refuses it: gọi bà Ba 0909123456"
    both.run("UPDATE migrated_file SET state = 'refused', reason = :said WHERE source_key = 'k3'", said=said)
    both.change("k5", findings=[{"reason": "bad_code", "field": "commune", "value": "nhà Trần Thị Bé Ba"}])

    folder = Path(proved(both).folder)

    shown = {name: (folder / name).read_text("utf-8-sig") for name in ("files.csv", "held.csv")}
    assert "refused,the target refuses it: gọi bà Ba " in shown["files.csv"] and "0909123456" not in shown["files.csv"]
    assert "commune,nhà T. T. B. B." in shown["held.csv"]


def test_evidence_is_the_same_for_the_same_account_and_an_edited_file_is_found(both: Merged) -> None:
    first, second = proved(both), proved(both)

    assert first.digest == second.digest and first.folder != second.folder
    assert verify(Path(first.folder), first.digest) == []
    accounting = Path(first.folder, "accounting.csv")
    accounting.write_text(accounting.read_text("utf-8").replace("held", "migrated"), "utf-8")
    Path(first.folder, "held.csv").unlink()
    Path(first.folder, "later.csv").touch()
    found = " ".join(verify(Path(first.folder), "0" * 64))
    assert "accounting.csv was changed" in found and "held.csv is missing" in found
    assert "later.csv was added" in found and "not the one that was signed" in found


def test_a_peer_that_does_not_answer_leaves_the_proof_before_standing(both: Merged) -> None:
    before = proved(both)
    both.peers.broken = "import/Tep"

    with pytest.raises(StageFailed, match="target's files · page 1"):
        proved(both)
    both.peers.broken = "dossier/search"
    with pytest.raises(StageFailed, match="proof · can_tho_cu · page 1"):
        proved(both)

    found = last_proof(both.engine, both.m.attempt_id)
    assert found is not None and found.proof_id == before.proof_id
    assert [path.name for path in Path(before.folder).parent.iterdir()] == [Path(before.folder).name]


def test_what_the_load_sent_is_what_the_import_lists_and_what_it_lost_is_found(engine: Engine, tmp_path: Path) -> None:
    moved = moving(engine, tmp_path, Target())
    moved.read(range(1, 13))
    load(moved.m)

    proof = prove(moved.m, reread=False)

    assert (proof.equal, proof.counts["rows"]["full_match"]) == (True, 12)
    assert set(proof.counts["fields"]) == {plan.target for plan in moved.m.target_mapping().plans}
    moved.target.rows("DELETE FROM item WHERE code = 'H13.15-260105-00007'")
    assert kinds(prove(moved.m, reread=False)) == {"only_source": 1}


def test_blank_is_absent_and_the_order_of_a_list_tells_nothing() -> None:
    assert comparable(None) == comparable("") == comparable([]) == comparable([{"a": None}])
    assert comparable([{"b": 2, "a": ""}, {"a": "1"}]) == comparable([{"a": 1}, {"b": "2"}])
    assert comparable([{"a": "1"}]) != comparable([{"a": "1"}, {"a": "1"}])
