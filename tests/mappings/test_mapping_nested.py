"""Lists in entries of lists, conditions of rules, lists and entries, and records that were put together from parts."""

import pytest

from mappings import load_mapping
from mappings.paths import value_at

ASKED = """mapping: asked
times: {format: yyyy-MM-dd}
dossier:
  supplements:
    each: requests[]
    supplement_id: id
    content: what
    documents:
      each: papers.paper[]
      name: {first: [name, ^what]}
      component_code: /procedure.code
"""


def supplements(folder, record, text=ASKED):
    folder.write("asked.yaml", text)
    mapped = folder.load(name="asked", kind="dossier", whole=False).map(record)
    return mapped.record["supplements"], mapped


def test_a_list_in_an_entry_keeps_order_and_place(folder):
    found, mapped = supplements(
        folder,
        {
            "procedure": {"code": "P"},
            "requests": [
                {"id": 1, "what": "map", "papers": {"paper": [{"name": "a"}, {"name": "b"}, {"name": None}]}},
                {"id": 2, "what": "form"},
                {"id": 3, "papers": {"paper": [{"name": "c"}]}},
            ],
        },
    )

    assert [[paper["name"] for paper in one["documents"]] for one in found] == [["a", "b", "map"], [], ["c"]]
    assert [one["supplement_id"] for one in found] == ["1", "2", "3"]
    assert {paper["component_code"] for one in found for paper in one["documents"]} == {"P"}
    assert mapped.findings == []


def test_an_entry_that_has_nothing_but_its_list_stays_and_one_without_anything_goes(folder):
    text = ASKED.replace("{first: [name, ^what]}", "name").replace("      component_code: /procedure.code\n", "")

    found, _ = supplements(folder, {"requests": [{"papers": {"paper": [{"name": "a"}]}}, {"papers": None}, {}]}, text)

    assert [[paper["name"] for paper in one["documents"]] for one in found] == [["a"]]


def test_what_is_wrong_inside_is_told_with_its_path_from_the_top(folder):
    _, mapped = supplements(
        folder, {"requests": [{"id": [], "papers": "x"}, {"papers": {"paper": [{"name": {"a": 1}}, 7]}}, 9]}
    )

    told = [(finding.reason, finding.field, finding.path, finding.rule) for finding in mapped.findings]
    assert ("bad_value", "supplements.supplement_id", "requests[].id", "mappings/asked.yaml:6") in told
    assert ("bad_value", "supplements.documents", "requests[].papers", "mappings/asked.yaml:8") in told
    path = "requests[].papers.paper[].name | requests[].what"
    assert ("bad_value", "supplements.documents.name", path, "mappings/asked.yaml:10") in told
    assert ("bad_value", "supplements.documents", "requests[].papers.paper[]", "mappings/asked.yaml:8") in told
    assert ("bad_value", "supplements", "requests[]", "mappings/asked.yaml:4") in told
    assert {finding.value for finding in mapped.findings} == {"(a list of 0)", "(an object)", "x", "7", "9"}


def test_two_lists_of_a_record_are_joined_by_their_key(folder):
    text = ASKED.replace("papers.paper[]", "/papers[]").replace(
        "      name:", "      where: {asked_in: {same: ^id}, kind: {not: [DRAFT]}}\n      name:"
    )

    found, _ = supplements(
        folder,
        {
            "requests": [{"id": 1, "what": "w"}, {"id": "K2", "what": "w"}, {"id": None, "what": "w"}],
            "papers": [
                {"asked_in": "k2", "name": "a"},
                {"asked_in": "1", "name": "b"},
                {"asked_in": "K2", "name": "c", "kind": "draft"},
                {"asked_in": " K2", "name": "d"},
                {"name": "of none"},
            ],
        },
        text,
    )

    assert [[paper["name"] for paper in one["documents"]] for one in found] == [["b"], ["a", "d"], []]


def test_a_dossier_from_four_services_is_read_as_one(viettel):
    (example, _), *_ = load_mapping("mobifone_onegate").examples
    asked = [{"lan": n, "noiDung": f"Lần {n}", "ngayYeuCau": f"2026061{n}083000", "ngayBoSung": ""} for n in (3, 4)]

    mapped = load_mapping("mobifone_onegate").map({**example.in_, "supplements": asked})

    assert mapped.findings == []
    assert [(one["content"], one["requested_at"].day) for one in mapped.record["supplements"]] == [
        ("Lần 3", 13), ("Lần 4", 14),
    ]  # fmt: skip
    assert (mapped.record["note"], mapped.record["result_delivery"]) == ("Lần 4", 1)
    assert len(mapped.record["documents"]) == len(example.in_["attachments"])


