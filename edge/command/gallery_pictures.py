"""`birdlisten gallery pictures`: small pictures of the gallery, fetched to the station.

fetched/<name>.jpg      longest side at most 320 pixels
fetched/pictures.csv    of each its page, author and licence; of each that isn't shown, the reason
"""

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from edge.command.opening import open_bundle
from edge.config import Settings
from edge.contract.atomic import write_atomic
from edge.contract.credit import author_name, is_same_author, is_same_licence
from edge.contract.errors import ConfigError, PictureError, WebError
from edge.contract.gallery import GalleryRow
from edge.contract.picture_source import PictureSource, picture_source
from edge.contract.text import counted, visible
from edge.recognition.pictures import check_pillow, read_picture, thumbnail
from edge.recognition.published_pictures import AnswerError, Published, PublishedPictures
from edge.records.picture_files import FETCHED, PictureFiles, fetched_place
from edge.records.reader import told
from edge.system import clock
from edge.system.polite import GoneError, PoliteClient, PoliteManner
from edge.system.progress import ProgressBar

_LOG = logging.getLogger(__name__)
_LEDGER = "pictures.csv"
_COLUMNS = ("page", "picture", "author", "licence", "moment", "refused")
_MOST_BYTES = 8_000_000
"""Of a small picture; some sites have no small one of a small file."""
_Wanted = dict[PictureSource, GalleryRow]


@dataclass(frozen=True, kw_only=True)
class FetchRequest:
    """Wishes of one fetching."""

    contact: str | None = None
    """Address of whoever asks, for the sites."""
    again: bool = False
    """Ask for those, too, that were refused before."""


def fetch_pictures(settings: Settings, request: FetchRequest) -> int:
    """Fetch the pictures of the gallery that aren't here; 1 if a site failed, so try again.

    Raises:
        BirdlistenError: no bundle, no contact, no Pillow, or a station that can't be written.
    """
    if not request.contact:
        raise ConfigError(
            "contact: who asks? Wikimedia and iNaturalist want to know: --contact you@example.org"
        )
    check_pillow()
    manner = PoliteManner(f"birdlisten/{version('birdlisten')} ({_ascii(request.contact)})")
    sites = PublishedPictures(client := PoliteClient(manner))
    return Fetching(settings, sites, client).run(request.again)


@dataclass
class Fetching:
    """One run."""

    settings: Settings
    sites: PublishedPictures
    client: PoliteClient
    fetched: int = 0
    refused: int = 0
    failed: int = 0
    _told: set[str] = field(default_factory=set)

    def run(self, again: bool) -> int:
        """Fetch all that is wanted."""
        station, table = self.settings.station_path, open_bundle(self.settings).gallery.table
        files = PictureFiles(self.settings.bundle_path, station)
        absent = [row for row in table if files.place(row) is None]
        ledger = FetchLedger(station / FETCHED)
        wanted, elsewhere = _wanted(absent, () if again else ledger.refused())
        if elsewhere:
            told_of = counted(elsewhere, "picture")
            _LOG.warning("%s of neither Commons nor iNaturalist: left where they are", told_of)
        with ProgressBar(len(wanted), shown=not self.settings.quiet) as bar:
            for batch in self.sites.batches(list(wanted)):
                self._batch(batch, wanted=wanted, ledger=ledger, bar=bar)
        here = len(table) - len(absent) + self.fetched
        done = f"{self.fetched} fetched, {self.refused} refused, {self.failed} failed"
        _LOG.info("%s; %d of %s are here", done, here, counted(len(table), "picture"))
        if self.failed:
            _LOG.error("what failed is fetched by the same command, later")
        return 1 if self.failed else 0

    def _batch(
        self,
        batch: Sequence[PictureSource],
        wanted: _Wanted,
        ledger: "FetchLedger",
        bar: ProgressBar,
    ) -> None:
        try:
            found = self.sites.find(batch)
        except WebError as error:
            if isinstance(error, AnswerError) and len(batch) > 1:  # one may spoil it for all
                for source in batch:
                    self._batch([source], wanted=wanted, ledger=ledger, bar=bar)
                return
            self._fail(error, len(batch))
            bar.advance(len(batch))
            return
        for source in batch:
            self._fetch(source, wanted[source], found=found.get(source), ledger=ledger)
            bar.advance(1, f"{self.fetched} fetched")

    def _fetch(
        self,
        source: PictureSource,
        row: GalleryRow,
        found: Published | None,
        ledger: "FetchLedger",
    ) -> None:
        reason = "not there any more" if found is None else _mismatch(row, found)
        try:
            if found and not reason:
                content = self.client.get(found.image, _MOST_BYTES)
                if content.lstrip().startswith(b"<"):
                    raise WebError(f"{source.page}: HTML came instead of its picture")
                image = read_picture(content, found.image)
                ledger.keep(source, row, thumbnail(image))
                self.fetched += 1
        except (GoneError, PictureError) as error:
            reason = str(error)
        except WebError as error:
            self._fail(error, 1)
        if reason:
            _LOG.warning("%s: not shown: %s", source.page, visible(reason))
            ledger.refuse(source, row, reason)
            self.refused += 1

    def _fail(self, error: WebError, count: int) -> None:
        """A fault that may pass; of a site that is given up it is told once."""
        self.failed += count
        if str(error) not in self._told:
            _LOG.error("%s", visible(error))
        self._told.add(str(error))


