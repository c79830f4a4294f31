"""Rules checked against the canonical record and made ready for the compiler."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from mappings import dates
from mappings.codelists import CodeLists
from mappings.errors import Fault, MappingError, near
from mappings.language import Located, Rule, Scalar, Times
from mappings.links import link_reader
from mappings.mapped import Refused, Where
from mappings.paths import Path, parse_each, parse_path
from mappings.transforms import (
    Memo,
    citizen_number_reader,
    read_dossier_code,
    read_flag,
    read_integer,
    read_key,
    read_number,
    read_procedure_base,
    read_stated_kind,
    text_reader,
    write_compact_time,
    write_flag,
    write_number,
)
from schemas.records import DOSSIER, KINDS, STEP, Field

Take = Literal["from", "first", "join", "any", "value", "key"]

HUB_FIELDS = (
    Field("outgoing_code", "text", "the one code under which the dossier goes out"),
    Field("procedure_name", "text", "national name of the procedure"),
    Field("field_code", "text", "national code of the field"),
    Field("field_name", "text", "national name of the field"),
)
"""What the hub adds to a canonical dossier before it is written for the national side."""

OUT_KINDS: dict[str, tuple[Field, ...]] = {
    "dossier": (*DOSSIER, *HUB_FIELDS),
    "step": (*STEP, HUB_FIELDS[0], DOSSIER[0], DOSSIER[1]),
}
"""Records that an outgoing mapping can read."""

_FITS = {
    "text": {"text"},
    "dossier_code": {"text"},
    "procedure_base": {"text"},
    "link": {"text"},
    "integer": {"int"},
    "number": {"number"},
    "flag": {"flag"},
    "datetime": {"time"},
    "date_end_of_day": {"time"},
    "citizen_number": {"list"},
}
_DEFAULT_AS = {"text": "text", "int": "integer", "flag": "flag", "number": "number", "time": "datetime"}
_CONSTANTS: dict[str, tuple[type, ...]] = {"text": (str,), "int": (int,), "flag": (bool,), "number": (int, float)}


@dataclass(frozen=True, slots=True)
class Reader:
    """How generated code reads one value: `style` is memo (a look-up), int (inline check) or call."""

    name: str
    style: Literal["memo", "int", "call"]
    made: Any


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field, ready to be compiled."""

    target: str
    kind: str
    take: Take
    where: Where
    paths: tuple[Path | None, ...] = ()
    reader: Reader | None = None
    between: str = " "
    constant: Any = None
    default: Any = None
    at: str | None = None
    stated: Path | None = None
    when: tuple[tuple[Path, frozenset[str | None]], ...] = ()
    blank: str | None = None
    several: bool = False


@dataclass(frozen=True, slots=True)
class ListPlan:
    """One list field: the lists to walk, outermost first, and the fields of an entry."""

    target: str
    levels: tuple[tuple[str, ...], ...]
    where: Where
    items: tuple[FieldPlan, ...]
    entry_keys: tuple[str, ...]
    steps: bool = False


