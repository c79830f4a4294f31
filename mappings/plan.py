"""Rules checked against the canonical record and made ready for the compiler."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from mappings.codelists import CodeLists
from mappings.errors import Fault, MappingError, near
from mappings.language import Located, Scalar, Times
from mappings.mapped import Where
from mappings.paths import Path, parse_each, parse_path
from mappings.readers import Reader, Readers
from mappings.transforms import read_key
from schemas.records import APPLICATION, DOSSIER, KINDS, STEP, Field

Take = Literal["from", "first", "join", "any", "value", "key"]

HUB_FIELDS = (
    Field("outgoing_code", "text", "the one code under which the dossier goes out"),
    Field("procedure_name", "text", "national name of the procedure"),
    Field("field_code", "text", "national code of the field"),
    Field("field_name", "text", "national name of the field"),
)
"""What the hub adds to a canonical dossier before it is written for the national side."""

HANDED_OVER_FIELDS = (
    Field("procedure_code_local", "text", "the province's own code of the procedure"),
    Field("procedure_name", "text", "the province's name of the procedure"),
    Field("status", "int", "national status when it is handed over"),
    Field("steps", "list", "progress up to then", items=STEP),
)
"""What the hub adds to a dossier from the national portal before it is written for the province's system."""

OUT_KINDS: dict[str, tuple[Field, ...]] = {
    "dossier": (*DOSSIER, *HUB_FIELDS),
    "step": (*STEP, HUB_FIELDS[0], DOSSIER[0], DOSSIER[1]),
    "application": (*APPLICATION, *HANDED_OVER_FIELDS),
}
"""Records that an outgoing mapping can read."""

_CONSTANTS: dict[str, tuple[type, ...]] = {"text": (str,), "int": (int,), "flag": (bool,), "number": (int, float)}


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
    when: tuple[tuple[Path, frozenset[str | None]], ...] = ()


