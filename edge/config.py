"""The settings of a run: flag > BIRDLISTEN_* environment > YAML file > default."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from edge.contract.audio_spec import AudioSpec
from edge.contract.caution import CAUTION, DEFAULT_CAUTION, THRESHOLD
from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.contract.values import Choice, ChoiceOrNumber, Kind, Number, Switch, Text, checked
from edge.system.bundles import PACKAGED, find_bundle
from edge.system.folders import user_folder
from edge.system.yaml_file import read_settings

PACKAGED_BUNDLE = PACKAGED / "starter"
"""Real birds."""
DEMO_BUNDLE = PACKAGED / "aviary"
"""Synthetic birds, with a chorus to play."""
CHOICES = {
    "provider": ("auto", "cpu", "cuda", "tensorrt"),
    "precision": ("auto", "fp32", "fp16", "int8"),
    "backend": ("auto", "portaudio", "arecord"),
    "voices": ("withhold", "keep"),
    "clip_format": ("flac", "opus"),
    "mqtt_discovery": ("device", "components", "off"),
}
_AMOUNT, _DISTANCE = Number(0, 1e15), Number(0, 1e6, above=True)
_KINDS: Mapping[str, Kind] = {
    **{name: Choice(words) for name, words in CHOICES.items()},
    "channel": ChoiceOrNumber(("mix", "left", "right", "each")),
    "species": Text(meaning="a species set, or a file of names (some species alone: include)"),
    "include": Text(several=True),
    "exclude": Text(several=True),
    "threads": Number(0, 1024, whole=True),
    "threshold": THRESHOLD,
    "caution": CAUTION,
    "latitude": Number(-90, 90),
    "longitude": Number(-180, 180),
    "hop": _DISTANCE,
    "rate": Number(1, 10_000_000, whole=True),
    "max_cpu": _DISTANCE,
    "clip_before": _AMOUNT,
    "clip_after": _AMOUNT,
    "clip_most": _AMOUNT,
    "clips_mb": _AMOUNT,
    "clips_days": _AMOUNT,
    "clips_least": Number(0, 1_000_000, whole=True),
    "candidates_days": _AMOUNT,
    "free_mb": _AMOUNT,
    "apprise_when": Text(several=True),
    "apprise_most": Number(0, 1000, whole=True),
    "webhook_when": Text(several=True),
    "webhook_most": Number(0, 100_000, whole=True),
    "rare_most": Number(1, 1000, whole=True),
    "rare_days": _DISTANCE,
    "back_days": _DISTANCE,
}
"""What a setting may be, where its default doesn't say it."""
_PREFIX, _NO_SETTINGS = "BIRDLISTEN_", ("CONFIG", "EXTRA")
"""Variables that name the YAML file, and what scripts/listen installs."""
_SOURCES = ("device", "input")


