"""The station as a request sees it: its records read-only, its bundle, its zone."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property, lru_cache
from pathlib import Path

from starlette.requests import HTTPConnection

from edge.contract.bundle import Bundle, load_bundle
from edge.contract.languages import names_in
from edge.contract.manifest import FILE_NAME
from edge.recognition.own_species import OwnSpecies, TaughtWatch, extended, own_tables
from edge.records.picture_files import PictureFiles
from edge.records.reader import RecordReader, open_records
from edge.system.zone import local_zone


@dataclass(frozen=True)
class StationView:
    """A station that is looked at.

    Every request opens the records for itself: a connection belongs to one thread, and a database
    that was replaced, repaired or begun meanwhile is seen with the next request.
    """

    path: Path
    bundle_path: Path
    language: str | None = None
    """Of the species' names; None: as they were kept."""

    @contextmanager
    def records(self) -> Iterator[RecordReader]:
        """The records, read-only, for one thread.

        Raises:
            StoreError: there are none yet, or they can't be read.
        """
        with open_records(self.path, self._names) as records:
            yield records

    @property
    def pictures(self) -> PictureFiles:
        """The pictures that are here."""
        return PictureFiles(self.bundle_path, self.path)

    @property
    def zone(self) -> tzinfo:
        """The zone that days are counted in."""
        return local_zone()

    @property
    def bundle(self) -> Bundle:
        """The bundle with what the station has added and learnt; loaded anew when it has changed.

        Raises:
            BundleError: it can't be used.
        """
        watched = (self.bundle_path / FILE_NAME, *own_tables(self.path))
        return _loaded(self, (self._taught(), *map(_modified_ns, watched)))

    @cached_property
    def _taught(self) -> TaughtWatch:
        return TaughtWatch(self.path)

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return names_in(self.bundle_path, self.language) if self.language else {}


@lru_cache(maxsize=1)
def _loaded(view: StationView, state: tuple[object, ...]) -> Bundle:
    bundle = load_bundle(view.bundle_path).in_language(view.language)
    manifest = bundle.manifest
    own = OwnSpecies(view.path, manifest.space_id, manifest.embedding_dim)
    return extended(bundle, own.load())


def _modified_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def station_of(request: HTTPConnection) -> StationView:
    """The station of a request."""
    station: StationView = request.app.state.station
    return station
