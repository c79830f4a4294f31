"""Promises of the language over all inputs: what goes out comes back, overlays touch nothing else, lists keep order."""

import copy
import unicodedata
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings import CodeLists, load_mapping
from mappings.conditions import holds
from mappings.dates import ZONES, datetime_reader, datetime_writer
from mappings.mapped import Amended, Refused
from mappings.paths import value_at
from mappings.places import BASE
from mappings.transforms import clean, read_number, text_reader
from schemas.identifiers import new_agency_code, old_agency_code, procedure_base, procedure_suffix
from schemas.records import APPLICATION, DOSSIER, STEP, VIET_NAM
from tests.mappings.conftest import igate
from tests.mappings.test_mapping_properties import JUNK, TIMES, canonical, places, put

KNOWN_BOTH_WAYS = [f for f in DOSSIER if f.wire and f.name not in ("dossier_code", "steps")]
"""Fields of a dossier that the national side knows by a name of its own."""


LISTS = CodeLists.load()


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Loads a mapping that a test writes, once: `own(name, text, overlay=text)`."""
    root: Path = tmp_path_factory.mktemp("own")
    (root / "mappings" / "overlays").mkdir(parents=True)

    @cache
    def load(name: str, text: str, kind: str = "dossier", overlay: str | None = None):
        (root / "mappings" / f"{name}.yaml").write_text(f"mapping: {name}\n{text}", encoding="utf-8")
        over = None if overlay is None else f"over_{name}"
        if over:
            said = f"overlay: {over}\nover: {name}\n{overlay}"
            (root / "mappings" / "overlays" / f"{over}.yaml").write_text(said, encoding="utf-8")
        return load_mapping(name, kind, [root], over, LISTS, whole=False)

    return load


@cache
def ours(name, kind):
    """A mapping of the package."""
    return load_mapping(name, kind, lists=LISTS)


def backwards(fields, depth=2):
    """Rules that read the national names back into these fields."""
    lines = []
    for f in fields:
        if f.kind == "list":
            lines += [f"{' ' * depth}{f.name}:", f"{' ' * depth}  each: {f.wire}[]", *backwards(f.items, depth + 2)]
        else:
            lines.append(f"{' ' * depth}{f.name}: {f.wire}")
    return lines


def cleaned(fields, record):
    """A record as it comes back: texts in NFC, a number without a fraction as an integer."""
    return {
        f.name: [cleaned(f.items, entry) for entry in record[f.name]]
        if f.kind == "list"
        else unicodedata.normalize("NFC", record[f.name])
        if isinstance(record[f.name], str)
        else record[f.name]
        for f in fields
    }


# What has no word for "blank" on the wire comes back as what stands there instead.
NATIONAL_DEFAULTS = {"online_payment": 0, "identity_verified": False}
DOCUMENT_DEFAULTS = {"digitised": False, "reused": 0}


def filled_in(record):
    """The blanks that the national side has a value for."""
    known = {k: NATIONAL_DEFAULTS.get(k, v) if v is None else v for k, v in record.items()}
    known["documents"] = [
        {k: DOCUMENT_DEFAULTS.get(k, v) if v is None else v for k, v in one.items()} for one in record["documents"]
    ]
    return known


@settings(max_examples=25)
@given(record=canonical(KNOWN_BOTH_WAYS))
def test_what_goes_to_the_national_side_reads_back_as_it_was(own, record):
    out = ours("national_adapter", "dossier")
    back = own("back", "times: {format: yyyyMMddHHmmss}\ndossier:\n" + "\n".join(backwards(KNOWN_BOTH_WAYS)))
    hub = {"outgoing_code": "X-1", "procedure_name": "P", "field_code": "F", "field_name": "L"}

    sent = out.map({**record, **hub})
    read = back.map(sent.record)

    assert (sent.findings, read.findings) == ([], [])
    expected = cleaned(KNOWN_BOTH_WAYS, filled_in(record))
    got = {f.name: read.record[f.name] for f in KNOWN_BOTH_WAYS}
    assert got == without_blank_entries(expected)


def without_blank_entries(record):
    """Entries that say nothing go out as blanks and are no entries when they come back."""
    return {
        name: [without_blank_entries(one) for one in value if any(part not in (None, []) for part in one.values())]
        if isinstance(value, list)
        else value
        for name, value in record.items()
    }


@settings(max_examples=30)
@given(step=canonical(STEP))
def test_a_step_reads_back_as_it_was(own, step):
    rules = "".join(f"    {f.name}: {f.wire}\n" for f in STEP)
    back = own("steps", "times: {format: yyyyMMddHHmmss}\ndossier:\n  steps:\n    each: steps[]\n" + rules)
    status = {**step, "status": 1 + step["status"] % 3}

    sent = ours("national_adapter", "step").map({**status, "outgoing_code": "X"})
    read = back.map({"steps": [sent.record]})

    assert (sent.findings, read.findings, read.held_steps) == ([], [], [])
    assert read.record["steps"] == [cleaned(STEP, status)]


INTAKE_BACK = """times: {format: yyyy-MM-dd HH:mm:ss}
application:
  national_code: maHoSoQuocGia
  applicant_name: chuHoSo
  applicant_kind: {from: loaiDoiTuong, table: {0: 1, 1: 2, 2: 3, 3: 4}}
  tax_code: maSoThue
  phone: soDienThoai
  email: email
  address: diaChi
  province: maTinh
  commune: maXa
  subject: trichYeu
  submitted_at: ngayNop
  note: ghiChu
  identifiers: {each: "giayToTuyThan[]", kind: loai, number: so}
