import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from edge.config import DEMO_BUNDLE, Settings, resolve
from edge.contract.errors import ConfigError
from edge.system.bundles import find_bundle


@pytest.fixture(autouse=True)
def no_station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BIRDLISTEN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def yaml(tmp_path: Path, text: str) -> Path:
    (tmp_path / "settings.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "settings.yaml"


VALUES: dict[str, tuple[Any, str, str]] = {
    "threshold": (0.1, "0.2", "threshold: 0.3"),
    "hop": (1.0, "2", "hop: 3"),
    "rate": (1000, "2000", "rate: 3000"),
    "bundle": ("a", "b", "bundle: c"),
    "device": ("1", "2", "device: 3"),
    "precision": ("fp32", "fp16", "precision: int8"),
    "provider": ("cpu", "cuda", "provider: tensorrt"),
}


@pytest.mark.parametrize("name", VALUES)
def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path, name: str) -> None:
    flag, variable, line = VALUES[name]
    environment, file = {f"BIRDLISTEN_{name.upper()}": variable}, yaml(tmp_path, line)
    kind = type(flag)
    assert getattr(resolve({name: flag}, environment, file), name) == flag
    assert getattr(resolve({}, environment, file), name) == kind(variable)
    assert getattr(resolve({}, {}, file), name) == kind(line.partition(": ")[2])
    assert getattr(resolve({}, {}, None), name) == getattr(Settings(), name)


def test_nothing_given_is_the_default() -> None:
    assert resolve({}, {}, None) == Settings()


def test_layers_mix(tmp_path: Path) -> None:
    file = yaml(tmp_path, "threshold: 0.3\nhop: 3\nrate: 3000")
    found = resolve({"threshold": 0.1}, {"BIRDLISTEN_HOP": "2"}, file)
    assert (found.threshold, found.hop, found.rate) == (0.1, 2.0, 3000)


def test_every_setting_can_come_from_the_environment() -> None:
    texts = {bool: "yes", int: "5", float: "0.5", str: "auto"}
    for field in fields(Settings):
        kind = type(field.default)
        numbers = {"threshold": "0.5", "hop": "0.5", "threads": "2", "caution": "3"}
        numbers |= {"latitude": "52.5", "longitude": "13.4", "max_cpu": "50"}
        numbers |= {"voices": "keep", "clip_format": "opus", "channel": "left"}
        numbers |= {"mqtt_discovery": "off"}
        text = numbers.get(field.name) or texts.get(kind, "auto")
        found = getattr(resolve({}, {f"BIRDLISTEN_{field.name.upper()}": text}, None), field.name)
        assert found == (True if kind is bool else type(found)(text))


