"""The service: its unit as systemd reads it, and what is asked of systemctl."""

import getpass
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from edge.cli import main
from edge.command import service
from edge.config import DEMO_BUNDLE
from edge.contract.errors import ServiceError
from edge.service.announcement import announce, announcement
from edge.service.unit import ENVIRONMENT_NAME, NAME, UnitConfig, unit_text

HOSTILE = [
    *("", "a b", 'say "hi"', "it's", "100%", "$HOME", "${HOME}", "$$", "back\\slash", "%n"),
    *(
        ";",
        "a;b",
        "new\nline",
        "tab\t",
        "\x1b[31m",
        "end\\",
        "#",
        "-x",
        "ü",
        "~",
        "*",
        "no \udcff utf",
    ),
]


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
    assert "ReadWritePaths=/" not in shown(capsys)


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


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("name", ["a b", 'say "hi"', "it's", "100%n", "$HOME", "b\\s", "ü"])
def test_a_station_of_any_name_is_the_one_that_is_written(
    capsys, systemctl: Path, tmp_path: Path, name: str
) -> None:
    unit, station = shown(capsys, "--station", str(tmp_path / name)), tmp_path / name
    assert service.install(unit, tmp_path) == 0
    assert station.is_dir()
    assert station in tmp_path.iterdir()
    told = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / NAME)], capture_output=True, text=True
    )
    assert (told.returncode, told.stderr) == (0, "")
    folder = next(line for line in unit.splitlines() if line.startswith("WorkingDirectory="))
    assert folder.partition("=")[2].replace("%%", "%") == str(station)


@pytest.mark.parametrize("name", ["new\nline", "end\\", "end ", "\x1b[31m", "\udcff"])
def test_a_station_that_no_unit_can_name_is_refused(birdlisten, tmp_path: Path, name: str) -> None:
    ended = birdlisten("service", "show", "--station", tmp_path / name)
    assert (ended.code, ended.out) == (2, "")
    assert "station" in ended.err


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
        f"enable {NAME}",
        f"restart {NAME}",
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


REFUSED = [
    ("--quiet-hours", "22-4"),
    ("--duty", "15"),
    ("--quiet-hours", "sunset..sunrise"),
    ("--bundle", "/nix"),
    ("--bundle", "no-such-name"),
    ("--hop", "1000"),
    ("--hop", "x"),
    ("--threshold", "2"),
    ("--caution", "9"),
    ("--max-cpu", "0"),
    ("--species", "/no/such/file"),
    ("--include", "Nobirdus"),
    ("--overrides", "/no/such/file"),
    ("--occurrence", "/no/such/file"),
    ("--latitude", "3"),
    ("--provider", "gpu"),
    ("--precision", "fp8"),
    ("--config", "/no/such/file"),
    ("--threads", "-1"),
    ("--device", "0", "--input", "rtsp://cam/live"),
]


@pytest.mark.parametrize("flags", REFUSED, ids=" ".join)
def test_what_listen_refuses_is_refused_in_the_same_words(birdlisten, flags) -> None:
    shown = birdlisten("service", "show", *flags)
    installed = birdlisten("service", "install", *flags)
    listened = birdlisten("listen", *flags)
    assert shown.out == installed.out == ""
    assert (
        shown.err
        == installed.err
        == listened.err.replace("birdlisten listen", "birdlisten service")
    )
    assert shown.code == installed.code == listened.code != 0