def test_what_goes_out_keeps_its_lists_in_lists(folder):
    folder.write(
        "out.yaml",
        "mapping: out\ndirection: out\ntimes: {format: yyyyMMddHHmmss}\ndossier:\n  A:\n    each: supplements[]\n"
        "    B: content\n    D: /dossier_code\n    C:\n      each: documents[]\n      where: {url: {filled: true}}\n"
        "      E: name\n      F: ^content\n",
    )
    papers = [{"name": "x", "url": "u"}, {"name": "y", "url": None}, {"name": "z", "url": "u"}]
    given = [{"content": "1", "documents": papers}, {"content": None, "documents": []}]

    record = folder.map({"dossier_code": "K", "supplements": given}, name="out", kind="dossier").record

    assert record["A"] == [
        {"B": "1", "D": "K", "C": [{"E": "x", "F": "1"}, {"E": "z", "F": "1"}]},
        {"B": "", "D": "K", "C": []},
    ]


def test_an_overlay_reaches_into_a_list_in_a_list(folder):
    folder.write("asked.yaml", ASKED)
    folder.write(
        "overlays/here.yaml",
        "overlay: here\nover: asked\ndossier:\n  supplements:\n    each: same\n    only: {open: true}\n"
        "    documents:\n      each: same\n      where: {name: {filled: true}}\n      name: title\n",
    )
    mapping = folder.load(name="asked", kind="dossier", overlay="here", whole=False)
    record = {
        "open": True,
        "procedure": {"code": "P"},
        "requests": [{"id": 1, "what": "w", "papers": {"paper": [{"name": "a", "title": "A"}, {"title": "B"}]}}],
    }

    (found,) = mapping.map(record).record["supplements"]

    assert (found["supplement_id"], found["content"]) == ("1", "w")
    assert found["documents"] == [{"component_code": "P", "name": "A", "url": None}]
    assert mapping.map({**record, "open": 0}).record["supplements"] == []


def test_what_one_list_reads_from_the_top_is_there_for_the_next_when_it_is_empty(folder):
    text = ASKED + "  results: {each: 'results[]', name: n, result_code: /procedure.code}\n"

    _, mapped = supplements(folder, {"procedure": {"code": "P"}, "requests": [], "results": [{"n": "N"}]}, text)

    assert mapped.record["results"] == [{"name": "N", "result_id": None, "url": None, "result_code": "P"}]


# --- conditions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "record", "counts"),
    [
        ("{a: {filled: true}}", {"a": 0}, True),
        ("{a: {filled: true}}", {"a": " \u200b"}, False),
        ("{a: {filled: true}}", {"a": []}, False),
        ("{a: {filled: true}}", {"a": [0]}, True),
        ("{a: {filled: false}}", {}, True),
        ("{a: {filled: false}}", {"a": "x"}, False),
        ("{a: {not: [X, 2]}}", {"a": "x"}, False),
        ("{a: {not: [X, 2]}}", {"a": 2}, False),
        ("{a: {not: X}}", {"a": None}, True),
        ("{a: {not: X, filled: true}}", {"a": None}, False),
        ("{a: {is: [X, Y]}}", {"a": "y"}, True),
        ("{a: X, b: {filled: false}}", {"a": "x", "b": 1}, False),
        ("[{a: X}, {b: {filled: true}}]", {"b": 1}, True),
        ("[{a: X}, {b: {filled: true}}]", {"a": "X"}, True),
        ("[{a: X}, {b: {filled: true}}]", {"a": "Y"}, False),
        ("{a: {same: b}}", {"a": 1, "b": "1"}, True),
        ("{a: {same: b}}", {}, False),
    ],
)
def test_a_rule_counts_when_its_conditions_hold(folder, when, record, counts):
    folder.tiny(f"  name: name\n  level: {{from: name, when: {when}}}\n  decision: {{value: D, when: {when}}}\n")

    found = folder.map({"code": "1", "name": "N", **record})

    assert (found.record["level"], found.record["decision"]) == (("N", "D") if counts else (None, None))
    assert found.findings == []


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({"kind": "DN", "firm": "F", "who": "W"}, "F"),
        ({"kind": "DN", "firm": " ", "who": "W"}, "W"),
        ({"kind": "CN", "firm": "F", "who": "W"}, "W"),
        ({"kind": "CN", "firm": "F", "last": "L"}, None),
        ({"kind": "CN", "firm": "F", "last": "L", "open": 1}, "L"),
    ],
)
def test_a_source_of_first_may_have_a_condition_of_its_own(folder, record, found):
    folder.tiny(
        "  name: code\n"
        "  level: {first: [{from: firm, when: {kind: DN}}, who, {from: last, when: {open: {filled: true}}}]}\n"
    )

    mapped = folder.map({"code": "1", **record})

    assert (mapped.record["level"], mapped.findings) == (found, [])
    (plan,) = (plan for plan in folder.load().plans if plan.target == "level")
    taken = plan.taken(lambda path: value_at(path, record))
    assert (record.get(taken.text) if taken else None) == found


