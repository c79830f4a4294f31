"""Rules checked against the canonical record and made ready for the compiler."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mappings.codelists import CodeLists
from mappings.conditions import Scalar, Tests, paths_of, planned
from mappings.errors import Fault, MappingError, near
from mappings.language import Located, Times
from mappings.mapped import Where
from mappings.paths import Path, climb, from_the_top, parse_each, parse_path
from mappings.planned import FieldPlan, ListPlan, Plan, Take, Tops
from mappings.readers import Readers
from schemas.records import APPLICATION, DOSSIER, KINDS, RECODED, STEP, Field

HUB_FIELDS = (
    Field("outgoing_code", "text", "the one code under which the dossier goes out"),
    Field("procedure_name", "text", "national name of the procedure"),
    Field("field_code", "text", "national code of the field"),
    Field("field_name", "text", "national name of the field"),
)
"""What the hub adds to a canonical dossier before it is written for the national side."""

MOVED_FIELDS = (
    Field("source", "text", "slug of the old province that a dossier comes from"),
    Field("version", "text", "digest of the dossier as it is written, by which two versions are told apart"),
)
"""What the hub adds to a canonical dossier before it is written for the import of a new system."""

HANDED_OVER_FIELDS = (
    Field("procedure_code_local", "text", "the province's own code of the procedure"),
    Field("procedure_name", "text", "the province's name of the procedure"),
    Field("status", "int", "national status when it is handed over"),
    Field("steps", "list", "progress up to then", items=STEP),
)
"""What the hub adds to a dossier from the national portal before it is written for the province's system."""

OUT_KINDS: dict[str, tuple[Field, ...]] = {
    "dossier": (*DOSSIER, *RECODED, *HUB_FIELDS, *MOVED_FIELDS),
    "step": (*STEP, HUB_FIELDS[0], DOSSIER[0], DOSSIER[1]),
    "application": (*APPLICATION, *HANDED_OVER_FIELDS),
}
"""Records that an outgoing mapping can read."""

DAY_OF = ("received_at", "submitted_at")
"""Times whose day chooses between the dated entries of a list where a rule names none by `at`, the first that is
filled: the date of a dossier decides which list applies."""

TOP: Tops = ("",)
Around = tuple[tuple[Field, ...], ...]
"""The canonical fields of the record and of the lists around a rule, outermost first."""

_CONSTANTS: dict[str, tuple[type, ...]] = {"text": (str,), "int": (int,), "flag": (bool,), "number": (int, float)}


