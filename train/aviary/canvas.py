"""A drawing surface in a bird's own coordinates: smooth outlines, soft fills, clipping, shading."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

from edge.contract.arrays import Float64s

Points = Float64s
"""float64[n, 2]: x to the right (where the bird looks), y up; unit: half a body length."""


def smooth(points: ArrayLike, closed: bool = True, steps: int = 10) -> Points:
    """Return a Catmull-Rom curve through the points.

    Args:
        points: float[n, 2], n >= 3 where closed, otherwise n >= 2.
        closed: Whether the last point joins the first.
        steps: Points made for each given one.

    Returns:
        float64[m, 2].
    """
    p = np.asarray(points, np.float64)
    ends = (p[-1:], p[:2]) if closed else (p[:1], p[-1:])
    q = np.concatenate([ends[0], p, ends[1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    a, b, c, d = (q[i : len(q) - 3 + i, None] for i in range(4))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    last = p[:0] if closed else p[-1:]
    return np.asarray(np.concatenate([curve.reshape(-1, 2), last]), np.float64)


def ellipse(centre: ArrayLike, radii: tuple[float, float], degrees: float = 0.0) -> Points:
    """Return float64[40, 2], an ellipse turned by some degrees."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x, y = radii[0] * np.cos(angle), radii[1] * np.sin(angle)
    turn = np.deg2rad(degrees)
    turned = [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)]
    return np.asarray(np.add(centre, np.stack(turned, axis=1)), np.float64)


def mix(colour: str, other: str, share: float) -> str:
    """Return a colour between two, as #rrggbb; share 0 is the first."""
    first, two = (np.array(ImageColor.getrgb(c)[:3], float) for c in (colour, other))
    red, green, blue = np.clip(first + (two - first) * share, 0, 255).round().astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


@dataclass(frozen=True)
class Viewport:
    """Transform from the bird's coordinates to the picture's."""

    origin_px: tuple[float, float]
    unit_px: float
    mirrored: bool

    def pixels(self, points: ArrayLike) -> list[tuple[float, float]]:
        """Convert float[n, 2] bird coordinates to pixels."""
        x, y = np.asarray(points, np.float64).T
        across = self.origin_px[0] + (-x if self.mirrored else x) * self.unit_px
        down = self.origin_px[1] - y * self.unit_px
        return list(zip(across.tolist(), down.tolist(), strict=True))


class Canvas:
    """An RGB picture that is painted in bird coordinates."""

    def __init__(self, image: Image.Image, frame: Viewport) -> None:
        """Paint onto ``image`` (RGB, changed in place)."""
        self.image = image
        self.frame = frame

    def mask(self, *outlines: ArrayLike, soft: float = 0.0) -> Image.Image:
        """Return the inside of closed outlines as a mask, blurred by ``soft`` units."""
        mask = Image.new("L", self.image.size)
        pen = ImageDraw.Draw(mask)
        for points in outlines:
            pen.polygon(self.frame.pixels(points), fill=255)
        return self._softened(mask, soft)

    def fill(
        self,
        points: ArrayLike,
        colour: str,
        within: Image.Image | None = None,
        soft: float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Fill a closed outline, clipped to a mask, with edges ``soft`` units wide."""
        if within is None and not soft and opacity == 1.0:
            ImageDraw.Draw(self.image).polygon(self.frame.pixels(points), fill=colour)
        else:
            self._stamp(self.mask(points, soft=soft), colour, within, opacity)

    def dots(self, outlines: Sequence[ArrayLike], colour: str, within: Image.Image) -> None:
        """Fill many small outlines at once, clipped to a mask."""
        self._stamp(self.mask(*outlines), colour, within, 1.0)

    def lines(
        self,
        curves: Sequence[ArrayLike],
        colour: str,
        width: float,
        within: Image.Image | None = None,
        soft: float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Draw round-ended curves ``width`` units wide, clipped to a mask."""
        mask = Image.new("L", self.image.size)
        pen = ImageDraw.Draw(mask)
        width_px = max(1, round(width * self.frame.unit_px))
        for curve in curves:
            path = self.frame.pixels(curve)
            pen.line(path, fill=255, width=width_px, joint="curve")
            if width_px > 3:
                for x, y in (path[0], path[-1]):
                    r = width_px / 2
                    pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
        self._stamp(self._softened(mask, soft), colour, within, opacity)

    def shade(self, within: Image.Image, light: tuple[float, float], texture: Image.Image) -> None:
        """Make a flat shape round: bright towards the light, dark at the far edge.

        Args:
            within: Mask of the shape.
            light: Where the light comes from, as a shift in units.
            texture: Mode L, 128 is neutral: fine variation of the surface.
        """
        unit_px = self.frame.unit_px / 4
        round_ = within.reduce(4).filter(ImageFilter.GaussianBlur(float(0.26 * unit_px)))
        shifted = ImageChops.offset(round_, round(light[0] * unit_px), round(-light[1] * unit_px))
        box = within.getbbox() or (0, 0, 4, 4)
        whole = (
            shifted.resize(within.size, Image.Resampling.BILINEAR),
            texture.resize(within.size),
        )
        glow, grain = (np.asarray(layer.crop(box), np.float32) / 255 for layer in whole)
        gain = (0.50 + 0.50 * glow + 0.24 * grain)[..., None]
        sheen = 26 * np.clip(glow - 0.62, 0, 1)[..., None]
        lit = np.asarray(self.image.crop(box), np.float32) * gain + sheen
        lit = np.clip(lit, 0, 255).astype(np.uint8)
        self.image.paste(Image.fromarray(lit), box, within.crop(box))

    def _softened(self, mask: Image.Image, soft: float) -> Image.Image:
        """Blur at a quarter of the size, which is as good and much faster."""
        if not soft:
            return mask
        margin = round(3 * soft * self.frame.unit_px) + 4
        left, top, right, bottom = mask.getbbox() or (0, 0, 4, 4)
        box = (max((left - margin) // 4, 0) * 4, max((top - margin) // 4, 0) * 4,
               min(right + margin, mask.width), min(bottom + margin, mask.height))  # fmt: skip
        part = mask.crop(box)
        small = part.reduce(4).filter(
            ImageFilter.GaussianBlur(float(soft) * self.frame.unit_px / 4)
        )
        mask.paste(small.resize(part.size, Image.Resampling.BILINEAR), box)
        return mask

    def _stamp(
        self, mask: Image.Image, colour: str, within: Image.Image | None, opacity: float
    ) -> None:
        box = mask.getbbox()
        if box is None:
            return
        mask = mask.crop(box)
        if within is not None:
            mask = ImageChops.multiply(mask, within.crop(box))
        if opacity < 1.0:
            mask = mask.point([round(value * opacity) for value in range(256)])
        self.image.paste(colour, box, mask)
