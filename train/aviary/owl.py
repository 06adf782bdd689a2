"""Owls, painted from the front: upright body, facial discs, two large eyes, streaks."""

import numpy as np
from numpy.random import Generator
from PIL import Image

from train.aviary.canvas import Canvas, Points, ellipse, mix, smooth
from train.aviary.plumage import Build, Mark, Plumage

GROUND = -1.05
"""Height of the branch."""


def _mirrored(points: list[tuple[float, float]]) -> Points:
    """Close a right-hand half outline (from top to bottom) with its mirror image."""
    half = np.asarray(points, np.float64)
    return np.concatenate([half, half[::-1] * (-1, 1)])


def extent(build: Build) -> Points:
    """float64[2, 2]: lower left and upper right corner of the whole owl."""
    return np.array([[-build.depth - 0.1, -1.45], [build.depth + 0.1, 1.68]])


def outline(build: Build) -> Points:
    """Outline of head and body."""
    d, r = build.depth, build.head
    return smooth(_mirrored([
        (0.12, 0.72 + r), (r * 0.72, 0.62 + r), (r * 1.08, 0.80), (r * 0.98, 0.42),
        (d * 0.95, 0.10), (d, -0.35), (d * 0.72, -0.90), (0.25, -1.12),
    ]))  # fmt: skip


def _mark(plumage: Plumage, kind: str) -> Mark | None:
    return next((mark for mark in plumage.marks if mark.kind == kind), None)


def _ears(canvas: Canvas, plumage: Plumage) -> None:
    if mark := _mark(plumage, "ears"):
        r = plumage.build.head
        for side in (-1, 1):
            tip = (r * (0.5 + 0.1 * mark.size), 0.78 + r + 0.16 * mark.size)
            tuft = [(r * 0.15, 0.62 + r), tip, (r * 0.85, 0.45 + r)]
            canvas.fill(np.array(tuft) * (side, 1), mark.colour)


def _wings(canvas: Canvas, plumage: Plumage, body: Image.Image) -> None:
    d = plumage.build.depth
    for side in (-1, 1):
        wing = [(d * 1.1, 0.30), (d * 0.72, 0.22), (d * 0.60, -0.40), (d * 0.50, -1.0), (d, -1.1)]
        canvas.fill(smooth(np.array(wing) * (side, 1)), plumage.wing, body, 0.012)
        edges = [np.array([(d * k, 0.1), (d * (k - 0.14), -0.9)]) * (side, 1) for k in (0.78, 0.9)]
        canvas.lines(edges, mix(plumage.wing, "#000000", 0.4), 0.02, body, opacity=0.7)
        if mark := _mark(plumage, "scapulars"):
            for i in range(4):
                spot = ellipse((side * d * (0.74 - 0.04 * i), 0.10 - 0.2 * i), (0.05, 0.06))
                canvas.fill(spot, mark.colour, body, 0.008)


def _streaks(canvas: Canvas, plumage: Plumage, body: Image.Image, rng: Generator) -> None:
    mark = _mark(plumage, "streaks")
    assert mark is not None
    d, streaks, bars = plumage.build.depth, [], []
    for row, y in enumerate(np.arange(0.16, -0.95, -0.19)):
        for x in np.arange(-0.5, 0.51, 0.2) * d * 1.1 + 0.1 * d * (row % 2):
            at = np.array((x + rng.normal(0, 0.012), y + rng.normal(0, 0.02)))
            streaks.append(at + np.array([(0, 0.07), (0, -0.07)]))
            bars += [at + np.array([(-0.045, dy), (0.045, dy - 0.01)]) for dy in (0.03, -0.04)]
    canvas.lines(streaks, mark.colour, 0.030 * mark.size, body)
    canvas.lines(bars, mark.colour, 0.012 * mark.size, body, opacity=0.6)


