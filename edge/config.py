"""The settings of a run: flag > BIRDLISTEN_* environment > YAML file > default."""

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from edge.contract.audio import AudioSpec
from edge.contract.caution import DEFAULT_CAUTION, check_rule
from edge.contract.errors import ConfigError
from edge.contract.names import nearest

PACKAGED_BUNDLE = Path(__file__).parent / "bundles" / "starter"
"""Real birds."""
DEMO_BUNDLE = Path(__file__).parent / "bundles" / "aviary"
"""Synthetic birds, with a chorus to play."""
CHOICES = {
    "provider": ("auto", "cpu", "cuda", "tensorrt"),
    "precision": ("auto", "fp32", "fp16", "int8"),
    "backend": ("auto", "portaudio", "arecord"),
    "voices": ("withhold", "keep"),
    "clip_format": ("flac", "opus"),
}
_AMOUNTS = (
    *("clip_before", "clip_after", "clip_most"),
    *("clips_mb", "clips_days", "clips_least", "candidates_days", "free_mb"),
)
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True)
class Settings:
    """Everything that can be set, with its default.

    Raises:
        ConfigError: an impossible value.
    """

    bundle: str = str(PACKAGED_BUNDLE)
    """A folder, or the name of a packaged bundle or of one in the user's data folder."""
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
    quiet: bool = False
    verbose: bool = False
    device: str | None = None
    backend: str = "auto"
    """What captures: PortAudio, or arecord."""
    wait: bool = False
    input: str | None = None
    watch: bool = False
    """Of a folder: go on with the files that come."""
    rate: int = 48_000
    """Hertz of raw PCM on stdin."""
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
    clip_before: float = 3.0
    """Seconds of sound before a detection."""
    clip_after: float = 3.0
    clip_most: float = 30.0
    """Seconds of a clip at most."""
    clips_mb: float = 2000.0
    """Megabytes of all clips together; the oldest go."""
    clips_days: float = 0.0
    """Age from which a clip goes; 0 keeps it as long as there is room."""
    clips_least: int = 10
    """Newest clips of each species that stay whatever happens."""
    candidates_days: float = 30.0
    """Age from which candidates and embeddings go; records and reviews stay. 0 keeps all."""
    free_mb: float = 500.0
    """Megabytes of the disk that clips leave to others."""

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name}: {getattr(self, name)!r} is not one of {allowed}")
        check_rule(self.caution, self.threshold)
        if self.hop is not None and not 0 < self.hop < math.inf:
            raise ConfigError(f"hop: {self.hop} s is not a positive number")
        for name in _AMOUNTS:
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name}: {getattr(self, name)} is not a number from 0 up")
        if self.max_cpu is not None and not 0 < self.max_cpu < math.inf:
            raise ConfigError(f"max_cpu: {self.max_cpu} per cent is not a positive number")
        if self.threads is not None and self.threads < 0:
            raise ConfigError(f"threads: {self.threads} is negative; 0 takes one a core")
        if self.rate <= 0:
            raise ConfigError(f"rate: {self.rate} Hz is not positive")

    @property
    def bundle_path(self) -> Path:
        """The bundle's directory."""
        return find_bundle(self.bundle)

    @property
    def station_path(self) -> Path:
        """The station's directory; under systemd, its state directory."""
        if self.station is None and "STATE_DIRECTORY" in os.environ:
            return Path(os.environ["STATE_DIRECTORY"].split(":")[0])
        state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        return Path(self.station or Path(state) / "birdlisten")


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
    names = [field.name for field in fields(Settings)]
    surrounding = {
        name: environment[f"BIRDLISTEN_{name.upper()}"]
        for name in names
        if f"BIRDLISTEN_{name.upper()}" in environment
    }
    above = _typed({**surrounding, **flags})
    beside = Settings(**above).station_path / "config.yaml"
    named = environment.get("BIRDLISTEN_CONFIG")
    file = config or (Path(named) if named else beside if beside.is_file() else None)
    written = _typed(read_yaml(file, names)) if file else {}
    return Settings(**{**written, **above})


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


def data_folder() -> Path:
    """Folder of a user's own bundles and networks: the XDG data directory's birdlisten."""
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "birdlisten"


def find_bundle(name: str) -> Path:
    """A folder, or for a plain name a packaged bundle or one of the user's.

    Raises:
        ConfigError: a plain name that is nowhere.
    """
    plain = Path(name).name == name
    if not plain or Path(name).is_dir():
        return Path(name)
    folders = (PACKAGED_BUNDLE.parent, data_folder() / "bundles")
    for folder in folders:
        if (folder / name).is_dir():
            return folder / name
    held = sorted(entry.name for folder in folders if folder.is_dir() for entry in folder.iterdir())
    raise ConfigError(
        f"bundle: {name!r} is no folder here, and none of {', '.join(held)}{nearest(name, held)}"
        f" (./scripts/ear {name} makes one of a ready network)"
    )


def read_yaml(path: Path, known: Collection[str] | None = None) -> dict[str, Any]:
    """Read `name: value` lines; an empty file is an empty table.

    Args:
        path: the file.
        known: the names that there are; None takes any.

    Raises:
        ConfigError: unreadable, not such lines, or an unknown name.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not readable as YAML ({_first_line(error)})") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected `name: value` lines, found {type(content).__name__}")
    for key in content:
        if known is not None and key not in known:
            raise ConfigError(f"{path}: unknown key {key!r}{nearest(str(key), known)}")
    return content


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(Settings)
    return {name: _convert(name, value, hints[name]) for name, value in values.items()}


def _convert(name: str, value: Any, hint: Any) -> Any:
    kinds = get_args(hint) or (hint,)
    if value is None and type(None) in kinds:
        return None
    if not isinstance(value, (str, int, float)) or (kinds[0] is int and isinstance(value, float)):
        raise ConfigError(f"{name}: {value!r} is not a {kinds[0].__name__}")
    try:
        return _boolean(value) if bool in kinds else kinds[0](value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {value!r} is not a {kinds[0].__name__}") from error


def _boolean(value: Any) -> bool:
    text = str(value).lower()
    if text not in _TRUE + _FALSE:
        raise ValueError(text)
    return text in _TRUE


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
