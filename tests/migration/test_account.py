"""Versions, scope and claims in the account, judged by its rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from hub.migration.attempt import Migrating
from hub.migration.reading import account
from hub.staging import Batch, copy_batch, create_staging
from mappings import Mapped
from schemas import tables
from schemas.findings import Finding
from tests.migration.conftest import Begin, rows

T0 = datetime(2026, 6, 1, tzinfo=UTC)


def dossier(code: str | None = "A", status: int = 4, **fields: Any) -> dict[str, Any]:
    """A canonical record with what the account looks at."""
    given = {"identifiers": [], "subject": "Đăng ký khai sinh", "received_at": T0, "steps": []}
    return {"dossier_code": code, "status": status, **given, **fields}


@dataclass
class Book:
    """The account under test: each call enters one page of one source."""

    m: Migrating
    messages: Iterator[int] = field(default_factory=lambda: iter(range(1, 1000)))

    def enter(self, source: str, *versions: tuple[str, int | None, dict[str, Any], *tuple[Finding, ...]]) -> Any:
        """(key, days of the change since T0, record, findings …) in one page; answers with the counts."""
        batch = Batch()
        for position, (key, day, record, *findings) in enumerate(versions):
            changed = None if day is None else T0 + timedelta(days=day)
            batch.add(position, key, changed, Mapped(record, list(findings), [], []))
        source_of = next(one for one in self.m.plan.sources if one.province == source)
        with self.m.engine.begin() as connection:
            run = insert(tables.run).values(kind="migration", province=source, until=T0).returning(tables.run.c.run_id)
            run_id = connection.scalar(run) or 0
            create_staging(connection, run_id)
            copy_batch(connection, run_id, next(self.messages), batch)
            return account.enter(connection, self.m, source_of, 1, run_id)

    def stands(self, *fields: str) -> dict[str, Any]:
        """Key -> (state, reason) and further fields."""
        wanted = ", ".join(("state", "reason", *fields))
        found = rows(self.m, f"SELECT source_key, {wanted} FROM migrated WHERE migration_id = :id")
        return {row[0]: tuple(row[1:]) for row in found}

    def loaded(self, *keys: str, state: str = "migrated") -> None:
        """As if the target had taken these."""
        done = "UPDATE migrated SET state = :state, loaded_hash = content_hash WHERE source_key = ANY(:keys)"
        with self.m.engine.begin() as connection:
            connection.execute(text(done), {"keys": list(keys), "state": state})


@pytest.fixture
def book(begin: Begin) -> Book:
    return Book(begin())


CT, HG = "can_tho_cu", "hau_giang"
READ = ("read", None)
BAD = Finding("bad_identity", "identifiers", "12")


def test_a_newer_version_replaces_an_older_one_in_whatever_order_they_come(book: Book) -> None:
    book.enter(CT, ("k", 1, dossier(note="one")))
    assert book.enter(CT, ("k", 3, dossier(note="three")))["changed"] == 1
    assert book.enter(CT, ("k", 2, dossier(note="two")))["older"] == 1
    assert book.stands("record ->> 'note'") == {"k": (*READ, "three")}
    assert book.enter(CT, ("k", 5, dossier(note="five")), ("k", 4, dossier(note="four")))["changed"] == 1
    assert book.stands("record ->> 'note'") == {"k": (*READ, "five")}


def test_of_two_versions_of_one_moment_the_later_read_is_newer_and_so_it_is_without_a_time(book: Book) -> None:
    book.enter(CT, ("k", 1, dossier(note="first")), ("n", None, dossier("B", note="first")))
    book.enter(CT, ("k", 1, dossier(note="second")), ("n", None, dossier("B", note="second")))
    assert {one[2] for one in book.stands("record ->> 'note'").values()} == {"second"}


def test_the_same_content_changes_nothing_but_is_known_to_be_newer(book: Book) -> None:
    book.enter(CT, ("k", 1, dossier()))
    book.loaded("k")
    assert book.enter(CT, ("k", 3, dossier()))["same"] == 1
    assert book.stands()["k"] == ("migrated", None)
    assert book.enter(CT, ("k", 2, dossier(note="an older one, landed late")))["older"] == 1


def test_a_migrated_row_is_owed_again_when_its_version_differs_and_not_when_it_went_back(book: Book) -> None:
    book.enter(CT, ("k", 1, dossier()))
    book.loaded("k")
    book.enter(CT, ("k", 2, dossier(note="changed")))
    assert book.stands()["k"] == READ
    book.enter(CT, ("k", 3, dossier()))
    assert book.stands()["k"] == ("migrated", None)


@pytest.mark.parametrize("state", ["loading", "unknown"])
def test_what_is_on_its_way_stays_so_with_the_newest_content(book: Book, state: str) -> None:
    book.enter(CT, ("k", 1, dossier()))
    book.loaded("k", state=state)
    book.enter(CT, ("k", 2, dossier(note="changed")))
    assert book.stands("record ->> 'note'")["k"] == (state, None, "changed")


def test_a_held_version_takes_the_place_of_a_loaded_one_and_a_later_one_frees_it(book: Book) -> None:
    book.enter(CT, ("k", 1, dossier()))
    book.loaded("k")
    book.enter(CT, ("k", 2, dossier(note="bad"), BAD))
    state, reason, old, findings = book.stands("loaded_hash IS NOT NULL", "findings")["k"]
    assert (state, reason, old, findings[0]["field"]) == ("held", "bad_identity", True, "identifiers")
    book.enter(CT, ("k", 3, dossier(note="good")))
    assert book.stands("findings")["k"] == (*READ, None)


def test_steps_come_with_the_record_and_a_changed_step_is_a_change(book: Book) -> None:
    step = {"at": "2026-06-01T08:00:00+07:00", "status": 2}
    book.enter(CT, ("k", 1, dossier()))
    assert book.enter(CT, ("k", 2, dossier(steps=[step])))["changed"] == 1
    assert book.stands("record -> 'steps'")["k"] == (*READ, [step])


def test_the_plan_decides_what_is_in_scope_but_what_the_target_has_stays(begin: Begin) -> None:
    plan = begin().plan
    scoped = plan.sources[0].model_copy(update={"scope": "in_progress", "since": T0})
    book = Book(begin(plan={"sources": (scoped,)}))
    counts = book.enter(
        CT,
        ("done", 1, dossier("A", 10)),
        ("old", 1, dossier("B", received_at=T0 - timedelta(days=1))),
        ("bad", 1, dossier("C", 3), BAD),
        ("in", 1, dossier("D")),
    )
    outside = {"done": ("out_of_scope", "scope"), "old": ("out_of_scope", "since"), "bad": ("out_of_scope", "scope")}
    assert book.stands() == {**outside, "in": READ}
    assert (counts["out_of_scope"], counts["held"]) == (3, 0)
    book.loaded("in")
    book.enter(CT, ("in", 2, dossier("D", 10)), ("done", 2, dossier("A", 4)))
    assert (book.stands()["in"], book.stands()["done"]) == (READ, READ)


def test_a_copy_under_another_key_counts_once_and_the_target_keeps_the_one_it_has(book: Book) -> None:
    book.enter(CT, ("k1", 1, dossier()))
    book.loaded("k1")
    book.enter(CT, ("k2", 2, dossier()))
    assert book.stands() == {"k1": ("migrated", None), "k2": ("out_of_scope", "older_version")}


def test_of_copies_in_one_page_the_newest_goes(book: Book) -> None:
    book.enter(CT, ("k1", 1, dossier()), ("k2", 2, dossier()))
    assert book.stands() == {"k1": ("out_of_scope", "older_version"), "k2": READ}


@pytest.mark.parametrize("at_once", [True, False])
def test_records_that_contradict_each_other_are_held_both_and_free_when_one_leaves(book: Book, at_once: bool) -> None:
    one, other = ("k1", 1, dossier(note="one")), ("k2", 2, dossier(note="other"))
    for page in [(one, other)] if at_once else [(one,), (other,)]:
        book.enter(CT, *page)
    held = ("held", "conflicting_duplicate")
    assert book.stands() == {"k1": held, "k2": held}
    findings = book.stands("findings")["k1"][2]
    assert findings[0]["detail"] == "also claimed by k2"
    book.enter(CT, ("k2", 3, dossier("B", note="other")))
    assert book.stands("findings") == {"k1": (*READ, None), "k2": (*READ, None)}


def test_a_contradiction_that_comes_after_the_load_holds_both_and_says_what_the_target_has(book: Book) -> None:
    book.enter(CT, ("k1", 1, dossier(note="one")))
    book.loaded("k1")
    book.enter(CT, ("k2", 2, dossier(note="other")))
    assert book.stands("loaded_hash IS NOT NULL") == {
        "k1": ("held", "conflicting_duplicate", True),
        "k2": ("held", "conflicting_duplicate", False),
    }
    book.enter(CT, ("k2", 3, dossier("B")))
    assert book.stands()["k1"] == ("migrated", None)


def test_two_dossiers_under_one_national_code_are_held_both(book: Book) -> None:
    book.enter(CT, ("k1", 1, dossier("A", national_code="G01")))
    book.enter(CT, ("k2", 1, dossier("B", national_code="G01")), ("k3", 1, dossier("C", national_code="G02")))
    held = ("held", "conflicting_duplicate")
    assert book.stands() == {"k1": held, "k2": held, "k3": READ}


def test_a_persons_decision_for_one_record_lays_the_other_aside(book: Book) -> None:
    decided = "INSERT INTO waiver (province, source_key, reason, field, value, who, why) VALUES"
    with book.m.engine.begin() as connection:
        connection.execute(text(f"{decided} ('{CT}', 'k1', 'conflicting_duplicate', 'dossier_code', 'A', 'An', '…')"))
    book.enter(CT, ("k1", 1, dossier(note="one")), ("k2", 2, dossier(note="other")))
    assert book.stands() == {"k1": READ, "k2": ("out_of_scope", "laid_aside")}


def test_one_code_of_two_sources_is_a_collision_that_holds_both(book: Book) -> None:
    book.enter(CT, ("k1", 1, dossier()))
    book.enter(HG, ("h1", 1, dossier()), ("h2", 1, dossier("B")))
    held = ("held", "code_collision")
    assert book.stands() == {"k1": held, "h1": held, "h2": READ}
    assert book.stands("findings")["k1"][2][0]["detail"] == f"also a code of {HG}"
    book.enter(HG, ("h1", 2, dossier("C")))
    assert book.stands() == {"k1": READ, "h1": READ, "h2": READ}


def test_rows_of_other_attempts_claim_nothing(begin: Begin) -> None:
    Book(begin("rehearsal")).enter(CT, ("k1", 1, dossier(note="rehearsed")))
    book = Book(begin("cutover"))
    book.enter(CT, ("k2", 1, dossier()))
    assert book.stands() == {"k2": READ}
