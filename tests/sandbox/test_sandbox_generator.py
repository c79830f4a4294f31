"""The generator's promises: any row on its own, the same for a seed, in order, and dirty as labelled."""

import random
from datetime import datetime
from typing import Any

import orjson
import pytest
from lxml import etree

from sandbox import calendar
from sandbox.dirt import CORRECTABLE, DELIVERED, HELD
from sandbox.dossiers import Generator
from sandbox.procedures import national
from sandbox.provinces import PROFILES
from sandbox.render_viettel import ViettelRenderer
from sandbox.render_vnpt import VnptRenderer
from sandbox.statuses import VIETTEL, VNPT, may_follow

SIZE = 1100
SLUGS = ("lao_cai", "quang_ngai")


def system(slug: str, size: int = SIZE, seed: int = 7, days: int = 0) -> tuple[Generator, Any]:
    generator = Generator(PROFILES[slug], size, seed)
    for day in range(1, days + 1):
        generator.timeline.apply({"day": day})
    return generator, (VnptRenderer if slug == "lao_cai" else ViettelRenderer)(generator)


@pytest.mark.parametrize("slug", SLUGS)
def test_any_row_on_its_own_is_the_row_of_a_full_reading(slug):
    generator, renderer = system(slug, days=2)
    rows = range(generator.timeline.rows)
    in_order = [renderer.record(row) for row in rows]
    _, other = system(slug, days=2)
    mixed = list(rows)
    random.Random(1).shuffle(mixed)
    assert {row: other.record(row) for row in mixed} == dict(enumerate(in_order))


@pytest.mark.parametrize("slug", SLUGS)
def test_another_seed_gives_other_people(slug):
    _, one = system(slug)
    _, two = system(slug, seed=8)
    assert sum(one.record(row) == two.record(row) for row in range(100)) == 0


def test_a_million_are_made_as_asked_for():
    generator, renderer = system("lao_cai", size=1_000_000)
    assert generator.timeline.dossiers() == 1_000_000
    last = generator.timeline.rows - 1
    record = orjson.loads(renderer.record(last))
    assert record["id"].endswith(f"{last:08x}")
    assert generator.timeline.changed_w(last) > generator.timeline.changed_w(last - 1)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("days", [0, 3])
def test_every_row_stands_once_in_order_of_change(slug, days):
    generator, _ = system(slug, days=days)
    timeline = generator.timeline
    whole = timeline.slice(0, len(timeline))
    assert sorted(whole) == list(range(timeline.rows))
    changed = [timeline.changed_w(row) for row in whole]
    assert changed == sorted(changed)
    assert calendar.moment(changed[-1]) <= timeline.now
    pages = [row for start in range(0, len(timeline), 37) for row in timeline.slice(start, start + 37)]
    assert pages == whole


@pytest.mark.parametrize("days", [0, 3])
def test_a_window_holds_what_changed_in_it(days):
    generator, _ = system("quang_ngai", days=days)
    timeline = generator.timeline
    times = [timeline.changed_w(row) for row in timeline.slice(0, len(timeline))]
    for w in (times[0], times[500], times[500] + 1, times[-1], times[-1] + 1, times[-20], 0):
        assert timeline.position(w) == sum(t < w for t in times)


@pytest.mark.parametrize("slug", SLUGS)
def test_four_in_a_hundred_are_labelled_dirty_and_every_kind_occurs(slug):
    generator, _ = system(slug)
    timeline = generator.timeline
    assert timeline.dossiers() == SIZE
    labelled = {kind: timeline.mains(kind) for kind in HELD + DELIVERED}
    assert all(labelled.values())
    assert 0.035 <= sum(map(len, labelled.values())) / SIZE <= 0.045


@pytest.mark.parametrize("slug", SLUGS)
def test_codes_are_distinct_but_for_the_labelled_pairs(slug):
    generator, _ = system(slug, days=2)
    timeline = generator.timeline
    codes = [generator.code_of(row) for row in range(timeline.rows)]
    assert len(set(codes)) == timeline.dossiers()
    twice = {code for code in codes if codes.count(code) > 1}
    pairs = [generator.code_of(r) for kind in ("conflicting_duplicate", "stale_copy") for r in timeline.mains(kind)]
    assert twice == set(pairs)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_day_changes_exactly_the_rows_it_names(slug):
    generator, renderer = system(slug, days=1)
    before = [renderer.record(row) for row in range(generator.timeline.rows)]
    moved = generator.timeline.apply({"day": 2})
    different = {row for row, record in enumerate(before) if renderer.record(row) != record}
    assert different == set(moved.changed)
    assert len(moved.changed) == SIZE // 50
    assert len(moved.added) >= SIZE // 100
    assert moved.corrected
    assert set(moved.corrected) <= set(moved.changed)


def test_statuses_move_on_legally_over_many_days():
    generator, _ = system("lao_cai", days=12)
    for row in range(generator.timeline.rows):
        d = generator.dossier(row)
        if d.kind == "impossible_transition":
            continue
        pairs = zip((None, *d.path), d.path, strict=False)
        assert all(may_follow(a, b) for a, b in pairs), (row, d.path)
        assert d.times == sorted(d.times)
        assert d.times[-1] <= d.changed


def test_a_corrected_dossier_is_right():
    generator, _ = system("lao_cai", days=12)
    assert generator.timeline.corrected
    for row in generator.timeline.corrected:
        d = generator.dossier(row)
        assert generator.timeline.role(row).kind in CORRECTABLE
        assert d.kind == ""
        assert d.owner
        assert len(d.identity) in (9, 12)
        assert d.submitted <= d.received
        assert generator.procedures[d.procedure].base


