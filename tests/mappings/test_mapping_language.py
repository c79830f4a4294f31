"""What a mapping file may say, and how its errors are told."""

from pathlib import Path

import pytest

from mappings import CodeLists, load_mapping, run_examples

PROCEDURE = "mapping: tiny\nprocedure:\n  procedure_code: code\n"


def test_a_path_alone_is_read_by_the_fields_kind(folder):
    mapped = folder.tiny("  name: a.b\n  public: p\n").map({"code": 7, "a": {"b": " x  y "}, "p": "1"})

    assert mapped.record == {
        "procedure_code": "7", "name": "x y", "public": True,
        "field_code": None, "field_name": None, "level": None, "decision": None,
    }  # fmt: skip
    assert mapped.findings == []


def test_first_join_default_and_constants(folder):
    folder.tiny(
        "  name: {first: [a, b]}\n  level: {join: [x, y], with: ' - '}\n  decision: {from: q, default: none}\n"
        "  public: {value: true}\n  field_code: {value: K, when: {a: present}}\n"
    )

    record = folder.map({"code": "1", "a": " ", "b": "B", "x": "X", "y": "Y"}).record

    assert (record["name"], record["level"], record["decision"]) == ("B", "X - Y", "none")
    assert (record["public"], record["field_code"]) == (True, None)
    assert folder.map({"code": "1", "a": "Present"}).record["field_code"] == "K"


def test_a_rule_counts_only_when_its_condition_holds(folder):
    folder.tiny("  name: name\n  decision: {from: d, when: {kind: [A, 2], on: true}}\n")

    def decision(**record):
        return folder.map({"code": "1", "name": "n", "d": "D", **record}).record["decision"]

    assert decision(kind="a", on=True) == "D"
    assert decision(kind=2, on="1") == "D"
    assert decision(kind="B", on=True) is None
    assert decision() is None


def test_the_first_known_value_is_looked_up(folder):
    folder.tiny("  name: {first: [a, b], list: agencies}\n  level: {first: [a, b], table: {h38: X, h48: Y}}\n")

    found = folder.map({"code": "1", "a": None, "b": "H48"}).record
    assert (found["name"], found["level"]) == ("Quảng Ngãi", "Y")
    (finding, _) = folder.map({"code": "1", "a": "H99", "b": "H48"}).findings
    assert (finding.reason, finding.value) == ("unmapped_agency", "H99")


def test_entries_by_value_and_by_place(folder):
    folder.tiny("  name: names[lang=vi].text\n  level: levels[-1].name\n  decision: d[0]\n")
    record = {
        "code": "1",
        "names": [{"lang": "en", "text": "E"}, {"lang": "vi", "text": "V"}],
        "levels": [{"name": "a"}, {"name": "b"}],
        "d": ["first", "second"],
    }

    found = folder.map(record).record

    assert (found["name"], found["level"], found["decision"]) == ("V", "b", "first")


def test_lists_in_lists_see_the_outer_entry_and_the_top(igate):
    record = igate()
    record["dossierFormFile"][0]["file"] = []

    documents = load_mapping("vnpt_igate").map(record).record["documents"]

    assert [d["component_code"] for d in documents] == ["KQ.G15.000030", "KQ.G15.000031", "KQ.G15.000032"]
    assert documents[0]["name"] == "Giấy tờ số 0" and documents[0]["url"] is None


def test_clean_records_of_both_systems_pass_without_a_word(igate, viettel):
    for name, record in (("vnpt_igate", igate()), ("viettel_onegate", viettel())):
        mapped = load_mapping(name).map(record)

        assert (mapped.findings, mapped.notes, mapped.held_steps) == ([], [], [])
        assert len(mapped.record["documents"]) == 3 and len(mapped.record["steps"]) == 4
        assert len(mapped.record["fees"]) == 2 and mapped.record["identifiers"][0]["kind"] == "1"


def test_a_finding_says_rule_path_and_value(igate):
    mapped = load_mapping("vnpt_igate").map(igate(acceptedDate="hôm qua"))

    (finding,) = mapped.findings
    assert (finding.reason, finding.field, finding.path, finding.value) == (
        "bad_date", "received_at", "acceptedDate", "hôm qua",
    )  # fmt: skip
    file, line = str(finding.rule).split(":")
    assert file == "mappings/vnpt_igate.yaml"
    text = (Path(__file__).parents[2] / file).read_text(encoding="utf-8").splitlines()
    assert text[int(line) - 1].strip().startswith("received_at:")


def test_an_object_where_a_text_belongs_is_a_bad_value_at_its_path(igate):
    mapped = load_mapping("vnpt_igate").map(igate(applicant="Nguyễn Thị Hạnh", nationCode=["a"]))

    found = {(finding.reason, finding.path) for finding in mapped.findings}
    assert {("bad_value", "applicant"), ("bad_value", "nationCode")} <= found


def test_wire_numbers_are_never_passed_through_as_statuses(igate):
    mapped = load_mapping("vnpt_igate").map(igate(dossierStatus={"id": 4}, dossierTaskStatus=None))

    assert [finding.reason for finding in mapped.findings] == ["unmapped_status"]


