"""Settings' origin: which of them the station's own file can change, and when it is read again."""

import time
from dataclasses import fields
from pathlib import Path

import pytest

from edge.command.origin import SettingsOrigin
from edge.config import Settings
from edge.system.steady import SteadyWatch


def test_flags_and_variables_are_above_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIRDLISTEN_CAUTION", "4")
    (tmp_path / "config.yaml").write_text("caution: 1\nhop: 2\n")
    origin = SettingsOrigin({"station": str(tmp_path), "threshold": 0.5})
    monkeypatch.delenv("BIRDLISTEN_BUNDLE", raising=False)
    assert origin.given(tmp_path) == ("station", "threshold", "caution")
    settings = origin.read()
    assert (settings.caution, settings.threshold, settings.hop) == (4, 0.5, 2.0)


def test_a_station_whose_file_is_not_read_changes_nothing(tmp_path: Path) -> None:
    other = SettingsOrigin({"station": str(tmp_path)}, tmp_path / "other.yaml")
    assert len(other.given(tmp_path)) == len(fields(Settings))


def test_a_file_is_told_once_it_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, file = [0.0], tmp_path / "config.yaml"
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    watch = SteadyWatch(file, steady_s=2.0)

    def at(moment: float) -> bool:
        now[0] = moment
        return watch.changed()

    assert not at(1)
    file.write_text("a")
    assert [at(2), at(3.9), at(4.1), at(9)] == [False, False, True, False]
    file.write_text("b: 1")
    assert not at(10)
    file.write_text("b: 12")
    assert [at(11.9), at(13.8), at(14)] == [False, False, True]
    file.unlink()
    assert [at(20), at(22)] == [False, True]
    file.write_text("c")
    watch.seen()
    assert [at(30), at(40)] == [False, False]
