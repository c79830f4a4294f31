"""Later editions: dated rows over the package's tables, counted before they are taken, whole or not at all."""

import csv
import json
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from hub.cli import main
from mappings import MappingError
from mappings.editions import import_edition, load_units
from mappings.resolving import resolve
from mappings.units import FOLDER, units

HEAD = "code,level,name,province_code,valid_from,valid_to,established_by\n"
WENT = "old_code,new_code,kind,split_part,official_note\n"
RENAMED = "00008,commune,Phường Ngọc Hà Mới,01,,,1/NQ\n"
MERGED = "00004,commune,Phường Ba Đình,01,2025-07-01,2027-02-28,1656/NQ-UBTVQH15\n"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's tables cut down to Hà Nội and Bắc Ninh: a tenth of a second less for each reading."""
    folder = tmp_path_factory.mktemp("package") / "units"
    folder.mkdir()
    for path in FOLDER.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as lines:
            head, *rows = list(csv.reader(lines))
        column = "old_province_code" if "crosswalk" in path.name else "province_code"
        if column in head:
            at = head.index(column)
            level = head.index("level") if "level" in head else None
            rows = [r for r in rows if (r[0] if level and r[level] == "province" else r[at]) in ("01", "24", "27")]
        with (folder / path.name).open("w", encoding="utf-8", newline="") as lines:
            csv.writer(lines).writerows([head, *rows])
    text = "editions:\n"
    for name, day, file in (("three_levels", "2025-06-30", "old"), ("reform_2025", "2025-07-01", "new")):
        with (folder / f"admin_units_{file}.csv").open(encoding="utf-8", newline="") as lines:
            levels = Counter(row["level"] for row in csv.DictReader(lines) if "2026" not in row.get("valid_from", ""))
        text += f"  - {{edition: {name}, day: {day}, what: w, source: s, "
        text += f"counts: {{provinces: {levels['province']}, communes: {levels['commune']}}}}}\n"
    cities = f"provinces: {levels['province']}, cities: 2, communes: {levels['commune']}, wards: WARDS"
    text += f"  - {{edition: bac_ninh_2026, day: 2026-09-20, what: w, source: s, counts: {{{cities}}}}}\n"
    with (folder / "admin_units_new.csv").open(encoding="utf-8", newline="") as lines:
        wards = sum(row["type"] == "Phường" and not row["valid_to"] for row in csv.DictReader(lines))
    (folder / "editions.yaml").write_text(text.replace("WARDS", str(wards)), encoding="utf-8")
    return folder


COMMUNES = 126 + 99
WARDS = 51 + 33 + 12


@pytest.fixture
def edition(tmp_path: Path):
    def made(name="next_2027", rows=RENAMED, went=None, counts=f"provinces: 2, communes: {COMMUNES}", more="") -> Path:
        folder = tmp_path / "given" / name
        folder.mkdir(parents=True, exist_ok=True)
        text = (
            f'edition: {name}\nday: 2027-03-01\nwhat: a test\nsource: "[style] made up"\n{more}counts: {{{counts}}}\n'
        )
        (folder / "edition.yaml").write_text(text, encoding="utf-8")
        (folder / "units.csv").write_text(HEAD + rows, encoding="utf-8")
        if went is not None:
            (folder / "crosswalk.csv").write_text(WENT + went, encoding="utf-8")
        return folder

    return made


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "config" / "units"


def test_a_renamed_unit_keeps_its_code_and_has_its_new_name_from_the_day(edition, own, package):
    import_edition(edition(), own, package)

    among = load_units(package, [own])
    for on, name in ((date(2027, 2, 28), "Phường Ngọc Hà"), (date(2027, 3, 1), "Phường Ngọc Hà Mới")):
        unit = among.unit("00008", on)
        assert unit and unit.name == name
    assert [one.edition for one in among.editions][-1] == "next_2027"
    assert not any(path.name.startswith(".") for path in own.iterdir())


