"""Settings that the page may change: those that leave the recorder hearing, and delete nothing.

They are written to the station's config.yaml, which a running listener takes up by itself; all are
read by `edge.config.Settings` before. What flags or the environment hold, no file can change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from edge.config import Settings, hop_samples
from edge.contract.bundle import Bundle
from edge.contract.errors import ConfigError, StoreError, in_words
from edge.contract.languages import local_names
from edge.decision.selection import is_file, named, select
from edge.records.live_file import live_states
from edge.source.schedule import read_schedule
from edge.system.yaml_file import read_settings, write_settings

FILE_NAME = "config.yaml"
_NAMES = tuple(field.name for field in fields(Settings))
_LONGEST = 2000
_PLACE = ("latitude", "longitude")


@dataclass(frozen=True)
class Adjustable:
    """A setting that can be changed on the page."""

    name: str
    label: str
    hint: str
    kind: str = "text"
    """`text`, `number` or `choice`."""
    choices: tuple[tuple[str, str], ...] = ()
    """Values with their labels; the empty one is the default."""
    usual: tuple[str, ...] = ()
    """Words for the default."""


_YES_NO = (("", "yes"), ("no", "no"))
_CAUTIONS = (
    *(("0", "0: what passed once"), ("1", "1: in a quarter of the windows"), ("", "2: in half")),
    *(("3", "3: in two thirds"), ("4", "4: in four of five"), ("5", "5: in every window")),
)
ADJUSTABLE = (
    Adjustable(
        "threshold",
        "Threshold",
        "Probability, 0 to 1, at which a species is reported. Empty: as the bundle is calibrated.",
        "number",
    ),
    Adjustable(
        "caution",
        "Caution",
        "In how many of the windows that hold a moment a species must pass.",
        "choice",
        choices=_CAUTIONS,
        usual=("2",),
    ),
    Adjustable("species", "Species set", "The species that are listened for.", "choice"),
    Adjustable("include", "Only these", "Species, genera, families or orders, by commas."),
    Adjustable("exclude", "Without these", "Likewise: they are never reported."),
    Adjustable("language", "Language", "Of the species' names.", "choice"),
    Adjustable(
        "quiet_hours",
        "Quiet hours",
        "It rests then: 22:00..04:30, or sunset+60..sunrise-45 where the place is set.",
    ),
    Adjustable("duty", "Duty cycle", "To save power: 5/15 listens five minutes of every fifteen."),
    Adjustable("latitude", "Latitude", "In degrees; north is positive.", "number"),
    Adjustable("longitude", "Longitude", "In degrees; east is positive.", "number"),
    Adjustable("hop", "Hop", "Seconds between two windows. Empty: the bundle's own.", "number"),
    Adjustable(
        "max_cpu",
        "Most of a core",
        "In per cent; windows are taken further apart to keep to it.",
        "number",
    ),
    Adjustable(
        "clips",
        "Keep sounds",
        "Of what is detected.",
        "choice",
        choices=_YES_NO,
        usual=("yes", "true", "1", "on"),
    ),
    Adjustable("clip_before", "Seconds before", "A detection, in its clip.", "number"),
    Adjustable("clip_after", "Seconds after", "Likewise.", "number"),
)
FIXED = {
    "Where sound comes from: a wrong word would leave the recorder deaf.": (
        *("device", "backend", "input", "watch", "rate", "channel", "time_zone", "wait"),
    ),
    "Smaller ones delete what was kept.": (
        *("clips_mb", "clips_days", "clips_least", "candidates_days", "free_mb", "clip_most"),
    ),
    "Whether the speech of people is kept is for whoever stands before the recorder.": ("voices",),
    "Files of the recorder, and its processor.": (
        *("bundle", "station", "overrides", "occurrence", "provider", "precision", "threads"),
        *("clip_format", "json", "explain", "show", "quiet", "verbose"),
    ),
    "How this page is reached, and who is told; they may hold passwords, and are not shown.": (
        *(
            "web",
            "public_url",
            "metrics",
            "metrics_species",
            "mqtt",
            "mqtt_password",
            "mqtt_ca",
            "mqtt_cert",
        ),
        *("mqtt_name", "mqtt_discovery", "webhook", "webhook_when", "webhook_most", "apprise"),
        *("apprise_body", "apprise_when", "apprise_most", "rare_most", "rare_days", "back_days"),
        "weekly",
    ),
}
"""Names of the settings that the page only tells, by the reason."""


class SettingsFile:
    """The station's config.yaml, as far as the page may change it.

    Args:
        station: the station's folder.
    """

    def __init__(self, station: Path) -> None:
        self._station, self.path = station, station / FILE_NAME

    def table(self) -> dict[str, Any]:
        """Its lines, as text or lists.

        Raises:
            ConfigError: it can't be read.
        """
        return read_settings(self.path, _NAMES) if self.path.is_file() else {}

    def digest(self) -> str:
        """Tells whether it is still the file that a person has looked at."""
        try:
            return sha256(self.path.read_bytes()).hexdigest()[:16]
        except OSError:
            return ""

    def given(self) -> frozenset[str]:
        """Names that a running listener was given where it was started, which win over the file."""
        states = (state for state in live_states(self._station) if state.is_current)
        return frozenset(name for state in states for name in state.given)

    def change(self, changes: Mapping[str, str | None], bundle: Bundle) -> None:
        """Write other values, all or none; None is the default.

        Raises:
            ConfigError: one is not possible, or not for the page to change.
            StoreError: the file can't be written.
        """
        given = self.given()
        foreign = set(changes) - {setting.name for setting in ADJUSTABLE} or set(changes) & given
        if foreign:
            raise ConfigError(f"{sorted(foreign)[0]}: is not changed here")
        table = {**self.table(), **changes}
        settings = Settings(**{name: value for name, value in table.items() if value})
        _check(settings, changes, bundle, given)
        try:
            write_settings(self.path, changes, _NAMES)
        except OSError as error:
            raise StoreError(f"{self.path}: can't be written ({in_words(error)})") from error


def choices(setting: Adjustable, bundle: Bundle) -> tuple[tuple[str, str], ...]:
    """Values of a setting with their labels; the empty one is the default."""
    manifest = bundle.manifest
    if setting.name == "species":
        usual = manifest.default_species_set
        others = [name for name in manifest.species_sets if name != usual]
        return (("", str(usual)), *((name, name) for name in others))
    if setting.name == "language":
        known = local_names(bundle.path, manifest).languages
        return (("", "as the bundle has them"), *((code, code) for code in known))
    return setting.choices


def _check(
    settings: Settings, changes: Mapping[str, str | None], bundle: Bundle, given: frozenset[str]
) -> None:
    """Refuse what the listener would refuse, and what would let the page read files.

    Values of what the listener was given are not known here: they are taken to fit.
    """
    for name in ("include", "exclude"):
        value = changes.get(name) or ""
        if "/" in value or "\\" in value or is_file(Path(value)) or len(value) > _LONGEST:
            raise ConfigError(f"{name}: expected names with commas between them")
    for setting in ADJUSTABLE:
        allowed = [value for value, _ in choices(setting, bundle)]
        chosen = changes.get(setting.name)
        if setting.kind == "choice" and chosen is not None and chosen not in allowed:
            raise ConfigError(f"{setting.name}: expected one of {', '.join(filter(None, allowed))}")
    latitude, longitude = (0.0 if name in given else getattr(settings, name) for name in _PLACE)
    if (latitude is None) != (longitude is None):
        raise ConfigError("latitude, longitude: they go together")
    read_schedule(settings.quiet_hours, settings.duty, latitude, longitude)
    hop_samples(settings, bundle.manifest.audio)
    around_s = settings.clip_before + settings.clip_after
    if {"clip_before", "clip_after"} & set(changes) and around_s > settings.clip_most:
        raise ConfigError(
            f"clip_before, clip_after: {around_s:g} s together; expected at most those of a clip, "
            f"clip_most, {settings.clip_most:g}"
        )
    if "include" in changes or "exclude" in changes:
        _check_chosen(settings, bundle, given)


def _check_chosen(settings: Settings, bundle: Bundle, given: frozenset[str]) -> None:
    """Refuse names that nothing has, and a choice that leaves no species."""
    for name in ("include", "exclude"):
        text = getattr(settings, name)
        if text is not None and name not in given:
            named(bundle.taxonomy, text)
    if not given & {"species", "include", "exclude"}:
        ids = bundle.species_ids(_known_set(settings, bundle))
        select(bundle.taxonomy, ids, settings.include, settings.exclude)


def _known_set(settings: Settings, bundle: Bundle) -> str:
    chosen, manifest = settings.species, bundle.manifest
    return chosen if chosen and chosen in manifest.species_sets else manifest.default_species_set
