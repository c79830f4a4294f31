"""Pages for people: the templates of `hub/templates`, and how a page is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


def template(name: str, **filters: Callable[[Any], Any]) -> Template:
    """A template with its filters; what it names and is not given is an error. Compiling it takes longer than a page
    does: a caller keeps it."""
    environment = Environment(loader=PackageLoader("hub"), autoescape=True, undefined=StrictUndefined)
    environment.filters |= filters
    return environment.get_template(name)


def write_page(path: Path, html: str) -> Path:
    """Write a page whole or not at all: who reads it meanwhile sees the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(html, "utf-8")
    return fresh.replace(path)