@dataclass(slots=True)
class Planner:
    """Turns located rules into plans; collects every fault before it raises. `whole` asks for every mandatory field."""

    kind: str
    out: bool
    times: Times
    lists: CodeLists
    whole: bool = True
    faults: list[Fault] = field(default_factory=list)
    readers: Readers = field(init=False)

    def __post_init__(self) -> None:
        self.readers = Readers(self.times, self.lists, self.faults)

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
                found = section.get(canonical.name)
                if found is not None:
                    plans.append(self._in_field(canonical, found))
                elif canonical.mandatory and self.whole:
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
        when = self._when(rule, 0)
        return ListPlan(canonical.name, levels, where, tuple(items), tuple(known), canonical.name == "steps", when)

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
        where = Where(name, str(rule.each), rule.where)
        return ListPlan(name, levels, where, items, tuple(rule.items), when=self._when(rule, 0))

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
        item_fields: tuple[Field, ...] = (),
    ) -> FieldPlan:
        """One field's plan. `canonical` is the target when records come in; None when they go out."""
        r = rule.rule
        take, texts = self._take(rule)
        kind = canonical.kind if canonical else "wire"
        if kind == "list" and r.as_ != "citizen_number":
            what = f"`{name}` is a list."
            self.faults.append(rule.fault(None, what, "Walk the source list by `each`, or use `as: citizen_number`."))
        paths = tuple(None if text is None else self._path(text, rule, depth) for text in texts)
        stated = self._path(r.stated, rule, depth) if r.stated else None
        full = prefix + name
        reader = None
        if take != "value" and canonical is not None:
            reader = self.readers.incoming(full, rule, canonical, take == "join")
        elif take != "value":
            read = [path for path in paths if path is not None]
            source_kind = self._source_kind(rule, take, read, depth > 0, item_fields)
            reader = self.readers.outgoing(full, rule, source_kind)
        if r.list_ or r.table is not None:
            self._check_parts(rule, take, len(paths))
            take = "key" if take == "from" else take
        elif len(paths) > 1 and take == "from":
            self.faults.append(rule.fault("from", "several paths need a `list`.", "Use `first` or `join`."))
        where = Where(
            full,
            " | ".join(text for text in texts if text),
            rule.where,
            r.missing or _missing_word(full),
            bool((canonical and canonical.mandatory) or r.required),
        )
        when = self._when(rule, depth)
        self._check_constant(rule, "value", r.value, kind)
        self._check_constant(rule, "default", r.default, kind)
        for code in (r.table or {}).values():
            self._check_constant(rule, "table", code, kind)
        default = r.default
        if self.out:
            default = "" if default is None else default
        link = canonical is not None and r.as_ == "link"
        if link and not depth:
            self.faults.append(rule.fault("as", "links live in the entries of a list.", "Use `each`."))
        return FieldPlan(
            name, kind, take, where, paths, reader, r.with_, r.value, default, r.at, stated, when, r.blank, link
        )

    def _when(self, rule: Located, depth: int) -> tuple[tuple[Path, frozenset[str | None]], ...]:
        return tuple(
            (self._path(path, rule, depth), frozenset(map(read_key, said if isinstance(said, list) else [said])))
            for path, said in (rule.rule.when or {}).items()
        )

    def _take(self, rule: Located) -> tuple[Take, list[str | None]]:
        r = rule.rule
        named: dict[Take, Any] = {"from": r.from_, "first": r.first, "join": r.join, "any": r.any_, "value": r.value}
        said = [take for take, value in named.items() if value is not None]
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

    def _check_parts(self, rule: Located, take: Take, count: int) -> None:
        name = rule.rule.list_
        part = "list" if name else "table"
        if take not in ("from", "first"):
            self.faults.append(
                rule.fault(part, f"codes are looked up `from` or `first`, not by {take}.", "Use `from`.")
            )
        elif rule.rule.table is not None and name:
            self.faults.append(rule.fault("table", "a table and a list cannot stand together.", "Use one of the two."))
        elif take == "first":
            return
        elif rule.rule.table is not None and count != 1:
            self.faults.append(rule.fault("table", "a table has one path.", "Use a code list for several parts."))
        elif name and name in self.lists and count > len(self.lists[name].parts):
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
            name = rule.rule.list_
            dated = name is not None and name in self.lists and self.lists[name].dated
            if rule.rule.at is not None and rule.rule.at not in times:
                self.faults.append(rule.fault("at", "this is not a time of the record.", near(rule.rule.at, times)))
            elif dated and rule.rule.at is None:
                what = f"list `{rule.rule.list_}` has dated entries, so a code needs a day."
                self.faults.append(rule.fault("list", what, "Name a time of the record by `at`."))

    def _source_kind(
        self, rule: Located, take: Take, paths: list[Path], inside: bool, item_fields: tuple[Field, ...]
    ) -> str:
        """The kind of the canonical fields that an outgoing rule reads; faults for those that do not exist."""
        kinds = set()
        for path in paths:
            known = {f.name: f for f in (item_fields if inside and path.up == 0 else OUT_KINDS[self.kind])}
            names = [segment.name for segment in path.segments]
            source = known.get(names[0])
            if take == "any" and source is not None and source.kind == "list" and len(names) == 2:
                known = {f.name: f for f in source.items}
                source = known.get(names[1])
            elif len(names) != 1:
                source = None
            if source is None:
                what = f"the canonical record has no field `{path.text}`."
                self.faults.append(rule.fault(None, what, near(names[-1], known)))
            else:
                kinds.add(source.kind)
        if len(kinds) > 1:
            self.faults.append(rule.fault(None, "the fields are of different kinds.", "Use fields of one kind."))
        return "flag" if take == "any" else kinds.pop() if len(kinds) == 1 else "text"


def _missing_word(name: str) -> str:
    """`missing_owner`, `missing_received`, ...: the finding of a blank mandatory field."""
    if name == "applicant_name":
        return "missing_owner"
    if name == "steps.at":
        return "step_without_time"
    return "missing_" + name.rpartition(".")[2].removesuffix("_at")