"""


@settings(max_examples=30)
@given(record=canonical(APPLICATION), kind=st.integers(1, 4))
def test_what_is_handed_to_a_provinces_intake_reads_back_as_it_was(own, record, kind):
    given_record = {**record, "applicant_kind": kind, "submitted_at": record["submitted_at"] or A_TIME}
    hub = {"procedure_code_local": "1.001612.H38", "procedure_name": "P", "status": 1, "steps": []}

    sent = ours("vnpt_intake", "application").map({**given_record, **hub})
    read = own("intake_back", INTAKE_BACK, "application").map(sent.record)

    names = [name for name in read.record if name in INTAKE_BACK and name not in ("procedure_code", "documents")]
    expected = cleaned(APPLICATION, given_record)
    assert (sent.findings, read.findings) == ([], [])
    assert {name: read.record[name] for name in names} == {name: expected[name] for name in names}


A_TIME = datetime_reader(("iso",), "Asia/Ho_Chi_Minh")("2026-06-12T08:00:00")


# --- overlays -------------------------------------------------------------------------------------------------------

FREE = ["national_code", "note", "email", "phone", "address", "status_source", "agency_code", "tax_code", "commune"]


@settings(max_examples=15)
@given(names=st.sets(st.sampled_from(FREE), min_size=1), wrong=st.data())
def test_an_overlay_replaces_what_it_names_and_nothing_else(own, names, wrong):
    text = (BASE / "vnpt_igate.yaml").read_text("utf-8").split("\n", 2)[2]
    base = own("igate_base", text)
    over = own("igate_base", text, overlay="dossier:\n" + "".join(f"  {name}: elsewhere.{name}\n" for name in names))
    record = igate()
    for _ in range(wrong.draw(st.integers(0, 2))):
        record = put(record, wrong.draw(st.sampled_from([p for p in places(record) if p])), wrong.draw(JUNK))
    record["elsewhere"] = {name: f"here {name}" for name in names}

    before, after = base.map(record), over.map(record)

    assert {name: after.record[name] for name in names} == {name: f"here {name}" for name in names}
    untouched = [name for name in before.record if name not in names]
    assert [after.record[name] for name in untouched] == [before.record[name] for name in untouched]
    kept = [finding for finding in before.findings if finding.field not in names]
    assert sorted(map(told, after.findings)) == sorted(map(told, kept))


def told(finding):
    return (finding.reason, finding.field, str(finding.value), str(finding.path))


# --- whatever is wrong is told --------------------------------------------------------------------------------------

RICH = """times: {format: [dd/MM/yyyy, iso]}
dossier:
  dossier_code: {from: a.code, as: dossier_code, required: true}
  procedure_code: {from: [p.code], as: procedure_base, list: local_procedures}
  agency_code: {from: "units[-1]", as: agency_code}
  agency_name: {join: [a.x, a.y], when: [{a.x: {filled: true}, b: {not: [X]}}, {c: {same: a.y}}]}
  identifiers: {from: who.no, as: citizen_number, stated: who.kind}
  applicant_kind: {from: who.type, table: {a: 1, b: 2}, default: 4}
  received_at: d
  due_at: {from: e, as: date_end_of_day, blank: blank_due}
  supplements:
    each: asked[]
    only: {b: {not: hidden}}
    where: {gone: {filled: false}}
    content: what
    requested_at: {from: at, format: epoch_ms}
    documents:
      each: /papers[].file[]
      where: {of: {same: ^^no}}
      name: {first: [name, ^title, ^^what]}
      url: {from: link, as: link}
