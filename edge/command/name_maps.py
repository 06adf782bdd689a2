"""Maps of a gallery's thumbnails by the names of their species, for sheets to look at."""

import logging

from edge.contract.bundle import Bundle
from edge.contract.errors import BundleError, PictureError
from edge.contract.manifest import PICTURE_MAP
from edge.recognition.picture_map import PictureMap
from edge.recognition.pictures import open_picture
from edge.recognition.tower_file import check_tower
from edge.report.contact_sheet import NameMap
from edge.report.map_sheet import overlay_jpeg

_LOG = logging.getLogger(__name__)


class NameMaps:
    """Maps of a bundle's pictures; none where it has no picture map, or no text anchors.

    Args:
        bundle: whose thumbnails are drawn.

    Raises:
        BundleError: the network doesn't load.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle, self._anchors = bundle, bundle.anchors_by_id
        self._network = _opened(bundle) if self._anchors else None

    def draw(self, row: int) -> NameMap | None:
        """A picture in colours by its own species' name; None if it isn't here.

        Raises:
            BundleError: the network doesn't run.
            MissingPackageError: Pillow is not installed.
        """
        entry = self._bundle.gallery.table[row]
        anchor = self._anchors.get(entry.species_id)
        if self._network is None or entry.file is None or anchor is None:
            return None
        try:
            image = open_picture(self._bundle.path / entry.file)
        except PictureError as error:
            _LOG.debug("%s", error)  # the sheet says so itself
            return None
        similarity = self._network.similarity(image, anchor[None])
        return NameMap(overlay_jpeg(image, similarity), similarity.least, similarity.most)


def _opened(bundle: Bundle) -> PictureMap | None:
    """The network; one that lies apart and isn't here is told of, and done without."""
    if bundle.manifest.entry(PICTURE_MAP) is None:
        return None
    try:
        check_tower(bundle.path, bundle.manifest, PICTURE_MAP)
    except BundleError as error:
        _LOG.warning("no maps: %s", error)
        return None
    return PictureMap(bundle.path, bundle.manifest)
