"""Days off and working days of a province's own: `expectations/days.yaml` in the folder of `LIENTHONG_CONFIG`."""

from datetime import date
from pathlib import Path

import yaml

from hub.errors import ConfigurationError
from hub.gate.suite import FOLDER
from schemas import yaml_told

NAME = "days.yaml"


def own_days(folders: tuple[Path, ...]) -> dict[date, bool]:
    """Days that are counted otherwise than the country's calendar says: {day: whether offices are open}.

    Raises:
        ConfigurationError: no YAML, another key than `closed` and `open`, or no list of days; with file and line.
    """
    found: dict[date, bool] = {}
    for folder in reversed(folders):
        path = folder / FOLDER / NAME
        if path.is_file():
            for key, working in (("closed", False), ("open", True)):
                found |= dict.fromkeys(_read(path).get(key, ()), working)
    return found


def _read(path: Path) -> dict[str, list[date]]:
    try:
        node, data = yaml_told.load(content := path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise _wrong("the file is not UTF-8", path, path.read_bytes()[: error.start].count(b"\n") + 1) from None
    except yaml.YAMLError as error:
        problem, line = yaml_told.problem_of(error, content)
        raise _wrong(f"this is not YAML: {problem}", path, line or 1) from None
    lines = {
        key.value: key.start_mark.line + 1 for key, _ in (node.value if isinstance(node, yaml.MappingNode) else [])
    }
    if not isinstance(data, dict) or set(data) - {"closed", "open"}:
        unknown = next((key for key in data if key not in ("closed", "open")), "") if isinstance(data, dict) else ""
        raise _wrong(f"unknown key '{unknown}'", path, lines.get(unknown, 1))
    for key, days in data.items():
        if not isinstance(days, list) or not all(type(day) is date for day in days):
            raise _wrong(f"'{key}' is no list of days", path, lines[key])
    return data


def _wrong(what: str, path: Path, line: int) -> ConfigurationError:
    return ConfigurationError(
        what, where=f"{path}:{line}", next_step="Write closed: [2026-09-03] and open: [2026-09-05], either or both."
    )
