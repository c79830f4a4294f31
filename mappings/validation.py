"""Pydantic models over YAML files: every fault told with file, line, key and the nearest word that would do."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mappings.errors import Fault, MappingError, near
from mappings.yamlfile import YamlFile

Model = TypeVar("Model", bound=BaseModel)

Inner = type[BaseModel] | Mapping[str, type[BaseModel]] | None

TAG = "is a "
"""How names of alternatives start (`is a list rule`); pydantic puts them into an error's place, where no key stands."""

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


def validated(model: type[Model], file: YamlFile, expected: dict[str, str], inner: Inner = None) -> Model:
    """The file as its model, all faults at once as MappingError.

    `expected` are keys whose value must be this (a file's name inside the file); `inner` is the model whose keys
    are suggested for an unknown key deeper down, or several by the name of the alternative that the key stands in.
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


def _fault(detail: Any, file: YamlFile, model: type[BaseModel], inner: Inner) -> Fault:
    kind = detail["type"]
    tags = [part for part in detail["loc"] if str(part).startswith(TAG)]
    place = _known_place(file.data, [part for part in detail["loc"] if part not in tags], kind == "missing")
    said = _at(file.data, place)
    if kind == "extra_forbidden":
        key = str(place[-1])
        deeper = inner.get(tags[-1] if tags else "") if isinstance(inner, Mapping) else inner
        known = keys_of(deeper if deeper is not None and len(place) > 1 else model)
        return file.fault(place, "nothing is known by this key.", near(key, known))
    if kind in ("literal_error", "enum"):
        words = [word.strip(" '") for word in detail["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        return file.fault(place, f"`{said}` is not known here.", near(str(said), words))
    if kind == "missing":
        return file.fault(place, "this key is missing.", "Add it.")
    if kind == "value_error":
        return file.fault(place, f"{detail['ctx']['error']}.", "")
    return file.fault(place, _PLAIN.get(kind, f"{detail['msg']}."), f"It says `{str(said)[:60]}`.")


def _known_place(data: Any, place: Sequence[Any], missing: bool) -> tuple[Any, ...]:
    """A place as far as the file has it; behind it pydantic names types. A missing key is its last part."""
    found: list[Any] = []
    for number, part in enumerate(place):
        keys = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
        if part not in keys:
            return (*found, part) if missing and number == len(place) - 1 else tuple(found)
        found.append(part)
        data = data[part]
    return tuple(found)


def _at(data: Any, place: tuple[Any, ...]) -> Any:
    for part in place:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _unique(faults: list[Fault]) -> list[Fault]:
    return list(dict.fromkeys(faults))
