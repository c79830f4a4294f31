"""Province files and accounts: what is wrong is said with file, line and key, and no secret is shown."""

from pathlib import Path

import pytest

from hub.config import BASE, Settings, load_province, province_slugs
from hub.connections import peer
from hub.errors import ConfigurationError

GOOD = """\
province: {code: "15", name: Lào Cai, agency: H38}
system: vnpt_igate
connection: vnpt_lao_cai
national: {connection: national, unit: H38}
"""


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """A configuration folder of one's own with one province, over the repository's."""
    (tmp_path / "provinces").mkdir()
    (tmp_path / "provinces" / "mine.yaml").write_text(GOOD, "utf-8")
    return Settings(tmp_path / "home", (tmp_path, BASE))


def written(own: Settings, text: str) -> ConfigurationError:
    """The error of a province file with this text."""
    (own.folders[0] / "provinces" / "mine.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as failed:
        load_province(own, "mine")
    return failed.value


def test_a_folder_of_ones_own_replaces_the_example_provinces(own: Settings) -> None:
    assert province_slugs(own) == ["mine"] and load_province(own, "mine").overlap.total_seconds() == 1800


@pytest.mark.parametrize(
    ("wrong", "line", "words"),
    [
        (GOOD.replace("connection: vnpt_lao_cai", "conection: vnpt_lao_cai"), 3, "did you mean 'connection'?"),
        (GOOD + "limits: {per_secnd: 5}\n", 5, "did you mean 'per_second'?"),
        (GOOD + "limits: {per_second: many}\n", 5, "limits.per_second"),
        (GOOD.replace('"15"', '"150"'), 1, "province.code"),
        (GOOD.replace("system: vnpt_igate\n", ""), 1, "the key 'system' is missing"),
        (GOOD + "overlap: 30 minutes\n", 5, "overlap"),
        (GOOD + "overlap: 30\n", 5, "30 is not a duration: write a number and its unit"),
        (GOOD + "overlap: 2026-01-01\n", 5, "is not a duration"),
        (GOOD + "limits: {per_second: .inf}\n", 5, "limits.per_second"),
        (GOOD + "  schedule: x\n", 5, "not YAML"),
        (GOOD + "earliest: 2026-02-30T00:00:00+07:00\n", 5, "day is out of range for month"),
        (GOOD + "earliest: 2026-01-01T25:00:00+07:00\n", 5, "hour must be in 0..23"),
        (GOOD + "gateway: 5\n", 5, "write a day and an hour with their offset"),
        (GOOD + "overlap: 99999999999d\n", 5, "overlap"),
        (GOOD + "overlap: -PT1H\n", 5, "overlap"),
        (GOOD + 'schedule: "61 1 * * *"\n', 5, "schedule"),
        (GOOD + "# a bell: \a\n", 5, "U+0007"),
        (GOOD + "limits: &a {x: *a}\n", 5, "holds itself"),
        ("- a\n- b\n", 1, "map of keys"),
    ],
)
def test_a_wrong_province_file_names_file_line_and_key(own: Settings, wrong: str, line: int, words: str) -> None:
    error = written(own, wrong)
    assert error.where.endswith(f"mine.yaml:{line}") and words in error.what and error.next_step


def test_an_example_province_that_ones_own_folder_hides_is_said_to_be_hidden(own: Settings) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_province(own, "lao_cai")
    assert "LIENTHONG_CONFIG" in raised.value.next_step and "mine" in raised.value.next_step


def test_an_unknown_province_names_the_nearest(own: Settings) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'mine'"):
        load_province(own, "mime")


def test_an_unknown_spec_names_the_known_ones(own: Settings) -> None:
    from hub.context import spec_path

    with pytest.raises(ConfigurationError, match="vnpt_igat'") as failed:
        spec_path(own, "vnpt_igat")
    assert "vnpt_igate" in failed.value.next_step


def test_a_configuration_folder_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIENTHONG_CONFIG", "nowhere-at-all")
    with pytest.raises(ConfigurationError, match="not a folder"):
        Settings.from_environment()


@pytest.mark.parametrize(
    ("text", "url", "extra"),
    [
        (
            "http://me:s%40cret@igate.example:8080/base?client_id=web",
            "http://igate.example:8080/base",
            {"client_id": "web"},
        ),
        ("https://me:s%40cret@igate.example", "https://igate.example", {}),
        (
            '{"conn_type": "http", "host": "https://igate.example", "port": 8443, "login": "me", "password": "s@cret",'
            ' "extra": {"client_id": "web"}}',
            "https://igate.example:8443",
            {"client_id": "web"},
        ),
    ],
)
def test_a_connection_is_read_from_the_environment_in_both_of_airflows_forms(
    text: str, url: str, extra: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SOME_PEER", text)
    found = peer("some_peer", tmp_path)
    assert (found.url, found.login, found.password, dict(found.extra)) == (url, "me", "s@cret", extra)
    assert "s@cret" not in repr(found)


def test_a_province_files_url_wins_over_the_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SOME_PEER", "https://me:x@old.example")
    assert peer("some_peer", tmp_path, "https://new.example/").url == "https://new.example"


def test_an_unknown_connection_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not known") as failed:
        peer("no_such_peer", tmp_path)
    assert "AIRFLOW_CONN_NO_SUCH_PEER=" in failed.value.next_step


def test_a_broken_json_connection_is_said_without_its_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SOME_PEER", '{"password": "s3cret", ')
    with pytest.raises(ConfigurationError) as failed:
        peer("some_peer", tmp_path)
    assert "s3cret" not in str(failed.value)
