"""How one system's records become another's: the mapping language, its compiler, code lists, administrative units."""

from mappings.codelists import CodeList, CodeLists
from mappings.errors import Fault, MappingError
from mappings.examples import Failure, run_examples
from mappings.mapped import Mapped
from mappings.mapping import Mapping, kinds_of, load_mapping, mapping_names, overlay_names

__all__ = [
    "CodeList",
    "CodeLists",
    "Failure",
    "Fault",
    "Mapped",
    "Mapping",
    "MappingError",
    "kinds_of",
    "load_mapping",
    "mapping_names",
    "overlay_names",
    "run_examples",
]
