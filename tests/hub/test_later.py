"""A module that waits is the module itself once something of it is used."""

import subprocess
import sys

from hub.later import Later, import_later


def test_a_module_waits_until_something_of_it_is_asked_for() -> None:
    sys.modules.pop("wave", None)
    import_later("wave")
    import wave

    assert type(sys.modules["wave"]) is Later
    assert wave.Error.__module__ == "wave"
    assert type(sys.modules["wave"]) is not Later
    assert wave.Error is sys.modules["wave"].Error


def test_an_imported_module_stays_as_it_is() -> None:
    before = sys.modules["subprocess"]
    import_later("subprocess")
    assert sys.modules["subprocess"] is before is subprocess


def test_great_expectations_comes_without_what_only_drawing_and_distributions_need() -> None:
    code = (
        "from hub.gate.great import great_expectations; import sys; great_expectations();"
        " print(sum(name.startswith(('altair.', 'scipy.stats.')) for name in sys.modules));"
        " from scipy import stats; print(stats.norm.cdf(0))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["0", "0.5"]
