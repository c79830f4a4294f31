"""Which reader or writer a rule calls for, made once and shared by the rules that read alike."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from mappings import dates
from mappings.codelists import CodeLists
from mappings.errors import Fault, near
from mappings.language import Located, Times
from mappings.links import link_reader
from mappings.mapped import Refused
from mappings.transforms import (
    Memo,
    citizen_number_reader,
    read_agency_code,
    read_dossier_code,
    read_flag,
    read_integer,
    read_key,
    read_number,
    read_old_agency_code,
    read_procedure_base,
    read_procedure_suffix,
    text_reader,
    write_compact_time,
    write_flag,
    write_number,
)
from schemas.records import Field

FITS = {
    "text": {"text"},
    "dossier_code": {"text"},
    "procedure_base": {"text"},
    "procedure_suffix": {"text"},
    "agency_code": {"text"},
    "agency_code_old": {"text"},
    "link": {"text"},
    "integer": {"int"},
    "number": {"number"},
    "flag": {"flag"},
    "datetime": {"time"},
    "date_end_of_day": {"time"},
    "citizen_number": {"list"},
}
"""Kinds of fields that each way of reading gives."""

WRITTEN = ("procedure_base", "procedure_suffix", "agency_code", "agency_code_old")
"""Ways of reading that a text may also go out by."""

_DEFAULT_AS = {"text": "text", "int": "integer", "flag": "flag", "number": "number", "time": "datetime"}
_SHOWN_FORMATS = (*dates.NAMED, "dd/MM/yyyy HH:mm:ss", "dd/MM/yyyy", "yyyy-MM-dd HH:mm:ss", "yyyyMMddHHmmss")

SELDOM_REPEATED = frozenset(
    (
        *("receipt_no", "applicant_name", "phone", "email", "address", "tax_code", "subject", "national_code"),
        *("documents.document_id", "documents.name", "documents.content", "documents.digest", "results.result_id"),
    )
)
"""Texts that differ from record to record: remembering them would cost more than reading them."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How generated code reads one value: `style` is memo (a look-up), int (inline check) or call."""

    name: str
    style: Literal["memo", "int", "call"]
    made: Any


_NEVER = Reader("never", "call", None)
"""Stands in for a reader that a fault kept from being made; a mapping with faults is never compiled."""


class LookUp(dict[Any, Any]):
    """Found codes by raw key. Keys that Python calls equal (1, True, 1.0) are one key to `read_key` too."""

    __slots__ = ("find",)

    def __init__(self, find: Callable[[Any], Any]) -> None:
        super().__init__({None: None, "": None})
        self.find = find

    def __missing__(self, key: Any) -> Any:
        code = self.find(key)
        if len(self) < 50_000:
            self[key] = code
        return code


