"""The mapping language: what a mapping file may say, read into typed rules that know their file and line.

`docs/mapping-language.md` is the reference for people; these models are the same for editors (mapping.schema.json).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from mappings.codelists import Entry
from mappings.conditions import Condition, Scalar, When
from mappings.errors import Fault, MappingError
from mappings.validation import validated
from mappings.yamlfile import Key, YamlFile, read_yaml, shown_name

As = Literal[
    "text",
    "integer",
    "number",
    "flag",
    "datetime",
    "date_end_of_day",
    "dossier_code",
    "procedure_base",
    "procedure_suffix",
    "agency_code",
    "agency_code_old",
    "citizen_number",
    "link",
]
Kinds = Literal["dossier", "procedure", "step", "application"]
SAME = "same"


class Choice(BaseModel):
    """A source among those of `first` that counts only when its conditions hold."""

    model_config = ConfigDict(extra="forbid")

    from_: str = Field(alias="from", description="the path")
    when: When = Field(description="conditions as those of a rule")


def _choice_form(choice: Any) -> str:
    return "is a choice" if isinstance(choice, dict | Choice) else "is a path"


PathOrChoice = Annotated[
    Annotated[str, Tag("is a path")] | Annotated[Choice, Tag("is a choice")], Discriminator(_choice_form)
]


class Rule(BaseModel):
    """How one field gets its value. Exactly one of from, first, join, any, value says where it comes from."""

    model_config = ConfigDict(extra="forbid")

    from_: str | list[str | None] | None = Field(
        None, alias="from", description="one path; several only for a `list` whose key has several parts"
    )
    first: list[PathOrChoice] | None = Field(
        None,
        min_length=1,
        description="paths; the first that is not blank counts. `{from: hoTen, when: {loai: CN}}` in place of a path "
        "is passed over when its condition does not hold",
    )
    join: list[str] | None = Field(None, min_length=1, description="paths; their texts are put together")
    with_: str = Field(" ", alias="with", description="what stands between texts of `join`")
    any_: str | None = Field(
        None, alias="any", description="outgoing only: `documents[].digitised` is 1 when any entry's flag is"
    )
    value: Scalar | None = Field(None, description="a constant")

    as_: As | None = Field(None, alias="as", description="one of the words below; without it the field's kind decides")
    format: str | list[str] | None = Field(
        None,
        description="of a time: `iso`, `epoch_s`, `epoch_ms` or a pattern of `yyyy MM dd HH mm ss SSS`; several are "
        "tried in order",
    )
    zone: str | None = Field(None, description="zone of a time that carries none; left out: that of `times`")
    list_: str | None = Field(
        None,
        alias="list",
        description="the code list in which the value is looked up; with `as: procedure_base` or `as: text` beside it, "
        "what the list does not know is read that way instead of being refused",
    )
    table: dict[Scalar, Scalar] | None = Field(
        None, description="a code list of a few lines, written here: `{TT: 1, TN: 2}`"
    )
    at: str | None = Field(
        None,
        description="with `list`: the time of the record whose day chooses between dated entries; left out: "
        "`received_at`, where that is blank `submitted_at`",
    )
    stated: str | None = Field(
        None, description="with `citizen_number`: path of the kind that the source states (CCCD, CMND)"
    )

    when: When | None = Field(
        None,
        description="`{loaiGiayTo: [CCCD, CMND]}`: the rule counts only when each path has (one of) the value(s), "
        "letter case aside, or fits the [condition](#conditions); of a list of tables any; otherwise the field is "
        "blank",
    )
    default: Scalar | None = Field(None, description="value of a blank field")
    cut: int | None = Field(
        None,
        ge=1,
        description="most characters; more are cut, with a note. Fields with a national limit are cut there anyway",
    )
    blank: str | None = Field(None, description="note that goes with the record when the field is blank (`blank_due`)")
    required: bool = Field(False, description="a blank field holds the record, also where the schema allows it")
    missing: str | None = Field(
        None,
        description="the finding's word when a required field is blank; default: `missing_` and the field without "
        "`_at` (`missing_received`; "
        "`missing_owner` for `applicant_name`)",
    )
    reason: str | None = Field(
        None, description="the finding's word for an unknown code; default: the list's, else `unmapped_<field>`"
    )


def _form(rule: Any) -> str:
    if isinstance(rule, ListRule) or (isinstance(rule, dict) and "each" in rule):
        return "is a list rule"
    return "is a path" if isinstance(rule, str) else "is a rule"


class ListRule(BaseModel):
    """A list field: one entry for each entry of a source list, its fields by rules of their own; a field of an entry
    may be a list again."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, FieldRule]

    each: str = Field(
        description="path to the source list, `a[].b[]`; `same` in an overlay keeps the base's list. Inside another "
        "list it starts from that one's entry, from the list further out with `^`, from the top with `/`"
    )
    only: When | None = Field(
        None, description="the list counts only when the record (inside another list: its entry) fits; otherwise none"
    )
    where: When | None = Field(None, description="an entry counts only when it fits")

    @property
    def items(self) -> dict[str, str | Rule | ListRule]:
        return self.__pydantic_extra__


FieldRule = Annotated[
    Annotated[str, Tag("is a path")] | Annotated[Rule, Tag("is a rule")] | Annotated[ListRule, Tag("is a list rule")],
    Discriminator(_form),
]
ListRule.model_rebuild()
Fields = dict[str, FieldRule]
INNER: dict[str, type[BaseModel]] = {
    "is a rule": Rule,
    "is a list rule": Rule,
    "is a choice": Choice,
    "is a condition": Condition,
}
"""The models whose keys are suggested for an unknown one, by the form of what it stands in."""


