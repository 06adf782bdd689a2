"""Backdrops behind and under the bird: out-of-focus landscapes, branches, trunks and grass."""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from edge.contract.arrays import Float64s
from train.aviary.canvas import Canvas, mix, smooth

Values = Float64s

_GRID = 96
"""Side of the small picture in which the backdrop is painted before it is enlarged."""

LANDSCAPES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "foliage": ("#8fae72", "#4d6b3c", ("#a9c48a", "#6f9150", "#c9d9a6", "#557a43", "#e2e8c0")),
    "sky": ("#a9c8e6", "#dfeaf2", ("#f4f8fa", "#c3d9ec", "#ffffff", "#b4d0ea")),
    "bark": ("#a89880", "#6d5f4e", ("#8d7d68", "#c2b49c", "#7b6b57", "#93a07a")),
    "meadow": ("#d5e0c2", "#88a45a", ("#a8bd74", "#e6d889", "#c6d49a", "#d9a9b4", "#f1ecd2")),
    "dusk": ("#6f7fa6", "#c69b8c", ("#8a8fb0", "#d8b49c", "#5d6a8f", "#e6cba8")),
    "autumn": ("#d9b98a", "#9b6f45", ("#e3c48f", "#c58d4e", "#b3a06a", "#eedcb4")),
}
"""Name -> (colour above, colour below, colours of the blobs)."""


def landscape(side_px: int, rng: Generator) -> Image.Image:
    """Return an RGB picture, ``side_px`` square, of something far out of focus."""
    above, below, blobs = LANDSCAPES[str(rng.choice(sorted(LANDSCAPES)))]
    bands = [mix(above, below, share) for share in np.linspace(0, 1, _GRID)]
    image = Image.new("RGB", (_GRID, _GRID))
    pen = ImageDraw.Draw(image)
    for y, colour in enumerate(bands):
        pen.line((0, y, _GRID, y), fill=colour)
    image = _blobs(image, colours=blobs, count=16, radii=(10.0, 26.0), blur=7.0, rng=rng)
    image = _blobs(image, colours=blobs, count=12, radii=(3.0, 9.0), blur=1.6, rng=rng)
    haze = Image.new("RGB", image.size, "#eef0e8")
    hazy = Image.blend(image, haze, rng.uniform(0.12, 0.38))
    return hazy.resize((side_px, side_px), Image.Resampling.BICUBIC)


def _blobs(
    image: Image.Image,
    colours: tuple[str, ...],
    count: int,
    radii: tuple[float, float],
    blur: float,
    rng: Generator,
) -> Image.Image:
    """Return the picture with soft discs of light."""
    layer = image.copy()
    pen = ImageDraw.Draw(layer)
    for _ in range(count):
        (x, y), r = rng.uniform(0, _GRID, 2), rng.uniform(*radii)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=str(rng.choice(colours)))
    return Image.blend(image, layer.filter(ImageFilter.GaussianBlur(blur)), rng.uniform(0.45, 0.75))