@dataclass(slots=True)
class Readers:
    """Makes readers for the rules of one section. Faults are collected in `faults`, which the planner raises."""

    times: Times
    lists: CodeLists
    faults: list[Fault]
    _made: dict[str, Reader] = field(default_factory=dict)

    def incoming(self, full: str, rule: Located, canonical: Field, joined: bool, on_a_day: bool = False) -> Reader:
        """The reader for a canonical field; `full` is its name with its list (`documents.url`). `on_a_day`: a key ends
        with the day that decides between dated entries."""
        r = rule.rule
        if r.table is not None:
            return self._table(full, rule)
        if r.list_ is not None:
            return self._listed(full, rule, r.list_, canonical, on_a_day)
        as_ = r.as_ or ("text" if joined else _DEFAULT_AS.get(canonical.kind, "text"))
        if canonical.kind not in FITS[as_]:
            what = f"`as: {as_}` does not give a field of kind {canonical.kind}."
            fitting = [name for name, kinds in FITS.items() if canonical.kind in kinds]
            self.faults.append(rule.fault("as", what, near("", fitting)))
        if as_ == "text":
            return self._text(r.cut or canonical.most, full in SELDOM_REPEATED)
        if as_ in ("datetime", "date_end_of_day"):
            return self._time(as_, rule)
        return self._kept(as_, _MAKERS[as_])

    def outgoing(self, full: str, rule: Located, kind: str) -> Reader:
        """The writer for a canonical value of a kind; its texts are what the wire carries."""
        as_ = rule.rule.as_
        if as_ is not None and (as_ not in WRITTEN or kind != "text" or rule.rule.list_ or rule.rule.table):
            what = f"`as: {as_}` says nothing of a value that goes out."
            self.faults.append(rule.fault("as", what, f"Only texts are written another way: {', '.join(WRITTEN)}."))
        if rule.rule.table is not None:
            return self._table(full, rule)
        if rule.rule.list_ is not None:
            return self._listed(full, rule, rule.rule.list_, None, False)
        if kind == "flag":
            return self._kept("flag_out", lambda: Reader("flag_out", "memo", Memo(write_flag, {True: "1", False: "0"})))
        if kind == "time":
            return self._written_time(rule)
        if kind in ("int", "number"):
            return self._kept("number_out", lambda: Reader("number_out", "memo", Memo(write_number)))
        if as_ in WRITTEN:
            return self._kept(as_, _MAKERS[as_])
        return self._text(rule.rule.cut, False)

    def _text(self, most: int | None, seldom: bool) -> Reader:
        name = f"text_{most}" if most else "text"
        if seldom:
            return self._kept(f"{name}_once", lambda: Reader(f"{name}_once", "call", text_reader(most)))
        return self._kept(name, lambda: Reader(name, "memo", Memo(text_reader(most))))

    def _time(self, as_: str, rule: Located) -> Reader:
        said = rule.rule.format or self.times.format
        formats = tuple(said) if isinstance(said, list) else (said,)
        zone = rule.rule.zone or self.times.zone
        for name in formats:
            if not dates.is_format(name):
                what = f"`{name}` is not a format of a time."
                return self._unreadable(rule, "format", rule.rule.format, what, near(name, _SHOWN_FORMATS))
        if zone not in dates.ZONES:
            what = f"`{zone}` is not a known zone."
            return self._unreadable(rule, "zone", rule.rule.zone, what, near(zone, dates.ZONES))
        key = f"{'|'.join(formats)} {zone}"
        read = self._kept(key, lambda: Reader("datetime", "call", dates.datetime_reader(formats, zone)))
        if as_ == "datetime":
            return read
        return self._kept(f"{key} limit", lambda: Reader(as_, "call", dates.end_of_day_reader(read.made)))

    def _written_time(self, rule: Located) -> Reader:
        """A time on its way out: one format, in a zone."""
        said, zone = rule.rule.format or self.times.format, rule.rule.zone or self.times.zone
        if isinstance(said, list) or not dates.is_format(said):
            what = f"`{said}` is not one format of a time."
            return self._unreadable(rule, "format", rule.rule.format, what, near(str(said), _SHOWN_FORMATS))
        if zone not in dates.ZONES:
            what = f"`{zone}` is not a known zone."
            return self._unreadable(rule, "zone", rule.rule.zone, what, near(zone, dates.ZONES))
        if (said, zone) == ("yyyyMMddHHmmss", "Asia/Ho_Chi_Minh"):
            return self._kept("time_out", lambda: Reader("time_out", "call", write_compact_time))
        key = f"{said} {zone} out"
        return self._kept(key, lambda: Reader("time_out", "call", dates.datetime_writer(said, zone)))

    def _unreadable(self, rule: Located, part: str, own: Any, what: str, next_step: str) -> Reader:
        """Tell a fault at the rule that says the word itself, else once at the file's `times`."""
        fault = rule.fault(part, what, next_step) if own else rule.file.fault(("times", part), what, next_step)
        if fault not in self.faults:
            self.faults.append(fault)
        return _NEVER

    def _table(self, full: str, rule: Located) -> Reader:
        codes = {read_key(key): value for key, value in (rule.rule.table or {}).items()}
        name = full.rpartition(".")[2]
        reason = rule.rule.reason or f"unmapped_{name}"

        def find(value: Any) -> Any:
            key = read_key(value)
            if key is not None and key not in codes:
                raise Refused(reason)
            return None if key is None else codes[key]

        return Reader(f"table_{full.replace('.', '_')}", "memo", LookUp(find))

    def _listed(self, full: str, rule: Located, name: str, canonical: Field | None, on_a_day: bool) -> Reader:
        r = rule.rule
        if name not in self.lists:
            what = f"there is no code list `{name}`."
            self.faults.append(rule.fault("list", what, near(name, self.lists.names())))
            return _NEVER
        codes = self.lists[name]
        if canonical is not None and codes.to != canonical.kind:
            what = f"list `{name}` gives {codes.to}, the field is of kind {canonical.kind}."
            self.faults.append(rule.fault("list", what, "Use a list of that kind."))
        reason = f"unmapped_{full.rpartition('.')[2]}"
        other = self._beside_a_list(rule, canonical)

        def said(code: Any) -> Any:
            return code if canonical is not None or code is None else str(code)

        def find(key: Any) -> Any:
            return found(key if isinstance(key, tuple) else (key,), None)

        def find_on(key: tuple[Any, ...]) -> Any:
            return found(key[:-1], key[-1])

        def found(values: tuple[Any, ...], day: date | None) -> Any:
            try:
                return said(codes.look_up(values, day, r.reason, reason))
            except Refused:
                if other is None:
                    raise
                return other(values[0])

        return Reader(f"{name}_on" if on_a_day else name, "memo", LookUp(find_on if on_a_day else find))

    def _beside_a_list(self, rule: Located, canonical: Field | None) -> Callable[[Any], Any] | None:
        """How a code is read that the list does not know; None where such a code is refused."""
        as_ = rule.rule.as_
        if canonical is None or as_ is None:
            return None
        if as_ not in _BESIDE_A_LIST or rule.rule.at:
            what = f"`as: {as_}` cannot stand beside this list."
            self.faults.append(
                rule.fault("as", what, f"Say {' or '.join(_BESIDE_A_LIST)}, without `at`, or leave it out.")
            )
            return None
        return _BESIDE_A_LIST[as_]

    def _kept(self, key: str, make: Callable[[], Reader]) -> Reader:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


_BESIDE_A_LIST: dict[str, Callable[[Any], Any]] = {"procedure_base": read_procedure_base, "text": text_reader()}
"""Readings of codes that a list does not know."""

_MAKERS: dict[str, Callable[[], Reader]] = {
    "integer": lambda: Reader("integer", "int", Memo(read_integer)),
    "number": lambda: Reader("number", "int", Memo(read_number)),
    "flag": lambda: Reader("flag", "memo", Memo(read_flag, {True: True, False: False})),
    "dossier_code": lambda: Reader("dossier_code", "call", read_dossier_code),
    "procedure_base": lambda: Reader("procedure_base", "memo", Memo(read_procedure_base)),
    "procedure_suffix": lambda: Reader("procedure_suffix", "memo", Memo(read_procedure_suffix)),
    "agency_code": lambda: Reader("agency_code", "memo", Memo(read_agency_code)),
    "agency_code_old": lambda: Reader("agency_code_old", "memo", Memo(read_old_agency_code)),
    "citizen_number": lambda: Reader("citizen_number", "call", citizen_number_reader()),
    "link": lambda: Reader("link", "call", link_reader()),
}
