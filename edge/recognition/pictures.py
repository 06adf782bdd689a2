"""Pictures to rows of the gallery, by the teacher's image tower; needs Pillow."""

import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from edge.contract.arrays import Float16s, Float32s, UInt8s
from edge.contract.errors import BundleError, MissingPackageError, PictureError, in_words
from edge.contract.manifest import IMAGE_ENCODER, Manifest
from edge.contract.picture import PictureSpec
from edge.recognition.runtime import RuntimeOptions, open_session
from edge.recognition.tower_file import tower_bytes

if TYPE_CHECKING:
    from PIL.Image import Image as Image

SUFFIXES = (".jpg", ".jpeg", ".png")
THUMBNAIL = 320
"""Longest side in pixels."""
_QUALITY = 85
_FORMATS = ("JPEG", "PNG")
_MOST_PIXELS, _LEAST_SIDE = 50_000_000, 16
_LARGE_PIXELS = 16_000_000
"""From here a JPEG is decoded at half the size, or less: no tower sees the difference."""
_MOST_UNPACKED = 100_000_000
"""Bytes that a picture may have in memory, besides twice its file's."""
_MARGIN = 4
"""Pixels before a line of text."""
_LOOK = 8
"""Side of the pattern of a difference hash."""


class PictureEncoder:
    """A bundle's image tower.

    Args:
        folder: of the bundle.
        manifest: the bundle's.

    Raises:
        BundleError: the bundle has none, or it doesn't run.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        graph = tower_bytes(folder, manifest)
        assert manifest.image is not None  # or the manifest would not name a tower
        self.spec, self._dim = manifest.image, manifest.embedding_dim
        self._session = open_session(graph, RuntimeOptions("cpu", threads=0), IMAGE_ENCODER)

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
    try:
        with path.open("rb") as file:
            return _opened(file, str(path), path.stat().st_size)
    except OSError as error:
        raise PictureError(f"{path}: not readable as a picture ({in_words(error)})") from error


def read_picture(content: bytes, name: str) -> "Image":
    """The same of a picture that isn't in a file; `name` tells of it in errors."""
    return _opened(io.BytesIO(content), name, len(content))


def check_pillow() -> None:
    """Tell before anything is done that pictures can't be opened here.

    Raises:
        MissingPackageError: Pillow is not installed.
    """
    _pillow()


def _opened(file: IO[bytes], name: str, held: int) -> "Image":
    """A picture out of so many bytes."""
    pillow = _pillow()
    try:
        with pillow.Image.open(file, formats=_FORMATS) as image:
            _check_size(name, image, held)
            return _upright(image)
    except PictureError:
        raise
    except Exception as error:  # damaged headers and tags end in errors of any kind
        raise PictureError(f"{name}: not readable as a picture ({in_words(error)})") from error


def _upright(image: "Image") -> "Image":
    """A picture in RGB, as its camera was held."""
    pillow = _pillow()
    pillow.ImageOps.exif_transpose(image, in_place=True)
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def difference_hash(image: "Image") -> bytes:
    """Pattern of light and dark by which a picture is known at any size, 16 bytes.

    The signs of 8 x 8 differences from left to right, and of as many from top to bottom (dHash,
    Krawetz 2013).
    """
    grey, side, smooth = image.convert("L"), _LOOK, _pillow().Image.Resampling.LANCZOS
    across = np.asarray(grey.resize((side + 1, side), smooth))
    down = np.asarray(grey.resize((side, side + 1), smooth))
    signs = np.stack([across[:, 1:] > across[:, :-1], down[1:] > down[:-1]])
    return np.packbits(signs).tobytes()


def prepared(image: "Image", spec: PictureSpec) -> Float32s:
    """A picture as a tower is fed it, float32[3, size, size]: as open_clip's transforms do."""
    square = _square(image, spec)
    pixels = np.asarray(square, np.float32) / np.float32(255)
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1))


def pixels(path: Path, width: int, height: int) -> UInt8s:
    """A picture within a width and a height, uint8[height, width, 3].

    Raises:
        PictureError: it can't be read.
    """
    return fitted(open_picture(path), width, height)


def fitted(image: "Image", width: int, height: int) -> UInt8s:
    """The same of a picture that is open."""
    scale = min(width / image.width, height / image.height)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    return np.asarray(image.resize(size), np.uint8)


def lettered(text: str, width: int, height: int) -> UInt8s:
    """A line of text, dark on white, cut at the width: uint8[height, width, 3]."""
    pillow = _pillow()
    strip = pillow.Image.new("RGB", (width, height), "white")
    place, font = (_MARGIN, height / 2), _font(0.7 * height)
    pillow.ImageDraw.Draw(strip).text(place, text, "black", font, anchor="lm")
    return np.asarray(strip, np.uint8)


def encoded(colours: UInt8s, suffix: str) -> bytes:
    """uint8[height, width, 3] as the bytes of a file, by its suffix, one of `SUFFIXES`."""
    file = io.BytesIO()
    form = "PNG" if suffix.lower() == ".png" else "JPEG"
    _pillow().Image.fromarray(colours).save(file, form, quality=_QUALITY)
    return file.getvalue()


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


def _check_size(name: str, image: "Image", held: int) -> None:
    """Refuse what is no photograph by its size, and what unpacks to far more than it holds."""
    width, height = image.size
    if width * height > _MOST_PIXELS:
        raise PictureError(f"{name}: {width} x {height} pixels, more than {_MOST_PIXELS} in all")
    if min(width, height) < _LEAST_SIDE:
        raise PictureError(f"{name}: {width} x {height} pixels, expected {_LEAST_SIDE} each way")
    if width * height > _LARGE_PIXELS:
        image.draft("RGB", (width // 2, height // 2))
    width, height = image.size
    unpacked, most = 3 * width * height, _MOST_UNPACKED + 2 * held
    if unpacked > most:
        raise PictureError(f"{name}: unpacks to {unpacked} bytes, expected {most} at most")


def _font(size: float) -> Any:
    """A font that has most scripts, where there is one; Pillow's own has the Latin letters."""
    fonts = _pillow().ImageFont
    try:
        return fonts.truetype("DejaVuSans.ttf", size)
    except OSError:
        return fonts.load_default(size)


def _pillow() -> Any:
    try:
        import PIL.Image
        import PIL.ImageDraw
        import PIL.ImageFont
        import PIL.ImageOps
    except ImportError as error:
        raise MissingPackageError("pictures need: pip install 'birdlisten[pictures]'") from error
    # It would warn of what is refused here, and of tags that nobody reads.
    PIL.Image.MAX_IMAGE_PIXELS = None
    warnings.filterwarnings("ignore", module=r"PIL\.")
    return PIL