@dataclass(slots=True)
class Planner:
    """Turns located rules into plans; collects every fault before it raises."""

    kind: str
    out: bool
    times: Times
    lists: CodeLists
    faults: list[Fault] = field(default_factory=list)
    _texts: dict[int | None, Reader] = field(default_factory=dict)
    _made: dict[str, Reader] = field(default_factory=dict)

    def plan(self, section: dict[str, Located], file_name: str) -> list[FieldPlan | ListPlan]:
        """Plans in the order of the canonical record (in) or of the file (out). Raises MappingError."""
        plans: list[FieldPlan | ListPlan] = []
        if self.out:
            for name, rule in section.items():
                plans.append(self._out_list(name, rule) if rule.each else self._field(name, rule, None, ""))
        else:
            known = {f.name: f for f in KINDS[self.kind]}
            for name, rule in section.items():
                if name not in known:
                    self.faults.append(
                        rule.fault(None, f"no canonical field of a {self.kind} has this name.", near(name, known))
                    )
            for canonical in known.values():
                rule = section.get(canonical.name)  # type: ignore[assignment]
                if rule is not None:
                    plans.append(self._in_field(canonical, rule))
                elif canonical.mandatory:
                    what = f"the mandatory field `{canonical.name}` ({canonical.doc}) has no rule."
                    self.faults.append(Fault(file_name, 1, self.kind, what, "Say where the source carries it."))
            self._check_at(plans, section)
        if self.faults:
            raise MappingError(self.faults)
        return plans

    def _in_field(self, canonical: Field, rule: Located) -> FieldPlan | ListPlan:
        if rule.each is None:
            return self._field(canonical.name, rule, canonical, "")
        levels = self._levels(rule)
        known = {f.name: f for f in canonical.items}
        if not known:
            self.faults.append(rule.fault("each", f"`{canonical.name}` is not a list.", "Give it one value by `from`."))
        for name, item in rule.items.items():
            if known and name not in known:
                what = f"no entry of `{canonical.name}` has a field of this name."
                self.faults.append(item.fault(None, what, near(name, known)))
        items = []
        for item_field in known.values():
            located = rule.items.get(item_field.name)
            if located is not None:
                items.append(self._field(item_field.name, located, item_field, f"{canonical.name}.", len(levels)))
            elif item_field.mandatory:
                what = f"entries of `{canonical.name}` need `{item_field.name}` ({item_field.doc})."
                self.faults.append(rule.fault(None, what, "Say where the source carries it."))
        where = Where(canonical.name, rule.each, rule.where)
        return ListPlan(canonical.name, levels, where, tuple(items), tuple(known), canonical.name == "steps")

    def _out_list(self, name: str, rule: Located) -> ListPlan:
        levels = self._levels(rule)
        source = {f.name: f for f in OUT_KINDS[self.kind]}
        canonical = source.get(levels[0][0]) if levels else None
        if canonical is None or canonical.kind != "list" or len(levels) != 1:
            lists = [f.name for f in source.values() if f.kind == "list"]
            self.faults.append(
                rule.fault("each", f"`{rule.each}` is not a canonical list.", near(str(rule.each).rstrip("[]"), lists))
            )
            canonical = Field(name, "list", "")
        items = tuple(
            self._field(item, located, None, f"{name}.", 1, canonical.items) for item, located in rule.items.items()
        )
        return ListPlan(name, levels, Where(name, str(rule.each), rule.where), items, tuple(rule.items))

    def _levels(self, rule: Located) -> tuple[tuple[str, ...], ...]:
        try:
            return tuple(parse_each(rule.each or ""))
        except ValueError as error:
            self.faults.append(rule.fault("each", f"{error}.", "Write `list[]` or `outer[].inner[]`."))
            return ()

    def _field(
        self,
        name: str,
        rule: Located,
        canonical: Field | None,
        prefix: str,
        depth: int = 0,
        item_fields: tuple[Field, ...] | None = None,
    ) -> FieldPlan:
        """One field's plan. `canonical` is the target when records come in; None when they go out."""
        r = rule.rule
        take, texts = self._take(rule)
        kind = canonical.kind if canonical else "wire"
        if kind == "list" and r.as_ != "citizen_number":
            what = f"`{name}` is a list."
            self.faults.append(rule.fault(None, what, "Walk the source list by `each`, or read it `as: citizen_number`."))
        paths = tuple(None if text is None else self._path(text, rule, depth) for text in texts)
        stated = self._path(r.stated, rule, depth) if r.stated else None
        reader = self._reader(name, rule, canonical, take, paths, depth, item_fields)
        if r.list_ or r.table is not None:
            take = "key"
            self._check_parts(rule, len(paths))
        elif len(paths) > 1 and take == "from":
            self.faults.append(rule.fault("from", "several paths need a `list`.", "Use `first` or `join`."))
        full = prefix + name
        where = Where(
            full,
            " | ".join(text for text in texts if text),
            rule.where,
            r.missing or _missing_word(full),
            bool((canonical and canonical.mandatory) or r.required),
        )
        when = tuple(
            (self._path(path, rule, depth), frozenset(map(read_key, said if isinstance(said, list) else [said])))
            for path, said in (r.when or {}).items()
        )
        self._check_constant(rule, "value", r.value, kind)
        self._check_constant(rule, "default", r.default, kind)
        default = r.default
        if self.out:
            default = "" if default is None else default
        link = canonical is not None and r.as_ == "link"
        if link and not depth:
            self.faults.append(rule.fault("as", "links live in the entries of a list.", "Use `each`."))
        return FieldPlan(
            name, kind, take, where, paths, reader, r.with_, r.value, default, r.at, stated, when, r.blank, link
        )

    def _take(self, rule: Located) -> tuple[Take, list[str | None]]:
        r = rule.rule
        said: list[Take] = [
            name
            for name, value in (
                ("from", r.from_), ("first", r.first), ("join", r.join), ("any", r.any_), ("value", r.value)
            )
            if value is not None
        ]  # type: ignore[misc]  # fmt: skip
        if len(said) != 1:
            what = "no source is named." if not said else f"{' and '.join(said)} cannot stand together."
            self.faults.append(rule.fault(None, what, "Say one of from, first, join, any, value."))
            return "value", []
        if said[0] == "from":
            return "from", list(r.from_) if isinstance(r.from_, list) else [r.from_]
        if said[0] == "any":
            return "any", [r.any_]
        return said[0], list(r.first or r.join or ())

    def _path(self, text: str, rule: Located, depth: int) -> Path:
        try:
            path = parse_path(text.replace("[].", ".", 1) if rule.rule.any_ == text else text)
        except ValueError as error:
            self.faults.append(rule.fault(None, f"{error}.", "Write keys with points between: `procedure.code`."))
            return parse_path("x")
        if path.up is not None and path.up > max(depth - 1, 0):
            self.faults.append(rule.fault(None, f"`{text}` climbs over the top.", "Use `/` for the top of the record."))
        return path

    def _check_parts(self, rule: Located, count: int) -> None:
        name = rule.rule.list_
        if rule.rule.table is not None:
            if name or count != 1:
                self.faults.append(rule.fault("table", "a table has one path and no `list`.", "Use a code list file."))
        elif name in self.lists and count > len(self.lists[name].parts):
            parts = ", ".join(self.lists[name].parts)
            self.faults.append(rule.fault("from", f"list `{name}` has only the parts {parts}.", "Name fewer paths."))

    def _check_constant(self, rule: Located, part: str, value: Scalar | None, kind: str) -> None:
        if value is None:
            return
        fits = (str,) if kind == "wire" else _CONSTANTS.get(kind, ())
        if not isinstance(value, fits) or (isinstance(value, bool) and bool not in fits):
            word = "text" if kind == "wire" else kind
            self.faults.append(rule.fault(part, f"`{value}` does not fit a field of kind {word}.", "Mind the quotes."))

    def _check_at(self, plans: Iterable[FieldPlan | ListPlan], section: dict[str, Located]) -> None:
        times = [plan.target for plan in plans if isinstance(plan, FieldPlan) and plan.kind == "time"]
        for rule in [r for located in section.values() for r in (located, *located.items.values())]:
            dated = bool(rule.rule.list_ and rule.rule.list_ in self.lists and self.lists[rule.rule.list_].dated)
            if rule.rule.at is not None and rule.rule.at not in times:
                self.faults.append(rule.fault("at", "this is not a time of the record.", near(rule.rule.at, times)))
            elif dated and rule.rule.at is None:
                what = f"list `{rule.rule.list_}` has dated entries, so a code needs a day."
                self.faults.append(rule.fault("list", what, "Name a time of the record by `at`."))

    # --- readers --------------------------------------------------------------------------------------------------

    def _reader(
        self,
        name: str,
        rule: Located,
        canonical: Field | None,
        take: Take,
        paths: tuple[Path | None, ...],
        depth: int,
        item_fields: tuple[Field, ...] | None,
    ) -> Reader | None:
        r = rule.rule
        if take == "value":
            return None
        if r.list_ or r.table is not None:
            return self._list_reader(name, rule, canonical)
        if canonical is None:
            return self._writer(rule, take, [p for p in paths if p], depth, item_fields)
        as_ = r.as_ or ("text" if take == "join" else _DEFAULT_AS.get(canonical.kind, "text"))
        if canonical.kind not in _FITS[as_]:
            what = f"`as: {as_}` does not give a field of kind {canonical.kind}."
            self.faults.append(rule.fault("as", what, near("", [a for a, k in _FITS.items() if canonical.kind in k])))
        if as_ == "text":
            return self._text(r.cut or canonical.most)
        return self._named_reader(as_, rule)

    def _named_reader(self, as_: str, rule: Located) -> Reader:
        r = rule.rule
        if as_ in ("datetime", "date_end_of_day"):
            return self._time(as_, rule)
        makers: dict[str, Callable[[], Reader]] = {
            "integer": lambda: Reader("integer", "int", Memo(read_integer)),
            "number": lambda: Reader("number", "int", Memo(read_number)),
            "flag": lambda: Reader("flag", "memo", Memo(read_flag, {True: True, False: False})),
            "dossier_code": lambda: Reader("dossier_code", "call", read_dossier_code),
            "procedure_base": lambda: Reader("procedure_base", "memo", Memo(read_procedure_base)),
            "citizen_number": lambda: Reader("citizen_number", "call", citizen_number_reader()),
            "link": lambda: Reader("link", "call", link_reader()),
        }
        if as_ == "citizen_number" and r.stated:
            made = citizen_number_reader(Memo(read_stated_kind).__getitem__)
            return self._kept("citizen_number_stated", lambda: Reader("citizen_number_stated", "call", made))
        return self._kept(as_, makers[as_])

    def _text(self, most: int | None) -> Reader:
        if most not in self._texts:
            self._texts[most] = Reader(f"text_{most}" if most else "text", "memo", Memo(text_reader(most)))
        return self._texts[most]

    def _time(self, as_: str, rule: Located) -> Reader:
        said = rule.rule.format or self.times.format
        formats = tuple(said) if isinstance(said, list) else (said,)
        zone = rule.rule.zone or self.times.zone
        for name in formats:
            if not dates.is_format(name):
                known = (*dates.NAMED, "dd/MM/yyyy HH:mm:ss", "dd/MM/yyyy", "yyyy-MM-dd HH:mm:ss", "yyyyMMddHHmmss")
                self.faults.append(rule.fault("format", f"`{name}` is not a format of a time.", near(name, known)))
                return Reader("never", "call", None)
        if zone not in dates.ZONES:
            self.faults.append(rule.fault("zone", f"`{zone}` is not a known zone.", near(zone, dates.ZONES)))
            return Reader("never", "call", None)
        made = dates.datetime_reader(formats, zone)
        if as_ == "date_end_of_day":
            made = dates.end_of_day_reader(made)
        number = len([name for name in self._made if name.startswith(as_)])
        key = f"{as_} {formats} {zone}"
        name = f"{as_}_{number}" if number else as_
        return self._kept(key, lambda: Reader(name, "call", made))

    def _list_reader(self, name: str, rule: Located, canonical: Field | None) -> Reader:
        r = rule.rule
        reason = r.reason or f"unmapped_{name}"
        if r.table is not None:
            codes = {read_key(key): value for key, value in r.table.items()}
            if canonical is not None:
                for value in codes.values():
                    self._check_constant(rule, "table", value, canonical.kind)

            def find(value: Any) -> Any:
                key = read_key(value)
                if key is not None and key not in codes:
                    raise Refused(reason)
                return None if key is None else codes[key]

            return Reader(f"table_{'_'.join(map(str, rule.key[1:]))}", "memo", LookUp(find))
        if r.list_ not in self.lists:
            what = f"there is no code list `{r.list_}`."
            self.faults.append(rule.fault("list", what, near(str(r.list_), self.lists.names())))
            return Reader("never", "memo", None)
        codes_of = self.lists[r.list_]
        if canonical is not None and codes_of.to != canonical.kind:
            what = f"list `{r.list_}` gives {codes_of.to}, the field is of kind {canonical.kind}."
            self.faults.append(rule.fault("list", what, "Use a list of that kind."))
        own = r.reason
        if r.at:

            def find_at(key: tuple[Any, ...]) -> Any:
                *values, on = key
                return codes_of.look_up(values, on, own or reason)

            return Reader(r.list_, "memo", LookUp(find_at))
        return Reader(r.list_, "memo", LookUp(lambda key: codes_of.look_up(key, None, own or reason)))

    def _writer(
        self, rule: Located, take: Take, paths: list[Path], depth: int, item_fields: tuple[Field, ...] | None
    ) -> Reader:
        """The writer that the canonical source fields call for; checks that they exist."""
        top = {f.name: f for f in OUT_KINDS[self.kind]}
        kinds = set()
        for path in paths:
            inside = depth and path.up == 0 and item_fields is not None
            known = {f.name: f for f in item_fields or ()} if inside else top
            source = known.get(path.segments[0].name)
            if source is not None and take == "any" and source.kind == "list" and len(path.segments) == 2:
                known = {f.name: f for f in source.items}
                source = known.get(path.segments[1].name)
            elif source is not None and len(path.segments) != 1:
                source = None
            if source is None:
                what = f"the canonical record has no field `{path.text}`."
                self.faults.append(rule.fault(None, what, near(path.segments[-1].name, known)))
            else:
                kinds.add(source.kind)
        if len(kinds) > 1:
            self.faults.append(rule.fault(None, "the fields are of different kinds.", "Use fields of one kind."))
        kind = kinds.pop() if len(kinds) == 1 else "text"
        if take == "any" or kind == "flag":
            return self._kept("flag_out", lambda: Reader("flag_out", "memo", Memo(write_flag, {True: "1", False: "0"})))
        if kind == "time":
            if self.times.format != "yyyyMMddHHmmss" or self.times.zone != "Asia/Ho_Chi_Minh":
                what = "times go out as yyyyMMddHHmmss in Asia/Ho_Chi_Minh only."
                self.faults.append(rule.fault(None, what, "Say so under `times`."))
            return self._kept("time_out", lambda: Reader("time_out", "call", write_compact_time))
        if kind in ("int", "number"):
            return self._kept("number_out", lambda: Reader("number_out", "memo", Memo(write_number)))
        return self._text(rule.rule.cut)

    def _kept(self, key: str, make: Callable[[], Reader]) -> Reader:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


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


def _missing_word(name: str) -> str:
    """`missing_owner`, `missing_received`, ...: the finding of a blank mandatory field."""
    if name == "applicant_name":
        return "missing_owner"
    if name == "steps.at":
        return "step_without_time"
    return "missing_" + name.rpartition(".")[2].removesuffix("_at")
