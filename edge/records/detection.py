"""The detection record: one JSON object a line, and the line a person reads."""

import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError
from edge.contract.text import cells, json_line, shortened, visible
from edge.records.evidence import Evidence
from edge.records.picture_files import PictureFiles
from edge.system import clock
from edge.system.terminal import file_address, has_colour, has_links, linked, terminal_columns
from edge.system.zone import named_zone

if TYPE_CHECKING:  # numpy, as in edge.records.evidence
    from edge.contract.arrays import Int16s

SCHEMA = 1
OF_RECORDINGS = ("root", "volume", "channel", "latitude", "longitude")
"""Fields that only a record of a file has, as far as they are known."""
NO_PICTURE, _LINK = "(no picture yet)", "picture"
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
    """UTC, ISO 8601 with milliseconds; null for a file whose date nobody knows."""
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
    root: str | None = None
    """The folder that was given, of a recording in it; `source` is relative to that."""
    volume: str | None = None
    """The file system of a recording, by its UUID where it has one: two cards may look alike."""
    channel: int | None = None
    """From 1, where each was heard by itself."""
    latitude: float | None = None
    """Of the recorder, as its recording's header has it."""
    longitude: float | None = None

    @property
    def confidence(self) -> float:
        """Probability, or cosine where the bundle isn't calibrated."""
        return self.similarity if self.probability is None else self.probability

    def to_json(self, files: PictureFiles | None = None) -> str:
        """One line."""
        return json_line(self.to_dict(files))

    def to_dict(self, files: PictureFiles | None = None) -> dict[str, Any]:
        """The fields as they are told: those of recordings only where they are known.

        Args:
            files: of the pictures, each of which then has an absolute `path`, null if it isn't
                here; None where it is told to others.
        """
        record: dict[str, Any] = {"schema": self.schema, **asdict(self)}
        for picture, told in zip(self.pictures, record["pictures"], strict=True):
            if files is not None:
                told["path"] = None if (path := files.path(picture)) is None else str(path)
        unsaid = [name for name in OF_RECORDINGS if record[name] is None]
        unsaid += [] if self.root else ["volume"]  # it tells folders apart
        return {name: value for name, value in record.items() if name not in unsaid}

    def local_time(self) -> datetime | None:
        """The moment in the recorder's own time, where its zone is known; else in ours."""
        if self.detected_at is None:
            return None
        moment = datetime.fromtimestamp(clock.milliseconds(self.detected_at) / 1000).astimezone()
        try:
            return moment.astimezone(named_zone(self.time_zone))
        except ConfigError:
            return moment

    def to_line(self, as_json: bool, files: PictureFiles | None = None) -> str:
        """The line for stdout: JSON, or words; on a terminal in colour and no wider than that."""
        if as_json:
            return self.to_json(files)
        return self.to_text(has_colour(), terminal_columns(sys.stdout), files)

    def to_text(
        self, colour: bool = False, columns: int | None = None, files: PictureFiles | None = None
    ) -> str:
        """`04:31:07  Common Cuckoo (Cuculus canorus)  0.93  /x/pictures/x.jpg  (author, licence)`.

        Args:
            colour: with control sequences.
            columns: at most, where credit and picture are left out first; None: all of it.
            files: of the pictures; None names a picture by its place in the bundle.
        """
        common, scientific = visible(self.common_name), visible(self.scientific_name)
        moment, sure = visible(self._moment()), f"{self.confidence:.2f}"
        link, shown, credit = self._picture(files, colour and has_links())
        if columns is not None:
            room = columns - cells(f"{moment}  {common} ({scientific})  {sure}")
            shown, credit = _within(room, shown, credit)
            if link and not shown:
                shown, credit = _within(room, _LINK, credit)
            if room < 0:
                scientific = ""
                common = shortened(common, columns - cells(f"{moment}    {sure}"))
        name = f" ({scientific})" if scientific else ""
        if not colour:
            return "  ".join(filter(None, (moment, f"{common}{name}", sure, shown, credit)))
        styled = (
            f"{_DIM}{moment}{_RESET}",
            f"{_BOLD}{common}{_RESET}{name}",
            f"{_GREEN}{sure}{_RESET}",
            linked(shown, link) if shown and link else shown,
            credit and f"{_DIM}{credit}{_RESET}",
        )
        return "  ".join(filter(None, styled))

    def _moment(self) -> str:
        """Time of day, or place in a recording; of one in a folder, behind its name."""
        if self.detected_at is None or self.volume is not None:
            seconds = int(self.start_s)
            place = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
            channel = None if self.channel is None else f"channel {self.channel}"
            return "  ".join(filter(None, (self.root and self.source, channel, place)))
        seen = datetime.fromtimestamp(clock.milliseconds(self.detected_at) / 1000)
        return seen.strftime("%H:%M:%S")

    def _picture(self, files: PictureFiles | None, links: bool) -> tuple[str | None, str, str]:
        """Address that is linked, the text that is shown for it, and the credit."""
        if not self.pictures:
            return None, NO_PICTURE, ""
        best = self.pictures[0]
        credit = visible(f"({best.author}, {best.licence})")
        if path := files and files.path(best):
            text = visible(path.name if links else path)
            return file_address(path) if links else None, text, credit
        return None, visible(best.file or best.url or NO_PICTURE), credit


def _within(room: int, shown: str, credit: str) -> tuple[str, str]:
    """Picture and credit, as far as there is room for both, or the first."""
    if cells(f"  {shown}  {credit}") <= room:
        return shown, credit
    return (shown, "") if cells(f"  {shown}") <= room else ("", "")


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
class Clip:
    """The sound of a detection."""

    detection: Detection
    samples: "Int16s"
    """int16[samples], mono."""
    rate_hz: int
    around: "Int16s"
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
class Listened:
    """A span of time in which a live source was heard without a gap; told anew as it goes on."""

    source: str
    begun_ms: int
    """UTC in milliseconds."""
    ended_ms: int


class _OfFile:
    """A record of a recording as a whole."""

    source: str
    root: str | None
    volume: str | None

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        """Source, root and volume, which tell the recording from all others."""
        return self.source, self.root, self.volume


@dataclass(frozen=True)
class FileBegun(_OfFile):
    """A recording that is analysed from its beginning: what was found in it before is void."""

    source: str
    root: str | None = None
    volume: str | None = None


@dataclass(frozen=True)
class FileDone(_OfFile):
    """A recording, analysed to its end."""

    source: str
    size: int
    """Bytes."""
    modified_ns: int
    root: str | None = None
    volume: str | None = None
    sha256: str | None = None
    """Of the file; null for one of a watched folder, which is told by size and time alone."""
    length_s: float | None = None
    manner: str | None = None
    """Digest of bundle and settings: with others it would be analysed anew."""
    fault: str | None = None
    """What is wrong with it; what was found before the fault counts."""
    begun_ms: int | None = None
    """UTC of its first sample, in milliseconds, where that is known."""


_Told = Detection | Extension | Rejection | Evidence | ClipKept | ClipGone
Record = _Told | FileBegun | FileDone | Listened
"""Parts of a station's records."""
