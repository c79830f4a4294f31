"""Plans -> readable Python -> one function.

The generated function is straight code: a `try` block for each rule (free in Python 3.11 while nothing is raised), no
loop over rules, no look-up of what is known beforehand. `Mapping.source` keeps it for inspection, tracebacks show it.
"""

import linecache
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any

from mappings import conditions, mapped, steps
from mappings.mapped import EMPTY, Mapped
from mappings.paths import Path, Segment
from mappings.planned import FieldPlan, ListPlan, Plan
from mappings.transforms import Memo, read_key
from mappings.writing import Scope, Writer, python_name, scope_of
from schemas.findings import Finding, Note

Function = Callable[[dict[str, Any]], Mapped]

_TAKEN = {"record", "findings", "notes", "v", "t", "k", "e", "held_steps", "faults", "sink", "day"}
_KEY = Memo(read_key)


class Generator:
    """Writes the function that a section's plans ask for."""

    def __init__(self) -> None:
        self.code = Writer()

    def function(self, name: str, plans: Sequence[Plan], keys: Sequence[tuple[str, str]]) -> str:
        """The whole source. `keys` are the fields of the result in order, with what stands there without a rule."""
        root, put = Scope("record", ""), self.code.put
        put("findings = []")
        put("notes = []")
        first = self.code.where(plans[0].where) if plans else "None"
        put(f"if record.__class__ is not dict: record = node(record, '(record)', {first}, findings)")
        made = {plan.target: _local(plan.target) for plan in plans}
        for plan in sorted(plans, key=_needs_a_day):
            put("")
            if isinstance(plan, ListPlan):
                self._list(plan, made[plan.target], [root], "item_")
            else:
                self._field(plan, made[plan.target], [root])
        put("")
        put("return Mapped({")
        for key, blank in keys:
            single = any(p.target == key and p.kind == "list" for p in plans if isinstance(p, FieldPlan))
            put(f"    {key!r}: {made.get(key, blank)}{' or []' if single else ''},")
        has_steps = any(plan.steps for plan in plans if isinstance(plan, ListPlan))
        put("}, findings, notes" + (", held_steps)" if has_steps else ", [])"))
        return f"def {python_name(name)}(record):\n" + "\n".join(self.code.lines) + "\n"

    # --- fields ---------------------------------------------------------------------------------------------------

    def _field(self, plan: FieldPlan, variable: str, scopes: list[Scope]) -> None:
        code, where = self.code, self.code.where(plan.where)
        code.put(f"# {plan.where.field} <- {plan.where.path or 'constant'}   {plan.where.rule}")
        if plan.take == "value":
            self._constant(plan, variable, scopes, where)
            return
        if plan.take == "any":
            rows, flag = (segment.name for path in plan.paths if path for segment in path.segments)
            paths = [f"some({scopes[-1].variable}.get({rows!r}), {flag!r})"]
        else:
            paths = [code.read(path, scopes, where) if path else "None" for path in plan.paths]
        when = code.conditions(plan.when, scopes, where) if plan.when else ""
        chosen = [code.conditions(tests, scopes, where) if tests else "" for tests in plan.choices]
        stated = f", {code.read(plan.stated, scopes, where)}" if plan.stated else ""
        code.put("try:")
        code.depth += 1
        if when:
            code.put(f"if not ({when}):")
            code.put(f"    {variable} = None")
            code.put("else:")
            code.depth += 1
        self._read(plan, variable, paths, chosen or [""] * len(paths), stated)
        code.depth -= 2 if when else 1
        code.told(variable, where)
        self._when_blank(plan, variable, where)

    def _constant(self, plan: FieldPlan, variable: str, scopes: list[Scope], where: str) -> None:
        if not plan.when:
            self.code.put(f"{variable} = {plan.constant!r}")
            return
        when = self.code.conditions(plan.when, scopes, where)
        self.code.put("try:")
        self.code.put(f"    {variable} = {plan.constant!r} if {when} else None")
        self.code.told(variable, where)
        self._when_blank(plan, variable, where)

    def _when_blank(self, plan: FieldPlan, variable: str, where: str) -> None:
        """What happens to a blank field; only where nothing else was told about it."""
        put = self.code.put
        acts = []
        if plan.where.mandatory and plan.default in (None, ""):
            acts.append(f"{self.code.sink}.append(missing({where}))")
        if plan.blank:
            note = self.code.bind(f"BLANK_{plan.where.field}", Note(plan.blank, plan.where.field))
            acts.append(f"notes.append({note})")
        if acts:
            put("else:")
            put(f"    if {variable} is None:")
            for act in acts:
                put(f"        {act}")
        if plan.default is not None:
            put(f"if {variable} is None: {variable} = {plan.default!r}")

    def _read(self, plan: FieldPlan, variable: str, paths: list[str], chosen: list[str], stated: str) -> None:
        reader, put = plan.reader, self.code.put
        if reader is None:
            return
        name = self.code.bind(f"as_{reader.name}", reader.made)
        day = f"(day := {' or '.join(plan.at)}) and day.date()"

        def one(source: str) -> str:
            if plan.at:
                source = f"({source}, {day})"
            if reader.style == "memo":
                return f"{name}[v := {source}]"
            if reader.style == "int":
                return f"v if (v := {source}).__class__ is int else {name}[v]"
            return f"{name}(v{stated}) if (v := {source}) is not None else None"

        if plan.take == "join":
            parts = ", ".join(f"({one(path)})" for path in paths)
            put(f"{variable} = joined({plan.between!r}, {parts})")
        elif plan.take == "any":
            put(f"{variable} = {name}[v := {paths[0]}]")
        elif plan.take == "key" and len(paths) > 1:
            parts = ", ".join([*paths, day] if plan.at else paths)
            put(f"{variable} = {name}[v := ({parts})]")
        else:
            put(f"{variable} = {one(paths[0])}" if not chosen[0] else f"{variable} = None")
            for path, when in list(zip(paths, chosen, strict=True))[0 if chosen[0] else 1 :]:
                also = f" and ({when})" if when else ""
                put(f"if {variable} is None{also}: {variable} = {one(path)}")

    # --- lists ----------------------------------------------------------------------------------------------------

    def _list(self, plan: ListPlan, target: str, around: Sequence[Scope], items: str) -> None:
        """A list into the variable `target`; `around` are the objects it stands in, `items` starts its variables."""
        code, where = self.code, self.code.where(plan.where)
        code.put(f"# {plan.where.field} <- {plan.where.path}   {plan.where.rule}")
        code.put(f"{target} = []")
        if plan.steps:
            code.put("faults = {}")
            code.put("sink = []")
        scopes, sink = list(around), code.sink
        self._hoist(plan, scopes)
        for number, level in enumerate(plan.levels):
            path = Path(".".join(level), tuple(map(Segment, level)), 0 if number else plan.up)
            start = scopes[scope_of(path, len(scopes))]
            source = code.read(path, scopes, where)
            shown = ".".join(filter(None, (start.shown, path.text)))
            rows, entry, last = f"rows_{len(scopes)}", f"entry_{len(scopes)}", number == len(plan.levels) - 1
            self._rows(plan if not number else None, rows, source, where, scopes)
            code.put(f"if {rows}.__class__ is not list: {rows} = rows({rows}, {shown!r}, {where}, {code.sink})")
            code.put(f"for {entry} in {rows}{' or NO_ENTRIES' if number else ''}:")
            code.depth += 1
            if plan.steps and last:
                code.sink = "sink"
            told = f"{entry}, {shown + '[]'!r}, {where}, {code.sink}"
            code.put(f"if {entry}.__class__ is not dict: {entry} = node({told})")
            scopes.append(Scope(entry, f"{shown}[]"))
            if not last:
                self._hoist(plan, scopes)
        self._entry(plan, target, scopes, items, where)
        code.depth -= len(plan.levels)
        code.sink = sink
        if plan.steps:
            code.put(f"{target}, held_steps = in_order({target}, faults, {where}, notes)")

    def _rows(self, plan: ListPlan | None, rows: str, source: str, where: str, scopes: list[Scope]) -> None:
        """Read a list; the outermost only where the conditions of the whole list hold."""
        if plan is None or not plan.when:
            self.code.put(f"{rows} = {source}")
            return
        when = self.code.conditions(plan.when, scopes, where)
        self.code.put("try:")
        self.code.put(f"    {rows} = {source} if {when} else None")
        self.code.told(rows, where)

    def _hoist(self, plan: ListPlan, opened: Sequence[Scope]) -> None:
        """Take nested objects of the scopes that are open before the loop in which their fields are read."""
        for path, around, where in _paths_inside(plan, len(plan.tops)):
            index = scope_of(path, around)
            if index < len(opened):
                self.code.node(opened[index], path.segments[:-1], self.code.where(where))

    def _entry(self, plan: ListPlan, target: str, scopes: list[Scope], items: str, where: str) -> None:
        """The fields of one entry, and the entry at the end of the list unless it is blank or does not count."""
        put = self.code.put
        if plan.only:
            when = self.code.conditions(plan.only, scopes, where)
            put("try:")
            put(f"    if not ({when}): continue")
            self.code.told("k", where)
        variables = {item.target: f"{items}{python_name(item.target)}" for item in plan.items}
        for item in plan.items:
            variable = variables[item.target]
            if isinstance(item, ListPlan):
                self._list(item, variable, scopes, f"{variable}_")
            else:
                self._field(item, variable, scopes)
        pairs = ", ".join(f"{name!r}: {variables.get(name, blank)}" for name, blank in plan.entry_keys)
        if plan.steps:
            put(f"if sink: faults[len({target})] = sink; sink = []")
            put(f"{target}.append({{{pairs}}})")
            return
        if blank := _blank(plan, variables):
            put(f"if {blank}: continue")
        for item in plan.items:
            if isinstance(item, FieldPlan) and item.several:
                variable = variables[item.target]
                put(f"if {variable}.__class__ is list:")
                put(f"    for {variable} in {variable} or [None]: {target}.append({{{pairs}}})")
                put("    continue")
        put(f"{target}.append({{{pairs}}})")