def _face(canvas: Canvas, plumage: Plumage, body: Image.Image) -> None:
    r, disc = plumage.build.head, _mark(plumage, "disc")
    assert disc is not None
    rim = mix(disc.colour, "#1a120c", 0.75)
    for side in (-1, 1):
        for scale, colour in ((1.0, rim), (0.90, disc.colour), (0.45, mix(disc.colour, rim, 0.35))):
            rings = ellipse(
                (side * r * 0.42, 0.76), (r * 0.50 * scale, r * 0.60 * scale), side * 12
            )
            canvas.fill(rings, colour, body, 0.015)
    wedge = smooth([(0, 0.60 + r), (r * 0.22, 0.55 + r), (0, 0.76), (-r * 0.22, 0.55 + r)])
    canvas.fill(wedge, mix(plumage.head, "#1a120c", 0.25), body, 0.02)
    brow = _mark(plumage, "brow")
    brows = [
        smooth(
            np.array([(r * 0.05, 0.62), (r * 0.12, 0.84), (r * 0.42, 0.58 + r * 0.9)]) * (s, 1),
            closed=False,
        )
        for s in (-1, 1)
    ]
    canvas.lines(
        brows,
        brow.colour if brow else mix(disc.colour, "#ffffff", 0.5),
        width=0.06,
        within=body,
        soft=0.015,
    )


def _eyes(canvas: Canvas, plumage: Plumage) -> None:
    r = plumage.build.head
    for side in (-1, 1):
        at = np.array((side * r * 0.40, 0.78))
        canvas.fill(ellipse(at, (r * 0.215, r * 0.215)), "#14100d")
        canvas.fill(ellipse(at, (r * 0.18, r * 0.18)), plumage.eye)
        canvas.fill(ellipse(at, (r * 0.10, r * 0.10)), "#0a0807")
        canvas.fill(ellipse(np.add(at, (r * 0.06, r * 0.07)), (r * 0.04, r * 0.04)), "#ffffff")
    bill = [(-0.07, 0.66), (0.07, 0.66), (0.05, 0.53), (0.0, 0.46), (-0.05, 0.53)]
    canvas.fill(smooth(bill, steps=4), plumage.bill)


def _feet(canvas: Canvas, plumage: Plumage) -> None:
    for x in (-0.22, 0.22):
        canvas.fill(ellipse((x, -1.0), (0.14, 0.10)), plumage.legs)
        toes = [np.array([(x + dx, -1.02), (x + dx * 1.2, -1.16)]) for dx in (-0.09, 0.0, 0.09)]
        canvas.lines(toes, mix(plumage.legs, "#000000", 0.35), 0.05)


def paint(canvas: Canvas, plumage: Plumage, texture: Image.Image, rng: Generator) -> None:
    """Paint a whole owl on its branch.

    Args:
        canvas: Where to paint; the branch is already there.
        plumage: Colours and markings; "disc" and "streaks" are needed.
        texture: Mode L, fine variation of the feathers.
        rng: Scatter of the streaks.
    """
    tail = smooth([(0.22, -0.9), (0.20, -1.42), (0.0, -1.46), (-0.20, -1.42), (-0.22, -0.9)])
    canvas.fill(tail, plumage.tail)
    _ears(canvas, plumage)
    body = canvas.mask(outline(plumage.build))
    canvas.fill(outline(plumage.build), plumage.head)
    d = plumage.build.depth
    canvas.fill(ellipse((0, -0.30), (d * 0.80, 0.75)), plumage.belly, body, 0.06)
    canvas.fill(ellipse((0, 0.10), (d * 0.75, 0.35)), plumage.breast, body, 0.06)
    if bib := _mark(plumage, "bib"):
        canvas.fill(ellipse((0, 0.30), (d * 0.36, 0.10)), bib.colour, body, 0.03)
    _streaks(canvas, plumage, body, rng)
    _wings(canvas, plumage, body)
    _face(canvas, plumage, body)
    canvas.shade(body, (0.10, -0.12), texture)
    _eyes(canvas, plumage)
    _feet(canvas, plumage)
