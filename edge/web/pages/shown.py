"""Pictures of a species from the bundle and the station, where no record has one."""

from edge.contract.errors import BirdlistenError
from edge.records.detection import Picture
from edge.web.station import StationView


def shown_picture(station: StationView, species_id: str) -> Picture | None:
    """The first picture of a species; None without one."""
    return next(iter(gallery_pictures(station, species_id)), None)


def gallery_pictures(station: StationView, species_id: str) -> list[Picture]:
    """The pictures that stand for a species; none where the bundle can't be read."""
    try:
        gallery = station.bundle.gallery
    except BirdlistenError:
        return []
    rows = [gallery.table[row] for row in gallery.members.get(species_id, ())]
    return [
        Picture(row.file, row.url or None, row.author, row.licence, similarity=0.0) for row in rows
    ]
