"""Modules that are imported when something of them is first asked for, and not when a library names them."""

import importlib
import sys
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """Stands where a module will be; the first name asked of it imports the module."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def import_later(*names: str) -> None:
    """Let these modules wait until they are used; one that is imported already stays as it is."""
    for name in names:
        if name not in sys.modules:
            sys.modules[name] = Later(name)