def compile_plans(name: str, plans: Sequence[Plan], keys: Sequence[tuple[str, str]]) -> tuple[Function, str]:
    """The function for these plans, and its source. `keys` give the order and blanks of the result."""
    generator = Generator()
    source = generator.function(name, plans, keys)
    file = f"<mapping {name}>"
    namespace: dict[str, Any] = {
        **generator.code.names,
        "EMPTY": EMPTY,
        "NO_ENTRIES": (EMPTY,),
        "TROUBLE": mapped.TROUBLE,
        "Mapped": Mapped,
        "Finding": Finding,
        "filled": conditions.filled,
        "in_order": steps.in_order,
        "joined": mapped.joined,
        "key": _KEY,
        "missing": mapped.missing,
        "node": mapped.node,
        "nth": mapped.nth,
        "pick": mapped.pick,
        "rows": mapped.rows,
        "some": mapped.some,
        "trouble": mapped.trouble,
    }
    exec(_compiled(source, file), namespace)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    function: Function = namespace[python_name(name)]
    return function, source


@lru_cache(maxsize=64)
def _compiled(source: str, file: str) -> CodeType:
    """Python takes longer to read the function than the mapping's file; one process loads it for many provinces."""
    return compile(source, file, "exec")


def _paths_inside(plan: ListPlan, around: int) -> Iterator[tuple[Path, int, Any]]:
    """Every path that a list's entries read: the path, how many objects stand around it, the rule it belongs to."""
    yield from ((path, around, plan.where) for path in conditions.paths_of(plan.only))
    for item in plan.items:
        if isinstance(item, FieldPlan):
            yield from ((path, around, item.where) for path in item.own_paths())
            continue
        yield from ((path, around, item.where) for path in conditions.paths_of(item.when))
        if item.levels:
            first = Path("", tuple(map(Segment, item.levels[0])), item.up)
            yield first, around, item.where
        yield from _paths_inside(item, len(item.tops))


def _needs_a_day(plan: Plan) -> bool:
    """Whether a rule looks at another field, which must be read before it."""
    return any(map(_needs_a_day, plan.items)) if isinstance(plan, ListPlan) else bool(plan.at)


def _blank(plan: ListPlan, variables: dict[str, str]) -> str:
    """What is true of an entry that says nothing; "" where an entry always says something."""
    fields = [item for item in plan.items if isinstance(item, FieldPlan)]
    told = [f"{variables[item.target]} is None" for item in fields if item.take != "value" and item.default is None]
    lists = [f"not {variables[item.target]}" for item in plan.items if isinstance(item, ListPlan)]
    return " and ".join([*told, *lists]) if told or not fields else ""


def _local(name: str) -> str:
    word = python_name(name)
    return word + "_" if word in _TAKEN else word
