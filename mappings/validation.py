"""Pydantic models over YAML files: every fault told with file, line, key and the nearest word that would do."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mappings.errors import Fault, MappingError, near
from mappings.yamlfile import YamlFile

Model = TypeVar("Model", bound=BaseModel)

TAGS = frozenset({"is a path", "is a rule", "is a list rule"})
"""Names of the alternatives of a rule; pydantic puts them into an error's place, where no key stands."""

_PLAIN = {
    "missing": "this key is missing.",
    "string_type": "this is not a text.",
    "int_type": "this is not a whole number.",
    "int_parsing": "this is not a whole number.",
    "bool_type": "this is not true or false.",
    "bool_parsing": "this is not true or false.",
    "list_type": "this is not a list.",
    "dict_type": "this is not a table of keys.",
    "model_type": "this is not a table of keys.",
    "date_from_datetime_parsing": "this is not a day.",
    "date_parsing": "this is not a day.",
}


def validated(
    model: type[Model], file: YamlFile, expected: dict[str, str], inner: type[BaseModel] | None = None
) -> Model:
    """The file as its model, all faults at once as MappingError.

    `expected` are keys whose value must be this (a file's name inside the file); `inner` is the model whose keys are
    suggested for an unknown key deeper down.
    """
    try:
        made = model.model_validate(file.data)
    except ValidationError as error:
        raise MappingError(_unique([_fault(detail, file, model, inner) for detail in error.errors()])) from error
    for key, value in expected.items():
        if file.data.get(key) != value:
            what = f"says `{file.data.get(key)}`, but the file is named `{value}`."
            raise MappingError([file.fault((key,), what, "Make the two equal.")])
    return made


def keys_of(model: type[BaseModel]) -> set[str]:
    """The keys that a model's table may have, as they are written."""
    return {info.alias or name for name, info in model.model_fields.items()}


def _fault(detail: Any, file: YamlFile, model: type[BaseModel], inner: type[BaseModel] | None) -> Fault:
    place = tuple(part for part in detail["loc"] if part not in TAGS)
    kind = detail["type"]
    said = _at(file.data, place)
    if kind == "extra_forbidden":
        key = str(place[-1])
        known = keys_of(model if len(place) == 1 or inner is None else inner)
        return file.fault(place, "nothing is known by this key.", near(key, known))
    if kind in ("literal_error", "enum"):
        words = [word.strip(" '") for word in detail["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        return file.fault(place, f"`{said}` is not known here.", near(str(said), words))
    if kind == "missing":
        return file.fault(place, "this key is missing.", "Add it.")
    if kind == "value_error":
        return file.fault(place, f"{detail['ctx']['error']}.", "")
    return file.fault(place, _PLAIN.get(kind, f"{detail['msg']}."), f"It says `{str(said)[:60]}`.")


def _at(data: Any, place: tuple[Any, ...]) -> Any:
    for part in place:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _unique(faults: list[Fault]) -> list[Fault]:
    return list(dict.fromkeys(faults))
