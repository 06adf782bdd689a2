"""Sheet of picture maps: pictures, each beside itself in colours by similarity, and a scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.contract.arrays import Float32s, UInt8s
from edge.contract.text import visible
from edge.dsp.magma import coloured
from edge.recognition.picture_map import SimilarityMap
from edge.recognition.pictures import encoded, fitted, lettered

if TYPE_CHECKING:
    from edge.recognition.pictures import Image

_SIDES = (320, 320)
"""Width and height of a picture on a sheet, at most: thumbnails are shown as they are."""
_LINE, _FIGURE = 18, 48
"""Height of a line, and width of a figure beside the scale, in pixels."""
_COLOUR = 0.6
"""Share of the colour in a place; the rest is the picture in grey."""
_LUMA = np.array((0.299, 0.587, 0.114))
"""ITU-R BT.601."""


@dataclass(frozen=True)
class MappedPicture:
    """A picture with its map, and the line below it."""

    image: "Image"
    similarity: SimilarityMap
    told: str


def sheet_of_maps(title: str, pictures: Sequence[MappedPicture], suffix: str) -> bytes:
    """The sheet as a PNG or JPEG; all pictures have one scale."""
    least = min(picture.similarity.least for picture in pictures)
    most = max(picture.similarity.most for picture in pictures)
    width = 2 * _SIDES[0]
    strips = [lettered(visible(title), width, _LINE)]
    for picture in pictures:
        strips += [_pair(picture, least, most), lettered(visible(picture.told), width, _LINE)]
    return encoded(np.concatenate([*strips, _scale(least, most, width)]), suffix)


def overlay_jpeg(image: "Image", similarity: SimilarityMap) -> bytes:
    """A picture in colours by its own scale, as a JPEG."""
    plain = fitted(image, *_SIDES)
    return encoded(overlaid(plain, similarity, similarity.least, similarity.most), ".jpg")


def overlaid(picture: UInt8s, similarity: SimilarityMap, least: float, most: float) -> UInt8s:
    """A picture in grey under the colours of its map; grey alone where nothing is seen.

    Args:
        picture: uint8[height, width, 3].
        similarity: of its places.
        least: the darkest.
        most: the brightest.
    """
    grey = np.repeat(picture @ _LUMA[:, None], 3, axis=2)
    values = similarity.over(picture.shape[1], picture.shape[0])
    colours = coloured(_shade(values, least, most))
    share = np.where(np.isnan(values), 0, _COLOUR)[..., None]
    return np.asarray((1 - share) * grey + share * colours, np.uint8)


def _shade(values: Float32s, least: float, most: float) -> Float32s:
    """From 0 to 1; a map without differences is all dark."""
    shade = (np.nan_to_num(values, nan=least) - least) / max(most - least, 1e-6)
    return np.asarray(np.clip(shade, 0, 1), np.float32)


def _pair(picture: MappedPicture, least: float, most: float) -> UInt8s:
    plain = fitted(picture.image, *_SIDES)
    parts = (plain, overlaid(plain, picture.similarity, least, most))
    return np.concatenate([_centred(part) for part in parts], axis=1)


def _centred(picture: UInt8s) -> UInt8s:
    """A picture in the middle of as much white as is needed to its sides."""
    lacking = _SIDES[0] - picture.shape[1]
    sides = (lacking // 2, lacking - lacking // 2)
    return np.pad(picture, ((0, 0), sides, (0, 0)), constant_values=255)


def _scale(least: float, most: float, width: int) -> UInt8s:
    """The colours from the least similarity to the greatest, between both as figures."""
    shades = np.linspace(0, 1, width - 2 * _FIGURE)
    bar = coloured(np.repeat(shades[None], _LINE, axis=0))
    figures = (lettered(f"{value:.2f}", _FIGURE, _LINE) for value in (least, most))
    left, right = figures
    return np.concatenate([left, bar, right], axis=1)
