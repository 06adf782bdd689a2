"""One bird cut out of its picture, with the bill closed and open."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from train.aviary import backdrop, owl
from train.aviary.anatomy import Anatomy
from train.aviary.canvas import Canvas, Points, Viewport, ellipse, mix
from train.aviary.picture import OWLS, individual_plumage, paint_side_view
from train.aviary.plumage import Plumage

_DRAWN_PX = 288
_GAPE = "#8c2f24"
"""Colour inside an open bill."""


@dataclass(frozen=True)
class Sprite:
    """A bird that looks right, in RGBA; both pictures have one size, and no empty rim."""

    silent: Image.Image
    singing: Image.Image
    plumage: Plumage
    species_id: str
    viewport: Viewport
    """By which it was painted: from the bird's coordinates to pixels of the pictures."""

    @property
    def ground(self) -> float:
        """Height of what the bird stands on, in its own coordinates."""
        return owl.GROUND if self.species_id in OWLS else Anatomy(self.plumage.build).ground


def draw_sprite(species_id: str, rng: Generator) -> Sprite:
    """Paint one individual.

    Painted over black and over white, a bird shows how far it covers what is behind it.

    Args:
        species_id: one of ``species.SPECIES_IDS``.
        rng: everything that differs between individuals.
    """
    plumage = individual_plumage(species_id, rng)
    is_owl = species_id in OWLS
    extent = owl.extent(plumage.build) if is_owl else Anatomy(plumage.build).extent()
    viewport = _fitted(extent + np.array([[-0.1, -0.2], [0.1, 0.2]]))
    grain, seed = backdrop.texture(rng), int(rng.integers(1 << 32))
    paint, open_bill = (_paint_owl, _open_owl) if is_owl else (_paint_side, _open_side)
    layers = [
        _layers(
            colour,
            viewport,
            plumage,
            grain=grain,
            seed=seed,
            paint=paint,
            open_bill=open_bill,
        )
        for colour in ("#000000", "#ffffff")
    ]
    silent, singing = (_cut_out(*pair) for pair in zip(*layers, strict=True))
    box = singing.getchannel("A").point([255 * (value > 24) for value in range(256)]).getbbox()
    assert box is not None
    x, y = viewport.origin_px
    return Sprite(
        silent=silent.crop(box),
        singing=singing.crop(box),
        plumage=plumage,
        species_id=species_id,
        viewport=Viewport((x - box[0], y - box[1]), viewport.unit_px, False),
    )


Paint = Callable[[Canvas, Plumage, Image.Image, Generator], None]


def _layers(
    colour: str,
    viewport: Viewport,
    plumage: Plumage,
    grain: Image.Image,
    seed: int,
    paint: Paint,
    open_bill: Callable[[Canvas, Plumage], None],
) -> tuple[Image.Image, Image.Image]:
    """The bird over a colour, silent and singing."""
    silent = Image.new("RGB", (_DRAWN_PX, _DRAWN_PX), colour)
    paint(Canvas(silent, viewport), plumage, grain, np.random.default_rng(seed))
    singing = silent.copy()
    open_bill(Canvas(singing, viewport), plumage)
    return silent, singing


def _fitted(extent: Points) -> Viewport:
    """A bird of some extent, as large as the picture holds it."""
    unit_px = 0.96 * _DRAWN_PX / float((extent[1] - extent[0]).max())
    middle = extent.mean(axis=0)
    origin = (_DRAWN_PX / 2 - middle[0] * unit_px, _DRAWN_PX / 2 + middle[1] * unit_px)
    return Viewport((float(origin[0]), float(origin[1])), unit_px, False)


def _cut_out(over_black: Image.Image, over_white: Image.Image) -> Image.Image:
    black, white = (np.asarray(image, np.float32) for image in (over_black, over_white))
    cover = np.clip(1 - (white - black).mean(axis=2, keepdims=True) / 255, 0, 1)
    colour = np.clip(black / np.maximum(cover, 1e-3), 0, 255)
    return Image.fromarray(np.concatenate([colour, 255 * cover], axis=2).astype(np.uint8))


def _paint_side(canvas: Canvas, plumage: Plumage, grain: Image.Image, rng: Generator) -> None:
    bird = Anatomy(plumage.build)
    paint_side_view(canvas, bird=bird, plumage=plumage, grain=grain, rng=rng)


def _paint_owl(canvas: Canvas, plumage: Plumage, grain: Image.Image, rng: Generator) -> None:
    owl.paint(canvas, plumage, grain, rng)


def _open_side(canvas: Canvas, plumage: Plumage) -> None:
    """Both halves of the bill apart, and what is between them."""
    bird, build = Anatomy(plumage.build), plumage.build
    length, half = build.bill / build.head, build.bill_depth / build.head
    upper, lower = (1.0 + length, 0.30 + 0.3 * length), (0.98 + 0.85 * length, -0.42 - 0.4 * length)
    root = [(0.82, half * 0.55), (0.82, -half * 0.55)]
    canvas.fill(bird.head([root[0], upper, (0.86, -0.03), lower, root[1]]), _GAPE)
    canvas.fill(bird.head([root[0], (1.0, half * 0.7), upper, (0.88, 0.0)]), plumage.bill)
    shade = mix(plumage.bill, "#000000", 0.25)
    canvas.fill(bird.head([root[1], (1.0, -half * 0.8), lower, (0.88, -0.06)]), shade)


def _open_owl(canvas: Canvas, plumage: Plumage) -> None:
    canvas.fill(ellipse((0.0, 0.46), (0.08, 0.10)), _GAPE)
    canvas.fill(ellipse((0.0, 0.30), (0.26, 0.16)), mix(plumage.breast, "#ffffff", 0.45))