@dataclass(frozen=True, slots=True)
class Walk:
    """The lists that an `each` walks: where they start, their keys, what stands around the list and around an entry."""

    up: int | None
    levels: tuple[tuple[str, ...], ...]
    tops: Tops
    inside: Tops


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
    days: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.readers = Readers(self.times, self.lists, self.faults)

    def plan(self, section: dict[str, Located], file_name: str) -> list[Plan]:
        """Plans in the order of the canonical record (in) or of the file (out). Raises MappingError."""
        plans: list[Plan] = []
        if self.out:
            for name, rule in section.items():
                plans.append(self._out(name, rule, TOP, "", (OUT_KINDS[self.kind],)))
        else:
            known = {f.name: f for f in KINDS[self.kind]}
            self.days = tuple(name for name in DAY_OF if name in section and name in known)
            for name, rule in section.items():
                if name not in known:
                    self.faults.append(
                        rule.fault(None, f"no canonical field of a {self.kind} has this name.", near(name, known))
                    )
            for canonical in known.values():
                found = section.get(canonical.name)
                if found is not None:
                    plans.append(self._in(canonical, found, TOP, ""))
                elif canonical.mandatory and self.whole:
                    what = f"the mandatory field `{canonical.name}` ({canonical.doc}) has no rule."
                    self.faults.append(Fault(file_name, 1, self.kind, what, "Say where the source carries it."))
            self._check_at(plans, section)
        if self.faults:
            raise MappingError(self.faults)
        return plans

    def _in(self, canonical: Field, rule: Located, tops: Tops, prefix: str) -> Plan:
        """The plan of a canonical field or list; `prefix` names the lists around it (`supplements.`)."""
        if rule.each is None:
            return self._field(canonical.name, rule, canonical, prefix, tops)
        walk = self._walk(rule, tops)
        full = prefix + canonical.name
        known = {f.name: f for f in canonical.items}
        if not known:
            self.faults.append(rule.fault("each", f"`{full}` is not a list.", "Give it one value by `from`."))
        for name, item in rule.items.items():
            if known and name not in known:
                what = f"no entry of `{full}` has a field of this name."
                self.faults.append(item.fault(None, what, near(name, known)))
        items: list[Plan] = []
        for item_field in known.values():
            located = rule.items.get(item_field.name)
            if located is not None:
                items.append(self._in(item_field, located, walk.inside, f"{full}."))
            elif item_field.mandatory:
                what = f"entries of `{full}` need `{item_field.name}` ({item_field.doc})."
                self.faults.append(rule.fault(None, what, "Say where the source carries it."))
        keys = tuple((f.name, "[]" if f.kind == "list" else "None") for f in canonical.items)
        return self._list(canonical.name, full, rule, walk, items, keys, full == "steps")

    def _out(self, name: str, rule: Located, tops: Tops, prefix: str, around: Around) -> Plan:
        """The plan of a field or list of the wire; `around` are the canonical fields of the objects it stands in."""
        if rule.each is None:
            return self._field(name, rule, None, prefix, tops, around)
        walk = self._walk(rule, tops)
        at_hand = {f.name: f for f in around[0 if walk.up is None else -1 - walk.up]}
        canonical = at_hand.get(walk.levels[0][0]) if walk.levels else None
        if canonical is None or canonical.kind != "list" or len(walk.levels) != 1:
            lists = [f.name for f in at_hand.values() if f.kind == "list"]
            self.faults.append(
                rule.fault("each", f"`{rule.each}` is not a canonical list.", near(str(rule.each).rstrip("[]"), lists))
            )
            canonical = Field(name, "list", "")
        full = prefix + name
        inside = (*around, canonical.items)
        items = [self._out(item, found, walk.inside, f"{full}.", inside) for item, found in rule.items.items()]
        keys = tuple((item.target, "None") for item in items)
        made = self._list(name, full, rule, walk, items, keys)
        self._check_conditions(rule, made.when, around)
        self._check_conditions(rule, made.only, inside)
        return made

    def _list(
        self,
        name: str,
        full: str,
        rule: Located,
        walk: Walk,
        items: list[Plan],
        keys: tuple[tuple[str, str], ...],
        steps: bool = False,
    ) -> ListPlan:
        when = planned(rule.rule.when, lambda path: self._path(path, rule, walk.tops))
        only = planned(rule.where, lambda path: self._path(path, rule, walk.inside))
        where = Where(full, walk.inside[-1], rule.line)
        return ListPlan(name, walk.levels, where, tuple(items), keys, steps, when, only, walk.up, walk.inside)

    def _walk(self, rule: Located, tops: Tops) -> Walk:
        """The lists that an `each` walks, where they start, and what stands around one of their entries."""
        text = rule.each or ""
        up, _ = climb(text)
        try:
            levels = tuple(parse_each(text))
        except ValueError as error:
            self.faults.append(rule.fault("each", f"{error}.", "Write `list[]` or `outer[].inner[]`."))
            return Walk(0, (), tops, tops)
        if up is not None and up > max(len(tops) - 2, 0):
            what = f"`{text}` climbs over the top."
            self.faults.append(rule.fault("each", what, "Use `/` for the top of the record."))
            return Walk(0, (), tops, tops)
        above = tops[0] if up is None else tops[-1 - up]
        inside = list(tops)
        for level in levels:
            above = ".".join(filter(None, (above, *level))) + "[]"
            inside.append(above)
        return Walk(up, levels, tops, tuple(inside))

    def _field(
        self,
        name: str,
        rule: Located,
        canonical: Field | None,
        prefix: str,
        tops: Tops,
        around: Around = (),
    ) -> FieldPlan:
        """One field's plan. `canonical` is the target when records come in; `around` are the fields that may be read
        when they go out."""
        r = rule.rule
        take, texts = self._take(rule)
        kind = canonical.kind if canonical else "wire"
        if kind == "list" and r.as_ != "citizen_number":
            what = f"`{name}` is a list."
            self.faults.append(rule.fault(None, what, "Walk the source list by `each`, or use `as: citizen_number`."))
        paths = tuple(None if text is None else self._path(text, rule, tops) for text in texts)
        stated = self._path(r.stated, rule, tops) if r.stated else None
        full = prefix + name
        days = self._days(rule)
        reader = None
        if take != "value" and canonical is not None:
            reader = self.readers.incoming(full, rule, canonical, take == "join", bool(days))
        elif take != "value":
            read = [path for path in paths if path is not None]
            source_kind = self._source_kind(rule, take, read, around)
            reader = self.readers.outgoing(full, rule, source_kind)
        if r.list_ or r.table is not None:
            self._check_parts(rule, take, len(paths))
            take = "key" if take == "from" else take
        elif len(paths) > 1 and take == "from":
            self.faults.append(rule.fault("from", "several paths need a `list`.", "Use `first` or `join`."))
        where = Where(
            full,
            " | ".join(from_the_top(path, tops) for path in paths if path),
            rule.line,
            r.missing or _missing_word(full),
            bool((canonical and canonical.mandatory) or r.required),
        )
        when = planned(r.when, lambda path: self._path(path, rule, tops))
        choices = self._choices(rule, tops)
        if canonical is None:
            for tests in (when, *choices):
                self._check_conditions(rule, tests, around)
        self._check_constant(rule, "value", r.value, kind)
        self._check_constant(rule, "default", r.default, kind)
        for code in (r.table or {}).values():
            self._check_constant(rule, "table", code, kind)
        default = r.default
        if self.out:
            default = "" if default is None else default
        link = canonical is not None and r.as_ == "link"
        if link and len(tops) == 1:
            self.faults.append(rule.fault("as", "links live in the entries of a list.", "Use `each`."))
        return FieldPlan(
            target=name,
            kind=kind,
            take=take,
            where=where,
            paths=paths,
            reader=reader,
            between=r.with_,
            constant=r.value,
            default=default,
            at=days,
            stated=stated,
            when=when,
            choices=choices,
            blank=r.blank,
            several=link,
            codes=r.list_,
            tops=tops,
            looked_up=bool(r.list_ or r.table is not None),
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
        paths = [one if isinstance(one, str) else one.from_ for one in r.first or r.join or ()]
        return said[0], list(paths)

    def _choices(self, rule: Located, tops: Tops) -> tuple[Tests, ...]:
        """The conditions of each source of `first`; empty when none has any."""
        found = tuple(
            () if isinstance(one, str) else planned(one.when, lambda path: self._path(path, rule, tops))
            for one in rule.rule.first or ()
        )
        return found if any(found) else ()

    def _path(self, text: str, rule: Located, tops: Tops) -> Path:
        try:
            path = parse_path(text.replace("[].", ".", 1) if rule.rule.any_ == text else text)
        except ValueError as error:
            self.faults.append(rule.fault(None, f"{error}.", "Write keys with points between: `procedure.code`."))
            return parse_path("x")
        if path.up is not None and path.up > max(len(tops) - 2, 0):
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

    def _check_at(self, plans: Iterable[Plan], section: dict[str, Located]) -> None:
        times = [plan.target for plan in plans if isinstance(plan, FieldPlan) and plan.kind == "time"]
        for rule in [inside for located in section.values() for inside in located.everything()]:
            name = rule.rule.list_
            dated = self.lists[name].first_dated if name is not None and name in self.lists else None
            if rule.rule.at is not None and rule.rule.at not in times:
                self.faults.append(rule.fault("at", "this is not a time of the record.", near(rule.rule.at, times)))
            elif dated and rule.rule.at is None and not self.days:
                what = f"list `{name}` has dated entries ({dated.file}:{dated.line}), so a code needs a day, and "
                what += f"this {self.kind} has neither {' nor '.join(DAY_OF)}."
                own = f"Name a time of the record by `at` ({', '.join(times)}), in an overlay by the whole rule anew"
                own += f" with `at: {times[0]}`, or take" if times else ""
                step = own if times else "It has no other time either: take"
                self.faults.append(rule.fault("list", what, f"{step} valid_from and valid_to off the entry."))

    def _days(self, rule: Located) -> tuple[str, ...]:
        """The times of the record whose day decides for a rule: its own, else for a dated list the record's."""
        name = rule.rule.list_
        if rule.rule.at is not None:
            return (rule.rule.at,)
        return self.days if name is not None and name in self.lists and self.lists[name].dated else ()

    def _check_conditions(self, rule: Located, tests: Tests, around: Around) -> None:
        """Conditions of what goes out ask canonical fields; one that does not exist would never hold."""
        for path in paths_of(tests):
            known = _at_hand(path, around)
            if path.segments[0].name not in known:
                what = f"the canonical record has no field `{path.text}`."
                self.faults.append(rule.fault(None, what, near(path.segments[0].name, known)))

    def _source_kind(self, rule: Located, take: Take, paths: list[Path], around: Around) -> str:
        """The kind of the canonical fields that an outgoing rule reads; faults for those that do not exist."""
        kinds = set()
        for path in paths:
            known = _at_hand(path, around)
            names = [segment.name for segment in path.segments]
            found = known.get(names[0])
            if take == "any" and found is not None and found.kind == "list" and len(names) == 2:
                known = {f.name: f for f in found.items}
                found = known.get(names[1])
            elif len(names) != 1:
                found = None
            if found is None:
                what = f"the canonical record has no field `{path.text}`."
                self.faults.append(rule.fault(None, what, near(names[-1], known)))
            else:
                kinds.add(found.kind)
        if len(kinds) > 1:
            self.faults.append(rule.fault(None, "the fields are of different kinds.", "Use fields of one kind."))
        return "flag" if take == "any" else kinds.pop() if len(kinds) == 1 else "text"


def _at_hand(path: Path, around: Around) -> dict[str, Field]:
    """The canonical fields of the object that a path starts from."""
    return {f.name: f for f in around[0 if path.up is None else max(len(around) - 1 - path.up, 0)]}


def _missing_word(name: str) -> str:
    """`missing_owner`, `missing_received`, ...: the finding of a blank mandatory field."""
    if name == "applicant_name":
        return "missing_owner"
    if name == "steps.at":
        return "step_without_time"
    return "missing_" + name.rpartition(".")[2].removesuffix("_at")
