"""Preparation of a picture for an image tower: size, resizing and normalisation."""

from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Any, cast

from edge.contract.errors import BundleError

RESIZES = ("shortest", "longest", "squash")
INTERPOLATIONS = ("bicubic", "bilinear")
_MOST_PIXELS = 4096
"""Side of a picture; no tower sees more."""


@dataclass(frozen=True)
class PictureSpec:
    """Input of an image tower: `(pixels / 255 - mean) / std`, a plane a colour.

    Raises:
        BundleError: an impossible value.
    """

    size: int
    """Side of the square in pixels."""
    mean: tuple[float, ...]
    """Of red, green and blue."""
    std: tuple[float, ...]
    resize: str = RESIZES[0]
    """`shortest`: that side becomes `size`, the middle is cut out; `longest`: that one does, and
    bars of black fill up the square; `squash`: both do."""
    interpolation: str = INTERPOLATIONS[0]

    def __post_init__(self) -> None:
        if type(self.size) is not int or not 0 < self.size <= _MOST_PIXELS:
            raise BundleError(f"image: size {self.size!r}, expected pixels up to {_MOST_PIXELS}")
        for name in ("mean", "std"):
            if not _three_numbers(getattr(self, name)):
                raise BundleError(f"image: {name} must be three numbers, found {self}")
        if min(self.std) <= 0:
            raise BundleError(f"image: std must be above 0, found {self.std}")
        for name, allowed in (("resize", RESIZES), ("interpolation", INTERPOLATIONS)):
            if getattr(self, name) not in allowed:
                raise BundleError(f"image: {name} {getattr(self, name)!r} is not one of {allowed}")

    def seen(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The square that the tower sees: left, top, right and bottom in shares of the picture.

        With `longest` it reaches beyond the picture, to the ends of the bars.
        """
        if self.resize == "squash":
            return 0, 0, 1, 1
        side = max(width, height) if self.resize == "longest" else min(width, height)
        left, top = (1 - side / width) / 2, (1 - side / height) / 2
        return left, top, 1 - left, 1 - top

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "PictureSpec":
        """From the manifest, whose lists become tuples."""
        colours = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in content.items()
        }
        return cls(**cast(dict[str, Any], colours))


def _three_numbers(values: Any) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) == 3
        and all(isinstance(value, Real) and isfinite(value) for value in values)
    )
