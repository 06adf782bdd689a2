"""Fit of a gallery's pictures with their species: by names, and by the species' other pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.contract.arrays import Flags, Float32s, Places
from edge.contract.bundle import Bundle

_PART = 2048
"""Rows that are compared at a time."""
_FEW = 4
"""Pictures from which a species' own can outvote one."""
_FAR = 3.0
"""Robust deviations below the usual likeness to a species' own."""
_BEST_NAMES = 0.05
"""Share of all names among which a picture's own is: at random one in twenty is."""
_LEAST_NAMES = 4
_MAD = 1.4826
"""Deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True, kw_only=True)
class PictureFit:
    """Likeness of each picture to its own species and to others, float32[rows] each."""

    own: Float32s
    """Mean cosine with the species' other pictures; NaN where there are none."""
    other: Float32s
    """The greatest mean cosine with another species' pictures."""
    other_species: Places
    """That species, as a place in the taxonomy."""
    name: Float32s
    """Cosine with the anchor of its own name; NaN in a bundle without anchors."""
    name_rank: Places
    """Names that it is nearer to than its own."""
    congener: Float32s
    """The greatest cosine with the name of another species of its genus; NaN if there is none."""
    outlier: Flags
    """It looks like a picture of something else."""


def picture_fit(bundle: Bundle) -> PictureFit:
    """The fit of all pictures.

    One is an outlier if hardly any name fits less (its own is not among the nearest twentieth), or
    if it is nearer to another species' pictures than to its own, further from these than is usual
    (three robust deviations), and its own name isn't the one that fits best.
    """
    parts = list(_parts(_Sides(bundle)))
    own, other, species, name, rank, congener = map(np.concatenate, zip(*parts, strict=True))
    by_name = rank > max(_LEAST_NAMES, _BEST_NAMES * len(bundle.taxonomy))
    return PictureFit(
        own=own,
        other=other,
        other_species=species,
        name=name,
        name_rank=rank,
        congener=congener,
        outlier=by_name | (_is_far(bundle, own, other) & (np.isnan(name) | (rank > 0))),
    )


class _Sides:
    """Sums of the pictures of each species, and names, in the taxonomy's order."""

    def __init__(self, bundle: Bundle) -> None:
        species = bundle.taxonomy.species
        place = {bird.species_id: n for n, bird in enumerate(species)}
        self.rows = bundle.gallery.rows
        self.labels = np.array([place[row.species_id] for row in bundle.gallery.table], np.intp)
        self.counts = np.bincount(self.labels, minlength=len(species)).astype(np.float32)
        self.sums = np.zeros((len(species), self.rows.shape[1]), np.float32)
        for begin in range(0, len(self.rows), _PART):
            part = slice(begin, begin + _PART)
            np.add.at(self.sums, self.labels[part], self.rows[part].astype(np.float32))
        self.anchors = None if bundle.anchors is None else bundle.anchors.astype(np.float32)
        _, self.genera = np.unique([bird.genus for bird in species], return_inverse=True)


def _parts(sides: _Sides) -> Iterator[tuple[Any, ...]]:
    """The figures of `PictureFit`, of some rows at a time."""
    for begin in range(0, max(len(sides.rows), 1), _PART):
        rows = sides.rows[begin : begin + _PART].astype(np.float32)
        labels, every = sides.labels[begin : begin + _PART], np.arange(len(rows))
        likeness = rows @ sides.sums.T  # [rows, species]
        left = sides.counts[labels] - 1
        own = (likeness[every, labels] - 1) / np.where(left > 0, left, np.nan)
        likeness /= np.maximum(sides.counts, 1)
        likeness[:, sides.counts == 0] = -1
        likeness[every, labels] = -1
        yield own, likeness.max(axis=1), likeness.argmax(axis=1), *_names(sides, rows, labels)


def _names(sides: _Sides, rows: Float32s, labels: Places) -> tuple[Float32s, Places, Float32s]:
    """Cosine with a row's own name, how many are nearer, and the nearest of its genus."""
    none = np.full(len(rows), np.nan, np.float32)
    if sides.anchors is None:
        return none, np.zeros(len(rows), np.intp), none
    cosine = rows @ sides.anchors.T
    name = cosine[np.arange(len(rows)), labels]
    kin = sides.genera == sides.genera[labels][:, None]
    kin[np.arange(len(rows)), labels] = False
    congener = np.where(kin, cosine, -np.inf).max(axis=1)
    nearer = (cosine > name[:, None]).sum(axis=1)
    return name, nearer, np.where(kin.any(axis=1), congener, np.nan).astype(np.float32)


def _is_far(bundle: Bundle, own: Float32s, other: Float32s) -> Flags:
    """True for pictures far from their species' own, and nearer to another's."""
    far = np.zeros(len(own), bool)
    groups = [rows for rows in bundle.gallery.members.values() if len(rows) >= _FEW]
    if not groups:
        return far
    off = [own[rows] - np.median(own[rows]) for rows in groups]
    deviation = _MAD * np.median(np.abs(np.concatenate(off)))
    for rows, distance in zip(groups, off, strict=True):
        far[rows] = (distance < -_FAR * deviation) & (own[rows] < other[rows])
    return far
