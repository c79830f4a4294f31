"""Plans -> readable Python -> one function.

The generated function is straight code: a `try` block for each rule (free in Python 3.11 while nothing is raised), no
loop over rules, no look-up of what is known beforehand. `Mapping.source` keeps it for inspection, tracebacks show it.
"""

import keyword
import linecache
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mappings import mapped, steps
from mappings.mapped import EMPTY, Mapped, Where
from mappings.paths import Path, Segment
from mappings.plan import FieldPlan, ListPlan
from mappings.transforms import Memo, read_key
from schemas.findings import Finding, Note

Plan = FieldPlan | ListPlan
Function = Callable[[dict[str, Any]], Mapped]

_TAKEN = {"record", "findings", "notes", "v", "t", "held_steps", "faults", "sink"}
_KEY = Memo(read_key)


@dataclass(slots=True)
class Scope:
    """An object of the source that paths start from: its variable, and the nested objects already at hand."""

    variable: str
    shown: str
    nodes: dict[tuple[str, ...], str] = field(default_factory=dict)


@dataclass(slots=True)
class Generator:
    """Writes the function's lines. `names` are the objects that the lines speak of."""

    names: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    depth: int = 1
    sink: str = "findings"

    def put(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def bind(self, name: str, made: Any) -> str:
        """A name for an object in the generated code, told apart from another object of that name."""
        safe = _safe(name)
        number = 2
        while safe in self.names and self.names[safe] is not made:
            safe, number = f"{_safe(name)}_{number}", number + 1
        self.names[safe] = made
        return safe

    # --- the function ---------------------------------------------------------------------------------------------

    def function(self, name: str, plans: Sequence[Plan], keys: Sequence[tuple[str, str]]) -> str:
        """The whole source. `keys` are the fields of the result in order, with what stands there without a rule."""
        root = Scope("record", "")
        self.put("findings = []")
        self.put("notes = []")
        first = self._where(plans[0].where) if plans else "None"
        self.put(f"if record.__class__ is not dict: record = node(record, '(record)', {first}, findings)")
        has_steps = False
        made = {plan.target: _local(plan.target) for plan in plans}
        for plan in sorted(plans, key=_needs_a_day):
            self.put("")
            if isinstance(plan, ListPlan):
                self._list(plan, root)
                has_steps = has_steps or plan.steps
            else:
                self._field(plan, made[plan.target], [root])
        self.put("")
        self.put("return Mapped({")
        for key, blank in keys:
            single = any(p.target == key and p.kind == "list" for p in plans if isinstance(p, FieldPlan))
            self.put(f"    {key!r}: {made.get(key, blank)}{' or []' if single else ''},")
        self.put("}, findings, notes" + (", held_steps)" if has_steps else ", [])"))
        return f"def {_safe(name)}(record):\n" + "\n".join(self.lines) + "\n"

    def _field(self, plan: FieldPlan, variable: str, scopes: list[Scope]) -> None:
        where = self._where(plan.where)
        self.put(f"# {plan.where.field} <- {plan.where.path or 'constant'}   {plan.where.rule}")
        if plan.take == "value":
            self._constant(plan, variable, scopes, where)
            return
        if plan.take == "any":
            rows, flag = (segment.name for path in plan.paths if path for segment in path.segments)
            paths = [f"some({scopes[-1].variable}.get({rows!r}), {flag!r})"]
        else:
            paths = [self._expression(path, scopes, where) if path else "None" for path in plan.paths]
        conditions = [
            f"key[v := {self._expression(path, scopes, where)}] in {self.bind('SAID', said)}"
            for path, said in plan.when
        ]
        stated = f", {self._expression(plan.stated, scopes, where)}" if plan.stated else ""
        self.put("try:")
        self.depth += 1
        if conditions:
            self.put(f"if not ({' and '.join(conditions)}):")
            self.put(f"    {variable} = None")
            self.put("else:")
            self.depth += 1
        self._read(plan, variable, paths, stated)
        self.depth -= 2 if conditions else 1
        self.put("except TROUBLE as t:")
        self.put(f"    {variable} = trouble(t, v, {where}, {self.sink}, notes)")
        self._when_blank(plan, variable, where)

    def _constant(self, plan: FieldPlan, variable: str, scopes: list[Scope], where: str) -> None:
        if not plan.when:
            self.put(f"{variable} = {plan.constant!r}")
            return
        conditions = [
            f"key[v := {self._expression(path, scopes, where)}] in {self.bind('SAID', said)}"
            for path, said in plan.when
        ]
        self.put("try:")
        self.put(f"    {variable} = {plan.constant!r} if {' and '.join(conditions)} else None")
        self.put("except TROUBLE as t:")
        self.put(f"    {variable} = trouble(t, v, {where}, {self.sink}, notes)")
        self._when_blank(plan, variable, where)

    def _when_blank(self, plan: FieldPlan, variable: str, where: str) -> None:
        """What happens to a blank field; only where nothing else was told about it."""
        acts = []
        if plan.where.mandatory and plan.default in (None, ""):
            acts.append(f"{self.sink}.append(missing({where}))")
        if plan.blank:
            note = self.bind(f"BLANK_{plan.where.field}", Note(plan.blank, plan.where.field))
            acts.append(f"notes.append({note})")
        if plan.default is not None and not acts:
            self.put(f"if {variable} is None: {variable} = {plan.default!r}")
        elif acts:
            self.put("else:")
            self.put(f"    if {variable} is None:")
            for act in acts:
                self.put(f"        {act}")
            if plan.default is not None:
                self.put(f"if {variable} is None: {variable} = {plan.default!r}")

    def _read(self, plan: FieldPlan, variable: str, paths: list[str], stated: str) -> None:
        reader = plan.reader
        if reader is None:
            return
        name = self.bind(f"as_{reader.name}", reader.made)

        day = f"{plan.at} and {plan.at}.date()"

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
            self.put(f"{variable} = joined({plan.between!r}, {parts})")
        elif plan.take == "any":
            self.put(f"{variable} = {name}[v := {paths[0]}]")
        elif plan.take == "key" and len(paths) > 1:
            parts = ", ".join([*paths, day] if plan.at else paths)
            self.put(f"{variable} = {name}[v := ({parts})]")
        else:
            self.put(f"{variable} = {one(paths[0])}")
            for path in paths[1:]:
                self.put(f"if {variable} is None: {variable} = {one(path)}")

    # --- lists ----------------------------------------------------------------------------------------------------

    def _list(self, plan: ListPlan, root: Scope) -> None:
        where = self._where(plan.where)
        self.put(f"# {plan.where.field} <- {plan.where.path}   {plan.where.rule}")
        target = _local(plan.target)
        self.put(f"{target} = []")
        if plan.steps:
            self.put("faults = {}")
            self.put("sink = []")
        scopes = [root]
        self._hoist(plan, None, scopes, where)
        shown = ""
        for number, level in enumerate(plan.levels):
            path = Path(".".join(level), tuple(Segment(name) for name in level))
            source = self._expression(path, scopes, where)
            shown += ("." if shown else "") + path.text
            last = number == len(plan.levels) - 1
            variable = f"entry_{number}" if not last else "entry"
            rows = f"rows_{number}"
            if number == 0:
                self._take_rows(plan, rows, source, where, scopes)
            else:
                self.put(f"{rows} = {source}")
            self.put(f"if {rows}.__class__ is not list: {rows} = rows({rows}, {shown!r}, {where}, findings)")
            shown += "[]"
            self.put(f"for {variable} in {rows}{' or NO_ENTRIES' if number else ''}:")
            self.depth += 1
            if plan.steps and last:
                self.sink = "sink"
            self.put(
                f"if {variable}.__class__ is not dict: {variable} = node({variable}, {shown!r}, {where}, {self.sink})"
            )
            scopes.append(Scope(variable, shown))
            if not last:
                self._hoist(plan, len(plan.levels) - 1 - number, scopes, where)
        self._entry(plan, target, scopes)
        self.depth -= len(plan.levels)
        self.sink = "findings"
        if plan.steps:
            self.put(f"{target}, held_steps = in_order({target}, faults, {where}, notes)")

    def _take_rows(self, plan: ListPlan, rows: str, source: str, where: str, scopes: list[Scope]) -> None:
        """Read the outermost list, where the list's own conditions hold."""
        if not plan.when:
            self.put(f"{rows} = {source}")
            return
        said = [
            f"key[v := {self._expression(path, scopes, where)}] in {self.bind('SAID', values)}"
            for path, values in plan.when
        ]
        self.put("try:")
        self.put(f"    {rows} = {source} if {' and '.join(said)} else None")
        self.put("except TROUBLE as t:")
        self.put(f"    {rows} = trouble(t, v, {where}, {self.sink}, notes)")

    def _hoist(self, plan: ListPlan, up: int | None, scopes: list[Scope], where: str) -> None:
        """Take nested objects of an outer scope before the loop in which their fields are read."""
        for item in plan.items:
            for path in self._paths_of(item):
                if path.up == up or (up is None and path.up == len(plan.levels)):
                    self._node(scopes[-1], path.segments[:-1], self._where(item.where))

    @staticmethod
    def _paths_of(item: FieldPlan) -> list[Path]:
        return [path for path in (*item.paths, item.stated, *(path for path, _ in item.when)) if path]

    def _entry(self, plan: ListPlan, target: str, scopes: list[Scope]) -> None:
        variables = {item.target: f"item_{_safe(item.target)}" for item in plan.items}
        for item in plan.items:
            self._field(item, variables[item.target], scopes)
        names = plan.entry_keys
        told = [variables[i.target] for i in plan.items if i.take != "value" and i.default is None]
        pairs = ", ".join(f"{name!r}: {variables.get(name, 'None')}" for name in names)
        several = [item for item in plan.items if item.several]
        if plan.steps:
            self.put(f"if sink: faults[len({target})] = sink; sink = []")
            self.put(f"{target}.append({{{pairs}}})")
            return
        if told:
            blank = " and ".join(f"{name} is None" for name in told)
            self.put(f"if {blank}: continue")
        for item in several:
            variable = variables[item.target]
            self.put(f"if {variable}.__class__ is list:")
            self.put(f"    for {variable} in {variable} or [None]: {target}.append({{{pairs}}})")
            self.put("    continue")
        self.put(f"{target}.append({{{pairs}}})")

    # --- paths ----------------------------------------------------------------------------------------------------

    def _expression(self, path: Path, scopes: list[Scope], where: str) -> str:
        """Python that reads a path; nested objects on the way are put into variables first."""
        scope = scopes[0] if path.up is None else scopes[max(len(scopes) - 1 - path.up, 0)]
        holder = self._node(scope, path.segments[:-1], where)
        return self._get(holder, path.segments[-1])

    def _node(self, scope: Scope, segments: Sequence[Segment], where: str) -> str:
        variable = scope.variable
        for count in range(1, len(segments) + 1):
            key = tuple(str(segment) for segment in segments[:count])
            if key not in scope.nodes:
                prefix = "in_" if scope.variable == "record" else f"in_{scope.variable}_"
                made = prefix + _safe("_".join(key))
                while made in {name for s in (scope,) for name in s.nodes.values()}:
                    made += "_"
                shown = ".".join(part for part in (scope.shown, *key) if part)
                self._entry_of(made, variable, segments[count - 1])
                self.put(f"if {made}.__class__ is not dict: {made} = node({made}, {shown!r}, {where}, {self.sink})")
                scope.nodes[key] = made
            variable = scope.nodes[key]
        return variable

    def _entry_of(self, made: str, variable: str, segment: Segment) -> None:
        """Put what stands at a segment into a variable. The first entry of a list is tried before `pick` is called."""
        if segment.where is None:
            self.put(f"{made} = {self._get(variable, segment)}")
            return
        key, wanted = segment.where[0], _wanted(segment.where[1])
        self.put(f"{made} = {variable}.get({segment.name!r})")
        self.put(
            f"{made} = e if {made}.__class__ is list and {made} and (e := {made}[0]).__class__ is dict"
            f" and e.get({key!r}) in {wanted!r} else pick({made}, {key!r}, {wanted!r})"
        )

    def _get(self, holder: str, segment: Segment) -> str:
        got = f"{holder}.get({segment.name!r})"
        if segment.index is not None:
            return f"nth({got}, {segment.index})"
        if segment.where is not None:
            return f"pick({got}, {segment.where[0]!r}, {_wanted(segment.where[1])!r})"
        return got

    def _where(self, where: Where) -> str:
        return self.bind(f"AT_{where.field}", where)


def compile_plans(name: str, plans: Sequence[Plan], keys: Sequence[tuple[str, str]]) -> tuple[Function, str]:
    """The function for these plans, and its source. `keys` give the order and blanks of the result."""
    generator = Generator()
    source = generator.function(name, plans, keys)
    file = f"<mapping {name}>"
    namespace: dict[str, Any] = {
        **generator.names,
        "EMPTY": EMPTY,
        "NO_ENTRIES": (EMPTY,),
        "TROUBLE": mapped.TROUBLE,
        "Mapped": Mapped,
        "Finding": Finding,
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
    exec(compile(source, file, "exec"), namespace)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    function: Function = namespace[_safe(name)]
    return function, source


def _safe(name: str) -> str:
    """A name that Python accepts."""
    word = re.sub(r"\W", "_", name)
    return f"_{word}" if not word or word[0].isdigit() or keyword.iskeyword(word) else word


def _needs_a_day(plan: Plan) -> bool:
    """Whether a rule looks at another field, which must be read before it."""
    return any(field.at is not None for field in (plan.items if isinstance(plan, ListPlan) else (plan,)))


def _wanted(value: str) -> tuple[Any, ...]:
    """What a path's `[key=value]` may meet on the wire: the text, or the number it spells."""
    return (int(value), value) if re.fullmatch(r"-?\d{1,15}", value) else (value,)


def _local(name: str) -> str:
    word = _safe(name)
    return word + "_" if word in _TAKEN else word
