"""The opening, in rows: nothing before it is due, everything at once, and every old code found again after it."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from hub.context import Hub
from hub.errors import Refused
from hub.migration.cutover.finding import find, forms_of
from hub.migration.cutover.milestones import milestones_of
from hub.migration.cutover.opening import open_province
from hub.migration.flow import begin
from hub.migration.proof.proving import prove
from hub.status import province_status
from hub.succession import must_be_open
from tests.hub.test_merge import Province, version
from tests.migration.deciding import bring, proved_cutover, stands, state_all
from tests.migration.merged import Merged

OLD, NEW = "can_tho_cu", "can_tho"


@pytest.fixture
def cutover(engine: Engine, tmp_path: Path) -> Merged:
    """Approved, with everything before the opening met. Dossiers 1 and 3 are history, 2 and 4 are under way."""
    made = proved_cutover(engine, tmp_path)
    bring(made.m, "approved")
    state_all(made.m)
    return made


@pytest.fixture
def old(lao_cai: Hub, cutover: Merged) -> Province:
    """The old province as the hub has it: dossiers 1 and 2, delivered, 2 under another national code."""
    province = named(lao_cai, OLD)
    province.run(
        ("k1", 3, version("H13.1-0001", 3, status=10)),
        ("k2", 2, version("H13.1-0002", 2, national_code="G09.20-260601-0000002")),
    )
    province.deliver()
    return province


@pytest.fixture
def new(lao_cai: Hub) -> Province:
    return named(lao_cai, NEW)


def named(hub: Hub, slug: str) -> Province:
    province = Province(hub)
    province.hub.province = province.hub.province.model_copy(update={"slug": slug})
    province.name = slug
    return province


def succession(m: Any) -> dict[str, tuple[Any, ...]]:
    query = text("SELECT dossier_code, predecessor, outgoing_code, known_nationally, finished FROM succession")
    with m.engine.connect() as connection:
        return {row[0][-1]: tuple(row[1:]) for row in connection.execute(query)}


def test_every_migrated_dossier_goes_over_with_the_code_that_the_national_side_knows(
    cutover: Merged, old: Province
) -> None:
    done = open_province(cutover.m, "Lê Thị Hoa")
    assert (done["dossiers"], done["finished"], done["known_nationally"], done["closed"]) == (4, 2, 2, [OLD])
    assert succession(cutover.m) == {
        "1": (OLD, "H13.1-0001", True, True),
        "2": (OLD, "G09.20-260601-0000002", True, False),
        "3": (OLD, "H13.1-0003", False, True),
        "4": (OLD, "H13.1-0004", False, False),
    }
    assert old.ask("SELECT DISTINCT succeeded_by FROM dossier WHERE province = :province") == [(NEW,)]
    assert cutover.m.attempt.state == "opened"
    with pytest.raises(Refused, match=NEW):
        must_be_open(cutover.engine, OLD)
    must_be_open(cutover.engine, NEW)
    assert province_status(cutover.engine, OLD)["closed"]["successor"] == NEW
    before = stands(cutover.m)
    assert open_province(cutover.m, "Lê Thị Hoa")["already"] and stands(cutover.m) == before


def test_after_the_opening_the_new_province_owes_only_what_goes_on(
    cutover: Merged, old: Province, new: Province
) -> None:
    open_province(cutover.m, "Lê Thị Hoa")
    new.run(
        ("n1", 3, version("H13.1-0001", 3, status=10, subject="như hệ thống mới viết")),
        ("n2", 4, version("H13.1-0002", 4)),
        ("n3", 3, version("H13.1-0003", 3, status=10)),
        ("n9", 3, version("H13.1-0009", 1, subject="nộp sau hợp nhất")),
    )
    assert new.owed() == {"H13.1-0002": "bản 4", "H13.1-0009": "nộp sau hợp nhất"} and new.held() == {}
    owed = new.ask("SELECT dossier_code, record ->> 'content' FROM progress_step"
                   " WHERE province = :province AND state = 'pending' ORDER BY 1, 2")  # fmt: skip
    assert [tuple(row) for row in owed] == [
        ("H13.1-0002", "bước 2"), ("H13.1-0002", "bước 3"), ("H13.1-0009", "bước 0"),
    ]  # fmt: skip


def test_what_the_hub_never_delivered_for_an_old_province_is_owed_with_all_its_steps(
    cutover: Merged, new: Province
) -> None:
    open_province(cutover.m, "Lê Thị Hoa")  # no old province was ever synced here
    new.run(("n3", 3, version("H13.1-0003", 3, status=10)), ("n4", 3, version("H13.1-0004", 3)))
    assert set(new.owed()) == {"H13.1-0004"}, "history is not reported, what is under way is"
    steps = new.ask("SELECT dossier_code, state, count(*) FROM progress_step WHERE province = :province"
                    " GROUP BY 1, 2 ORDER BY 1")  # fmt: skip
    assert [tuple(row) for row in steps] == [("H13.1-0003", "delivered", 3), ("H13.1-0004", "pending", 3)]


def test_after_the_opening_nothing_covers_what_was_approved(cutover: Merged) -> None:
    open_province(cutover.m, "Lê Thị Hoa")
    before = stands(cutover.m)
    with pytest.raises(Refused, match="the proof that was approved stands") as refused:
        prove(cutover.m)
    assert "migrate verify FOLDER" not in str(refused.value), "the folder is named"
    for kind in ("rehearsal", "cutover"):
        with pytest.raises(Refused, match="this plan is over"):
            begin(cutover.m.settings, cutover.engine, cutover.m.plan.slug, kind, clock=cutover.m.clock)
    assert stands(cutover.m) == before


@pytest.mark.parametrize("state", ["following", "frozen", "proved"])
def test_what_is_not_approved_is_not_opened(cutover: Merged, state: str) -> None:
    bring(cutover.m, state)
    before = stands(cutover.m)
    with pytest.raises(Refused, match=f"the cutover stands at '{state}'"):
        open_province(cutover.m, "Lê Thị Hoa")
    assert stands(cutover.m) == before


def test_a_milestone_that_is_taken_back_stops_the_opening_and_is_named(cutover: Merged) -> None:
    from hub.migration.cutover.milestones import state_milestone

    m = cutover.m
    state_milestone(m.engine, m.plan, "gateway_switched", "Lê Thị Hoa", "Trung tâm báo lỗi", False, at=m.clock())
    before = stands(m)
    with pytest.raises(Refused, match="not met: gateway_switched") as refused:
        open_province(m, "Lê Thị Hoa")
    assert "Trung tâm báo lỗi" in refused.value.next_step and stands(m) == before


def test_an_old_province_that_still_owes_something_stops_the_opening(cutover: Merged, old: Province) -> None:
    old.run(("k2", 3, version("H13.1-0002", 3)))
    before = stands(cutover.m)
    with pytest.raises(Refused, match="can_tho_cu 1") as refused:
        open_province(cutover.m, "Lê Thị Hoa")
    assert "lienthong sync can_tho_cu" in refused.value.next_step and stands(cutover.m) == before


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        ("UPDATE migrated SET content_hash = 'newer' WHERE source_key = 'k1'", "other than then"),
        ("UPDATE migrated_file SET state = 'missing' WHERE source_key = 'k1'", "other than then"),
        ("UPDATE migrated SET state = 'unknown' WHERE source_key = 'k1'", "1 dossiers are still owed"),
    ],
)
def test_what_changed_behind_the_proof_is_not_opened(cutover: Merged, meanwhile: str, said: str) -> None:
    with cutover.engine.begin() as connection:
        connection.execute(text(meanwhile))
    before = stands(cutover.m)
    with pytest.raises(Refused, match=said):
        open_province(cutover.m, "Lê Thị Hoa")
    assert stands(cutover.m) == before


def test_two_dossiers_that_would_be_one_national_dossier_stop_the_opening(cutover: Merged, old: Province) -> None:
    cutover.change("k3", national_code="G09.20-260601-0000002")
    before = stands(cutover.m)
    with pytest.raises(Refused, match=r"G09\.20-260601-0000002 .*can_tho_cu H13\.1-0002 and can_tho_cu H13\.1-0003"):
        open_province(cutover.m, "Lê Thị Hoa")
    assert stands(cutover.m) == before


def test_a_dossier_is_found_by_every_code_it_had(cutover: Merged, old: Province) -> None:
    def where(code: str) -> list[tuple[str, str, str]]:
        found = find(cutover.engine, "can_tho", [OLD], NEW, code)
        return [(one["dossier_code"], one["is_in"], one["state"]) for one in found]

    second = ("H13.1-0002", OLD, "migrated")
    assert where("H13.1-0002") == where("G09.20-260601-0000002") == [second]
    open_province(cutover.m, "Lê Thị Hoa")
    assert where("H13.1-0002") == where("G09.20-260601-0000002") == where("k2") == [("H13.1-0002", NEW, "migrated")]
    [held] = find(cutover.engine, "can_tho", [OLD], NEW, "H13.1-0005")
    assert (held["is_in"], held["state"], held["reason"]) == (OLD, "held", "commune_undecided")
    assert where("H99.9-0001") == []


def test_a_code_is_looked_for_with_its_agency_in_both_forms() -> None:
    assert forms_of(" H48.53-220921-0099 ") == ["H48.53-220921-0099", "000.00.53.H48-220921-0099"]
    assert forms_of("123") == ["123"]


def test_a_milestone_is_late_once_its_hour_has_passed_and_says_what_is_missing(engine: Engine, tmp_path: Path) -> None:
    made = proved_cutover(engine, tmp_path)
    found = {one.name: one for one in milestones_of(engine, made.m.plan, made.m.clock())}
    assert {name: one.state for name, one in found.items()} == {
        "procedures_published": "late",
        "configuration_done": "met",
        "migration_complete": "met",
        "gateway_switched": "open",
        "centres_ready": "open",
        "go_live": "open",
    }
    assert "5 d 20 h ago" in found["procedures_published"].why and "due in 5 h 00 min" in found["gateway_switched"].why
