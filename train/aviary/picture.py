"""One picture of one individual: pose, scale, light, backdrop, and the bird itself."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageChops, ImageColor

from train.aviary import backdrop, owl
from train.aviary.anatomy import Anatomy
from train.aviary.canvas import Canvas, Points, Viewport, ellipse, mix, smooth
from train.aviary.markings import MARKINGS, Skin, feathers
from train.aviary.plumage import Build, Mark, Plumage, plumages

SIDE_PX = 256
"""Side of a finished picture."""
_DRAWN_PX = 640
"""Side of the picture while it is drawn."""
OWLS = frozenset({"strix_aluco", "bubo_bubo", "asio_otus"})
"""Species that are painted from the front."""


@dataclass(frozen=True)
class Light:
    """Light of a picture."""

    brightness: float
    warmth: float
    """Red over blue; 1 is neutral."""
    slope: float
    """How much brighter the left side is than the right."""

    @classmethod
    def draw(cls, rng: Generator) -> "Light":
        """Return ordinary daylight."""
        return cls(rng.uniform(0.86, 1.06), rng.uniform(0.94, 1.08), rng.uniform(-0.10, 0.10))

    def on(self, image: Image.Image) -> Image.Image:
        """Return the picture in this light."""
        gain = np.array([self.warmth, 1.0, 1.0 / self.warmth], np.float32) * self.brightness
        slope = 1 + np.linspace(self.slope, -self.slope, image.width, dtype=np.float32)
        lit = np.asarray(image, np.float32) * gain * slope[None, :, None]
        return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))


def _shaded(colour: str, rng: Generator, spread: float) -> str:
    """Return a colour a little different, as between individuals."""
    rgb = np.array(ImageColor.getrgb(colour)[:3]) * np.exp(rng.normal(0, spread, 3))
    return "#{:02x}{:02x}{:02x}".format(*np.clip(rgb, 0, 255).astype(int))


def individual_plumage(species_id: str, rng: Generator) -> Plumage:
    """Return the plumage and build of one bird: the species', slightly varied."""
    base = plumages()[species_id]
    names = [f.name for f in fields(base) if f.name not in ("marks", "build")]
    colours = {n: _shaded(getattr(base, n), rng, 0.018) for n in names if getattr(base, n)}
    marks = tuple(
        Mark(m.kind, _shaded(m.colour, rng, 0.015), m.size * rng.uniform(0.92, 1.08))
        for m in base.marks
    )
    build = replace(
        base.build,
        depth=base.build.depth * rng.uniform(0.96, 1.05),
        tail=base.build.tail * rng.uniform(0.96, 1.04),
        posture_deg=base.build.posture_deg + rng.uniform(-7.0, 7.0),
    )
    return replace(base, **colours, marks=marks, build=build)


def _frame(extent: Points, build: Build, side_px: int, rng: Generator) -> Viewport:
    """Place a bird of some extent in the picture."""
    width, height = extent[1] - extent[0]
    unit_px = side_px * build.size * rng.uniform(0.72, 0.85) / max(width, height)
    middle = extent.mean(axis=0)
    mirrored = bool(rng.random() < 0.5)
    slack = np.maximum(0.86 * side_px - np.array([width, height]) * unit_px, 0) * 0.45
    shift = rng.uniform(-1, 1, 2) * slack
    origin_x = side_px / 2 + shift[0] - (-middle[0] if mirrored else middle[0]) * unit_px
    origin_y = side_px / 2 + shift[1] + middle[1] * unit_px
    return Viewport((float(origin_x), float(origin_y)), float(unit_px), mirrored)


def _legs(canvas: Canvas, bird: Anatomy, colour: str) -> None:
    """Paint legs and toes."""
    clinging = bird.build.perch == "trunk"
    for hip in bird.feet():
        foot = np.add(hip, (0.16, 0.02)) if clinging else np.array([hip[0] + 0.05, bird.ground])
        toes = (
            [(0.10, 0.10), (0.12, 0.0), (0.06, -0.10)]
            if clinging
            else [(0.15, -0.05), (0.11, -0.1), (-0.12, -0.06)]
        )
        canvas.lines([[hip, foot]], colour, 0.055)
        canvas.lines([[foot, foot + np.array(toe)] for toe in toes], colour, 0.042)


def _underparts(skin: Skin, plumage: Plumage) -> None:
    """Paint belly, breast, throat and vent with soft borders."""
    bird, canvas = skin.bird, skin.canvas
    canvas.fill(bird.underparts(), plumage.belly, skin.body, 0.05)
    canvas.fill(bird.part(0.62, -0.55, (0.42, 0.36)), plumage.breast, skin.under, 0.07)
    throat = smooth(
        bird.head([(1.1, -0.25), (0.45, -0.38), (0.05, -0.8), (0.5, -1.25), (1.2, -1.0)])
    )
    canvas.fill(throat, plumage.throat, skin.body, 0.04)
    if plumage.vent:
        canvas.fill(bird.part(-0.85, -0.45, (0.32, 0.22)), plumage.vent, skin.under, 0.06)


