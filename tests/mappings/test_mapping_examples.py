"""Every mapping and overlay in the repository compiles, and its own examples hold."""

import pytest

from mappings import kinds_of, load_mapping, mapping_names, overlay_names, run_examples

MAPPINGS: list[tuple[str, str, str | None]] = [
    (name, kind, None) for name in mapping_names() for kind in kinds_of(name)
]
OVERLAYS: list[tuple[str, str, str | None]] = [
    (over, kind, name) for name, over in overlay_names() for kind in kinds_of(over)
]


@pytest.mark.parametrize(("name", "kind", "overlay"), MAPPINGS + OVERLAYS)
def test_examples_of_every_mapping_hold(name, kind, overlay):
    mapping = load_mapping(name, kind, overlay=overlay)

    assert [str(failure) for failure in run_examples(mapping)] == []
    assert mapping.examples, f"{name} has no example for a {kind}"
