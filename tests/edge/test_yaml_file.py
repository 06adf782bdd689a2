"""Lines of a settings file, changed one by one: what else stands there stays."""

import os
import stat
from pathlib import Path

import pytest

from edge.contract.errors import ConfigError
from edge.system.yaml_file import read_settings, write_settings

KNOWN = ("threshold", "species", "include", "device", "quiet_hours")
BEFORE = """# of the garden
threshold: 0.8  # found by trying
device: "USB mic"

include:
  - Corvus
  - Strix
"""


def test_comments_order_lists_and_rights_stay(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(BEFORE)
    file.chmod(0o640)
    write_settings(
        file, {"threshold": "0.6", "quiet_hours": "22:00..04:30", "species": None}, KNOWN
    )
    assert file.read_text() == (
        BEFORE.replace("threshold: 0.8  # found by trying", "threshold: 0.6")
        + 'quiet_hours: "22:00..04:30"\n'
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    write_settings(file, {"quiet_hours": None}, KNOWN)
    assert "quiet_hours" not in file.read_text()


def test_passwords_lie_in_no_file_that_others_may_read(tmp_path: Path, monkeypatch) -> None:
    seen, chmod = [], os.fchmod

    def watched(handle: int, mode: int) -> None:
        chmod(handle, mode)
        seen.append((mode, os.fstat(handle).st_size))

    file = tmp_path / "config.yaml"
    file.write_text(BEFORE)
    file.chmod(0o600)
    monkeypatch.setattr(os, "fchmod", watched)
    write_settings(file, {"threshold": "0.6"}, KNOWN)
    assert seen == [(0o600, 0)]


@pytest.mark.parametrize("value", ["no", "a: b", "#x", "'", '"\\', "Ä \u2028 \U0001f426", "- x"])
def test_a_value_is_read_back_as_it_was_given(tmp_path: Path, value: str) -> None:
    file = tmp_path / "config.yaml"
    write_settings(file, {"species": value}, KNOWN)
    assert read_settings(file, KNOWN) == {"species": value}


@pytest.mark.parametrize(
    ("before", "name"),
    [(BEFORE, "include"), ("{threshold: 0.8, device: x}\n", "threshold"), ("- x\n", "device")],
)
def test_lines_that_cannot_be_told_apart_are_left_alone(
    tmp_path: Path, before: str, name: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(before)
    with pytest.raises(ConfigError):
        write_settings(file, {name: "0.5"}, KNOWN)
    assert [path.read_text() for path in tmp_path.iterdir()] == [before]


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(BEFORE)
    file = tmp_path / "config.yaml"
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is a link"):
        write_settings(file, {"threshold": "0.5"}, KNOWN)
