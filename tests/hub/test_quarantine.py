"""What is held, the raw record beside it, and the way back in."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hub.check import check
from hub.cli.output import USAGE, exit_code_of
from hub.config import BASE, Settings, load_province
from hub.context import Hub
from hub.merge import merge
from hub.pull import pull
from hub.quarantine import NoSuchItem, groups, held_items, item, raw_of
from hub.redrive import redrive
from hub.sync import run_stages, start_run, sync
from hub.worklist.chosen import Chosen
from tests.conftest import Sandbox

pytestmark = pytest.mark.dossiers(500)


def land(hub: Hub) -> None:
    """A sync without the national side: what is held is held by then."""
    run_stages(hub, start_run(hub).run_id, (pull, check, merge))


@pytest.mark.parametrize("slug", ["lao_cai", "quang_ngai"])
def test_an_item_shows_the_record_as_it_was_received(
    slug: str, request: pytest.FixtureRequest, sandbox: Sandbox
) -> None:
    hub: Hub = request.getfixturevalue(slug)
    land(hub)
    for one in held_items(hub.engine, slug):
        raw = raw_of(hub, one["message_id"], one["position"])
        assert one["dossier_code"].encode() in raw
        assert raw.lstrip().startswith(b"{" if slug == "lao_cai" else b"<")


def test_findings_name_field_value_and_rule(lao_cai: Hub, sandbox: Sandbox) -> None:
    land(lao_cai)
    found = {one["reason"]: one["findings"][0] for one in held_items(lao_cai.engine, "lao_cai")}
    assert found["unmapped_status"]["field"] == "status" and found["unmapped_status"]["value"]
    assert "vnpt_igate.yaml:" in found["unmapped_status"]["rule"]
    assert "dossier.yaml:" in found["conflicting_duplicate"]["rule"]


def test_groups_count_distinct_dossiers(lao_cai: Hub, sandbox: Sandbox) -> None:
    land(lao_cai)
    found = groups(lao_cai.engine, Chosen(), lao_cai.clock())
    twins = next(one for one in found if one["reason"] == "conflicting_duplicate")
    assert twins["items"] == 2 * twins["dossiers"]


def test_a_code_that_is_added_frees_exactly_the_dossiers_that_waited_for_it(
    lao_cai: Hub, sandbox: Sandbox, tmp_path: Path
) -> None:
    """An engineer's own folder adds the missing status to the code list; redrive brings only those through."""
    sync(lao_cai)
    waiting = held_items(lao_cai.engine, "lao_cai", "unmapped_status")
    others = len(held_items(lao_cai.engine, "lao_cai")) - len(waiting)
    codes = {one["dossier_code"] for one in waiting}
    number, name = waiting[0]["findings"][0]["value"].split(" / ")[:2]
    assert waiting and not codes & set(sandbox.sent())
    own = tmp_path / "own" / "mappings" / "codelists"
    own.mkdir(parents=True)
    header = "list: vnpt_igate_status\nwhat: one more status\nsource: VNPT, by telephone\nto: int\nextend: true\n"
    parts = "parts: [id, name, task]\nmatch: [[task], [id, name]]\nreason: unmapped_status\n"
    entry = f'entries:\n  - {{id: {number}, name: "{name}", is: 4}}\n'
    (own / "vnpt_igate_status.yaml").write_text(header + parts + entry, "utf-8")
    settings = Settings(lao_cai.settings.home, (tmp_path / "own", BASE))
    wiser = Hub(load_province(settings, "lao_cai"), settings, lao_cai.engine)
    result = redrive(wiser, Chosen(reason="unmapped_status"))
    freed = codes & set(sandbox.sent())
    assert result["freed"] == len(freed) >= 1
    assert len(held_items(lao_cai.engine, "lao_cai")) == others + len(codes) - len(freed)


def test_what_fails_again_stays_the_same_item(lao_cai: Hub, sandbox: Sandbox) -> None:
    sync(lao_cai)
    before = [one["item_id"] for one in held_items(lao_cai.engine, "lao_cai")]
    result = redrive(lao_cai)
    assert result["redriven"] == len(before) and result["freed"] == 0
    assert [one["item_id"] for one in held_items(lao_cai.engine, "lao_cai")] == before


@pytest.mark.parametrize("number", [4711, 2**63, 99999999999999999999])
def test_an_item_that_does_not_exist_is_said_so(engine: Engine, number: int) -> None:
    with pytest.raises(NoSuchItem, match=f"no item {number}") as told:
        item(engine, number)
    assert exit_code_of(told.value) == USAGE


def test_legal_head_of_progress_goes_and_the_rest_is_held(lao_cai: Hub, sandbox: Sandbox) -> None:
    sync(lao_cai)
    labels: dict[str, str] = sandbox.get("vnpt_lao_cai", "labels")
    broken = [code for code, kind in labels.items() if kind in ("step_without_time", "impossible_transition")]
    sent = sandbox.sent()
    with lao_cai.engine.connect() as connection:
        held = set(
            connection.scalars(text("SELECT dossier_code FROM quarantine WHERE kind = 'step' AND state = 'held'"))
        )
    assert broken and held == set(broken) and set(broken) <= set(sent)