def _eye_and_bill(canvas: Canvas, bird: Anatomy, plumage: Plumage) -> None:
    """Paint the bill with its gape, and the eye with its glint."""
    r = bird.build.head
    bill = bird.bill()
    canvas.fill(bill, plumage.bill)
    canvas.fill(bill[[0, 1, 2]], mix(plumage.bill, "#ffffff", 0.25))
    canvas.lines(
        [[bird.head([(0.86, -0.03)])[0], bill[2]]], mix(plumage.bill, "#000000", 0.55), 0.018
    )
    pale = sum(ImageColor.getrgb(plumage.eye)[:3]) > 200
    canvas.fill(ellipse(bird.eye, (r * 0.17, r * 0.17)), mix(plumage.eye, "#000000", 0.4))
    canvas.fill(ellipse(bird.eye, (r * 0.145, r * 0.145)), plumage.eye)
    canvas.fill(ellipse(bird.eye, (r * 0.085, r * 0.085)), "#0a0807" if pale else plumage.eye)
    canvas.fill(ellipse(np.add(bird.eye, (r * 0.05, r * 0.06)), (r * 0.04, r * 0.04)), "#ffffff")


def paint_side_view(
    canvas: Canvas, bird: Anatomy, plumage: Plumage, grain: Image.Image, rng: Generator
) -> None:
    """Paint a whole bird from the side."""
    canvas.fill(bird.tail(), plumage.tail)
    canvas.shade(canvas.mask(bird.tail()), (0.02, -0.05), grain)
    _legs(canvas, bird, plumage.legs)
    skin = Skin(canvas, bird, rng)
    canvas.fill(bird.body(), plumage.back)
    _underparts(skin, plumage)
    head = bird.around_head(list(range(-40, 200, 12)), 1.12)
    canvas.fill(head, plumage.head, skin.body, 0.04)
    canvas.fill(bird.wing(), plumage.wing)
    canvas.fill(bird.flight_feathers(), plumage.flight, skin.wing, 0.015)
    feathers(skin, plumage.flight)
    for mark in plumage.marks:
        MARKINGS[mark.kind](skin, mark)
    canvas.shade(ImageChops.lighter(skin.body, skin.wing), (0.08, -0.14), grain)
    _eye_and_bill(canvas, bird, plumage)


def _scenery(canvas: Canvas, bird: Anatomy, perch: str, rng: Generator) -> None:
    if perch == "trunk":
        backdrop.trunk(canvas, float(bird.feet()[:, 0].max()) + 0.10, -0.05, rng)
    elif perch == "ground":
        backdrop.grass(canvas, bird.ground, rng, front=False)
    else:
        backdrop.branch(canvas, bird.ground, rng)


def _paint_side(image: Image.Image, plumage: Plumage, rng: Generator) -> None:
    bird = Anatomy(plumage.build)
    canvas = Canvas(image, _frame(bird.extent(), plumage.build, image.width, rng))
    perch = plumage.build.perch
    if perch == "ground" and rng.random() < 0.5:
        perch = "branch"
    _scenery(canvas, bird, perch, rng)
    paint_side_view(canvas, bird=bird, plumage=plumage, grain=backdrop.texture(rng), rng=rng)
    if perch == "ground":
        backdrop.grass(canvas, bird.ground, rng, front=True)


def _paint_owl(image: Image.Image, plumage: Plumage, rng: Generator) -> None:
    canvas = Canvas(image, _frame(owl.extent(plumage.build), plumage.build, image.width, rng))
    backdrop.branch(canvas, owl.GROUND, rng)
    owl.paint(canvas, plumage, backdrop.texture(rng), rng)


def picture(species_id: str, rng: Generator) -> Image.Image:
    """Draw one individual.

    Args:
        species_id: One of ``species.SPECIES_IDS``.
        rng: Everything that differs between pictures.

    Returns:
        RGB, 256 x 256 pixels.
    """
    plumage = individual_plumage(species_id, rng)
    image = backdrop.landscape(_DRAWN_PX, rng)
    (_paint_owl if species_id in OWLS else _paint_side)(image, plumage, rng)
    tilted = image.rotate(rng.uniform(-5, 5), Image.Resampling.BILINEAR, expand=False)
    margin = round(image.width * 0.045)
    box = (margin, margin, image.width - margin, image.height - margin)
    small = tilted.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS, box=box)
    return Light.draw(rng).on(small)
