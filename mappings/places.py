"""Where mapping files lie: an engineer's own folder first, then what the package brings."""

from collections.abc import Sequence
from pathlib import Path

BASE = Path(__file__).resolve().parent
"""The mappings that come with the package."""


def searched(folders: Sequence[Path] | None = None) -> list[Path]:
    """Mapping folders in the order they are searched. A folder may be a configuration root that holds `mappings/`.

    The package's own folder is always last.
    """
    places: list[Path] = []
    for folder in [*(folders or ()), BASE]:
        inner = Path(folder) / "mappings"
        place = inner if inner.is_dir() else Path(folder)
        if place.is_dir() and place.resolve() not in [known.resolve() for known in places]:
            places.append(place)
    return places


def mapping_files(folders: Sequence[Path] | None = None) -> list[tuple[Path, Path]]:
    """Every mapping file with the folder it was found in, nearest first."""
    return [(path, place) for place in searched(folders) for path in sorted(place.glob("*.yaml"))]


def code_list_files(folders: Sequence[Path] | None = None) -> list[tuple[Path, Path]]:
    """Every code list file with its mapping folder, nearest first."""
    places = searched(folders)
    for folder in reversed(folders or ()):  # LIENTHONG_CONFIG may keep codelists/ beside its mappings/
        root = Path(folder).parent if Path(folder).name == "mappings" else Path(folder)
        if root.resolve() not in [place.resolve() for place in places]:
            places.insert(0, root)
    return [(path, place) for place in places for path in sorted((place / "codelists").glob("*.yaml"))]


def overlay_files(folders: Sequence[Path] | None = None) -> list[tuple[Path, Path]]:
    """Every overlay file with its mapping folder, nearest first."""
    return [(path, place) for place in searched(folders) for path in sorted((place / "overlays").glob("*.yaml"))]