"""
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "a": JUNK | st.fixed_dictionaries({"code": JUNK, "x": JUNK, "y": JUNK}),
        "p": st.fixed_dictionaries({"code": JUNK}),
        "units": st.lists(JUNK, max_size=2),
        "who": st.fixed_dictionaries({"no": JUNK | st.just("051190001234"), "kind": JUNK, "type": JUNK}),
        "b": JUNK,
        "c": JUNK,
        "d": JUNK | st.just("12/06/2026"),
        "e": JUNK,
        "asked": st.lists(JUNK | st.fixed_dictionaries({"what": JUNK, "no": st.integers(0, 2) | JUNK}), max_size=3),
        "papers": st.lists(
            JUNK | st.fixed_dictionaries({"file": st.lists(st.fixed_dictionaries({"of": st.integers(0, 2)}))}),
            max_size=3,
        ),
    },
)


@settings(max_examples=100)
@given(record=SHAPED)
def test_whatever_is_wrong_is_told_with_rule_path_and_value(own, record):
    before = copy.deepcopy(record)

    mapped = own("rich", RICH).map(record)

    for finding in mapped.findings:
        file, line = str(finding.rule).split(":")
        assert (file, int(line) > 1) == ("mappings/rich.yaml", True)
        assert finding.path and finding.field.partition(".")[0] in mapped.record
        assert (finding.value is None) == finding.reason.startswith("missing_")
    assert repr(record) == repr(before)


@settings(max_examples=60)
@given(
    asked=st.lists(st.fixed_dictionaries({"no": st.integers(0, 3), "what": st.text("abc", min_size=1)}), max_size=4),
    papers=st.lists(st.fixed_dictionaries({"of": st.integers(0, 3), "name": st.text("xyz", min_size=1)}), max_size=6),
)
def test_lists_in_lists_keep_their_order_and_count(own, asked, papers):
    inside = [{**one, "paper": [paper for paper in papers if paper["of"] == one["no"]]} for one in asked]
    text = RICH.replace("/papers[].file[]", "paper[]").replace("^title, ", "").replace("^^", "^")

    nested = own("nested", text).map({"asked": inside}).record["supplements"]
    joined = own("rich", RICH).map({"asked": asked, "papers": [{"file": papers}]}).record["supplements"]

    expected = [(one["what"], [paper["name"] for paper in one["paper"]]) for one in inside]
    for found in (nested, joined):
        assert [(one["content"], [paper["name"] for paper in one["documents"]]) for one in found] == expected


CONDITIONS = ["{a: [1, X]}", "{a: {not: [x, 2]}}", "{a: {filled: true}}", "{b.c: {filled: false}, a: {same: b.d}}"]
PLAIN = st.sampled_from([None, "", " ", "x", "X", "1", "2", 0, 1, 2, 1.0, True, False])
ASKED = st.fixed_dictionaries({"a": PLAIN, "b": st.fixed_dictionaries({"c": PLAIN, "d": PLAIN})})


@settings(max_examples=60)
@given(record=ASKED, when=st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=2))
def test_a_report_and_a_run_agree_on_conditions(own, record, when):
    mapping = own("asks", f"dossier:\n  note: {{value: N, when: [{', '.join(when)}]}}\n")
    (plan,) = mapping.plans

    mapped = mapping.map(record)

    assert mapped.findings == []
    assert (mapped.record["note"] == "N") is holds(plan.when, lambda path: value_at(path, record))


# --- single values ----------------------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(st.text(), st.integers(1, 20))
def test_cleaning_a_clean_text_changes_nothing(text, most):
    once = clean(text)

    assert clean(once) == once and unicodedata.is_normalized("NFC", once)
    try:
        read = text_reader(most)(text)
    except Amended as amended:
        read = amended.value
    except Refused:
        return
    assert read is None or (len(read) <= most and text_reader(most)(read) == read)


SEPARATORS = st.sampled_from(["", "-", "/", ".", " "])


@settings(max_examples=100)
@given(
    day=st.permutations(["yyyy", "MM", "dd"]),
    mark=SEPARATORS,
    time=st.sampled_from(["", " HH:mm:ss", "THH:mm:ss.SSS", "HHmmss", " HH:mm"]),
    zone=st.sampled_from(sorted(ZONES)),
    at=TIMES,
    millis=st.integers(0, 999),
)
def test_a_time_reads_back_from_every_format_as_far_as_the_format_says_it(day, mark, time, zone, at, millis):
    form, at = mark.join(day) + time, at + timedelta(milliseconds=millis)

    read = datetime_reader((form,), zone)(datetime_writer(form, zone if time else "Asia/Ho_Chi_Minh")(at))

    said = at.replace(microsecond=at.microsecond if "SSS" in form else 0, second=at.second if "ss" in form else 0)
    assert read == (said if time else said.replace(hour=0, minute=0))
    assert read is not None and read.tzinfo is VIET_NAM


@settings(max_examples=60)
@given(form=st.sampled_from(["iso", "epoch_s", "epoch_ms"]), at=TIMES, zone=st.sampled_from(sorted(ZONES)))
def test_a_time_reads_back_from_every_named_format(form, at, zone):
    assert datetime_reader((form,), zone)(datetime_writer(form, zone)(at)) == at


@given(
    number=st.integers(0, 10**15), mark=st.sampled_from([".", ","]), unit=st.sampled_from(["", " đồng", "đ", " VNĐ"])
)
def test_a_printed_amount_reads_back(number, mark, unit):
    assert read_number(f"{number:,}".replace(",", mark) + unit) == number
    assert read_number("-" + f"{number:,}".replace(",", mark)) == -number


GROUP = st.text("0123456789ABC", min_size=2, max_size=2)
UNIT = st.builds("{}{:02}".format, st.sampled_from("GHA"), st.integers(0, 99))


@given(top=UNIT, groups=st.lists(GROUP, max_size=2), last=st.none() | st.text("0123456789", min_size=3, max_size=3))
def test_an_agency_code_reads_back_from_both_forms(top, groups, last):
    code = ".".join([top, *groups, *([last] if last and len(groups) == 2 else [])])
    old = old_agency_code(code)

    assert old is not None and old_agency_code(old) == old
    assert new_agency_code(old) == new_agency_code(code)
    assert old.split(".")[::-1][0] == top and len(old.split(".")) == 4


@given(base=st.from_regex(r"[0-9]\.[0-9]{6}", fullmatch=True), unit=UNIT, long=st.sampled_from(["", ".000.00.00"]))
def test_a_procedure_code_is_its_base_and_its_suffix(base, unit, long):
    code = f"{base}{long}.{unit}"

    assert (procedure_base(code), procedure_suffix(code)) == (base, unit)
    assert (procedure_base(base), procedure_suffix(base)) == (base, None)
