"""Picture map: similarity of each place in a picture to an embedding.

The image tower's features are projected place by place in place of their mean ("dense CLIP", Zhou
et al. 2022, arXiv 2112.01071), so that a place lies in the space of the gallery, and of the sounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.contract.arrays import Flags, Float32s, Floats
from edge.contract.errors import BundleError
from edge.contract.gallery import UNIT_TOLERANCE
from edge.contract.manifest import PICTURE_MAP, Manifest
from edge.recognition.pictures import prepared
from edge.recognition.runtime import RuntimeOptions, open_session
from edge.recognition.tower_file import tower_bytes

if TYPE_CHECKING:
    from edge.recognition.pictures import Image

_MOST_PLACES = 1 << 16
"""Places of a picture: no tower has a tenth of them."""


@dataclass(frozen=True)
class SimilarityMap:
    """Cosines of a picture's places with something."""

    values: Float32s
    """float32[height, width], of the square that the tower sees."""
    seen: tuple[float, float, float, float]
    """That square: left, top, right and bottom in shares of the picture."""

    @property
    def least(self) -> float:
        """Of the places that are part of the picture."""
        return float(self.values[self._within].min())

    @property
    def most(self) -> float:
        """Likewise."""
        return float(self.values[self._within].max())

    @property
    def strongest(self) -> tuple[float, float]:
        """Middle of the place with the greatest similarity, in shares of width and height."""
        of_picture = np.where(self._within, self.values, -np.inf)
        y, x = np.unravel_index(of_picture.argmax(), of_picture.shape)
        columns, rows = self._edges
        return _middle(columns[x : x + 2]), _middle(rows[y : y + 2])

    def over(self, width: int, height: int) -> Float32s:
        """Similarity at each pixel, float32[height, width], bilinear; NaN where nothing is seen."""
        left, top, right, bottom = self.seen
        rows, columns = self.values.shape
        x = ((np.arange(width) + 0.5) / width - left) / (right - left)
        y = ((np.arange(height) + 0.5) / height - top) / (bottom - top)
        wide = self.values @ _between(x * columns - 0.5, columns).T  # [rows, width]
        found = (_between(y * rows - 0.5, rows) @ wide).astype(np.float32)
        found[(y < 0) | (y > 1)] = np.nan
        found[:, (x < 0) | (x > 1)] = np.nan
        return found

    @property
    def _edges(self) -> tuple[Floats, Floats]:
        """Borders of columns and of rows of places, in shares of the picture."""
        left, top, right, bottom = self.seen
        rows, columns = self.values.shape
        return np.linspace(left, right, columns + 1), np.linspace(top, bottom, rows + 1)

    @property
    def _within(self) -> Flags:
        """True for places that the picture, and not only a bar beside it, has a part of."""
        x, y = ((edges[1:] > 0) & (edges[:-1] < 1) for edges in self._edges)
        return y[:, None] & x[None]


class PictureMap:
    """The network of a bundle that sees the places of a picture.

    Args:
        folder: of the bundle.
        manifest: the bundle's.

    Raises:
        BundleError: the bundle has none, its file is not here, or it doesn't load.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        graph = tower_bytes(folder, manifest, PICTURE_MAP)
        assert manifest.picture_map is not None  # or the manifest would not name one
        self.spec, self._dim = manifest.picture_map, manifest.embedding_dim
        self._session = open_session(graph, RuntimeOptions("cpu", threads=0), PICTURE_MAP)
        said = self._session.get_outputs()[0].shape
        usual = (1, 1, 1, self._dim)  # where the graph leaves it open
        if len(said) == len(usual):
            pairs = zip(said, usual, strict=True)
            said = [size if isinstance(size, int) else other for size, other in pairs]
        self._check(said)

    def places(self, image: "Image") -> Float32s:
        """Embeddings of the places of a picture in RGB, float32[height, width, dim].

        They are unit rows, or zero where the network sees nothing.

        Raises:
            BundleError: the network gives no such rows.
        """
        try:
            found = self._session.run(None, {"picture": prepared(image, self.spec)[None]})[0]
        except Exception as error:  # onnxruntime's own error classes share no base
            reason = str(error).splitlines()[0]
            raise BundleError(f"{PICTURE_MAP} doesn't run: {reason}") from error
        places = np.asarray(found)
        self._check(places.shape)
        lengths = np.linalg.norm(places.astype(np.float32), axis=-1)
        fits = (np.abs(lengths - 1) <= UNIT_TOLERANCE) | (lengths == 0)
        if not fits.all():  # NaN does not, either
            raise BundleError(f"{PICTURE_MAP} gives rows of length {lengths[~fits][0]:.3f}, not 1")
        return np.asarray(places[0], np.float32)

    def similarity(self, image: "Image", rows: Floats) -> SimilarityMap:
        """Mean cosine of each place of a picture with unit rows, [n, dim]."""
        values = self.places(image) @ rows.astype(np.float32).mean(axis=0)
        return SimilarityMap(values, self.spec.seen(*image.size))

    def _check(self, shape: Sequence[int]) -> None:
        fits = len(shape) == 4 and shape[0] == 1 and shape[3] == self._dim
        if not fits or not 0 < shape[1] * shape[2] <= _MOST_PLACES:
            expected = f"[1, height, width, {self._dim}]"
            raise BundleError(f"{PICTURE_MAP} gives {[*shape]}, expected {expected}")


def _between(places: Floats, count: int) -> Floats:
    """Weights of `count` values at places between them, [places, count]; held at both ends."""
    held = np.clip(places, 0, count - 1)[:, None]
    weights: Floats = np.maximum(1 - np.abs(held - np.arange(count)), 0)
    return weights


def _middle(ends: Floats) -> float:
    """Middle of what lies within the picture."""
    return float(np.clip(ends, 0, 1).mean())