def test_the_generated_source_is_kept_and_shown_in_tracebacks(folder):
    mapping = folder.tiny("  name: a.b\n").load()

    assert "# name <- a.b   mappings/tiny.yaml:4" in mapping.source
    compile(mapping.source, "x", "exec")


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "line", "key", "told"),
    [
        ("  nmae: a\n", 4, "procedure.nmae", "Did you mean `name`?"),
        ("  name: {form: a}\n", 4, "procedure.name.form", "Did you mean `from`?"),
        ("  name: {from: a, as: txt}\n", 4, "procedure.name.as", "Did you mean `text`?"),
        ("  name:\n    from: a\n    list: vnpt_igate_statu\n", 6, "procedure.name.list", "`vnpt_igate_status`?"),
        ("  name: {from: a..b}\n", 4, "procedure.name", "is not a path"),
        ("  name: {from: [a, b]}\n", 4, "procedure.name.from", "several paths need a `list`"),
        ("  name: {from: a, first: [b]}\n", 4, "procedure.name", "from and first cannot stand together"),
        ("  name: {as: text}\n", 4, "procedure.name", "no source is named"),
        ("  name: {from: a, as: datetime}\n", 4, "procedure.name.as", "does not give a field of kind text"),
        ("  name: {from: a, list: vnpt_igate_status}\n", 4, "procedure.name.list", "gives int"),
        ("  name: {from: a, default: 3}\n", 4, "procedure.name.default", "does not fit a field of kind text"),
        ("  name: {from: a, table: {x: 1}}\n", 4, "procedure.name.table", "does not fit a field of kind text"),
        ("  name: {each: 'a[]', x: y}\n", 4, "procedure.name.each", "`name` is not a list"),
        ("  name: {from: ^a}\n", 4, "procedure.name", "climbs over the top"),
        ("  name: {first: [a], list: agencies, table: {x: y}}\n", 4, "procedure.name.table", "cannot stand together"),
        ("  name: {join: [a], list: agencies}\n", 4, "procedure.name.list", "not by join"),
        ("  name: {from: a, cut: many}\n", 4, "procedure.name.cut", "not a whole number"),
        ("  name: a\n  name: b\n", 5, "procedure.name", "already said on line 4"),
        ("  public: a\n", 1, "procedure", "the mandatory field `name`"),
    ],
)
def test_an_error_names_file_line_key_and_what_would_do(folder, rules, line, key, told):
    error = folder.tiny(rules).fault()

    assert (error.file, error.line, error.key) == ("mappings/tiny.yaml", line, key)
    assert told in str(error)


def test_all_faults_of_a_file_are_told_at_once(folder):
    error = folder.tiny("  nmae: a\n  levl: b\n").fault()

    assert len(error.faults) == 3
    assert str(error).count("mappings/tiny.yaml:") == 3


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("mapping: tiny\nprocedure: {a: [}\n", 2, "this is not YAML"),
        ("mapping: tiny\nsource: 2026-02-30\n", 2, "day is out of range for month"),
        ("mapping: tiny\nsource: a bell \a\n", 2, "U+0007"),
        ("mapping: tiny\nprocedure: &a {b: *a}\n", 2, "holds itself"),
        ("- a\n", 1, "not a table of keys"),
        ("", 1, "not a table of keys"),
        ("mapping: other\n", 1, "the file is named `tiny`"),
        ("mapping: tiny\ndossir: {}\n", 2, "Did you mean `dossier`?"),
        ("mapping: tiny\ntimes: {zone: x, fromat: iso}\n", 2, "nothing is known by this key"),
        ("mapping: tiny\ndirection: inn\n", 2, "Did you mean `in`?"),
        ("mapping: tiny\n", 1, "no rules for a procedure"),
    ],
)
def test_a_broken_file_is_told_by_its_line(folder, text, line, told):
    folder.write("tiny.yaml", text)
    error = folder.fault()

    assert (error.file, error.line) == ("mappings/tiny.yaml", line)
    assert told in str(error)


def test_unknown_zones_and_formats_of_times_are_told(folder):
    folder.write("odd.yaml", (Path(__file__).parents[2] / "mappings/viettel_onegate.yaml").read_text("utf-8").replace(
        "mapping: viettel_onegate", "mapping: odd").replace("zone: Asia/Ho_Chi_Minh", "zone: Asia/Hanoi"))  # fmt: skip

    error = folder.fault(name="odd", kind="dossier")

    assert "`Asia/Hanoi` is not a known zone. Known: Asia/Ho_Chi_Minh, UTC." in str(error)
    assert (error.key, len(error.faults)) == ("times.zone", 1)


def test_a_mapping_that_does_not_exist_names_the_nearest(folder):
    error = folder.tiny("  name: a\n").fault(name="vnpt_igat")

    assert "there is no mapping `vnpt_igat`. Did you mean `vnpt_igate`?" in str(error)


