"""`birdlisten service install|status|uninstall`: listening from boot to boot."""

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.contract.errors import ServiceError
from edge.service.unit import NAME, UnitConfig, unit_text

_UNITS = Path("/etc/systemd/system")


def unit(arguments: Sequence[str], user: str | None, station: str | None) -> str:
    """The unit file.

    Args:
        arguments: of `birdlisten listen`.
        user: who runs it; None takes who has called sudo.
        station: named among the arguments; None is systemd's state directory.
    """
    who = user or os.environ.get("SUDO_USER") or getpass.getuser()
    command = [sys.executable, "-m", "edge", "listen", "--wait", *arguments]
    writable = None if station is None else str(Path(station).absolute())
    return unit_text(UnitConfig(command, who, str(Path.cwd()), writable))


def show(text: str) -> int:
    """Print the unit."""
    print(text, end="")
    return 0


def install(text: str, units: Path = _UNITS) -> int:
    """Write the unit, and start it now and at each boot.

    Raises:
        ServiceError: there is no systemd, or it may not be changed.
    """
    file = units / NAME
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ServiceError(f"{file}: {error.strerror}; run it with sudo") from error
    _make_writable(text)
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", NAME)
    print(f"{file}: started, and at each boot from now on. Records: /var/lib/birdlisten")
    return 0


def _make_writable(text: str) -> None:
    """Make the station's folder: the unit itself may not."""
    facts = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if "ReadWritePaths" not in facts:
        return
    station = Path(facts["ReadWritePaths"].strip('"').replace("%%", "%"))
    try:
        if not station.exists():
            station.mkdir(parents=True)
            shutil.chown(station, facts["User"])
    except (OSError, LookupError) as error:
        raise ServiceError(f"{station}: {error}; make it for {facts['User']}") from error


def status() -> int:
    """Status that systemd gives; 0 if it runs."""
    return _systemctl("status", "--no-pager", NAME, check=False)


def uninstall(units: Path = _UNITS) -> int:
    """Stop it and take the unit away; records stay.

    Raises:
        ServiceError: it isn't installed, or may not be changed.
    """
    file = units / NAME
    if not file.exists():
        raise ServiceError(f"{file}: not installed; birdlisten service install")
    _systemctl("disable", "--now", NAME)
    try:
        file.unlink()
    except OSError as error:
        raise ServiceError(f"{file}: {error.strerror}; run it with sudo") from error
    _systemctl("daemon-reload")
    print("stopped and taken away; the records stay in /var/lib/birdlisten")
    return 0


def _systemctl(*arguments: str, check: bool = True) -> int:
    try:
        ended = subprocess.run(["systemctl", *arguments])
    except FileNotFoundError as error:
        raise ServiceError("systemctl is missing: this machine is not run by systemd") from error
    if check and ended.returncode:
        raise ServiceError(f"systemctl {' '.join(arguments)} failed ({ended.returncode})")
    return ended.returncode
