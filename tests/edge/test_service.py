"""The service: its unit as systemd reads it, and what is asked of systemctl."""

import getpass
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.cli import main
from edge.command import service
from edge.contract.errors import ServiceError
from edge.service.unit import NAME, UnitConfig, unit_text

HOSTILE = ["", "a b", 'say "hi"', "it's", "100%", "$HOME", "back\\slash", "%n"]


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["service", "show", *arguments]) == 0
    return capsys.readouterr().out


def test_the_unit_never_gives_up_and_is_watched(capsys) -> None:
    lines = shown(capsys, "--device", "USB Mic").splitlines()
    for line in (
        "Type=notify",
        "Restart=always",
        "StartLimitIntervalSec=0",
        "WatchdogSec=300",
        "StateDirectory=birdlisten",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
    ):
        assert line in lines
    command = next(line for line in lines if line.startswith("ExecStart="))
    assert command.endswith('listen --wait --device "USB Mic"')
    assert any(line.startswith("ExecReload=") and "HUP" in line for line in lines)


def test_a_station_of_ones_own_may_be_written(capsys, tmp_path: Path) -> None:
    unit = shown(capsys, "--station", str(tmp_path))
    assert f"ReadWritePaths={tmp_path}\n" in unit
    assert "ReadWritePaths" not in shown(capsys)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_nothing_wrong_with_it(capsys, tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_text(shown(capsys, "--device", "a b", "--station", str(tmp_path)))
    told = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True)
    assert (told.returncode, told.stdout + told.stderr) == (0, "")
    asked = ["systemd-analyze", "security", "--offline=yes", "--threshold=30", str(file)]
    assert subprocess.run(asked, capture_output=True).returncode == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("argument", HOSTILE)
def test_no_argument_breaks_out_of_its_line(tmp_path: Path, argument: str) -> None:
    text = unit_text(UnitConfig(["/bin/echo", argument], "root", "/"))
    assert sum(line.startswith("ExecStart=") for line in text.splitlines()) == 1
    (tmp_path / NAME).write_text(text)
    told = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / NAME)], capture_output=True, text=True
    )
    assert (told.returncode, told.stderr) == (0, "")


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that notes what it is asked, and fails if told to."""
    log, folder = tmp_path / "asked", tmp_path / "bin"
    folder.mkdir()
    script = folder / "systemctl"
    script.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexit ${{SYSTEMCTL_EXIT:-0}}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def test_it_is_installed_started_and_taken_away_again(systemctl: Path, tmp_path: Path) -> None:
    units = tmp_path / "units"
    units.mkdir()
    assert service.install("the unit\n", units) == 0
    assert (units / NAME).read_text() == "the unit\n"
    assert service.uninstall(units) == 0
    assert not (units / NAME).exists()
    asked = systemctl.read_text().splitlines()
    assert asked == [
        "daemon-reload",
        f"enable --now {NAME}",
        f"disable --now {NAME}",
        "daemon-reload",
    ]
    with pytest.raises(ServiceError, match="not installed"):
        service.uninstall(units)


def test_a_station_is_made_for_who_runs_it(systemctl: Path, tmp_path: Path) -> None:
    who, station = getpass.getuser(), tmp_path / "a station"
    text = unit_text(UnitConfig(["/bin/true"], who, "/", str(station)))
    assert service.install(text, tmp_path) == 0
    assert station.owner() == who
    nobody = text.replace(f"User={who}", "User=no-such-user").replace("a station", "another")
    with pytest.raises(ServiceError, match="no-such-user"):
        service.install(nobody, tmp_path)


def test_status_is_what_systemd_says(systemctl: Path, monkeypatch) -> None:
    assert service.status() == 0
    monkeypatch.setenv("SYSTEMCTL_EXIT", "3")
    assert service.status() == 3


def test_what_systemd_refuses_is_one_line(systemctl: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(ServiceError, match="sudo"):
        service.install("", tmp_path / "nowhere")
    monkeypatch.setenv("SYSTEMCTL_EXIT", "1")
    with pytest.raises(ServiceError, match="daemon-reload failed"):
        service.install("", tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServiceError, match="not run by systemd"):
        service.status()


def test_a_wrong_flag_is_told_before_boot(birdlisten) -> None:
    ended = birdlisten("service", "install", "--thresold", "0.5")
    assert ended.code == 2
    assert "--thresold" in ended.err
