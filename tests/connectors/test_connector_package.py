"""What the package promises to others: its names, its errors, its examples."""

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import connectors
from connectors import errors

MODULES = [importlib.import_module(module.name) for module in pkgutil.walk_packages(connectors.__path__, "connectors.")]


@pytest.mark.parametrize("module", [connectors, errors], ids=lambda module: module.__name__)
def test_exported_names_are_sorted_and_there(module: ModuleType) -> None:
    assert list(module.__all__) == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


def test_every_error_stands_in_the_drawn_tree_and_is_exported() -> None:
    known = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert known == set(errors.__all__)
    assert all(name in (errors.__doc__ or "") for name in known)
    assert all(hasattr(connectors, name) for name in known)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_in_docstrings_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_every_public_function_says_what_it_adds() -> None:
    """Public classes, functions and methods longer than a few lines carry a docstring."""
    import inspect

    bare = [
        f"{module.__name__}.{name}"
        for module in MODULES
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
        and (inspect.isfunction(value) or inspect.isclass(value))
        and not value.__doc__
        and len(inspect.getsource(value).splitlines()) > 12
    ]
    assert bare == []
