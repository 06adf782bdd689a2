"""Template of a message, with the placeholders that BirdNET-Pi's users have in theirs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.publish.notification import DetectionNews
from edge.publish.payload import picture_url

DEFAULT_TITLE = "$comname"
DEFAULT_BODY = "$comname ($sciname), $confidencepct %, $date $time: $reason\n$listenurl\n$image"
PLACEHOLDERS = (
    *("sciname", "comname", "confidence", "confidencepct", "listenurl", "friendlyurl", "date"),
    *("time", "week", "latitude", "longitude", "cutoff", "sens", "flickrimage", "image"),
    *("overlap", "reason"),
)
_PLACEHOLDER = re.compile(r"\$([A-Za-z_]+)")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Values that a template may have and no record holds; empty where they aren't known."""

    public_url: str = ""
    latitude: str = ""
    longitude: str = ""
    cutoff: str = ""
    """The threshold."""
    sens: str = ""
    """The caution."""
    overlap: str = ""
    """The hop, in seconds."""


def check_template(text: str, setting: str) -> str:
    """A template all of whose placeholders are known.

    Raises:
        ConfigError: one is not.
    """
    for name in _PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS:
            known = [f"${known}" for known in PLACEHOLDERS]
            raise ConfigError(
                f"{setting}: there is no ${name}{nearest(f'${name}', known)}; expected any of "
                f"{' '.join(known)}"
            )
    return text


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with its placeholders filled in."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


def values_of(news: DetectionNews, around: Surroundings) -> dict[str, str]:
    """The value of each placeholder."""
    record = news.record
    moment, url = record.local_time(), _page(news, around.public_url)
    picture = picture_url(record) or ""
    return {
        "sciname": record.scientific_name,
        "comname": record.common_name,
        "confidence": f"{record.confidence:.4f}",
        "confidencepct": f"{100 * record.confidence:.0f}",
        "listenurl": url,
        "friendlyurl": f"[Listen here]({url})" if url else "",
        "date": _written(moment, "%Y-%m-%d"),
        "time": _written(moment, "%H:%M:%S"),
        "week": _written(moment, "%V"),
        "latitude": around.latitude if record.latitude is None else f"{record.latitude:g}",
        "longitude": around.longitude if record.longitude is None else f"{record.longitude:g}",
        "cutoff": around.cutoff,
        "sens": around.sens,
        "flickrimage": picture,
        "image": picture,
        "overlap": around.overlap,
        "reason": news.reason,
    }


def _written(moment: datetime | None, form: str) -> str:
    return "" if moment is None else moment.strftime(form)


def _page(news: DetectionNews, public_url: str) -> str:
    """Address of a record on the station's page."""
    if not public_url:
        return ""
    return f"{public_url.rstrip('/')}/records/{news.record.id}"