def test_a_later_merger_is_followed_from_old_codes_and_from_new_ones(edition, own, package):
    """00004 (new Ba Đình, which took old Trúc Bạch whole) goes into 00008 on 01/03/2027."""
    folder = edition(
        rows=MERGED, went="00004,00008,whole,,\n", counts=f"provinces: 2, communes: {COMMUNES - 1}, splits: 0"
    )
    import_edition(folder / "edition.yaml", own, package)

    among = load_units(package, [own])
    before, after = date(2027, 2, 28), date(2027, 3, 1)

    def found(code: str, on: date) -> str | None:
        unit = resolve(code, on, among=among).unit
        return unit.code if unit else None

    assert (found("00004", before), found("00004", after)) == ("00004", "00008")
    other = next(code for code, went in among.successors.items() if [one.code for one in went] == ["00004"])
    assert (found(other, before), found(other, after)) == ("00004", "00008")
    assert (found("00016", before), found("00016", after)) == (None, "00008"), "both parts of Ngọc Hà are one again"


def test_a_wrong_day_is_corrected_by_an_edition_that_takes_the_other_one_back(edition, own, package):
    table = (FOLDER / "admin_units_new.csv").read_text("utf-8").splitlines()
    rows = [row.split(",") for row in table if ",2026-09-20," in row]
    again = "".join(f"{r[0]},{r[1]},{r[2]},{r[4]},,,{r[7]}\n" for r in rows)
    counts = f"provinces: 2, cities: 2, communes: {COMMUNES}, wards: {WARDS}"

    import_edition(edition(rows=again, counts=counts, more="replaces: bac_ninh_2026\n"), own, package)

    among = load_units(package, [own])
    days = (date(2026, 9, 20), date(2027, 2, 28), date(2027, 3, 1))
    names = [unit.name for on in days if (unit := among.unit("07294", on))]
    assert names == ["Xã Bố Hạ", "Xã Bố Hạ", "Phường Bố Hạ"]
    assert "bac_ninh_2026" not in [one.edition for one in among.editions]