def vnpt(kind: str) -> list[dict[str, Any]]:
    generator, renderer = system("lao_cai")
    return [orjson.loads(renderer.record(row)) for row in generator.timeline.mains(kind)]


def test_every_label_shows_on_the_wire_of_the_rest_system():
    names = {number: name for number, (name, _) in VNPT.items()}
    for r in vnpt("unmapped_procedure"):
        assert "TTDP" in r["procedure"]["code"] or r["procedure"]["code"].startswith("DP")
    assert all(r["dossierStatus"]["id"] not in names for r in vnpt("unmapped_status"))
    assert not any(r["applicant"]["data"]["ownerFullname"] for r in vnpt("missing_owner"))
    assert not any(r["acceptedDate"] for r in vnpt("missing_received"))
    assert not any(r["appointmentDate"] for r in vnpt("blank_due"))
    assert all(len(r["applicant"]["data"]["noidungyeucaugiaiquyet"]) > 1000 for r in vnpt("long_subject"))
    for r in vnpt("unsorted_progress"):
        times = [t["createdDate"] for t in r["task"]]
        assert times != sorted(times)
    assert all(any(t["createdDate"] is None for t in r["task"]) for r in vnpt("step_without_time"))
    assert all("//10." in r["dossierFormFile"][0]["file"][0]["url"] for r in vnpt("internal_link"))
    assert all("##" in r["dossierFormFile"][0]["file"][0]["url"] for r in vnpt("joined_links"))
    assert all("  " in r["applicant"]["data"]["ownerFullname"] for r in vnpt("decomposed_text"))
    assert all(r["code"].startswith("HS/") for r in vnpt("odd_code"))


@pytest.mark.parametrize("slug", SLUGS)
def test_pairs_are_a_conflict_or_an_older_version_read_later(slug):
    generator, _ = system(slug)
    timeline = generator.timeline
    reading = timeline.slice(0, len(timeline))
    if slug == "lao_cai":
        reading.reverse()
    for row in timeline.mains("conflicting_duplicate"):
        one, two = generator.dossier(row), generator.dossier(row + 1)
        assert one.code == two.code
        assert one.number != two.number
        assert one.identity != two.identity
    for row in timeline.mains("stale_copy"):
        (twin,) = (
            r for r in (row - 1, row + 1) if timeline.role(r) == timeline.role(r).__class__("stale_copy", row, True)
        )
        new, old = generator.dossier(row), generator.dossier(twin)
        assert (new.code, new.number) == (old.code, old.number)
        assert old.changed < new.changed
        assert old.path == new.path[:-1]
        assert reading.index(twin) > reading.index(row)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_vendor_status_says_what_the_path_means(slug):
    generator, renderer = system(slug)
    for row in range(200):
        d = generator.dossier(row)
        if d.bad_status:
            continue
        if slug == "lao_cai":
            record = orjson.loads(renderer.render(d))
            tasks = [t["status"] for t in record["task"]]
            meant = [VNPT[s["id"]][1] for s in tasks if VNPT[s["id"]][0] == s["name"]]
        else:
            tree = etree.fromstring(renderer.render(d))
            steps = [step.findtext("trangThai", "") for step in tree.iter("TienTrinh")]
            meant = [VIETTEL[int(n)][1] for n in steps]
            assert VIETTEL[int(tree.findtext("trangThai", ""))][1] == d.path[-1]
        assert sorted(meant) == sorted(d.path)


def test_dates_without_time_are_local_midnight_in_utc():
    generator, renderer = system("lao_cai")
    record = orjson.loads(renderer.record(300))
    due = datetime.fromisoformat(record["appointmentDate"])
    assert due.astimezone(calendar.VIET_NAM).strftime("%H:%M:%S") == "00:00:00"
    assert generator.dossier(300).due_day > 0


@pytest.mark.parametrize("slug", SLUGS)
def test_a_third_is_filed_with_the_units_of_before(slug):
    generator, _ = system(slug)
    old = sum(generator.dossier(row).place.district is not None for row in range(600))
    assert 0.25 <= old / 600 <= 0.42


def test_the_local_list_differs_from_the_national_one_as_planted():
    generator, _ = system("lao_cai")
    listing = generator.listing
    bases = {p.base for p in listing.listed if p.base}
    assert not bases & set(listing.missing)
    assert {p.code for p in listing.listed if p.base is None} == set(listing.unknown)
    assert listing.counts() == {"listed": len(bases) + 12, "missing": 105, "stale": 78, "unknown": 12, "shifted": 0}
    used = {generator.procedures[generator.dossier(row).procedure].base for row in range(300)}
    assert used - {None} <= bases


def test_a_block_of_names_stands_one_row_too_high_in_one_list():
    listing = system("nghe_an")[0].listing
    names = {p.base: p.name for p in listing.listed}
    right = national()
    order = [p.base for p in listing.listed]
    start = order.index(listing.shifted[0])
    assert tuple(order[start : start + 8]) == listing.shifted
    for code, following in zip(listing.shifted, order[start + 1 :], strict=False):
        assert names[code] == right[following or ""].name != right[code].name
        assert listing.stale[code] == "name"
    assert all(not system(slug)[0].listing.shifted for slug in SLUGS)


def test_an_office_second_and_its_moment_are_each_other():
    for w in (0, 14_399, 14_400, 26_999, 30_599, 30_600, 12_875_772):
        assert calendar.office_second(calendar.moment(w)) == w
    night = datetime(2026, 6, 30, 22, 0, tzinfo=calendar.VIET_NAM)
    assert calendar.moment(calendar.office_second(night)) > night
