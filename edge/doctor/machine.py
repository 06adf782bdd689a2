"""Checks of the machine for a year on a pole: clock, disk, heat, memory."""

import os
import shutil
from pathlib import Path

from edge.config import Settings
from edge.contract.errors import StoreError
from edge.doctor.finding import BAD, DOUBT, GOOD, Finding, judged
from edge.records.reader import open_records
from edge.records.repair import problem
from edge.records.schema import FILE_NAME
from edge.system import clock

_MEGABYTE = 1e6
_YEAR = 2025
"""A clock before this has never been set."""
_HOT_C = 75.0
_LEAST_MB = 300.0
_BOARD = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_TROUBLES = {0: "under-voltage", 1: "slowed down", 2: "throttled", 3: "too hot"}
"""Bits of a Raspberry Pi's firmware; the same 16 higher mean: since it was started."""


def check_clock() -> Finding:
    """Check that records will have the right time."""
    now, zone = clock.now(), clock.time_zone()
    found = f"{now:%Y-%m-%d %H:%M} UTC, zone {zone}"
    if now.year < _YEAR:
        advice = "the clock was never set: connect a network or a clock with a battery (RTC)"
        return Finding("clock", BAD, found, advice)
    advice = "not synchronised: timedatectl set-ntp true; records say so until it is"
    return judged("clock", good=clock.synchronised(), found=found, advice=advice, otherwise=DOUBT)


def check_disk(settings: Settings) -> Finding:
    """Check that the station can keep records."""
    station = settings.station_path
    folder = next(parent for parent in (station, *station.parents) if parent.exists())
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        advice = "choose another --station, or make it writable"
        return Finding("station", BAD, f"{folder} can't be written", advice)
    if trouble := _damage(station):
        advice = "the next start recovers what can be read, and keeps the damaged file beside it"
        return Finding("station", DOUBT, f"{station / FILE_NAME}: {trouble}", advice)
    free = shutil.disk_usage(folder).free / _MEGABYTE
    found = f"{station}, {free / 1000:.1f} GB free"
    advice = f"clips need {settings.free_mb:g} MB to stay free: make room, or lower free_mb"
    return judged("station", free >= settings.free_mb, found, advice)


def check_heat(zones: Path = Path("/sys/class/thermal"), board: Path = _BOARD) -> Finding:
    """Temperature, and whether the board slows itself down."""
    celsius = max(map(_celsius, zones.glob("thermal_zone*/temp")), default=None)
    troubles = _throttled(board)
    found = "no sensor" if celsius is None else f"{celsius:.0f} °C"
    if troubles:
        advice = "a better power supply (5 V, 3 A) and a heat sink"
        return Finding("heat", BAD, f"{found}, {', '.join(troubles)}", advice)
    return judged(
        "heat",
        good=(celsius or 0) < _HOT_C,
        found=found,
        advice="shade it, or add a heat sink",
        otherwise=DOUBT,
    )


def check_memory(table: Path = Path("/proc/meminfo")) -> Finding:
    """Memory that is free for the listener."""
    lines = dict(line.split(":", 1) for line in table.read_text(encoding="ascii").splitlines())
    free = int(lines["MemAvailable"].split()[0]) / 1024
    advice = "the small bundle needs 150 MB: end other programs, or take a bigger board"
    return judged(
        "memory",
        good=free >= _LEAST_MB,
        found=f"{free:.0f} MB available",
        advice=advice,
        otherwise=DOUBT,
    )


def check_helpers() -> Finding:
    """Programs that some sources need."""
    missing = [program for program in ("ffmpeg", "arecord") if shutil.which(program) is None]
    found = f"missing: {', '.join(missing)}" if missing else "ffmpeg, arecord"
    advice = "ffmpeg is for streams, arecord stands in for PortAudio: apt install ffmpeg alsa-utils"
    return judged("helpers", good=not missing, found=found, advice=advice, otherwise=DOUBT)


def check_cores() -> Finding:
    """Count of processors."""
    return Finding("processors", GOOD, f"{len(os.sched_getaffinity(0))}")


def _damage(station: Path) -> str:
    """Faults of the records that a short look finds; empty if there are none."""
    if not (station / FILE_NAME).exists():
        return ""
    try:
        with open_records(station) as records:
            return problem(records.database) or ""
    except StoreError as error:
        return str(error)


def _celsius(sensor: Path) -> float:
    try:
        return int(sensor.read_text()) / 1000
    except (OSError, ValueError):
        return 0.0


def _throttled(board: Path) -> list[str]:
    """Complaints of a Raspberry Pi; none on other boards."""
    try:
        bits = int(board.read_text(), 16)
    except (OSError, ValueError):
        return []
    now = [name for bit, name in _TROUBLES.items() if bits >> bit & 1]
    before = [f"{name} before" for bit, name in _TROUBLES.items() if bits >> (bit + 16) & 1]
    return now or before
