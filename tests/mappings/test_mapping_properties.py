"""Promises over all inputs: nothing is raised for data, and what goes out says what came in."""

import copy
import unicodedata
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mappings import kinds_of, load_mapping, mapping_names
from mappings.dates import datetime_reader
from schemas.records import DOSSIER, KINDS, STEP, VIET_NAM

IN = {(name, kind): load_mapping(name, kind) for name in mapping_names() for kind in kinds_of(name)}
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("2026-06-12"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value, path=()):
    """Every place inside a record."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


def put(record, path, value):
    if not path:
        return value
    changed = copy.deepcopy(record)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return changed


@pytest.mark.parametrize("system", ["vnpt_igate", "viettel_onegate"])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_junk_at_any_place_is_told_and_never_raised(system, data, igate, viettel):
    record = igate() if system == "vnpt_igate" else viettel()
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.sampled_from(list(places(record))), label="where")
        record = put(record, where, data.draw(JUNK, label="junk"))

    mapped = IN[system, "dossier"].map(record)

    assert list(mapped.record) == [field.name for field in DOSSIER]
    missing = [f.name for f in DOSSIER if f.mandatory and mapped.record[f.name] in (None, [])]
    assert {name.partition(".")[0] for name in missing} <= {finding.field for finding in mapped.findings}
    for step in mapped.record["steps"]:
        assert isinstance(step["at"], datetime) and 1 <= step["status"] <= 10
    for field in DOSSIER:
        value = mapped.record[field.name]
        if field.kind == "time" and value is not None:
            assert value.tzinfo is VIET_NAM and 1990 <= value.year <= 2101
        if field.kind == "text" and value is not None:
            assert isinstance(value, str) and value.encode() and len(value) <= (field.most or len(value))


ODD: tuple[Any, ...] = (
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    True,
    False,
    1.5,
    float("nan"),
    -1,
    10**30,
    "",
    "x",
    "\ud800",
    "\x00",
)


@pytest.mark.parametrize("system", ["vnpt_igate", "viettel_onegate"])
def test_every_odd_value_at_every_place_is_told_and_never_raised(system, igate, viettel):
    record = igate() if system == "vnpt_igate" else viettel()
    for where in places(record):
        for odd in ODD:
            mapped = IN[system, "dossier"].map(put(record, where, odd))
            assert list(mapped.record) == [field.name for field in DOSSIER], (where, odd)


@pytest.mark.parametrize("which", IN, ids=str)
@settings(max_examples=40)
@given(record=JUNK)
def test_a_whole_record_of_junk_is_told_and_never_raised(which, record):
    assert isinstance(IN[which].map(record).findings, list)


def test_a_field_wrong_for_the_first_rule_does_not_hide_the_others(igate):
    record = igate(code=[], acceptedDate=7, dossierStatus={"id": 77, "name": "?"}, dossierTaskStatus=None)
    record["applicant"]["data"].update(ownerFullname=None, fullname=" ", identityNumber="1")

    mapped = IN["vnpt_igate", "dossier"].map(record)

    assert sorted(finding.reason for finding in mapped.findings) == [
        "bad_identity", "bad_value", "bad_value", "missing_owner", "unmapped_status",
    ]  # fmt: skip


# --- canonical -> national ------------------------------------------------------------------------------------------

TIMES = st.datetimes(datetime(1991, 1, 1), datetime(2099, 1, 1)).map(
    lambda at: at.replace(microsecond=0, tzinfo=VIET_NAM)
)
TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=50)
VALUES = {
    "text": TEXTS,
    "int": st.integers(0, 10),
    "flag": st.booleans(),
    "number": st.integers(0, 10**9),
    "time": TIMES,
}


def canonical(fields):
    """Records with these fields; those that are not mandatory may be blank."""
    return st.fixed_dictionaries(
        {
            f.name: st.lists(canonical(f.items), max_size=3)
            if f.kind == "list"
            else VALUES[f.kind]
            if f.mandatory
            else st.none() | VALUES[f.kind]
            for f in fields
        }
    )


READ_TIME = datetime_reader(("yyyyMMddHHmmss",), "Asia/Ho_Chi_Minh")


def same(field, value, wire):
    kind = field.kind
    if kind == "list":
        return len(value) == len(wire) and all(
            same(item, ours[item.name], theirs[item.wire])
            for ours, theirs in zip(value, wire, strict=True)
            for item in field.items
        )
    if value is None:
        return wire in ("", "0")
    if kind == "time":
        return READ_TIME(wire) == value
    if kind == "flag":
        return wire == ("1" if value else "0")
    if kind == "text":
        return wire == unicodedata.normalize("NFC", value)
    return wire == str(value)


def all_texts(value):
    if isinstance(value, dict):
        return all(all_texts(inner) for inner in value.values())
    if isinstance(value, list):
        return all(all_texts(inner) for inner in value)
    return isinstance(value, str)


@settings(max_examples=60)
@given(record=canonical([f for f in DOSSIER if f.name != "steps"]))
def test_every_field_with_a_national_name_goes_out_as_it_is(record):
    hub = {"outgoing_code": "X-1", "procedure_name": "P", "field_code": "F", "field_name": "L"}

    mapped = IN["national_adapter", "dossier"].map({**record, **hub})

    assert mapped.findings == [] and all_texts(mapped.record)
    assert mapped.record["MaHoSo"] == "X-1"
    for field in DOSSIER:
        if field.wire and field.name not in ("steps", "dossier_code"):
            assert same(field, record[field.name], mapped.record[field.wire]), field.name
    digitised = any(document["digitised"] for document in record["documents"])
    assert mapped.record["HoSoCoThanhPhanSoHoa"] == ("1" if digitised else "0")


@settings(max_examples=60)
@given(step=canonical(STEP))
def test_every_field_of_a_step_goes_out_as_it_is(step):
    mapped = IN["national_adapter", "step"].map({**step, "outgoing_code": "X-1"})

    assert mapped.findings == [] and all_texts(mapped.record)
    assert all(same(field, step[field.name], mapped.record[field.wire]) for field in STEP)


def test_a_blank_mandatory_field_is_not_sent_as_a_blank():
    mapped = IN["national_adapter", "dossier"].map({})

    assert "missing_MaHoSo" in {finding.reason for finding in mapped.findings}
    assert mapped.record["NgayHenTra"] == ""


def test_the_outgoing_code_is_the_national_one_where_it_exists():
    code_of = IN["national_adapter", "step"].map
    base = {"at": datetime(2026, 6, 12, tzinfo=VIET_NAM), "status": 2, "dossier_code": "D"}

    assert code_of(base).record["MaHoSo"] == "D"
    assert code_of({**base, "national_code": "N"}).record["MaHoSo"] == "N"
    assert code_of({**base, "national_code": "N", "outgoing_code": "O"}).record["MaHoSo"] == "O"


def test_mapping_is_repeatable_and_leaves_the_source_as_it_was(igate, viettel):
    for system, record in (("vnpt_igate", igate()), ("viettel_onegate", viettel())):
        before = copy.deepcopy(record)
        first = IN[system, "dossier"].map(record)
        again = IN[system, "dossier"].map(record)

        assert record == before
        assert (first.record, first.notes) == (again.record, again.notes)


def test_a_due_day_of_utc_midnight_in_viet_nam_is_the_end_of_that_day(igate):
    record = igate(appointmentDate="2026-06-21T17:00:00.000+0000")

    due = IN["vnpt_igate", "dossier"].map(record).record["due_at"]

    assert due == datetime(2026, 6, 22, tzinfo=VIET_NAM) + timedelta(hours=23, minutes=59, seconds=59)


def test_every_kind_of_record_has_its_fields_in_order():
    assert list(IN["viettel_onegate", "procedure"].map({}).record) == [field.name for field in KINDS["procedure"]]
