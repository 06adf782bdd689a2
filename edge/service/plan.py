"""Plan of a service: the flags that its unit gives to `listen`."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.config import Settings
from edge.contract.errors import ConfigError
from edge.decision.selection import is_file
from edge.service.announcement import announcement
from edge.service.unit import STATE_DIRECTORY, environment_text, is_representable
from edge.source.stream import check_ffmpeg, is_url
from edge.system.redaction import redacted

_FILES = ("config", "overrides", "occurrence")
_FILES_OR_NAMES = ("species", "include", "exclude")


@dataclass(frozen=True)
class ServicePlan:
    """Content of a unit, as far as it differs from station to station."""

    arguments: tuple[str, ...]
    """Flags of `listen`, with absolute paths and without secrets."""
    station: str | None
    """None is systemd's state directory."""
    secrets: str
    """Content of the environment file; empty if there is nothing to hide."""
    announced: str = ""
    """Content of avahi's file; empty if there is no page that others reach."""

    @property
    def folder(self) -> str:
        """The station's folder."""
        return self.station or STATE_DIRECTORY


def plan_service(settings: Settings, flags: Mapping[str, Any], config: Path | None) -> ServicePlan:
    """Plan a listener that begins at each boot.

    Args:
        settings: that it will have.
        flags: only those given where the command was typed, as settings.
        config: a YAML file, if there is one.

    Raises:
        BirdlistenError: the source has an end, a path can't be written in a unit, or one in the
            YAML file depends on where the service is started.
    """
    _check_source(settings.input)
    _check_paths(settings, flags, config)
    given = {**flags, **({"config": config} if config else {})}
    if settings.station and settings.station != STATE_DIRECTORY:
        given["station"] = _station(settings.station)
    source = flags.get("input")
    secret = source is not None and redacted(source) != source
    if secret:
        del given["input"]
    return ServicePlan(
        tuple(word for name in given for word in _words(name, given[name], settings)),
        given.get("station"),
        environment_text("BIRDLISTEN_INPUT", source) if source and secret else "",
        announcement(settings.web),
    )


def _station(named: str) -> str:
    station = str(Path(named).resolve())
    if not is_representable(station):
        raise ConfigError(f"station: {station!r} can't be written in a unit; name it plainly")
    return station


def _check_paths(settings: Settings, flags: Mapping[str, Any], config: Path | None) -> None:
    """A service is started elsewhere: a path of the file must not depend on that."""
    for name in ("station", "bundle", *_FILES[1:], *_FILES_OR_NAMES):
        value = getattr(settings, name)
        relative = value and name not in flags and not Path(value).is_absolute()
        if relative and (os.sep in value or is_file(Path(value))):
            raise ConfigError(
                f"{config}: {name}: {value!r} depends on where it is started; expected a path from "
                f"/ on, such as {str(Path(value).absolute())!r}"
            )


def _check_source(source: str | None) -> None:
    if source is None:
        return
    if source == "-":
        raise ConfigError("input: - is nothing for a service, which has no stdin; name a device")
    if not is_url(source) or source.lower().startswith("file:"):
        raise ConfigError(
            f"input: {redacted(source)!r} has an end, and a service would hear it again and again; "
            "expected a device or a stream (birdlisten listen hears files)"
        )
    check_ffmpeg(source)


def _words(name: str, value: Any, settings: Settings) -> Iterator[str]:
    """A flag as it is written; waiting is what every unit does."""
    flag = f"--{name.replace('_', '-')}"
    if name == "wait":
        return
    if isinstance(getattr(settings, name, None), bool):
        yield from [flag] if getattr(settings, name) else _negated(flag, name)
        return
    text = _absolute(name, str(value), settings)
    yield from [f"{flag}={text}"] if text.startswith("-") else [flag, text]


def _negated(flag: str, name: str) -> list[str]:
    return [f"--no-{flag[2:]}"] if name == "clips" else []


def _absolute(name: str, value: str, settings: Settings) -> str:
    """A path as it is seen from here, for the unit runs elsewhere."""
    if name == "bundle":
        return str(settings.bundle_path.absolute())
    if name in _FILES or (name in _FILES_OR_NAMES and is_file(Path(value))):
        return str(Path(value).absolute())
    return value