class Times(BaseModel):
    """How the system writes times, unless a rule says otherwise."""

    model_config = ConfigDict(extra="forbid")

    format: str | list[str] = Field("iso", description="format, or several to try in order")
    zone: str = Field("Asia/Ho_Chi_Minh", description="zone of times that do not say it")


class Example(BaseModel):
    """A record and what must come of it; held by `run_examples`."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, description="what the example shows")
    kind: Kinds = Field("dossier", description="which rules it is for")
    in_: dict[str, Any] = Field(alias="in", description="a source record, as short as the point allows")
    out: dict[str, Any] = Field(
        default_factory=dict,
        description="fields that the mapped record must have; times as ISO text, entries of lists may leave fields out",
    )
    findings: list[str] = Field(default_factory=list, description="all reasons that must come, none other")
    notes: list[str] = Field(default_factory=list, description="kinds that must be among the notes")
    held_steps: list[str] | None = Field(None, description="reasons of the held steps, in order")


class _Sections(BaseModel):
    model_config = ConfigDict(extra="forbid")

    dossier: Fields | None = Field(None, description="rules for a dossier")
    procedure: Fields | None = Field(None, description="rules for a procedure")
    step: Fields | None = Field(None, description="rules for one progress step on its way out")
    application: Fields | None = Field(None, description="rules for a dossier that was filed on the national portal")
    examples: list[Example] = Field(default_factory=list, description="records and what must come of them")


class MappingFile(_Sections):
    """A mapping file: one system, its record kinds."""

    model_config = ConfigDict(extra="forbid", title="Lien Thong mapping")

    mapping: str = Field(description="name of the mapping, equal to the file's name")
    direction: Literal["in", "out"] = Field(
        "in",
        description="`in`: the system's records become canonical; `out`: canonical records become the system's, every "
        "value a text",
    )
    source: str | None = Field(None, description="where the names come from, with their mark")
    times: Times = Field(default_factory=lambda: Times.model_validate({}), description="how the system writes times")


def _without_blanks(lists: Any) -> Any:
    """A heading below which every line is a comment says nothing: it counts as left out."""
    if isinstance(lists, dict):
        return {name: entries for name, entries in lists.items() if entries is not None}
    return {} if lists is None else lists


class OverlayFile(_Sections):
    """What one province does otherwise: single fields and code list entries over a base mapping."""

    model_config = ConfigDict(extra="forbid", title="Lien Thong mapping overlay")

    overlay: str = Field(description="name of the overlay, equal to the file's name")
    over: str = Field(description="name of the mapping it lies over")
    source: str | None = Field(None, description="where the local words come from")
    times: Times | None = Field(None, description="how this province writes times, when not as the base says")
    lists: Annotated[dict[str, list[Entry]], BeforeValidator(_without_blanks)] = Field(
        default_factory=dict, description="entries laid over code lists, by the list's name"
    )


@dataclass(frozen=True, slots=True)
class Located:
    """A rule with the file and key it stands at. `items` are the rules of a list's entries, `where` chooses them."""

    rule: Rule
    file: YamlFile
    key: Key
    each: str | None = None
    items: dict[str, Located] = field(default_factory=dict)
    where: dict[str, Any] | list[dict[str, Any]] | None = None

    @property
    def line(self) -> str:
        return f"{self.file.name}:{self.file.line(self.key)}"

    def fault(self, part: str | None, what: str, next_step: str = "") -> Fault:
        return self.file.fault(self.key if part is None else (*self.key, part), what, next_step)

    def everything(self) -> Iterator[Located]:
        """The rule itself and those inside it."""
        yield self
        for item in self.items.values():
            yield from item.everything()


def read_mapping_file(path: Path, folder: Path) -> tuple[MappingFile, YamlFile]:
    """A mapping file, checked by itself; MappingError names file, line, key and the nearest known word."""
    file = read_yaml(path, shown_name(path, folder))
    return validated(MappingFile, file, {"mapping": path.stem}, INNER), file


def read_overlay_file(path: Path, folder: Path) -> tuple[OverlayFile, YamlFile]:
    """An overlay file, checked by itself."""
    file = read_yaml(path, shown_name(path, folder))
    return validated(OverlayFile, file, {"overlay": path.stem}, INNER), file


def located(fields: Fields, kind: str, file: YamlFile) -> dict[str, Located]:
    """The rules of a section with their places."""
    return {name: _located(rule, file, (kind, name)) for name, rule in fields.items()}


def _located(rule: str | Rule | ListRule, file: YamlFile, key: Key) -> Located:
    if isinstance(rule, ListRule):
        items = {name: _located(item, file, (*key, name)) for name, item in rule.items.items()}
        return Located(Rule.model_construct(when=rule.only), file, key, rule.each, items, rule.where)
    return Located(Rule.model_validate({"from": rule}) if isinstance(rule, str) else rule, file, key)


def laid_over(base: dict[str, Located], over: dict[str, Located]) -> dict[str, Located]:
    """A section with an overlay's rules: a field is replaced; under `each: same` only what the overlay says is."""
    merged = dict(base)
    faults = []
    for name, rule in over.items():
        if rule.each != SAME:
            merged[name] = rule
        elif name not in base or base[name].each is None:
            faults.append(rule.fault("each", "the base has no list here to keep.", "Write the path of the list."))
        else:
            under = base[name]
            merged[name] = replace(
                under,
                rule=under.rule if rule.rule.when is None else rule.rule,
                where=under.where if rule.where is None else rule.where,
                items=laid_over(under.items, rule.items),
            )
    if faults:
        raise MappingError(faults)
    return merged
