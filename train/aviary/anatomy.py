"""Outlines of a bird seen from the side, looking right, made from its build."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from train.aviary.canvas import Points, ellipse, smooth
from train.aviary.plumage import Build


@dataclass(frozen=True)
class Anatomy:
    """Places of the parts of one bird; the body's centre is the origin."""

    build: Build

    @property
    def _axes(self) -> Points:
        """float64[2, 2]: forward along the body, and towards the back."""
        angle = np.deg2rad(self.build.posture_deg)
        return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    def trunk(self, points: ArrayLike) -> Points:
        """Convert (forward, up) shares of body length and depth to bird coordinates."""
        return np.asarray(points, np.float64) * (1.0, self.build.depth) @ self._axes

    @property
    def head_centre(self) -> Points:
        """float64[2], the middle of the head."""
        return np.asarray([0.80, self.build.neck + 0.06]) @ self._axes

    def head(self, points: ArrayLike) -> Points:
        """Convert head coordinates (radius 1, level, bill at x = 1) to bird coordinates."""
        return self.head_centre + np.asarray(points, np.float64) * self.build.head

    def around_head(self, degrees: Sequence[float], reach: float = 1.0) -> Points:
        """Return points on the head's rim."""
        angle = np.deg2rad(np.asarray(degrees, np.float64))
        return self.head(np.stack([np.cos(angle), np.sin(angle)], axis=1) * reach)

    def body(self) -> Points:
        """Outline of head and body without bill, tail and legs."""
        return smooth(
            np.concatenate([
                self.around_head([-12, 25, 62, 98, 130, self.build.posture_deg + 132]),
                self.trunk([(0.28, 0.84), (-0.18, 0.80), (-0.70, 0.45), (-1.0, 0.16)]),
                self.trunk([(-1.0, -0.20), (-0.68, -0.62), (-0.15, -0.98), (0.38, -1.0)]),
                self.trunk([(0.74 - 0.006 * max(self.build.posture_deg - 32.0, 0.0), -0.70)]),
                self.around_head([-52], 1.02),
            ])
        )  # fmt: skip

    def underparts(self) -> Points:
        """Throat to vent, with a generous margin outside the body."""
        inner = self.trunk([(0.55, -0.05), (0.1, -0.28), (-0.5, -0.22), (-1.2, -0.02)])
        outer = self.trunk([(-1.3, -1.4), (0.2, -1.8)])
        return np.concatenate([
            self.head([(1.2, -0.22), (0.5, -0.35), (0.0, -0.62)]), inner, outer,
            self.head([(1.4, -1.6)]),
        ])  # fmt: skip

    def part(self, forward: float, up: float, radii: tuple[float, float]) -> Points:
        """An ellipse on the trunk, turned with it; radii in half body lengths."""
        return ellipse(self.trunk([(forward, up)])[0], radii, self.build.posture_deg)

    def tail(self) -> Points:
        """Outline of the folded tail."""
        b = self.build
        root, end, half = -0.72, -1.0 - b.tail, b.tail_width
        up = 0.0 if b.perch != "trunk" else 0.16
        sides = [(root, 0.26), (-1.0, 0.20), (end, up + half / b.depth * 0.6)]
        back = [(end - 0.05, up), (end + 0.02, up - half / b.depth * 0.6), (-1.0, -0.16)]
        return smooth(self.trunk([*sides, *back, (root, -0.30)]), steps=6)

    def wing(self) -> Points:
        """Outline of the folded wing."""
        tip = -1.0 - self.build.wing
        return smooth(self.trunk([
            (0.50, 0.08), (0.34, 0.42), (-0.10, 0.58), (-0.60, 0.42), (tip * 0.85, 0.30),
            (tip, 0.10), (tip * 0.85, 0.06), (-0.55, -0.12), (-0.05, -0.38), (0.36, -0.30),
        ]))  # fmt: skip

    def flight_feathers(self) -> Points:
        """The rear lower part of the folded wing."""
        tip = -1.1 - self.build.wing
        return self.trunk([
            (0.12, -0.6), (-0.05, -0.12), (-0.30, 0.12), (-0.62, 0.24), (tip, 0.28), (tip, -0.3),
            (-0.5, -0.6),
        ])  # fmt: skip

    def across_wing(self, forward: float) -> Points:
        """A bar over the wing, bent like a row of coverts."""
        knots = [(forward + 0.10, 0.42), (forward - 0.02, 0.10), (forward + 0.06, -0.42)]
        return smooth(self.trunk(knots), closed=False)

    def bill(self) -> Points:
        """Outline of the closed bill."""
        b, r = self.build, self.build.head
        half, length, drop = b.bill_depth / r, b.bill / r, b.hook / r
        return self.head([
            (0.90, half * 0.62), (1.0 + length * 0.5, half * 0.36 - drop * 0.2),
            (1.0 + length, -0.06 - drop), (1.0 + length * 0.5, -half * 0.36 - 0.06),
            (0.90, -half * 0.58),
        ])  # fmt: skip

    @property
    def eye(self) -> Points:
        """float64[2], the middle of the eye."""
        centre: Points = self.head([(0.42, 0.16)])[0]
        return centre

    def feet(self) -> Points:
        """float64[2, 2], where the legs leave the body."""
        if self.build.perch == "trunk":
            return self.trunk([(0.25, -0.9), (-0.25, -0.9)])
        return self.trunk([(-0.02, -0.88), (-0.22, -0.86)])

    @property
    def ground(self) -> float:
        """Height of what the bird stands on."""
        return float(self.trunk([(-0.1, -0.95)])[0, 1] - self.build.leg)

    def extent(self) -> Points:
        """float64[2, 2]: lower left and upper right corner of the whole bird."""
        every = np.concatenate([self.body(), self.tail(), self.bill(), self.wing()])
        low = np.minimum(every.min(axis=0), [np.inf, self.ground])
        return np.stack([low, every.max(axis=0)])