@dataclass(frozen=True)
class Settings:
    """Everything that can be set, with its default.

    Raises:
        ConfigError: an impossible value.
    """

    bundle: str = str(PACKAGED_BUNDLE)
    """A folder, the name of a packaged bundle or of one in the user's data folder, or
    hf:OWNER/NAME[@REVISION] of the Hugging Face hub."""
    language: str | None = None  # of the species' names
    species: str | None = None
    """Name of a species set, or a file with one scientific name a line."""
    include: str | None = None
    """Species, genera, families or orders to listen for, by commas or in a file."""
    exclude: str | None = None
    """Those to ignore, likewise."""
    station: str | None = None
    """The station's directory; None is the XDG state directory."""
    provider: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    """0: one a core. None: as `birdlisten bench` found, else one live and one a core for files."""
    threshold: float | None = None
    """None takes the bundle's calibrated threshold."""
    caution: int = DEFAULT_CAUTION
    """0 reports what passed once, 5 only what passed in every window that holds it."""
    overrides: str | None = None
    """CSV of other thresholds and cautions for some species."""
    occurrence: str | None = None
    """CSV of how often species are met in each part of the year."""
    latitude: float | None = None
    longitude: float | None = None
    hop: float | None = None
    """Seconds between two windows; None takes the bundle's."""
    json: bool = False
    explain: bool = False
    show: bool = False  # draw the picture of a match in the terminal
    quiet: bool = False
    verbose: bool = False
    device: str | None = None
    backend: str = "auto"
    """What captures: PortAudio, or arecord."""
    wait: bool = False
    input: str | None = None
    watch: bool = False
    """Of a folder: go on with the files that come."""
    rate: int = 48_000  # hertz of raw PCM on stdin
    channel: str = "mix"
    """Of recordings: mix, left, right, each, or a number from 1."""
    time_zone: str | None = None
    """Of recordings whose times are local; None: of those no time is known."""
    quiet_hours: str | None = None
    """When a live source rests, such as 22:00..04:30 or sunset+60..sunrise-45."""
    duty: str | None = None
    """Minutes to listen of how many, such as 5/15."""
    max_cpu: float | None = None
    """Per cent of one core that a live source may cost; the hop widens to keep to it."""
    clips: bool = True
    """Keep the sound of what a live source detects."""
    voices: str = "withhold"
    """Whether sound in which people speak is kept."""
    clip_format: str = "flac"
    clip_before: float = 3.0  # seconds of sound before a detection
    clip_after: float = 3.0
    clip_most: float = 30.0  # seconds of a clip at most
    clips_mb: float = 2000.0
    """Megabytes of all clips together; the oldest go."""
    clips_days: float = 0.0
    """Age from which a clip goes; 0 keeps it as long as there is room."""
    clips_least: int = 10
    """Newest clips of each species that stay whatever happens."""
    candidates_days: float = 30.0
    """Age from which candidates and embeddings go; records and reviews stay. 0 keeps all."""
    free_mb: float = 500.0  # megabytes of the disk that clips leave to others
    mqtt: str | None = None
    """Broker that records are published to: mqtt(s)://user:password@host:port/topic."""
    mqtt_password: str | None = None
    mqtt_ca: str | None = None
    mqtt_cert: str | None = None
    mqtt_name: str | None = None
    mqtt_discovery: str = "device"
    """By Home Assistant: one payload, one for each entity (before 2024.12), or none."""
    webhook: str | None = None
    webhook_when: str = "each"
    """Any of each, first, rare, back, weekly."""
    webhook_most: int = 0
    """Notifications an hour; 0: as many as there are."""
    apprise: str | None = None
    """File of Apprise's URLs, as BirdNET-Pi has it."""
    apprise_body: str | None = None
    apprise_when: str = "first, rare, back, weekly"
    apprise_most: int = 12
    rare_most: int = 5
    """Times in `rare_days` days up to which a species is rare."""
    rare_days: float = 7.0
    back_days: float = 30.0
    weekly: str = "mon 08:00"
    """Day and local time of the weekly report."""
    web: str | None = None
    """HOST:PORT of the station's page, which a live listener serves beside."""
    public_url: str | None = None
    metrics: str | None = None
    metrics_species: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            given = getattr(self, field.name)
            if given is not None or field.default is not None:
                value = checked(field.name, given, _kind(field.name, field.default))
                object.__setattr__(self, field.name, value)

    @property
    def bundle_path(self) -> Path:
        """The bundle's directory; one of the hub is fetched if need be.

        Raises:
            BirdlistenError: a name that is nowhere, or can't be fetched.
        """
        return find_bundle(self.bundle)

    @property
    def names_station(self) -> bool:
        """True if a station is named, by a setting or by systemd: recordings are kept in it."""
        return self.station is not None or bool(os.environ.get("STATE_DIRECTORY"))

    @property
    def station_path(self) -> Path:
        """The station's directory; under systemd, its state directory.

        Raises:
            ConfigError: none is named, and there is no home folder.
        """
        if self.station is not None:
            return Path(self.station)
        if given := os.environ.get("STATE_DIRECTORY"):
            return Path(given.split(":")[0])
        folder = user_folder("XDG_STATE_HOME", ".local/state")
        if folder is None:
            raise ConfigError(
                "there is no home folder (HOME is not set); name a station: --station"
            )
        return folder


def resolve(
    flags: Mapping[str, Any], environment: Mapping[str, str], config: Path | None
) -> Settings:
    """Merge the four layers.

    Args:
        flags: only those given on the command line.
        environment: `os.environ`.
        config: a YAML file; None looks for config.yaml in the station's directory.

    Raises:
        ConfigError: an unknown key, an impossible value, or an unreadable file.
    """
    above = _over(_surrounding(environment, _names()), _one_source(flags))
    named = environment.get(f"{_PREFIX}CONFIG")
    file = config or (Path(named) if named else _beside(Settings(**above)))
    written = _one_source(read_settings(file, _names())) if file else {}
    return Settings(**_over(written, above))


def _names() -> list[str]:
    return [field.name for field in fields(Settings)]


def _surrounding(environment: Mapping[str, str], names: Collection[str]) -> dict[str, Any]:
    """Settings of the environment; an empty variable sets nothing."""
    known = [f"{_PREFIX}{name.upper()}" for name in (*names, *_NO_SETTINGS)]
    set_here = {name: text for name, text in environment.items() if name.startswith(_PREFIX)}
    for name in set_here:
        if name not in known:
            raise ConfigError(f"{name}: there is no such setting{nearest(name.upper(), known)}")
    held = {name: set_here.get(f"{_PREFIX}{name.upper()}") for name in names}
    return _one_source({name: text for name, text in held.items() if text})


def _one_source(layer: Mapping[str, Any]) -> dict[str, Any]:
    if all(layer.get(name) is not None for name in _SOURCES):
        raise ConfigError("device and input exclude each other; name one of them")
    return dict(layer)


def _over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Two layers as one; whoever names a source replaces that of the layer below, of any kind."""
    named = any(upper.get(name) is not None for name in _SOURCES)
    dropped = (*_SOURCES, "watch") if named else ()
    return {**{name: value for name, value in lower.items() if name not in dropped}, **upper}


def _beside(settings: Settings) -> Path | None:
    """The station's own file, if there is one."""
    file = settings.station_path / "config.yaml"
    return file if file.is_file() else None


def _kind(name: str, default: object) -> Kind:
    return _KINDS.get(name) or (Switch() if isinstance(default, bool) else Text())


def hop_samples(settings: Settings, spec: AudioSpec) -> int:
    """The distance between windows: as set, or the bundle's own.

    Raises:
        ConfigError: it is longer than the bundle's window.
    """
    if settings.hop is None:
        return spec.hop_samples
    hop = round(settings.hop * spec.sample_rate_hz)
    if not 0 < hop <= spec.window_samples:
        raise ConfigError(
            f"hop: {settings.hop} s, expected more than 0 and at most the window, "
            f"{spec.window_s:g} s"
        )
    return hop
