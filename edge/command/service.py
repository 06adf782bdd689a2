"""`birdlisten service install|status|uninstall`: listening from boot to boot."""

import getpass
import logging
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edge.command.opening import open_listener, open_recognizer
from edge.command.page_beside import check_page
from edge.config import resolve
from edge.contract.errors import ServiceError
from edge.service.announcement import FOLDER, check_port
from edge.service.announcement import NAME as ANNOUNCED
from edge.service.files import content, remove, restore, write
from edge.service.plan import ServicePlan, plan_service
from edge.service.unit import (
    ENVIRONMENT_NAME,
    NAME,
    STATE_DIRECTORY,
    UnitConfig,
    unit_text,
    writable_folder,
)
from edge.source.schedule import read_schedule
from edge.system.process import python_module

_LOG = logging.getLogger(__name__)
UNITS = Path("/etc/systemd/system")


def plan(flags: Mapping[str, Any], config: Path | None) -> ServicePlan:
    """Plan a listener that begins at each boot; what `listen` would refuse is refused now.

    Args:
        flags: only those given on the command line, as settings.
        config: a YAML file; None looks for config.yaml in the station.

    Raises:
        BirdlistenError: bundle or settings can't be used, or the source has an end.
    """
    file = config or _beside(flags)
    # Without a file, that of whoever installs it is not the service's.
    station = {} if file else {"station": STATE_DIRECTORY}
    planned = plan_service(resolve({**station, **flags}, {}, file), flags, file)
    settings = resolve({**station, **flags}, os.environ, file)
    check_page(settings)
    check_port(settings.web)
    read_schedule(settings.quiet_hours, settings.duty, settings.latitude, settings.longitude)
    open_listener(settings, open_recognizer(settings, live=True))
    for name in filter(lambda name: name.startswith("BIRDLISTEN_"), os.environ):
        _LOG.warning("%s is set here, and not for the service: give it as a flag", name)
    return planned


def _beside(flags: Mapping[str, Any]) -> Path | None:
    """The file of the station that the service will have, if there is one."""
    file = Path(flags.get("station") or STATE_DIRECTORY) / "config.yaml"
    return file if file.is_file() else None


def service_user(named: str | None) -> str:
    """The user who runs it, by name or number: as named, or else who has called sudo.

    Raises:
        ServiceError: there is no such user.
    """
    user = named or os.environ.get("SUDO_USER") or _myself()
    try:
        known = user.isdecimal() or bool(pwd.getpwnam(user))
    except (KeyError, ValueError):
        known = False
    if not known:
        raise ServiceError(f"user: {user!r} is not known here; expected --user NAME of one who is")
    return user


def _myself() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        return str(os.getuid())


def unit(plan: ServicePlan, user: str, units: Path = UNITS) -> str:
    """The unit file.

    Args:
        plan: of the listener.
        user: who runs it.
        units: folder that it is for.
    """
    return unit_text(
        UnitConfig(
            python_module("edge", "listen", "--wait", *plan.arguments),
            user,
            folder=plan.folder,
            station=plan.station,
            environment=str(units / ENVIRONMENT_NAME) if plan.secrets else None,
        )
    )


def show(text: str) -> int:
    """Print the unit."""
    print(text, end="")
    return 0


def install(
    text: str, units: Path = UNITS, secrets: str = "", announced: str = "", avahi: Path = FOLDER
) -> int:
    """Write the unit, and start it now and at each boot; a failure leaves what was there before.

    Args:
        text: of the unit.
        units: folder of systemd.
        secrets: of the environment file, for root alone; empty writes none.
        announced: announcement of the page; empty writes none.
        avahi: folder of announcements; without avahi there is none.

    Raises:
        ServiceError: there is no systemd, or it may not be changed.
    """
    file, page = units / NAME, avahi / ANNOUNCED
    hidden = units / ENVIRONMENT_NAME
    with _all_or_nothing(units, avahi):
        restore(hidden, os.fsencode(secrets) or None, 0o600)
        restore(page, announced.encode() if announced and avahi.is_dir() else None, 0o644)
        write(file, os.fsencode(text), 0o644)
        _hand_over(page, text)
        _make_writable(text)
        _systemctl("daemon-reload")
        _systemctl("enable", NAME)
        _systemctl("restart", NAME)  # one that runs already has the flags of before
    place = writable_folder(text) or STATE_DIRECTORY
    print(f"{file}: started, and at each boot from now on. Records: {place}")
    return 0


@contextmanager
def _all_or_nothing(units: Path, avahi: Path) -> Iterator[None]:
    """A failure leaves all files as they were, and systemd is told so."""
    unit = units / NAME
    modes = {unit: 0o644, units / ENVIRONMENT_NAME: 0o600, avahi / ANNOUNCED: 0o644}
    before = {file: content(file) for file in modes}
    try:
        yield
    except BaseException:
        if any(content(file) != kept for file, kept in before.items()):
            if before[unit] is None:
                _ask_quietly("disable", "--now", NAME)
            with suppress(ServiceError):  # the first failure is the one to tell
                for file, mode in modes.items():
                    restore(file, before[file], mode)
            _ask_quietly("daemon-reload")
        raise


def _ask_quietly(*arguments: str) -> None:
    with suppress(OSError):
        subprocess.run(["systemctl", *arguments], capture_output=True)


def _hand_over(page: Path, text: str) -> None:
    """Let the service write the announcement of its page, whose port its settings may change."""
    with suppress(OSError, LookupError, StopIteration):
        _give(page, _user_of(text))


def _user_of(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("User="))[5:]


def _give(path: Path, user: str) -> None:
    shutil.chown(path, int(user) if user.isdecimal() else user)


def _make_writable(text: str) -> None:
    """Make the station's folder: the unit itself may not."""
    named = writable_folder(text)
    if named is None:
        return
    user = _user_of(text)
    station = Path(named)
    if station.exists():
        return
    try:
        station.mkdir(parents=True)
        _give(station, user)
    except (OSError, LookupError) as error:
        with suppress(OSError):
            station.rmdir()  # one of another owner would be of no use
        problem = error.strerror if isinstance(error, OSError) else error
        raise ServiceError(f"{station}: {problem}; make it for {user}") from error


def status() -> int:
    """Status that systemd gives; 0 if it runs."""
    return _systemctl("status", "--no-pager", NAME, check=False)


def uninstall(units: Path = UNITS, avahi: Path = FOLDER) -> int:
    """Stop it and take the unit away; records stay.

    Raises:
        ServiceError: it isn't installed, or may not be changed.
    """
    file = units / NAME
    if not file.exists():
        raise ServiceError(f"{file}: not installed; birdlisten service install")
    place = writable_folder(file.read_text("utf-8", "surrogateescape")) or STATE_DIRECTORY
    _systemctl("disable", "--now", NAME)
    remove(file)
    remove(units / ENVIRONMENT_NAME)
    remove(avahi / ANNOUNCED)
    _systemctl("daemon-reload")
    print(f"stopped and taken away; the records stay in {place}")
    return 0


def _systemctl(*arguments: str, check: bool = True) -> int:
    try:
        ended = subprocess.run(["systemctl", *arguments])
    except FileNotFoundError as error:
        raise ServiceError("systemctl is missing: this machine is not run by systemd") from error
    if check and ended.returncode:
        raise ServiceError(f"systemctl {' '.join(arguments)} failed ({ended.returncode})")
    return ended.returncode
