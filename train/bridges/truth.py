"""Truth of synthetic clips: who sings when, and in which part of the picture (truth.csv).

A row a bird: `clip`, `bird`, `species_id`, `off_screen` (0 or 1: heard, never seen), `size`
(SLAVC's class of its largest box: small, medium, large, huge), `songs` (`begin end;...` in
seconds), `boxes` (`time x1 y1 x2 y2;...`: seconds, then shares of width and height; a frame that
has none doesn't show it).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float32s
from edge.contract.errors import DatasetError
from gallery.data.table import read_rows

TRUTH = "truth.csv"
COLUMNS = ("clip", "bird", "species_id", "off_screen", "size", "songs", "boxes")


@dataclass(frozen=True, kw_only=True)
class BirdTruth:
    """One bird of a clip."""

    bird: str
    species_id: str
    off_screen: bool
    """It is heard, and never seen."""
    size: str
    """Class of its largest box; empty off screen."""
    songs: Float32s
    """float32[songs, 2], begin and end in seconds; none of a bird that is silent."""
    boxes: Float32s
    """float32[moments, 5]: time in seconds, x1, y1, x2, y2 as shares of the picture."""

    def sings(self, time_s: float) -> bool:
        """True while it sings."""
        return bool(((self.songs[:, 0] <= time_s) & (time_s < self.songs[:, 1])).any())

    def box(self, time_s: float, period_s: float) -> Float32s | None:
        """Its box, float32[4], in the frame that is shown at a moment; None if it isn't there."""
        shown = (self.boxes[:, 0] <= time_s + 1e-3) & (time_s < self.boxes[:, 0] + period_s - 1e-3)
        found: Float32s = self.boxes[shown]
        return found[-1, 1:] if len(found) else None


@dataclass(frozen=True)
class Truth:
    """Birds of every clip, by its name, and how long a frame is shown."""

    clips: Mapping[str, tuple[BirdTruth, ...]]
    period_s: float

    def birds(self, clip: str) -> tuple[BirdTruth, ...]:
        """All birds of a clip, heard or seen.

        Raises:
            DatasetError: there is no such clip.
        """
        if clip not in self.clips:
            raise DatasetError(f"{TRUTH}: knows no clip {clip!r}")
        return self.clips[clip]

    def boxes(self, clip: str, time_s: float, singing: bool = True) -> Float32s:
        """Boxes in the frame shown at a moment, float32[n, 4] as shares of the picture.

        Args:
            clip: its name.
            time_s: in the clip.
            singing: only of birds that sing at this moment; False gives those that don't.
        """
        found = [
            box
            for bird in self.birds(clip)
            if bird.sings(time_s) == singing
            and (box := bird.box(time_s, self.period_s)) is not None
        ]
        return np.stack(found) if found else np.empty((0, 4), np.float32)

    def species_boxes(self, clip: str, time_s: float, species_id: str) -> Float32s:
        """The same of birds of a species, whether they sing or not."""
        found = [
            box
            for bird in self.birds(clip)
            if bird.species_id == species_id
            and (box := bird.box(time_s, self.period_s)) is not None
        ]
        return np.stack(found) if found else np.empty((0, 4), np.float32)


def read_truth(folder: Path) -> Truth:
    """The truth beside the clips of a synthetic set.

    Raises:
        DatasetError: there is none, or it holds what is no number.
    """
    clips: dict[str, list[BirdTruth]] = {}
    for row in read_rows(folder / TRUTH, COLUMNS):
        try:
            clips.setdefault(row["clip"], []).append(_bird(row))
        except ValueError as error:
            raise DatasetError(f"{folder / TRUTH}: clip {row['clip']}: {error}") from error
    moments = {float(t) for birds in clips.values() for bird in birds for t in bird.boxes[:, 0]}
    gaps = np.diff(sorted(moments))
    return Truth({name: tuple(birds) for name, birds in clips.items()}, float(min(gaps, default=1)))


def _bird(row: Mapping[str, str]) -> BirdTruth:
    return BirdTruth(
        bird=row["bird"],
        species_id=row["species_id"],
        off_screen=row["off_screen"] == "1",
        size=row["size"],
        songs=_numbers(row["songs"], 2),
        boxes=_numbers(row["boxes"], 5),
    )


def _numbers(text: str, columns: int) -> Float32s:
    """float32[rows, columns] of `a b;c d`; raises ValueError for anything else."""
    rows = [[float(number) for number in part.split()] for part in text.split(";") if part]
    if any(len(row) != columns for row in rows):
        raise ValueError(f"expected {columns} numbers between semicolons, found {text[:40]!r}")
    return np.array(rows, np.float32).reshape(-1, columns)