def test_a_bad_file_of_settings_is_refused(birdlisten, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("thresold: 0.5\n")
    for flags in (("--station", tmp_path), ("--config", tmp_path / "config.yaml")):
        ended = birdlisten("service", "show", *flags)
        assert ended.code == 2
        assert "thresold" in ended.err
    (tmp_path / "config.yaml").write_text("input: x.wav\n")
    assert "x.wav" in birdlisten("service", "show", "--station", tmp_path).err


@pytest.mark.parametrize("source", ["-", "x.wav", ".", "/dev/null", "file:///x.wav"])
def test_a_source_with_an_end_is_no_service(birdlisten, source: str) -> None:
    ended = birdlisten("service", "install", "--input", source)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert "input" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--user", "root", "show", "--device", "0", "--json"),
        ("show", "--user", "root", "--device", "0", "--json"),
        ("show", "--device", "0", "--json", "--user", "root"),
        ("show", "--device", "0", "--user=root", "--json", "--wait"),
    ],
    ids=" ".join,
)
def test_the_user_may_be_named_anywhere(capsys, arguments) -> None:
    assert main(["service", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "User=root" in lines
    command = next(line for line in lines if line.startswith("ExecStart="))
    assert command.endswith("listen --wait --device 0 --json")


@pytest.mark.parametrize("user", ["no-such-user", "root\nExecStart=/bin/sh", "a b"])
def test_a_user_who_is_not_there_is_refused(birdlisten, user: str) -> None:
    ended = birdlisten("service", "show", "--user", user)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("action", ["install", "show", "status", "uninstall"])
def test_the_service_has_a_help_of_its_own(birdlisten, action: str) -> None:
    ended = birdlisten("service", action, "--help")
    assert ended.code == 0
    assert ended.out.startswith("usage: birdlisten service")


def test_paths_are_seen_from_where_it_was_typed(capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("caution: 3\n")
    (tmp_path / "birds.txt").write_text("Strix aluco\n")
    (tmp_path / "here").symlink_to(DEMO_BUNDLE)
    unit = shown(
        capsys,
        *("--config", "mine.yaml", "--exclude", "birds.txt", "--station", "st/../st"),
        *("--bundle", "here", "--no-clips", "--threshold", "0.5"),
    )
    command = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    words = command.split(" listen --wait ")[1].split()
    assert words == [
        *("--exclude", f"{tmp_path}/birds.txt", "--station", f"{tmp_path}/st"),
        *("--bundle", f"{tmp_path}/here", "--no-clips", "--threshold", "0.5"),
        *("--config", f"{tmp_path}/mine.yaml"),
    ]
    assert f"WorkingDirectory={tmp_path}/st" in unit.splitlines()


def test_the_interpreter_looks_at_nothing_in_the_current_folder(capsys) -> None:
    unit = shown(capsys)
    command = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    program, isolated, *_ = command.removeprefix("ExecStart=").split()
    assert Path(program).is_absolute()
    assert isolated in ("-P", "-I")
    assert "WorkingDirectory=/var/lib/birdlisten" in unit.splitlines()


SECRETS = [
    "rtsp://me:hunter2@cam/live",
    "http://cam/x?password=hunter2",
    'http://cam/x?token=hunter2$HOME`"\\',
    "rtsp://me:hun/hunter2@cam/live",
]


@pytest.mark.parametrize("source", SECRETS)
def test_a_password_stands_in_a_file_of_roots_own(
    birdlisten, systemctl: Path, tmp_path: Path, monkeypatch, source: str
) -> None:
    plan = service.plan({"input": source}, None)
    text = service.unit(plan, getpass.getuser(), tmp_path)
    assert service.install(text, tmp_path, plan.secrets) == 0
    secrets = tmp_path / ENVIRONMENT_NAME
    assert secrets.stat().st_mode & 0o777 == 0o600
    unit = (tmp_path / NAME).read_text()
    assert "hunter2" not in unit
    assert f"EnvironmentFile={secrets}" in unit.splitlines()
    told = subprocess.run(
        ["sh", "-c", f'. {secrets}; printf %s "$BIRDLISTEN_INPUT"'], capture_output=True, text=True
    )
    assert told.stdout == source
    assert service.uninstall(tmp_path) == 0
    assert not secrets.exists()
    ended = birdlisten("service", "show", "--input", source)
    assert ended.code == 0
    assert "hunter2" not in ended.out + ended.err


def test_a_failed_install_leaves_what_was_there_before(
    systemctl: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("SYSTEMCTL_EXIT", "1")
    with pytest.raises(ServiceError, match="daemon-reload failed"):
        service.install("new\n", tmp_path, "secret\n")
    assert not (tmp_path / NAME).exists()
    assert not (tmp_path / ENVIRONMENT_NAME).exists()
    (tmp_path / NAME).write_text("old\n")
    (tmp_path / ENVIRONMENT_NAME).write_text("old secret\n")
    with pytest.raises(ServiceError, match="daemon-reload failed"):
        service.install("new\n", tmp_path)
    assert (tmp_path / NAME).read_text() == "old\n"
    assert (tmp_path / ENVIRONMENT_NAME).read_text() == "old secret\n"
    assert (tmp_path / ENVIRONMENT_NAME).stat().st_mode & 0o777 == 0o600


def test_the_page_is_announced_as_long_as_it_is_installed(systemctl: Path, tmp_path: Path) -> None:
    units, avahi = tmp_path / "units", tmp_path / "avahi"
    units.mkdir()
    avahi.mkdir()
    text = announcement("0.0.0.0:8090")
    service.install("unit\n", units, announced=text, avahi=avahi)
    group = ElementTree.parse(avahi / NAME).getroot()
    assert (group.findtext("service/type"), group.findtext("service/port")) == (
        "_http._tcp",
        "8090",
    )
    service.install("unit\n", units, avahi=avahi)  # without a page this time
    assert list(avahi.iterdir()) == []
    service.install("unit\n", units, announced=text, avahi=avahi)
    service.uninstall(units, avahi)
    assert list(avahi.iterdir()) == []


def test_a_failed_install_announces_nothing(systemctl: Path, tmp_path: Path, monkeypatch) -> None:
    avahi = tmp_path / "avahi"
    avahi.mkdir()
    monkeypatch.setenv("SYSTEMCTL_EXIT", "1")
    with pytest.raises(ServiceError, match="daemon-reload failed"):
        service.install("unit\n", tmp_path, announced=announcement("[::]:8080"), avahi=avahi)
    assert list(avahi.iterdir()) == []


def test_another_address_is_announced_by_the_service_itself(tmp_path: Path, caplog) -> None:
    caplog.set_level("INFO")
    file = tmp_path / NAME
    announce("0.0.0.0:8080", file)
    assert not file.exists()
    assert "service install" in caplog.text
    file.write_text(announcement("0.0.0.0:8080"))
    number = file.stat().st_ino
    announce("0.0.0.0:9000", file)
    assert (file.read_text(), file.stat().st_ino) == (announcement("0.0.0.0:9000"), number)
    announce("127.0.0.1:9000", file)
    assert file.read_text() == ""
    file.unlink()
    file.mkdir()
    announce("0.0.0.0:8080", file)
    assert "writes it anew" in caplog.text


def test_the_service_may_write_its_announcement(systemctl: Path, tmp_path: Path) -> None:
    avahi, text = tmp_path / "avahi", announcement("0.0.0.0:8080")
    avahi.mkdir()
    unit = unit_text(UnitConfig(["/bin/true"], getpass.getuser(), "/"))
    assert f"ReadWritePaths=-/etc/avahi/services/{NAME}" in unit
    service.install(unit, tmp_path, announced=text, avahi=avahi)
    assert (avahi / NAME).owner() == getpass.getuser()


def test_without_avahi_nothing_is_announced(systemctl: Path, tmp_path: Path) -> None:
    text = announcement("0.0.0.0:8090")
    assert service.install("unit\n", tmp_path, announced=text, avahi=tmp_path / "none") == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("page", [None, "127.0.0.1:8080", "localhost:80", "[::1]:8080"])
def test_a_page_that_nobody_else_reaches_is_not_announced(page: str | None) -> None:
    assert announcement(page) == ""


@pytest.mark.parametrize(
    "line",
    ["bundle: ./mine", "overrides: rules.csv", "station: here/station", "species: names.txt"],
)
def test_a_path_of_the_file_that_depends_on_the_place_is_refused(
    birdlisten, tmp_path: Path, monkeypatch, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").symlink_to(DEMO_BUNDLE)
    (tmp_path / "rules.csv").write_text("name,caution,threshold\n")
    (tmp_path / "names.txt").write_text("Cuculus canorus\n")
    (tmp_path / "settings.yaml").write_text(line)
    ended = birdlisten("service", "show", "--config", tmp_path / "settings.yaml")
    assert ended.code == 2
    assert "depends on where it is started" in ended.err


def test_the_station_of_the_file_is_the_services(capsys, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(f"station: {tmp_path}/birds\n")
    text = shown(capsys, "--config", str(tmp_path / "settings.yaml"))
    assert f"ReadWritePaths={tmp_path}/birds" in text


def test_variables_of_who_installs_it_are_told_not_to_count(birdlisten, monkeypatch) -> None:
    monkeypatch.setenv("BIRDLISTEN_THRESHOLD", "0.9")
    ended = birdlisten("service", "show")
    assert "0.9" not in ended.out
    assert "BIRDLISTEN_THRESHOLD is set here, and not for the service" in ended.err


def test_a_station_of_a_user_without_a_name_is_made(systemctl: Path, tmp_path: Path) -> None:
    station = tmp_path / "new"
    text = service.unit(service.plan({"station": str(station)}, None), "1234")
    service.install(text, tmp_path)
    assert station.stat().st_uid == 1234


def test_what_is_no_text_is_replaced_and_taken_away(systemctl: Path, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"[Service]\nReadWritePaths=/m\xfc\n")
    (tmp_path / ENVIRONMENT_NAME).write_bytes(b"X=\xfc\n")
    text = service.unit(service.plan({}, None), "root")
    service.install(text, tmp_path)
    assert (tmp_path / NAME).read_text() == text
    (tmp_path / NAME).write_bytes(b"[Service]\nReadWritePaths=/m\xfc\n")
    service.uninstall(tmp_path)
    assert not (tmp_path / NAME).exists()
