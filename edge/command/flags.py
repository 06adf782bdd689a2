"""Groups of flags, and the groups that each command has."""

import argparse
from collections.abc import Callable
from pathlib import Path

from edge.config import CHOICES
from edge.system.address import USUAL_PAGE


def source_flags(parser: argparse._ActionsContainer) -> None:
    """Microphone, file or stream that sound comes from."""
    add = parser.add_argument
    device_flags(parser)
    add("--wait", action="store_true", help="wait for a device that isn't there yet")
    add("--input", metavar="PATH", help="a file, a folder, a URL (ffmpeg), or - for raw PCM")
    add("--rate", metavar="HZ", help="rate of the 16-bit mono PCM on stdin (default 48000)")


def recording_flags(parser: argparse._ActionsContainer) -> None:
    """Recordings that are heard."""
    add = parser.add_argument
    add("--channel", metavar="N", help="left, right, each, or a number; default mix")
    time_zone_flag(parser)


def time_zone_flag(parser: argparse._ActionsContainer) -> None:
    """Zone of what is dated in local time."""
    parser.add_argument(
        "--time-zone", metavar="ZONE", help="of what is dated in local time: Europe/Berlin"
    )


def device_flags(parser: argparse._ActionsContainer) -> None:
    """An input device."""
    add = parser.add_argument
    add("--device", metavar="ID", help="an input device: index, USB id, or a part of its name")
    backend_flag(parser)


def backend_flag(parser: argparse._ActionsContainer) -> None:
    """The program that captures."""
    choices = CHOICES["backend"]
    parser.add_argument("--backend", choices=choices, help="what captures (default auto)")


def live_flags(parser: argparse._ActionsContainer) -> None:
    """Settings of a live source."""
    add, off_or_on = parser.add_argument, argparse.BooleanOptionalAction
    quiet_hours_flag(parser)
    add("--duty", metavar="M/N", help="listen M of every N minutes")
    add("--max-cpu", metavar="PERCENT", help="of one core; windows are taken further apart")
    add("--clips", action=off_or_on, help="keep the sound of what a live source detects")
    add("--voices", choices=CHOICES["voices"], help="clips with speech (default: withhold)")
    add("--clip-format", choices=CHOICES["clip_format"], help="default flac")
    page = f"the page, too: {USUAL_PAGE}"
    add("--web", nargs="?", const=USUAL_PAGE, metavar="HOST:PORT", help=page)


def quiet_hours_flag(parser: argparse._ActionsContainer) -> None:
    """Hours in which nothing is listened to."""
    text = "rest then: 22:00..04:30, sunset+60..sunrise-45"
    parser.add_argument("--quiet-hours", metavar="A..B", help=text)


def talk_flags(parser: argparse._ActionsContainer) -> None:
    """Amount of talk."""
    parser.add_argument("--quiet", action="store_true", help="errors only")
    parser.add_argument("--verbose", action="store_true", help="the debug log too")
    parser.set_defaults(config=None)


def station_flags(parser: argparse._ActionsContainer) -> None:
    """The station and its settings."""
    add = parser.add_argument
    add("--station", metavar="DIR", help="the station's folder (holds config.yaml)")
    add("--config", type=Path, default=None, metavar="FILE", help="YAML settings")


