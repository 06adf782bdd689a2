"""Whose clock a station keeps: TZ's, else that of /etc/localtime, by any name and by none."""

import os
import shutil
import subprocess
import sys
import zoneinfo
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.contract.errors import ConfigError
from edge.source.schedule import read_schedule
from edge.system import zone
from edge.system.clock import time_zone
from edge.system.zone import local_zone
from tests.support import ROOT

DATABASE = Path("/usr/share/zoneinfo")
WINTER, SUMMER = (datetime(2026, month, 1, tzinfo=timezone.utc) for month in (1, 7))
needs_database = pytest.mark.skipif(not (DATABASE / "Europe").is_dir(), reason="no tzdata here")


@pytest.fixture(autouse=True)
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty /etc, and no TZ."""
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(zone, "LOCALTIME", tmp_path / "localtime")
    monkeypatch.setattr(zone, "TIMEZONE", tmp_path / "timezone")
    return tmp_path


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the system's database nor the package tzdata."""
    monkeypatch.setitem(sys.modules, "tzdata", None)
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath(to=before)
    zoneinfo.ZoneInfo.clear_cache()


def hours() -> tuple[float, float]:
    """Offsets in winter and in summer."""
    offsets = [moment.astimezone(local_zone()).utcoffset() for moment in (WINTER, SUMMER)]
    return tuple(offset / timedelta(hours=1) for offset in offsets if offset is not None)


def test_nothing_said_is_utc() -> None:
    assert (time_zone(), hours()) == ("UTC", (0, 0))