def test_a_condition_on_an_object_is_told_with_its_path(folder):
    folder.tiny("  name: name\n  level: {from: name, when: {a: {not: X}}}\n")

    (finding,) = folder.map({"code": "1", "name": "N", "a": {"b": 1}}).findings

    assert (finding.reason, finding.field, finding.value) == ("bad_value", "level", "(an object)")


@pytest.mark.parametrize(
    ("rules", "line", "key", "told"),
    [
        ("  name: {from: a, when: {b: {isnt: X}}}\n", 4, "procedure.name.when.b.isnt", "nothing is known by this key"),
        ("  name: {from: a, when: {b: {fild: true}}}\n", 4, "procedure.name.when.b.fild", "Did you mean `filled`?"),
        ("  name: {from: a, when: {b: {}}}\n", 4, "procedure.name.when.b", "asks for nothing"),
        ("  name: {from: a, when: []}\n", 4, "procedure.name.when", "at least 1 item"),
        ("  name: {from: a, when: {b: [{x: 1}]}}\n", 4, "procedure.name.when.b.0", "not a text"),
        (
            "  name: {first: [{from: a, when: {b: X}, wen: 1}]}\n",
            4,
            "procedure.name.first.0.wen",
            "Did you mean `when`?",
        ),
        ("  name: {first: [{from: a}]}\n", 4, "procedure.name.first.0.when", "this key is missing"),
        ("  name: {from: a, when: {b..c: X}}\n", 4, "procedure.name", "is not a path"),
        ("  name: {from: a, when: {b: {same: ^c}}}\n", 4, "procedure.name", "climbs over the top"),
    ],
)
def test_a_wrong_condition_names_its_place(folder, rules, line, key, told):
    error = folder.tiny(rules).fault()

    assert (error.line, error.key) == (line, key)
    assert told in str(error)


@pytest.mark.parametrize(
    ("change", "line", "told"),
    [
        (("      name: {first", "      nme: {first"), 10, "Did you mean `name`?"),
        (("each: papers.paper[]", "each: papers.paper"), 9, "does not end in `[]`"),
        (("each: papers.paper[]", "each: ^papers[]"), 9, "climbs over the top"),
        (("^what", "^^what"), 10, "climbs over the top"),
        (("    content: what", "    content: {each: 'a[]'}"), 7, "`supplements.content` is not a list"),
    ],
)
def test_a_fault_inside_a_list_in_a_list_names_its_line(folder, change, line, told):
    folder.write("asked.yaml", ASKED.replace(*change))

    error = folder.fault(name="asked", kind="dossier", whole=False)

    assert error.line == line
    assert told in str(error)


def test_conditions_of_what_goes_out_ask_for_canonical_fields(folder):
    folder.write(
        "out.yaml",
        "mapping: out\ndirection: out\ndossier:\n  A:\n    each: fees[]\n    only: {statsu: 5}\n"
        "    where: {amuont: 0}\n    B: name\n  C: {from: note, when: {nte: x}}\n",
    )

    error = folder.fault(name="out", kind="dossier")

    assert [fault.line for fault in error.faults] == [4, 4, 9]
    assert all(f"`{word}`" in str(error) for word in ("status", "amount", "note"))