class FetchLedger:
    """Ledger of what was fetched, and of what is not to be shown.

    Args:
        folder: of the fetched pictures.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / _LEDGER

    def refused(self) -> set[str]:
        """Pages of the pictures that were refused."""
        if not self._path.is_file():
            return set()
        with told(self._path), self._path.open(encoding="utf-8", errors="replace") as file:
            lines = [line for line in csv.DictReader(file) if line.get("refused")]
        return {str(line["page"]) for line in lines}

    def keep(self, source: PictureSource, row: GalleryRow, content: bytes) -> None:
        """Keep a picture; the file comes last, so that what is shown is credited here, too.

        Raises:
            StoreError: it can't be written.
        """
        path = self._folder.parent / fetched_place(source)
        self._tell(source, row, picture=path.name, refused="")
        with told(path):
            write_atomic(path, content)

    def refuse(self, source: PictureSource, row: GalleryRow, reason: str) -> None:
        """Remember that a picture is not to be shown.

        Raises:
            StoreError: it can't be written.
        """
        self._tell(source, row, picture="", refused=" ".join(reason.split()))

    def _tell(self, source: PictureSource, row: GalleryRow, picture: str, refused: str) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        with told(self._path):
            self._folder.mkdir(parents=True, exist_ok=True)
            if not self._path.exists():
                writer.writerow(_COLUMNS)
            moment = clock.iso_utc(clock.now_ms())
            writer.writerow((source.page, picture, row.author, row.licence, moment, refused))
            with self._path.open("a", encoding="utf-8") as file:
                file.write(text.getvalue())


def _wanted(rows: Sequence[GalleryRow], refused: Sequence[str] | set[str]) -> tuple[_Wanted, int]:
    """Rows by their source, each source once; and how many have none."""
    sources = [(picture_source(row.url), row) for row in rows]
    wanted = {source: row for source, row in reversed(sources) if source is not None}
    kept = {source: wanted[source] for source in reversed(wanted) if source.page not in refused}
    return kept, sum(source is None for source, _ in sources)


def _mismatch(row: GalleryRow, found: Published) -> str:
    """A contradiction of site and gallery in licence or author; empty if there is none."""
    if not any(is_same_licence(row.licence, licence) for licence in found.licences):
        now = " or ".join(found.licences) or "no open licence"
        return f"its licence is {now}, the gallery has {row.licence}"
    if not is_same_author(row.author, found.author):
        return f"its author is {author_name(found.author)}, the gallery has {row.author}"
    return ""


def _ascii(contact: str) -> str:
    """A contact as a header can hold it."""
    return "".join(letter for letter in contact if " " <= letter <= "~")[:200]
