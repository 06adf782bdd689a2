"""Files of pictures: in the bundle, added at the station, or fetched to it from where they are.

Everything that shows a picture asks here, so that each shows the same.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.contract.errors import PathError
from edge.contract.paths import inside
from edge.contract.picture_source import PictureSource, picture_source

FETCHED = "fetched"
"""Folder of a station."""
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class HasPicture(Protocol):
    """A picture of a record, or of a gallery's table."""

    @property
    def file(self) -> str | None:
        """Its place in bundle or station."""
        ...

    @property
    def url(self) -> str | None:
        """Its address."""
        ...


@dataclass(frozen=True)
class PictureFiles:
    """The pictures that are here."""

    bundle: Path | None
    """None: it isn't here."""
    station: Path

    def place(self, picture: HasPicture) -> str | None:
        """Place of a picture, as `at` takes it; None if it isn't here."""
        if picture.file and self.at(picture.file):
            return picture.file
        source = picture_source(picture.url)
        fetched = source and fetched_place(source)
        return fetched if fetched and self.at(fetched) else None

    def path(self, picture: HasPicture) -> Path | None:
        """Absolute path of a picture; None if it isn't here."""
        place = self.place(picture)
        return None if place is None else self.at(place)

    def at(self, place: str) -> Path | None:
        """The file at a place; None if there is none, or nothing that may be shown.

        Args:
            place: folders and name, separated by slashes.
        """
        *folders, name = place.split("/")
        root = self._roots.get("/".join(folders))
        with suppress(PathError, OSError, ValueError):
            path = inside(root, *folders, name) if root else None
            if path and path.suffix.lower() in _SUFFIXES and path.is_file():
                return path.absolute()
        return None

    @property
    def _roots(self) -> Mapping[str, Path | None]:
        return {
            "pictures": self.bundle,
            "overlay/pictures": self.station,
            FETCHED: self.station,
        }


def fetched_place(source: PictureSource) -> str:
    """Place in a station of what is fetched of a source."""
    return f"{FETCHED}/{source.key}.jpg"
