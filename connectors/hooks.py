"""A Python function that a stream names for what no word of the language says: a record in, the record to use out.

`hook: module:function`; the module is a file in the `hooks` folder of LIENTHONG_CONFIG, else one that can be imported.
"""

import importlib
import importlib.util
import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

from connectors.errors import ConfigError
from connectors.spec import Spec

Hook = Callable[[dict[str, Any]], dict[str, Any]]


def load_hook(spec: Spec, stream: str, said: str) -> Hook:
    """The function, guarded: it is given a copy, and what it raises or gives wrongly is a ConfigError of the spec."""
    module_name, _, function_name = said.partition(":")

    def wrong(what: str, next_step: str = "") -> ConfigError:
        return ConfigError(
            f"the hook {said} {what}.",
            file=spec.file,
            line=spec.line("streams", stream, "hook"),
            key=f"streams.{stream}.hook",
            next_step=next_step,
        )

    own = os.environ.get("LIENTHONG_CONFIG")
    path = Path(own, "hooks", *module_name.split(".")).with_suffix(".py") if own else None
    try:
        module = _from_file(module_name, path) if path and path.is_file() else importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        looked = f"There is no {path}." if path else "Set LIENTHONG_CONFIG to the folder that has hooks/."
        raise wrong(f"is not there: {error}", looked) from None
    except Exception as error:
        raise wrong(f"cannot be loaded: {type(error).__name__}: {error}") from None
    function = getattr(module, function_name, None)
    if not callable(function):
        raise wrong("is no function", f"{module_name} has no function {function_name or '(write module:function)'}.")

    def hooked(record: dict[str, Any]) -> dict[str, Any]:
        try:
            used = function(deepcopy(record))
        except Exception as error:
            # Neither its text nor the error itself: both may hold what stands in the record.
            raise wrong(f"raises {type(error).__name__}{_place_of(error)}", "Look at that line.") from None
        if not isinstance(used, dict):
            raise wrong(f"gives {type(used).__name__}, not the record to use")
        return used

    return hooked


def _place_of(error: Exception) -> str:
    """The line in which a function raised."""
    frames = extract_tb(error.__traceback__)
    return f" in line {frames[-1].lineno} of {frames[-1].filename}" if len(frames) > 1 else ""


def _from_file(name: str, path: Path) -> ModuleType:
    described = importlib.util.spec_from_file_location(f"lienthong_hooks.{name}", path)
    assert described is not None and described.loader is not None
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module