REFUSED = {
    "a wrong count": (
        {"counts": f"provinces: 2, communes: {COMMUNES + 1}"},
        f"edition.yaml:5: counts.communes: edition next_2027 holds {COMMUNES}, not {COMMUNES + 1}.",
    ),
    "overlapping days": (
        {"rows": "00008,commune,Phường Ngọc Hà,01,2025-01-01,2025-08-01,\n"},
        "units.csv:2: valid_from: `00008` is on some of these days already `Phường Liễu Giai` (admin_units_old.csv:",
    ),
    "a code twice": ({"rows": RENAMED * 2}, "units.csv:3: code: `00008` is already said for this first day on line 2"),
    "no such province": (
        {"rows": RENAMED.replace(",01,", ",02,")},
        "units.csv:2: province_code: `00008` lies in provin",
    ),
    "days the wrong way": (
        {"rows": "00008,commune,Phường Ngọc Hà,01,2027-03-01,2027-02-01,\n"},
        "units.csv:2: valid_to: `00008`: valid_to lies before valid_from",
    ),
    "no successor": (
        {"rows": MERGED, "counts": f"provinces: 2, communes: {COMMUNES - 1}"},
        "units.csv:2: valid_to: `00004` Phường Ba Đình ends before 2027-03-01, and nothing says what became of it",
    ),
    "a successor that is none": (
        {"rows": MERGED, "went": "00004,00009,whole,,\n", "counts": f"provinces: 2, communes: {COMMUNES - 1}"},
        "crosswalk.csv:2: there is no unit `00009` that day",
    ),
    "one that was none": (
        {"went": "00009,00008,whole,,\n"},
        "crosswalk.csv:2: there is no unit `00009` the day before",
    ),
    "an unknown kind": ({"went": "00004,00008,hole,,\n"}, "crosswalk.csv:2: kind: `hole` is not known here. Did you"),
    "a lost zero": (
        {"rows": "8,commune,Phường Ngọc Hà,01,,,\n"},
        "units.csv:2: code: `8` is not the code of a commune",
    ),
    "no type": ({"rows": "00008,commune,Ngọc Hà,01,,,\n"}, "units.csv:2: name: `Ngọc Hà` does not say what it is"),
    "a short row": ({"rows": "00008,commune\n"}, "units.csv:2: the row has 2 cells, the header 7"),
    "a name that is taken": ({"name": "reform_2025"}, "there is an edition `reform_2025`"),
    "no day": ({"rows": "00008,commune,Phường Ngọc Hà,01,soon,,\n"}, "units.csv:2: valid_from: `soon` is not a day"),
    "replaces nothing": ({"more": "replaces: reform_2025\n"}, "edition.yaml:5: replaces: `reform_2025` is no edition"),
    "an unknown key": ({"more": "dai: 1\n"}, "edition.yaml:5: dai: nothing is known by this key"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_edition_that_does_not_fit_is_refused_by_line_and_nothing_is_written(edition, own, case, package):
    given, told = REFUSED[case]
    folder = edition(**given)

    with pytest.raises(MappingError) as error:
        import_edition(folder, own, package)

    assert told in str(error.value)
    assert str(error.value).startswith(f"{folder.name}/")
    assert not own.exists() or list(own.iterdir()) == []


def test_the_same_files_again_change_nothing_and_others_of_that_name_are_refused(edition, own, package):
    folder = edition()
    import_edition(folder, own, package)
    import_edition(folder, own, package)
    (folder / "units.csv").write_text(HEAD + RENAMED.replace("Mới", "Khác"), encoding="utf-8")

    with pytest.raises(MappingError, match="there is an edition `next_2027` already"):
        import_edition(folder, own, package)
    assert (own / "next_2027" / "units.csv").read_text("utf-8") == HEAD + RENAMED


def test_an_edition_that_breaks_a_later_ones_count_is_refused(edition, own, package):
    folder = edition(rows="00008,commune,Xã Ngọc Hà,01,,,\n")
    text = (folder / "edition.yaml").read_text("utf-8")
    (folder / "edition.yaml").write_text(text.replace("2027-03-01", "2026-05-01"), encoding="utf-8")

    with pytest.raises(MappingError, match=f"edition bac_ninh_2026 holds {WARDS - 1}, not {WARDS}"):
        import_edition(folder, own, package)


@pytest.fixture
def say(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "config").mkdir()
    monkeypatch.setenv("LIENTHONG_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path / "home"))

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(("units", *words))
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


def test_the_commands_resolve_show_and_list(say):
    code, text, _ = say("resolve", "00001", "--on", "30/06/2026", "--json")
    found = json.loads(text)
    assert (code, found["unit"]["code"], found["way"], found["old"]["name"]) == (
        0,
        "00097",
        ["whole"],
        "Phường Phúc Xá",
    )
    code, text, _ = say(
        "resolve", "00007", "--on", "2026-06-30", "--address", "số 1, phường Cống Vị, Ba Đình", "--json"
    )
    found = json.loads(text)
    assert (code, found["unit"], found["reason"], "số 1" in text) == (1, None, "split", False)
    assert [(one["code"], one["official_note"]) for one in found["candidates"]] == [
        ("00008", "Nhập một phần"),
        ("00025", "Nhập một phần"),
    ]
    code, _, told = say("resolve", "00001")
    assert code == 2 and "a code without a day means nothing" in told
    code, text, _ = say("show", "00004")
    assert code == 0 and "Phường Trúc Bạch" in text and "Phường Ba Đình" in text and "01/07/2025" in text
    assert say("show", "99999")[0] == 1
    code, text, _ = say("list", "--json")
    assert code == 0 and [one["found"]["communes"] for one in json.loads(text)["editions"]] == [10035, *[3321] * 4]
    code, text, _ = say("list", "--province", "15", "--on", "2026-01-01", "--json")
    assert code == 0 and len(json.loads(text)["units"]) == 99


def test_the_command_imports_into_ones_own_folder_and_every_reader_sees_it(say, edition, own, monkeypatch):
    folder = edition(counts="provinces: 34, communes: 3321")
    assert say("import", str(folder / "nothing"))[0] == 2
    code, text, _ = say("import", str(folder), "--json")
    assert code == 0 and json.loads(text)["folder"] == str(own / "next_2027")
    code, text, _ = say("resolve", "00008", "--on", "01/03/2027", "--era", "new")
    assert code == 0 and "Phường Ngọc Hà Mới" in text and "later_change" in text
    unit = units([own.parent]).unit("00008", date(2027, 3, 1))
    assert unit and unit.name == "Phường Ngọc Hà Mới"
    monkeypatch.delenv("LIENTHONG_CONFIG")
    code, _, told = say("import", str(folder))
    assert code == 2 and "LIENTHONG_CONFIG" in told