def json_flag(parser: argparse._ActionsContainer) -> None:
    """Results as JSON."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")


def bundle_flag(parser: argparse._ActionsContainer) -> None:
    """The bundle, and the language of its names."""
    add = parser.add_argument
    text = "what to listen with: a folder, a name, or hf:OWNER/NAME (default: packaged)"
    add("--bundle", metavar="DIR", help=text)
    add("--language", metavar="CODE", help="of the species' names: de, fr, pt-br, ...")


def encoder_flags(parser: argparse._ActionsContainer) -> None:
    """Processor and precision."""
    add = parser.add_argument
    add("--provider", choices=CHOICES["provider"], help="what to compute on (default auto)")
    add("--precision", choices=CHOICES["precision"], help="which encoder (default auto)")


def threads_flag(parser: argparse._ActionsContainer) -> None:
    """Threads of the encoder."""
    parser.add_argument("--threads", metavar="N", help="of the encoder; 0 takes one a core")


def species_flags(parser: argparse._ActionsContainer) -> None:
    """The species that are listened for."""
    add = parser.add_argument
    add("--species", metavar="SET|FILE", help="a species set of the bundle, or a file of names")
    add("--include", metavar="NAMES", help="species, genera, families or orders; or a file")
    add("--exclude", metavar="NAMES", help="those to ignore, likewise")
    add("--occurrence", metavar="CSV", help="how often species are met, by parts of the year")
    place_flags(parser)


def place_flags(parser: argparse._ActionsContainer) -> None:
    """Place of the station."""
    add = parser.add_argument
    add("--latitude", metavar="DEG", help="of the station: for its season, the sun, checklists")
    add("--longitude", metavar="DEG", help="likewise")


def threshold_flags(parser: argparse._ActionsContainer) -> None:
    """Thresholds of all species and of single ones."""
    add = parser.add_argument
    add("--threshold", metavar="P", help="confidence a species must reach, 0 to 1")
    add("--overrides", metavar="CSV", help="name,caution,threshold of some species")


def hop_flag(parser: argparse._ActionsContainer) -> None:
    """Distance of two windows."""
    parser.add_argument("--hop", metavar="S", help="seconds between two windows")


def caution_flag(parser: argparse._ActionsContainer) -> None:
    """Agreement of windows."""
    parser.add_argument("--caution", metavar="0-5", help="how many windows must agree (default 2)")


def publish_flags(parser: argparse._ActionsContainer) -> None:
    """Receivers of the records, and when they are told."""
    add, off_or_on = parser.add_argument, argparse.BooleanOptionalAction
    add("--mqtt", metavar="URL", help="a broker: mqtt(s)://user:password@host:port/topic")
    add("--mqtt-password", metavar="FILE", help="that holds it, for its owner only (0600)")
    add("--mqtt-ca", metavar="FILE", help="certificates to check the broker's with")
    add("--mqtt-cert", metavar="FILE", help="our own certificate and its key, in one PEM file")
    add("--mqtt-name", metavar="NAME", help="of the recorder (default: the host's)")
    forms = CHOICES["mqtt_discovery"]
    add("--mqtt-discovery", choices=forms, help="by Home Assistant (default device)")
    whens = "any of each, first, rare, back, weekly"
    add("--webhook", metavar="URL", help="to post notifications to, as JSON")
    add("--webhook-when", metavar="NAMES", help=f"{whens} (default each)")
    add("--webhook-most", metavar="N", help="an hour (default 0: all)")
    add("--apprise", metavar="FILE", help="URLs of services, a line each (apprise.txt)")
    add("--apprise-body", metavar="FILE", help="template with $comname, $sciname, ... (body.txt)")
    add("--apprise-when", metavar="NAMES", help=f"{whens} (default all but each)")
    add("--apprise-most", metavar="N", help="an hour (default 12; 0: all)")
    add("--rare-most", metavar="N", help="rare is up to so many (default 5) ...")
    add("--rare-days", metavar="N", help="... in so many days (default 7)")
    add("--back-days", metavar="N", help="back is after so many days (default 30)")
    add("--weekly", metavar="'DAY HH:MM'", help="of the weekly report (default mon 08:00)")
    add("--public-url", metavar="URL", help="of the station's page, for links")
    add("--metrics", metavar="HOST:PORT", help="where Prometheus finds the metrics")
    add("--metrics-species", action=off_or_on, help="count each species, too")


_STATION = (bundle_flag, station_flags, talk_flags)
"""Flags of every command: one line of them does for all commands on a station."""
_SCORES = (encoder_flags, species_flags)
_PASSES = (*_SCORES, threshold_flags, hop_flag)
_REPORTS = (*_PASSES, caution_flag, json_flag, threads_flag)
FLAGS: dict[str, tuple[Callable[[argparse._ActionsContainer], None], ...]] = {
    "listen": (source_flags, recording_flags, live_flags, *_REPORTS, *_STATION),
    "analyze": (recording_flags, quiet_hours_flag, *_REPORTS, *_STATION),
    "rematch": (*_REPORTS, *_STATION),
    "identify": (*_SCORES, json_flag, threads_flag, *_STATION),
    "demo": (*_REPORTS, *_STATION),
    "today": (json_flag, *_STATION),
    "records": (json_flag, *_STATION),
    "search": (encoder_flags, json_flag, threads_flag, *_STATION),
    "report": _STATION,
    "export": (place_flags, *_STATION),
    "import": (time_zone_flag, *_STATION),
    "publish": (publish_flags, place_flags, *_STATION),
    "why": (json_flag, *_STATION),
    "confirm": _STATION,
    "reject": _STATION,
    "teach": (*_SCORES, threads_flag, *_STATION),
    "learnt": (json_flag, *_STATION),
    "learn-background": (source_flags, *_PASSES, *_STATION),
    "species": (json_flag, *_STATION),
    "gallery": (),
    "devices": (backend_flag, json_flag, *_STATION),
    "doctor": (device_flags, encoder_flags, json_flag, *_STATION),
    "bench": (encoder_flags, hop_flag, json_flag, *_STATION),
    "service": (source_flags, live_flags, *_REPORTS, *_STATION),
    "web": _STATION,
}
"""Groups of flags of each command: those of its station, and those that it follows."""