def test_a_canonical_field_that_does_not_exist_cannot_go_out(folder):
    folder.write(
        "tiny.yaml",
        "mapping: tiny\ndirection: out\ntimes: {format: yyyyMMddHHmmss}\ndossier:\n  A: dossier_cod\n"
        "  B:\n    each: documents[]\n    C: nmae\n  D: {any: 'documents[].digitise'}\n",
    )

    error = folder.fault(kind="dossier")

    assert [fault.line for fault in error.faults] == [5, 8, 9]
    assert "`dossier_code`" in str(error) and "`name`" in str(error) and "`digitised`" in str(error)


# --- overlays ----------------------------------------------------------------------------------------------

OVERLAY = """overlay: here
over: vnpt_igate
dossier:
  note: applicant.data.ghichu
  documents:
    each: same
    name: {first: [ten, filename]}
lists:
  vnpt_igate_status:
    - {task: Chờ Chủ tịch ký, is: 4}
    - {id: 16, name: Từ chối tiếp nhận, is: 8}
"""


def test_an_overlay_replaces_single_fields_and_adds_codes(folder, igate):
    folder.write("overlays/here.yaml", OVERLAY)
    record = igate(dossierStatus={"id": 2, "name": "?"}, dossierTaskStatus={"name": "chờ chủ tịch ký"})
    record["applicant"]["data"]["ghichu"] = "Gấp"
    record["dossierFormFile"][0]["file"][0]["ten"] = "Tờ khai"

    mapped = folder.map(record, name="vnpt_igate", kind="dossier", overlay="here")

    assert mapped.findings == []
    assert (mapped.record["note"], mapped.record["status"]) == ("Gấp", 4)
    assert [d["name"] for d in mapped.record["documents"]] == ["Tờ khai", "giay-to-1.pdf", "giay-to-2.pdf"]
    assert mapped.record["documents"][1]["digitised"] is True


def test_an_overlays_codes_count_for_its_province_only(folder, igate):
    folder.write("overlays/here.yaml", OVERLAY)
    lists = CodeLists.load([folder.path])
    record = igate(dossierStatus={"id": 16, "name": "Từ chối tiếp nhận"}, dossierTaskStatus=None)

    here = folder.load(name="vnpt_igate", kind="dossier", overlay="here", lists=lists)
    elsewhere = folder.load(name="vnpt_igate", kind="dossier", lists=lists)

    assert (here.map(record).record["status"], elsewhere.map(record).record["status"]) == (8, 3)


def test_a_finding_of_an_overlaid_rule_points_into_the_overlay(folder, igate):
    folder.write("overlays/here.yaml", OVERLAY)
    record = igate()
    record["applicant"]["data"]["ghichu"] = {"not": "a text"}

    (finding,) = folder.map(record, name="vnpt_igate", kind="dossier", overlay="here").findings

    assert finding.rule == "mappings/overlays/here.yaml:4"


@pytest.mark.parametrize(
    ("change", "line", "told"),
    [
        (("over: vnpt_igate", "over: viettel_onegate"), 2, "is used with `vnpt_igate`"),
        (("note: app", "noet: app"), 4, "Did you mean `note`?"),
        (("    each: same", "    each: sames"), 6, "does not end in `[]`"),
        (("task: Chờ", "tsk: Chờ"), 10, "Did you mean `task`?"),
        (("  vnpt_igate_status:", "  vnpt_status:"), 9, "there is no code list `vnpt_status`"),
        (("is: 8", "is: eight"), 11, "not a whole number"),
    ],
)
def test_an_overlays_errors_name_its_own_lines(folder, change, line, told):
    folder.write("overlays/here.yaml", OVERLAY.replace(*change))

    error = folder.fault(name="vnpt_igate", kind="dossier", overlay="here")

    assert (error.file, error.line) == ("mappings/overlays/here.yaml", line)
    assert told in str(error)


def test_an_unknown_overlay_is_told(folder):
    folder.write("overlays/here.yaml", OVERLAY)

    assert "Did you mean `here`?" in str(folder.fault(name="vnpt_igate", kind="dossier", overlay="her"))


def test_ones_own_file_replaces_the_packages(folder):
    folder.write("vnpt_igate.yaml", "mapping: vnpt_igate\nprocedure:\n  procedure_code: ma\n  name: ten\n")

    assert folder.map({"ma": "1", "ten": "N"}, name="vnpt_igate").record["name"] == "N"


def test_examples_that_do_not_hold_say_where_and_what(folder):
    folder.tiny("  name: name\nexamples:\n  - kind: procedure\n    in: {code: 1, name: A}\n    out: {name: B}\n")
    folder.write("tiny.yaml", (folder.path / "mappings/tiny.yaml").read_text() + "    findings: [missing_name]\n")

    told = [str(failure) for failure in run_examples(folder.load())]

    assert told == [
        "mappings/tiny.yaml:6: name is 'A', the example says 'B'",
        "mappings/tiny.yaml:6: findings are [], the example says ['missing_name']",
    ]