def test_the_stations_config_is_found(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("threshold: 0.3")
    assert resolve({"station": str(tmp_path)}, {}, None).threshold == 0.3
    assert resolve({}, {"BIRDLISTEN_STATION": str(tmp_path)}, None).threshold == 0.3
    assert resolve({}, {}, None).threshold is None


def test_the_default_station_is_the_xdg_state_directory(tmp_path: Path) -> None:
    assert Settings().station_path == tmp_path / "state" / "birdlisten"


@pytest.mark.parametrize(
    ("key", "meant"), [("treshold", "threshold"), ("bundel", "bundle"), ("devise", "device")]
)
def test_an_unknown_key_names_the_nearest(tmp_path: Path, key: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"'{key}'; did you mean '{meant}'"):
        resolve({}, {}, yaml(tmp_path, f"{key}: 1"))


def test_an_unknown_key_like_no_other_is_still_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'zzzz'$"):
        resolve({}, {}, yaml(tmp_path, "zzzz: 1"))


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("true", True), ("Yes", True), ("ON", True), ("0", False), ("off", False)],
)
def test_switches_understand_the_usual_words(text: str, value: bool) -> None:
    assert resolve({}, {"BIRDLISTEN_QUIET": text}, None).quiet is value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", "1.01"),
        ("threshold", "-0.1"),
        ("threshold", "nan"),
        ("threshold", "high"),
        ("hop", "0"),
        ("hop", "-1"),
        ("hop", "nan"),
        ("hop", "inf"),
        ("rate", "0"),
        ("rate", "48k"),
        ("rate", "1e3"),
        ("provider", "gpu"),
        ("precision", "fp64"),
        ("json", "perhaps"),
    ],
)
def test_impossible_values_are_named_in_one_line(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        resolve({}, {f"BIRDLISTEN_{name.upper()}": value}, None)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "- a\n- b",
        "just text",
        "a: b: c",
        "{",
        "threshold: [1]",
        "rate:",
        "rate: 48000.5",
        "bundle:",
        "device: [1, 2]",
        "quiet: 5",
        "threshold: 7",
        "5: 6",
        "\x00",
    ],
)
def test_an_impossible_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve({}, {}, yaml(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert resolve({}, {}, yaml(tmp_path, "# threshold: 0.3\n")) == Settings()


def test_null_takes_the_default_where_there_is_none(tmp_path: Path) -> None:
    assert resolve({}, {}, yaml(tmp_path, "threshold: null\nhop:")) == Settings()


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_an_unreadable_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / "settings.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"settings\.yaml"):
        resolve({}, {}, tmp_path / "settings.yaml")


def test_yaml_cannot_run_code(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        resolve({}, {}, yaml(tmp_path, "bundle: !!python/object/apply:os.getcwd []"))


def test_a_bundle_is_named_by_folder_by_package_or_by_the_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "data" / "birdlisten" / "bundles" / "mine"
    own.mkdir(parents=True)
    assert find_bundle("mine") == own
    assert find_bundle("aviary") == DEMO_BUNDLE
    assert find_bundle("somewhere/else") == Path("somewhere/else")
    (tmp_path / "mine").mkdir()
    assert find_bundle("mine") == Path("mine")
    with pytest.raises(ConfigError, match=r"did you mean 'aviary'.*scripts/ear"):
        find_bundle("aviari")


NEAR = {
    "BIRDLISTEN_THRESOLD": "'BIRDLISTEN_THRESHOLD'",
    "BIRDLISTEN_BUNDEL": "'BIRDLISTEN_BUNDLE'",
    "BIRDLISTEN_QUIET-HOURS": "'BIRDLISTEN_QUIET_HOURS'",
    "BIRDLISTEN_threshold": "'BIRDLISTEN_THRESHOLD'",
}


@pytest.mark.parametrize("name", NEAR)
def test_an_unknown_variable_names_the_nearest(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: .*did you mean {NEAR[name]}") as caught:
        resolve({}, {name: "0.5"}, None)
    assert caught.value.exit_code == 2


def test_variables_that_set_nothing_are_taken(tmp_path: Path) -> None:
    environment = {"BIRDLISTEN_EXTRA": "gpu", "BIRDLISTEN_THRESHOLD": "", "BIRDS": "1"}
    environment |= {"BIRDLISTEN_CONFIG": str(yaml(tmp_path, "hop: 3"))}
    assert resolve({}, environment, None) == Settings(hop=3.0)


SOURCES = [
    ({"device": "1"}, {}, "input: file.wav\nwatch: yes", Settings(device="1")),
    ({"input": "-"}, {}, "device: 1\nwatch: yes", Settings(input="-")),
    ({}, {"BIRDLISTEN_DEVICE": "1"}, "input: file.wav", Settings(device="1")),
    ({"input": "-"}, {"BIRDLISTEN_DEVICE": "1"}, "", Settings(input="-")),
    ({"device": "1"}, {"BIRDLISTEN_INPUT": "-"}, "input: x", Settings(device="1")),
    ({"watch": True}, {}, "input: folder", Settings(input="folder", watch=True)),
    ({"rate": "8000"}, {}, "input: '-'", Settings(input="-", rate=8000)),
]


@pytest.mark.parametrize(("flags", "environment", "text", "settings"), SOURCES)
def test_who_names_a_source_replaces_that_of_another_kind(
    tmp_path: Path, flags: dict[str, Any], environment: dict[str, str], text: str, settings: Any
) -> None:
    assert resolve(flags, environment, yaml(tmp_path, text)) == settings


@pytest.mark.parametrize("layer", ["flags", "environment", "file"])
def test_one_layer_may_not_name_two_sources(tmp_path: Path, layer: str) -> None:
    flags = {"device": "1", "input": "-"} if layer == "flags" else {}
    names = {"BIRDLISTEN_DEVICE": "1", "BIRDLISTEN_INPUT": "-"}
    file = yaml(tmp_path, "device: 1\ninput: '-'" if layer == "file" else "")
    with pytest.raises(ConfigError, match="exclude each other"):
        resolve(flags, names if layer == "environment" else {}, file)


AS_WRITTEN = {
    "include: [Strix aluco, Parus]": Settings(include="Strix aluco, Parus"),
    "exclude:\n- Strix aluco": Settings(exclude="Strix aluco"),
    "device: 010": Settings(device="010"),
    "input: 2026-05-01": Settings(input="2026-05-01"),
    "include: no": Settings(include="no"),
    "quiet_hours: 22:00..04:30": Settings(quiet_hours="22:00..04:30"),
    "threshold: .5": Settings(threshold=0.5),
    "rate: '8000'": Settings(rate=8000),
    "\ufeffhop: 3": Settings(hop=3.0),
    "hop: 3\r\nthreshold: 0.5\r\n": Settings(hop=3.0, threshold=0.5),
    "clips: Off": Settings(clips=False),
    "hop: ~\nthreshold: null": Settings(),
}


@pytest.mark.parametrize("text", AS_WRITTEN)
def test_yaml_is_read_as_it_is_written(tmp_path: Path, text: str) -> None:
    assert resolve({}, {}, yaml(tmp_path, text)) == AS_WRITTEN[text]


PYTHONS = ("NoneType", "'str'", "'int'", "'float'", "a int", "Errno", "could not convert", "codec")
"""Words of Python that no person should meet."""
WRONG = {
    "species: [a, b]": "species: a list, expected a species set, or a file of names .*include",
    "device: {a: b}": "device: a table, expected one text",
    "include: []": "include: a list, expected a text, or a list of names",
    "include: [[a]]": "include: a list",
    "include: [a, {b: c}]": "include: a list",
    "threshold: yes": "threshold: 'yes', expected a number from 0 to 1",
    "threshold: 0,5": "threshold: '0,5', expected a number from 0 to 1",
    "threshold: .nan": "threshold: '.nan', expected",
    "threshold: nan": "threshold: 'nan', expected",
    "hop: .inf": "hop: '.inf', expected a number above 0",
    "hop: 1e999": "hop: 1e999, expected a number above 0",
    "hop: ²": "hop: '²', expected",
    "threads: ٣": "threads: '٣', expected a whole number from 0 to 1024",
    "threads: 1_0": "threads: '1_0', expected",
    f"threads: {'9' * 5000}": "threads: '9999",
    "hop: 1e305": "hop: 1e305, expected a number above 0, at most 1000000",
    "clips_mb: 1e305": "clips_mb: 1e305, expected a number from 0 to 1000000000000000",
    "clips_days: 1e305": "clips_days: 1e305, expected",
    "clip_most: 1e305": "clip_most: 1e305, expected",
    "clips_least: 1e5": "clips_least: 1e5, expected a whole number",
    "rate: 1.5": "rate: 1.5, expected a whole number",
    "rate:": "rate: nothing, expected a whole number",
    "caution: 7": "caution: 7, expected a whole number from 0 to 5",
    "latitude: 91": "latitude: 91, expected a number from -90 to 90",
    "longitude: 1e300": "longitude: 1e300, expected",
    "json: perhaps": "json: 'perhaps', expected yes or no",
    "json: [yes]": "json: a list, expected yes or no",
    "precision: [fp32]": "precision: a list, expected one of auto, fp32, fp16, int8",
    'input: "a\\0b"': "input: 'a.*x00b', expected one text",
    "a: &a [*a]": "unknown key|YAML",
    "? [a]\n: b": "YAML",
    "hop: 1\n  x: 2": "line 2",
    "\thop: 1": "YAML",
    f"hop: {'[' * 5000}": "YAML",
    "- a": "expected `name: value` lines, found a list",
    "just text": "expected `name: value` lines, found 'just text'",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_file_is_refused_in_plain_words(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=WRONG[text]) as caught:
        resolve({}, {}, yaml(tmp_path, text))
    assert not [word for word in PYTHONS if word in str(caught.value)]
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("content", [None, "folder", b"\xff\xfeh\0", b"hop: 3 # gr\xfcn"])
def test_a_file_that_is_no_text_is_refused_in_plain_words(
    tmp_path: Path, content: bytes | str | None
) -> None:
    file = tmp_path / "settings.yaml"
    if content == "folder":
        file.mkdir()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"settings\.yaml") as caught:
        resolve({}, {}, file)
    assert not [word for word in PYTHONS if word in str(caught.value)]


@pytest.mark.parametrize("name", ["input", "station", "species", "device"])
@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_flag_names_nothing(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: '', expected"):
        resolve({name: text}, {}, None)


def test_a_laughing_alias_costs_nothing(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="unknown key 'a0'"):
        resolve({}, {}, yaml(tmp_path, "\n".join(lines)))
    laughing = "\n".join(lines).replace("a11: ", "include: ").split("\n")
    with pytest.raises(ConfigError):
        resolve({}, {}, yaml(tmp_path, "\n".join(laughing)))


def test_without_a_home_a_station_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_STATE_HOME", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(ConfigError, match="name a station: --station"):
        resolve({}, {}, None)
    assert resolve({"station": "here"}, {}, None).station_path == Path("here")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/birdlisten:/x")
    assert resolve({}, {}, None).station_path == Path("/var/lib/birdlisten")
    with pytest.raises(ConfigError, match="none of"):
        find_bundle("nowhere")


def nobody(number: int) -> None:
    raise KeyError(number)
