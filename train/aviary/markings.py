"""The markings of birds seen from the side: caps, stripes, bars, spots, patches."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.random import Generator
from PIL import Image

from train.aviary.anatomy import Anatomy
from train.aviary.canvas import Canvas, ellipse, mix, smooth
from train.aviary.plumage import Mark


class Skin:
    """A bird half painted: the canvas, its outlines and their masks."""

    def __init__(self, canvas: Canvas, bird: Anatomy, rng: Generator) -> None:
        self.canvas, self.bird, self.rng = canvas, bird, rng
        self.body = canvas.mask(bird.body())
        self.wing, self.tail = canvas.mask(bird.wing()), canvas.mask(bird.tail())
        self.under = canvas.mask(bird.underparts(), soft=0.03)
        self.under.paste(0, (0, 0), Image.eval(self.body, lambda v: 255 - v))
        self.under.paste(0, (0, 0), self.wing)

    def head_patch(self, points: list[tuple[float, float]], colour: str, soft: float) -> None:
        """Fill a smooth outline in head coordinates."""
        self.canvas.fill(smooth(self.bird.head(points)), colour, self.body, soft)

    def head_line(self, points: list[tuple[float, float]], colour: str, width: float) -> None:
        """Draw a curve in head coordinates; width in head radii."""
        curve = smooth(self.bird.head(points), closed=False)
        width *= self.bird.build.head
        self.canvas.lines([curve], colour, width=width, within=self.body, soft=0.008)


def _cap(skin: Skin, mark: Mark) -> None:
    skin.head_patch([(1.1, 0.1), (0.5, 0.30), (-0.3, 0.28), (-0.9, -0.1), (-1.3, 0.1), (-1.0, 1.0),
                     (0.0, 1.4), (1.0, 0.9)], mark.colour, 0.012)  # fmt: skip


def _crown(skin: Skin, mark: Mark) -> None:
    skin.head_patch([(0.95, 0.30), (0.4, 0.52), (-0.3, 0.52), (-0.85, 0.3), (-1.2, 0.5),
                     (-0.6, 1.3), (0.4, 1.3), (1.1, 0.8)], mark.colour, 0.012)  # fmt: skip


def _forehead(skin: Skin, mark: Mark) -> None:
    skin.canvas.fill(
        ellipse(skin.bird.head([(0.92, 0.32)])[0], (0.09, 0.09)), mark.colour, skin.body
    )


def _crest(skin: Skin, mark: Mark) -> None:
    tuft = skin.bird.head(
        [
            (0.5, 0.8),
            (-0.2, 1.12),
            (-0.95, 1.05),
            (-1.75, 0.62),
            (-1.1, 0.62),
            (-1.3, 0.30),
            (-0.8, 0.2),
        ]
    )
    skin.canvas.fill(smooth(tuft), mark.colour)


def _nape(skin: Skin, mark: Mark) -> None:
    patch = ellipse(skin.bird.head([(-0.92, 0.28)])[0], (0.15, 0.22), 20)
    skin.canvas.fill(patch, mark.colour, skin.body, 0.01)


def _nape_spot(skin: Skin, mark: Mark) -> None:
    patch = ellipse(skin.bird.head([(-0.95, 0.05)])[0], (0.13 * mark.size, 0.26 * mark.size), 15)
    skin.canvas.fill(patch, mark.colour, skin.body, 0.02)


def _cheek(skin: Skin, mark: Mark) -> None:
    size = 0.30 + 0.30 * mark.size
    patch = ellipse(skin.bird.head([(-0.02, -0.24)])[0], (size * 0.46, size * 0.34), 8)
    skin.canvas.fill(patch, mark.colour, skin.body, 0.012)


def _supercilium(skin: Skin, mark: Mark) -> None:
    curve = [(0.95, 0.18), (0.5, 0.39), (0.0, 0.38), (-0.75, 0.20)]
    skin.head_line(curve, mark.colour, 0.17 * mark.size)


def _eye_stripe(skin: Skin, mark: Mark) -> None:
    skin.head_line(
        [(0.98, 0.05), (0.42, 0.16), (-0.2, 0.14), (-0.85, 0.0)], mark.colour, 0.13 * mark.size
    )


def _moustache(skin: Skin, mark: Mark) -> None:
    curve = [(0.9, -0.22), (0.45, -0.46), (0.0, -0.72), (-0.3, -1.0)]
    skin.head_line(curve, mark.colour, 0.20 * mark.size)


def _mask(skin: Skin, mark: Mark) -> None:
    patch = ellipse(skin.bird.head([(0.58, 0.08)])[0], (0.17, 0.11))
    skin.canvas.fill(patch, mark.colour, skin.body, 0.01)


def _mask_soft(skin: Skin, mark: Mark) -> None:
    patch = ellipse(skin.bird.head([(0.68, 0.10)])[0], (0.16, 0.10))
    skin.canvas.fill(patch, mark.colour, within=skin.body, soft=0.03, opacity=0.8)


def _face(skin: Skin, mark: Mark) -> None:
    skin.head_patch([(1.2, 0.55), (0.72, 0.66), (0.40, 0.36), (0.36, -0.05), (0.52, -0.55),
                     (1.0, -0.75)], mark.colour, 0.008)  # fmt: skip
    skin.head_line([(1.0, 0.02), (0.5, 0.14)], "#201012", 0.16)


def _bib(skin: Skin, mark: Mark) -> None:
    skin.head_patch([(1.1, -0.10), (0.5, -0.35), (0.15, -0.75), (0.25, -1.25), (0.9, -1.3)],
                    mark.colour, 0.015)  # fmt: skip


def _collar(skin: Skin, mark: Mark) -> None:
    curve = [(-0.75, 0.45), (-0.78, -0.15), (-0.45, -0.75), (0.2, -0.98), (0.7, -0.72)]
    skin.head_line(curve[: 5 if mark.size >= 1 else 3], mark.colour, 0.20)


def _half_collar(skin: Skin, mark: Mark) -> None:
    curve = smooth(skin.bird.head([(-1.25, -0.52), (-0.85, -0.80), (-0.35, -0.92)]), closed=False)
    skin.canvas.lines([np.add(curve, (0, 0.02))], "#f4ece4", 0.10, skin.body)
    skin.canvas.lines([curve], mark.colour, 0.075, skin.body)


def _neck_patch(skin: Skin, mark: Mark) -> None:
    patch = ellipse(skin.bird.head([(-0.62, -1.05)])[0], (0.11 * mark.size, 0.17 * mark.size), 30)
    skin.canvas.fill(patch, mark.colour, skin.body, 0.01)


def _gloss(skin: Skin, mark: Mark) -> None:
    patch = ellipse(skin.bird.head([(-0.35, -0.95)])[0], (0.2 * mark.size, 0.15 * mark.size), 30)
    skin.canvas.fill(patch, mark.colour, within=skin.body, soft=0.04, opacity=0.9)


def _eye_ring(skin: Skin, mark: Mark) -> None:
    radius = skin.bird.build.head * 0.16 + 0.028 * mark.size
    skin.canvas.fill(ellipse(skin.bird.eye, (radius, radius)), mark.colour)


def _bill_base(skin: Skin, mark: Mark) -> None:
    skin.head_line([(0.86, -0.12), (1.2, -0.10)], mark.colour, 0.12)


def _wing_bar(skin: Skin, mark: Mark, forward: float = 0.02) -> None:
    bar = skin.bird.across_wing(forward)
    skin.canvas.lines([bar], mark.colour, width=0.075 * mark.size, within=skin.wing, soft=0.006)


def _wing_bar_2(skin: Skin, mark: Mark) -> None:
    _wing_bar(skin, mark, 0.27)


def _wing_band(skin: Skin, mark: Mark) -> None:
    band = skin.bird.trunk([(0.06, -0.5), (0.02, 0.0), (-0.12, 0.12), (-0.72, 0.22), (-0.74, 0.06),
                            (-0.2, -0.14), (-0.22, -0.5)])  # fmt: skip
    skin.canvas.fill(band, mark.colour, skin.wing, 0.008)


def _wing_edge(skin: Skin, mark: Mark) -> None:
    tip = -0.9 - skin.bird.build.wing
    edge = smooth(skin.bird.trunk([(0.0, -0.34), (-0.5, -0.10), (tip, 0.06)]), closed=False)
    skin.canvas.lines([edge], mark.colour, width=0.07 * mark.size, within=skin.wing, soft=0.006)


def _wing_crescent(skin: Skin, mark: Mark) -> None:
    curve = smooth(
        skin.bird.trunk([(0.50, -0.05), (0.30, -0.26), (-0.1, -0.34), (-0.4, -0.2)]), closed=False
    )
    skin.canvas.lines([curve], mark.colour, width=0.09, within=skin.wing, soft=0.008)


def _wing_dashes(skin: Skin, mark: Mark) -> None:
    for forward, up in ((-0.35, 0.30), (-0.12, 0.10)):
        dash = skin.bird.part(forward, up, (0.05, 0.11))
        skin.canvas.fill(dash, mark.colour, skin.wing, 0.008)


def _wing_tips(skin: Skin, mark: Mark) -> None:
    tip = -1.0 - skin.bird.build.wing
    tips = [skin.bird.part(a, 0.16, (0.045, 0.04)) for a in np.linspace(-0.55, tip + 0.12, 4)]
    skin.canvas.dots(tips, mark.colour, skin.wing)


def _wing_spots(skin: Skin, mark: Mark) -> None:
    spots = [
        skin.bird.part(forward + 0.05 * up, up, (0.040 * mark.size, 0.034 * mark.size))
        for forward in np.linspace(0.1, -0.9 - skin.bird.build.wing * 0.5, 7)
        for up in (-0.18, 0.06, 0.30)
    ]
    skin.canvas.dots(spots, mark.colour, skin.wing)


def _shoulder(skin: Skin, mark: Mark) -> None:
    skin.canvas.fill(skin.bird.part(0.18, 0.22, (0.30, 0.12)), mark.colour, skin.wing, 0.01)


def _rump(skin: Skin, mark: Mark) -> None:
    skin.canvas.fill(skin.bird.part(-0.85, 0.35, (0.26, 0.16)), mark.colour, skin.body, 0.03)


def _tail_edge(skin: Skin, mark: Mark) -> None:
    end = -1.0 - skin.bird.build.tail
    edge = skin.bird.trunk([(-0.95, -0.2), (end * 0.85, -0.22)])
    skin.canvas.lines([edge], mark.colour, 0.09, skin.tail)


def _tail_spots(skin: Skin, mark: Mark) -> None:
    end = -1.0 - skin.bird.build.tail
    spots = [
        skin.bird.part(forward, up, (0.05, 0.045))
        for forward in np.linspace(-1.25, end + 0.03, 5)
        for up in (-0.22, 0.22)
    ]
    skin.canvas.dots(spots, mark.colour, skin.tail)


def _bars(skin: Skin, mark: Mark) -> None:
    spacing = 0.10 + 0.035 * mark.size
    bars = [
        smooth(
            skin.bird.trunk([(a - 0.04, -0.1), (a + 0.03, -0.6), (a - 0.02, -1.1)]), closed=False
        )
        for a in np.arange(-0.75, 0.42, spacing) + skin.rng.normal(0, 0.01)
    ]
    skin.canvas.lines(bars, mark.colour, 0.038 * mark.size, skin.under, opacity=0.9)


def _spots(skin: Skin, mark: Mark) -> None:
    step = 0.125 + 0.04 * mark.size
    drops = []
    for i, a in enumerate(np.arange(-0.55, 0.80, step)):
        for up in np.arange(-0.96, -0.05, 0.22) + 0.11 * (i % 2):
            at = (a + skin.rng.normal(0, 0.015), up + skin.rng.normal(0, 0.02))
            drops.append(skin.bird.part(*at, (0.036 * mark.size, 0.026 * mark.size)))
    skin.canvas.dots(drops, mark.colour, skin.under)


def _belly_stripe(skin: Skin, mark: Mark) -> None:
    curve = smooth(
        skin.bird.trunk([(0.85, -0.55), (0.45, -0.72), (0.0, -0.74), (-0.6, -0.52)]), closed=False
    )
    skin.canvas.lines([curve], mark.colour, width=0.16, within=skin.under, soft=0.012)
    skin.head_patch([(1.0, -0.2), (0.45, -0.6), (0.2, -1.0), (0.5, -1.4), (1.0, -1.0)],
                    mark.colour, 0.015)  # fmt: skip


MARKINGS: Mapping[str, Callable[[Skin, Mark], None]] = {
    "bars": _bars,
    "belly_stripe": _belly_stripe,
    "bib": _bib,
    "bill_base": _bill_base,
    "cap": _cap,
    "cheek": _cheek,
    "collar": _collar,
    "crest": _crest,
    "crown": _crown,
    "eye_ring": _eye_ring,
    "eye_stripe": _eye_stripe,
    "face": _face,
    "forehead": _forehead,
    "gloss": _gloss,
    "half_collar": _half_collar,
    "mask": _mask,
    "mask_soft": _mask_soft,
    "moustache": _moustache,
    "nape": _nape,
    "nape_spot": _nape_spot,
    "neck_patch": _neck_patch,
    "rump": _rump,
    "shoulder": _shoulder,
    "spots": _spots,
    "supercilium": _supercilium,
    "tail_edge": _tail_edge,
    "tail_spots": _tail_spots,
    "wing_band": _wing_band,
    "wing_bar": _wing_bar,
    "wing_bar_2": _wing_bar_2,
    "wing_crescent": _wing_crescent,
    "wing_dashes": _wing_dashes,
    "wing_edge": _wing_edge,
    "wing_spots": _wing_spots,
    "wing_tips": _wing_tips,
}
"""Kind of marking -> how it is painted."""


def feathers(skin: Skin, colour: str) -> None:
    """Draw the feather edges of the folded wing."""
    tip = -1.0 - skin.bird.build.wing
    edges = [
        smooth(skin.bird.trunk([(0.0, up), (-0.5, 0.5 * up + 0.06), (tip, 0.18)]), closed=False)
        for up in (-0.30, -0.16, -0.02, 0.12, 0.28)
    ]
    skin.canvas.lines(edges, mix(colour, "#000000", 0.35), 0.014, skin.wing, opacity=0.6)
