"""Progress goes out in time order; from the first bad step on it waits."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mappings.mapped import Where
from mappings.steps import in_order
from schemas.findings import Finding, Note
from schemas.records import VIET_NAM
from schemas.statuses import may_follow

WHERE = Where("steps", "task[]", "mappings/x.yaml:1")
START = datetime(2026, 6, 12, 8, tzinfo=VIET_NAM)


def step(hour, status, content=None):
    at = None if hour is None else START + timedelta(hours=hour)
    return {"at": at, "status": status, "content": content}


def ordered(*steps, faults=None):
    notes: list[Note] = []
    missing = {n: [Finding("step_without_time", "steps.at")] for n, one in enumerate(steps) if one["at"] is None}
    legal, held = in_order(list(steps), {**missing, **(faults or {})}, WHERE, notes)
    return [s["content"] for s in legal], [(s["content"], f.reason) for s, f in held], [note.kind for note in notes]


def test_steps_in_order_go_as_they_are():
    assert ordered(step(0, 1, "a"), step(1, 2, "b"), step(1, 4, "c")) == (["a", "b", "c"], [], [])


def test_unsorted_steps_are_sorted_and_equal_times_keep_their_source_order():
    found = ordered(step(5, 4, "c"), step(1, 2, "b"), step(0, 1, "a"), step(5, 4, "d"))

    assert found == (["a", "b", "c", "d"], [], ["unsorted_progress"])


def test_an_impossible_transition_holds_the_step_and_all_behind_it():
    found = ordered(step(0, 1, "a"), step(1, 9, "b"), step(2, 10, "c"))

    assert found == (["a"], [("b", "impossible_transition"), ("c", "waits_for_step")], ["impossible_transition"])


def test_a_status_may_repeat_unless_it_ends_the_dossier():
    assert ordered(step(0, 2, "a"), step(1, 2, "b"))[0] == ["a", "b"]
    assert ordered(step(0, 9, "a"), step(1, 10, "b"), step(2, 10, "c"))[1] == [("c", "impossible_transition")]


def test_a_step_without_time_stays_behind_the_step_before_it():
    found = ordered(step(0, 2, "a"), step(None, 4, "b"), step(2, 9, "c"))

    assert found == (["a"], [("b", "step_without_time"), ("c", "waits_for_step")], ["step_without_time"])


def test_a_step_without_time_in_a_list_told_newest_first_is_placed_from_the_other_side():
    found = ordered(step(5, 9, "d"), step(None, 4, "c"), step(1, 2, "b"), step(0, 1, "a"))

    assert found[0] == ["a", "b"]
    assert [content for content, _ in found[1]] == ["c", "d"]


def test_a_step_with_a_fault_of_its_own_is_held_with_that_fault():
    fault = {1: [Finding("unmapped_status", "steps.status", "99")]}

    assert ordered(step(0, 2, "a"), step(1, None, "b"), faults=fault)[1] == [("b", "unmapped_status")]


HOURS = st.none() | st.integers(0, 5)


@given(told=st.lists(st.tuples(HOURS, st.integers(1, 10)), max_size=8))
def test_nothing_is_lost_and_what_goes_is_sorted_and_legal(told):
    steps = [step(hour, status, number) for number, (hour, status) in enumerate(told)]

    legal, held, _ = ordered(*steps)

    assert sorted(legal + [content for content, _ in held]) == list(range(len(steps)))
    going = [steps[number] for number in legal]
    assert all(a["at"] <= b["at"] for a, b in pairwise(going))
    moves = zip([None, *(one["status"] for one in going)], going, strict=False)
    assert all(may_follow(before, after["status"]) for before, after in moves)