def texture(rng: Generator, side: int = 128) -> Image.Image:
    """Return mode L, 128 is neutral: fine feathery noise."""
    fine = rng.normal(0, 34, (side, side))
    coarse = np.kron(rng.normal(0, 22, (side // 8, side // 8)), np.ones((8, 8)))
    image = Image.fromarray(np.clip(128 + fine + coarse, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(0.9))


def branch(canvas: Canvas, height: float, rng: Generator) -> None:
    """Paint a twig whose upper side is at ``height`` below the bird, with a few leaves."""
    wood = str(rng.choice(["#6b5440", "#7a6a58", "#5c4a3c", "#83715a"]))
    tilt, thick = rng.uniform(-0.10, 0.10), rng.uniform(0.17, 0.26)
    x = np.linspace(-6, 6, 13)
    top = height + tilt * x * 0.5 + rng.normal(0, 0.03, 13)
    top += height - np.interp(-0.1, x, top)
    width = thick * (1 - 0.05 * x) + rng.normal(0, 0.012, 13)
    rows = [np.stack([x, top - share * width], axis=1) for share in (0.0, 1.0)]
    outline = np.concatenate([smooth(rows[0], closed=False), smooth(rows[1], closed=False)[::-1]])
    mask = canvas.mask(outline)
    canvas.fill(outline, wood)
    for share, colour, opacity in ((0.85, "#000000", 0.35), (0.15, "#ffffff", 0.22)):
        line = np.stack([x, top - share * width], axis=1)
        canvas.lines(
            [smooth(line, closed=False)],
            mix(wood, colour, 0.7),
            width=thick * 0.35,
            within=mask,
            soft=0.03,
            opacity=opacity,
        )
    _leaves(canvas, x, top, rng)


def _leaves(canvas: Canvas, x: Values, top: Values, rng: Generator) -> None:
    green = str(rng.choice(["#7da24a", "#5f8a3c", "#98b45c", "#b08a44"]))
    for _ in range(int(rng.integers(0, 6))):
        at = float(rng.choice([-1, 1]) * rng.uniform(1.1, 2.6))
        root = np.array([at, np.interp(at, x, top)])
        angle, length = rng.uniform(0.3, 2.8), rng.uniform(0.28, 0.5)
        along = np.array([np.cos(angle), np.sin(angle)]) * length
        across = np.array([-along[1], along[0]]) * 0.26
        leaf = smooth(
            [root, root + 0.45 * along + across, root + along, root + 0.45 * along - across]
        )
        canvas.fill(leaf, mix(green, "#ffffff", rng.uniform(0, 0.2)))
        canvas.lines([[root, root + 0.9 * along]], mix(green, "#203010", 0.5), 0.015)


def trunk(canvas: Canvas, edge: float, lean: float, rng: Generator) -> None:
    """Paint a tree trunk that begins ``edge`` units to the right of the bird's centre."""
    bark = str(rng.choice(["#75614c", "#6a5b4c", "#8a7a66"]))
    y = np.linspace(-6, 6, 25)
    left = edge + lean * y + rng.normal(0, 0.02, 25)
    side = smooth(np.stack([left, y], axis=1), closed=False)
    outline = np.concatenate([side, [(9, 6), (9, -6)]])
    mask = canvas.mask(outline)
    canvas.fill(outline, bark)
    for offset in np.arange(0.08, 3.0, 0.13):
        crack = np.stack([left + offset + rng.normal(0, 0.03, 25), y], axis=1)
        colour = mix(bark, str(rng.choice(["#1c130c", "#efe4d0"])), rng.uniform(0.15, 0.45))
        canvas.lines([crack], colour, rng.uniform(0.02, 0.06), mask, opacity=0.7)
    canvas.lines([side], mix(bark, "#fff4dc", 0.5), width=0.07, within=mask, soft=0.03)


def grass(canvas: Canvas, height: float, rng: Generator, front: bool) -> None:
    """Paint short grass at ``height``: the lawn itself, or some blades in front of the feet."""
    green = str(rng.choice(["#7f9a4c", "#94a65a", "#6b8a44"]))
    if not front:
        lawn = np.array([(-9, height + 0.05), (9, height + 0.05), (9, -9), (-9, -9)])
        canvas.fill(lawn, green, soft=0.10)
    for _ in range(24 if front else 60):
        x, root = rng.uniform(-3.2, 3.2), height - rng.uniform(0.05, 0.3)
        tip = (x + rng.normal(0, 0.12), root + rng.uniform(0.14, 0.36))
        colour = mix(green, str(rng.choice(["#2f4a1c", "#d8df9c"])), rng.uniform(0.1, 0.55))
        canvas.lines([[(x, root), tip]], colour, 0.025) if front else canvas.fill(
            [(x - 0.02, root), (x + 0.02, root), tip], colour
        )
