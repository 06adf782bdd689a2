"""The detection record: one JSON object a line, and the line a person reads."""

import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from edge.contract.arrays import Float16s, Int16s
from edge.contract.text import json_line, visible
from edge.system import clock

SCHEMA = 1
NO_PICTURE = "(no picture yet)"
_GREEN, _BOLD, _DIM, _RESET = "\033[32m", "\033[1m", "\033[2m", "\033[0m"


@dataclass(frozen=True)
class Picture:
    """A picture of the species, nearest first."""

    file: str | None
    """Path inside the bundle, null when the bundle ships only the URL."""
    url: str | None
    author: str
    licence: str
    similarity: float


@dataclass(frozen=True)
class Candidate:
    """One species of the `top` list."""

    scientific_name: str
    common_name: str
    score: float
    probability: float | None


@dataclass(frozen=True)
class Detection:
    """A confirmed species; field names are those of the JSON line and the database."""

    id: str
    """UUIDv7."""
    station: str
    detected_at: str | None
    """UTC, ISO 8601 with milliseconds; null for a file, which has no date."""
    time_zone: str
    clock_synchronised: bool
    start_s: float
    """Seconds from the source's start."""
    end_s: float
    source: str
    species_id: str
    scientific_name: str
    common_name: str
    probability: float | None
    score: float
    similarity: float
    hits: int
    hits_needed: int
    pictures: tuple[Picture, ...]
    top: tuple[Candidate, ...]
    clip: str | None
    model_id: str
    bundle: str
    precision: str
    provider: str
    schema: int = SCHEMA

    def to_json(self) -> str:
        """One line."""
        record: dict[str, Any] = {"schema": self.schema, **asdict(self)}
        return json_line(record)

    def to_line(self, as_json: bool) -> str:
        """The line for stdout: JSON, or words, in colour only on a terminal."""
        return self.to_json() if as_json else self.to_text(sys.stdout.isatty())

    def to_text(self, colour: bool = False) -> str:
        """`04:31:07  Common Cuckoo (Cuculus canorus)  0.93  pictures/x.jpg  (author, licence)`."""
        strength = self.similarity if self.probability is None else self.probability
        common, scientific = visible(self.common_name), visible(self.scientific_name)
        moment, name = self._moment(), f"{common} ({scientific})"
        shown, credit = map(visible, self._picture())
        if not colour:
            return "  ".join(filter(None, (moment, name, f"{strength:.2f}", shown, credit)))
        name = f"{_BOLD}{common}{_RESET} ({scientific})"
        return (
            f"{_DIM}{moment}{_RESET}  {name}  {_GREEN}{strength:.2f}{_RESET}  {shown}  "
            f"{_DIM}{credit}{_RESET}"
        )

    def _moment(self) -> str:
        if self.detected_at is None:
            seconds = int(self.start_s)
            return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        seen = datetime.fromtimestamp(clock.milliseconds(self.detected_at) / 1000)
        return seen.strftime("%H:%M:%S")

    def _picture(self) -> tuple[str, str]:
        if not self.pictures:
            return NO_PICTURE, ""
        best = self.pictures[0]
        return best.file or best.url or NO_PICTURE, f"({best.author}, {best.licence})"


@dataclass(frozen=True)
class Extension:
    """A detection that goes on."""

    id: str
    end_s: float
    hits: int


@dataclass(frozen=True)
class Rejection:
    """A candidate that was not reported."""

    candidate: Detection
    """What its record would have been."""
    reason: str
    """In words."""


@dataclass(frozen=True)
class Evidence:
    """Embedding of the best window of a detection or a rejection."""

    id: str
    embedding: Float16s
    """float16[dim], of length 1."""


@dataclass(frozen=True)
class Clip:
    """The sound of a detection."""

    detection: Detection
    samples: Int16s
    """int16[samples], mono."""
    rate_hz: int
    around: Int16s
    """int16[more samples], the same with what is beside it: nobody may speak there."""


@dataclass(frozen=True)
class ClipKept:
    """Place of a detection's sound."""

    id: str
    path: str
    """Within the station."""


@dataclass(frozen=True)
class ClipGone:
    """A clip that was taken away again."""

    path: str


@dataclass(frozen=True)
class FileDone:
    """A recording of a watched folder, analysed to its end."""

    source: str
    size: int
    """Bytes."""
    modified_ns: int


Record = Detection | Extension | Rejection | Evidence | ClipKept | ClipGone | FileDone
"""Parts of a station's records."""
