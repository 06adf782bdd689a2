import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from edge.config import DEMO_BUNDLE, Settings, find_bundle, resolve
from edge.contract.errors import ConfigError


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
        numbers |= {"voices": "keep", "clip_format": "opus"}
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
