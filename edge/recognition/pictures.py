"""Pictures to rows of the gallery, by the teacher's image tower; needs Pillow."""

import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Float16s, Float32s
from edge.contract.errors import BundleError, MissingPackageError, PictureError
from edge.contract.manifest import IMAGE_ENCODER, Manifest
from edge.contract.picture import PictureSpec
from edge.contract.roles import read_role
from edge.recognition.runtime import RuntimeOptions, open_session

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".jpg", ".jpeg", ".png")
THUMBNAIL = 320
"""Longest side in pixels."""
_QUALITY = 85
_FORMATS = ("JPEG", "PNG")
_MOST_PIXELS, _LEAST_SIDE = 50_000_000, 16


class PictureEncoder:
    """A bundle's image tower.

    Args:
        folder: of the bundle.
        manifest: the bundle's.

    Raises:
        BundleError: the bundle has none, or it doesn't run.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        if manifest.image is None:
            raise BundleError(
                f"{folder}: has no image tower, so no picture can be added here; "
                "give sounds, or add one: python -m export.image_tower"
            )
        self.spec, self._dim = manifest.image, manifest.embedding_dim
        graph = read_role(folder, manifest, IMAGE_ENCODER)
        self._session = open_session(graph, RuntimeOptions("cpu", threads=0))

    def embed(self, images: Iterable["Image"]) -> Float16s:
        """Rows of pictures in RGB, float16[n, dim], unit length.

        Raises:
            BundleError: the tower gives no such rows.
        """
        rows = [self._row(prepared(image, self.spec)) for image in images]
        return np.concatenate(rows) if rows else np.empty((0, self._dim), np.float16)

    def _row(self, planes: Float32s) -> Float16s:
        try:
            row = np.asarray(self._session.run(None, {"image": planes[None]})[0])
        except Exception as error:  # onnxruntime's own error classes share no base
            reason = str(error).splitlines()[0]
            raise BundleError(f"{IMAGE_ENCODER} doesn't run: {reason}") from error
        if row.shape != (1, self._dim) or not np.isfinite(row).all():
            raise BundleError(f"{IMAGE_ENCODER} gives {row.shape}, expected a row of {self._dim}")
        return row.astype(np.float16)


def open_picture(path: Path) -> "Image":
    """A picture as RGB, the right way up.

    Raises:
        PictureError: unreadable, neither JPEG nor PNG, absurdly large, or a few pixels.
        MissingPackageError: Pillow is not installed.
    """
    return _opened(path, str(path))


def read_picture(content: bytes, name: str) -> "Image":
    """The same of a picture that isn't in a file; `name` tells of it in errors."""
    return _opened(io.BytesIO(content), name)


def check_pillow() -> None:
    """Tell before anything is done that pictures can't be opened here.

    Raises:
        MissingPackageError: Pillow is not installed.
    """
    _pillow()


def _opened(file: Path | io.BytesIO, name: str) -> "Image":
    pillow = _pillow()
    bombs = (pillow.Image.DecompressionBombWarning, pillow.Image.DecompressionBombError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", bombs[0])
            with pillow.Image.open(file, formats=_FORMATS) as image:
                _check_size(name, image)
                upright: Image = pillow.ImageOps.exif_transpose(image).convert("RGB")
                return upright
    except (OSError, SyntaxError, ValueError, *bombs) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(f"{name}: not readable as a picture ({error})") from error


def prepared(image: "Image", spec: PictureSpec) -> Float32s:
    """A picture as a tower is fed it, float32[3, size, size]: as open_clip's transforms do."""
    square = _square(image, spec)
    pixels = np.asarray(square, np.float32) / np.float32(255)
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1))


def pixels(path: Path, width: int, height: int) -> npt.NDArray[np.uint8]:
    """A picture within a width and a height, uint8[height, width, 3].

    Raises:
        PictureError: it can't be read.
    """
    image = open_picture(path)
    scale = min(width / image.width, height / image.height)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    return np.asarray(image.resize(size), np.uint8)


def thumbnail(image: "Image") -> bytes:
    """A small JPEG of a picture."""
    small, file = image.copy(), io.BytesIO()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    small.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _square(image: "Image", spec: PictureSpec) -> "Image":
    pillow, size = _pillow(), spec.size
    resample = pillow.Image.Resampling[spec.interpolation.upper()]
    if spec.resize == "squash":
        squashed: Image = image.resize((size, size), resample)
        return squashed
    if spec.resize == "longest":
        return _padded(image, size, resample)
    short = min(image.size)
    width, height = (int(size * side / short) for side in image.size)
    larger = image.resize((width, height), resample)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return larger.crop((left, top, left + size, top + size))


def _padded(image: "Image", size: int, resample: Any) -> "Image":
    """The whole picture in the middle of a black square."""
    longest = max(image.size)
    width, height = (round(side * size / longest) for side in image.size)
    square: Image = _pillow().Image.new("RGB", (size, size))
    place = ((size - width) // 2, (size - height) // 2)
    square.paste(image.resize((width, height), resample), place)
    return square


def _check_size(name: str, image: "Image") -> None:
    width, height = image.size
    if width * height > _MOST_PIXELS:
        raise PictureError(f"{name}: {width} x {height} pixels, more than {_MOST_PIXELS} in all")
    if min(width, height) < _LEAST_SIDE:
        raise PictureError(f"{name}: {width} x {height} pixels, expected {_LEAST_SIDE} each way")


def _pillow() -> Any:
    try:
        import PIL.Image
        import PIL.ImageOps
    except ImportError as error:
        raise MissingPackageError("pictures need: pip install 'birdlisten[pictures]'") from error
    return PIL