@needs_database
def test_the_link_wins_over_the_name_and_tz_over_both(
    etc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (etc / "timezone").write_text("Asia/Tokyo\n")
    assert (time_zone(), hours()) == ("Asia/Tokyo", (9, 9))
    (etc / "localtime").symlink_to(DATABASE / "Europe" / "Berlin")
    assert (time_zone(), hours()) == ("Europe/Berlin", (1, 2))
    monkeypatch.setenv("TZ", "America/New_York")
    assert (time_zone(), hours()) == ("America/New_York", (-5, -4))
    monkeypatch.setenv("TZ", "")
    assert (time_zone(), hours()) == ("UTC", (0, 0))


@needs_database
@pytest.mark.parametrize(
    ("name", "offsets"),
    [("Australia/Sydney", (11, 10)), ("Europe/Berlin", (1, 2)), ("Asia/Kathmandu", (5.75, 5.75))],
)
def test_a_copied_file_without_a_name_is_found_by_its_content(
    etc: Path, name: str, offsets: tuple[float, float]
) -> None:
    (etc / "timezone").write_text("Etc/UTC\n")
    shutil.copy(DATABASE / name, etc / "localtime")
    assert (time_zone(), hours()) == (name, offsets)


@needs_database
def test_a_file_of_no_known_zone_has_its_offsets(etc: Path, no_database: None) -> None:
    shutil.copy(DATABASE / "Asia" / "Kolkata", etc / "localtime")
    assert (time_zone(), hours()) == ("UTC+05:30", (5.5, 5.5))


@needs_database
@pytest.mark.parametrize("mark", ["", ":"])
def test_tz_may_name_a_file(monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    monkeypatch.setenv("TZ", f"{mark}{DATABASE}/Europe/Berlin")
    assert (time_zone(), hours()) == ("Europe/Berlin", (1, 2))


@pytest.mark.parametrize(
    ("rule", "offsets"),
    [("CET-1CEST,M3.5.0,M10.5.0/3", (1, 2)), ("<+0330>-3:30", (3.5, 3.5)), ("UTC0", (0, 0))],
)
def test_tz_may_be_a_rule(
    monkeypatch: pytest.MonkeyPatch, no_database: None, rule: str, offsets: tuple[float, float]
) -> None:
    monkeypatch.setenv("TZ", rule)
    assert hours() == offsets


@pytest.mark.parametrize("name", ["UTC", "Etc/UTC", ":UTC", "", "Etc/Zulu", "GMT"])
def test_utc_needs_no_database(
    monkeypatch: pytest.MonkeyPatch, no_database: None, name: str
) -> None:
    monkeypatch.setenv("TZ", name)
    assert hours() == (0, 0)


def test_a_link_into_a_database_that_is_gone_still_names_utc(etc: Path, no_database: None) -> None:
    (etc / "localtime").symlink_to("/nowhere/zoneinfo/Etc/UTC")
    assert (time_zone(), hours()) == ("Etc/UTC", (0, 0))


def test_without_a_database_the_advice_helps(
    etc: Path, monkeypatch: pytest.MonkeyPatch, no_database: None
) -> None:
    (etc / "timezone").write_text("Europe/Berlin\n")
    with pytest.raises(ConfigError, match=r"'Europe/Berlin' is unknown.*TZ=UTC"):
        read_schedule("22:00..04:00", None, None, None)
    monkeypatch.setenv("TZ", "UTC")
    assert read_schedule("22:00..04:00", None, None, None).quiet


@pytest.mark.parametrize("name", ["Europe/Berlim", "Europe", "../etc/passwd", "x" * 5000, "A\x1b"])
def test_an_unknown_zone_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TZ", name)
    assert time_zone() == name
    with pytest.raises(ConfigError, match="time zone"):
        local_zone()


@pytest.mark.parametrize("content", [None, b"", b"TZif", b"no zone", b"TZif2" + b"\xff" * 60])
def test_a_damaged_file_is_an_error_where_hours_count(etc: Path, content: bytes | None) -> None:
    if content is None:  # docker makes a folder of what it can't mount
        (etc / "localtime").mkdir()
    else:
        (etc / "localtime").write_bytes(content)
    assert time_zone() == "UTC"
    with pytest.raises(ConfigError, match="localtime"):
        local_zone()


@needs_database
def test_a_hosts_zone_mounted_over_a_containers_is_taken_by_its_content(tmp_path: Path) -> None:
    """The usual way of containers: the file is mounted over what /etc/localtime links to."""
    shutil.copy(DATABASE / "Australia" / "Sydney", tmp_path / "sydney")
    shutil.copy(DATABASE / "Etc" / "UTC", tmp_path / "utc")
    (tmp_path / "zoneinfo" / "Etc").mkdir(parents=True)
    shutil.copy(tmp_path / "utc", tmp_path / "zoneinfo" / "Etc" / "UTC")
    (tmp_path / "etc-localtime").symlink_to(tmp_path / "zoneinfo" / "Etc" / "UTC")
    program = (
        "import pathlib, edge.system.zone as zone; from datetime import datetime, timezone\n"
        f"zone.LOCALTIME = pathlib.Path({str(tmp_path / 'etc-localtime')!r})\n"
        "winter = datetime(2026, 1, 1, tzinfo=timezone.utc).astimezone(zone.local_zone())\n"
        "print(zone.zone_name(), winter.hour)"
    )
    python = (sys.executable, program)
    mount = f"mount --bind {tmp_path}/sydney {tmp_path}/zoneinfo/Etc/UTC"
    surrounding = {key: value for key, value in os.environ.items() if key != "TZ"}
    ended = subprocess.run(
        [*("unshare", "-m", "sh", "-c", f'{mount} || exit 99; exec "$0" -c "$1"'), *python],
        cwd=ROOT,
        env=surrounding,
        capture_output=True,
        text=True,
    )
    if ended.returncode in (1, 99) and not ended.stdout:
        pytest.skip(f"no mounting here: {ended.stderr.strip()}")
    assert ended.stdout.split() == ["Australia/Sydney", "11"]


def test_a_zone_that_is_no_text_can_still_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", os.fsdecode(b"Gr\xfcn"))
    assert time_zone() == "Gr\\udcfcn"
    with pytest.raises(ConfigError, match="time zone"):
        local_zone()
