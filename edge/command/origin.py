"""Origin of a run's settings: what was given where it was started, and the file below that."""

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from edge.config import Settings, resolve
from edge.contract.errors import BirdlistenError
from edge.system.steady import SteadyWatch

NAME = "config.yaml"
"""Of the file in the station."""
_LOOK_S = 1.0


@dataclass(frozen=True)
class SettingsOrigin:
    """Sources of a run's settings."""

    flags: Mapping[str, Any]
    """Only those given on the command line."""
    config: Path | None = None
    """A YAML file; None looks for the station's."""

    def read(self) -> Settings:
        """The settings as they are now.

        Raises:
            ConfigError: an unknown key, an impossible value, or an unreadable file.
        """
        return resolve(self.flags, os.environ, self.config)

    def file(self) -> Path | None:
        """The YAML file that is read, if it is there; None where no folder is known."""
        if named := self.config or os.environ.get("BIRDLISTEN_CONFIG"):
            return Path(named)
        try:
            return Settings(**self._station()).station_path / NAME
        except BirdlistenError:
            return None

    def given(self, station: Path) -> tuple[str, ...]:
        """Names of the settings that the station's own file can't change."""
        names = [field.name for field in fields(Settings)]
        if self.file() != station / NAME:
            return tuple(names)
        return tuple(name for name in names if name in self.flags or self._variable(name))

    def _station(self) -> dict[str, Any]:
        station = self.flags.get("station") or self._variable("station")
        return {"station": station} if station else {}

    def _variable(self, name: str) -> str | None:
        return os.environ.get(f"BIRDLISTEN_{name.upper()}")


@contextmanager
def reloading(origin: SettingsOrigin | None) -> Iterator[SteadyWatch | None]:
    """Begin anew, as by SIGHUP, each time the file of the settings has changed."""
    file = origin.file() if origin else None
    if file is None:
        yield None
        return
    over, watch = threading.Event(), SteadyWatch(file)

    def look() -> None:
        while not over.wait(_LOOK_S):
            if watch.changed():
                os.kill(os.getpid(), signal.SIGHUP)

    thread = threading.Thread(target=look, name="settings", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
