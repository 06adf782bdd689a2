"""Likeness of sounds: the axes that tell them apart, and maps from cosine to probability.

An exemplar's map says how sure a species is by its likeness to one confirmed recording, by windows
of other recordists; a reject's how sure it is that a window is the sound which was rejected.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.arrays import Flags, Float16s, Float32s, Floats, Places
from edge.contract.bundle import Bundle
from edge.contract.calibration import Calibration, LikenessMap
from edge.contract.errors import DatasetError
from gallery.calibration.fit import isotonic_knots

AXES = 64
_WHITENED = 0.25
"""Power of the variances that axes are divided by: between none and all."""
_ROUNDS, _LEAST = 5, 4
"""Draws of exemplars; windows of a recording that is cut in two."""
_OTHERS = 10
"""Windows of other sounds for one of the rejected: a prior, for no recording tells it."""


@dataclass(frozen=True)
class SoundWindows:
    """Windows that pass the gate, by their sounds."""

    sounds: Float32s
    """float32[windows, sound_dim], unit rows."""
    owners: Places
    """int[windows]: the recording."""
    species: Sequence[str]
    """Of each recording; empty of background."""
    authors: Sequence[str]


def lay_axes(features: Float32s, axes: int = AXES) -> Float16s:
    """Mean of features and their principal components, scaled: float16[1 + axes, width].

    Raises:
        DatasetError: there are fewer windows than axes.
    """
    if len(features) <= axes:
        raise DatasetError(f"{len(features)} windows, expected more than {axes}; add recordings")
    mean = features.mean(axis=0, dtype=np.float64)
    variances, vectors = np.linalg.eigh(np.cov((features - mean).T))
    best = np.argsort(-variances)[:axes]
    scaled = vectors[:, best] / np.maximum(variances[best], 1e-9) ** _WHITENED
    return np.concatenate([mean[None], scaled.T]).astype(np.float16)


def fit_exemplars(windows: SoundWindows, seed: int = 0) -> LikenessMap:
    """P(the species is there | cosine with the mean of one recording of it, by another recordist).

    Raises:
        DatasetError: no species has recordings by two recordists.
    """
    random, cosines, present = np.random.default_rng(seed), list[Floats](), list[Flags]()
    species = np.array(windows.species)[windows.owners]
    authors = np.array(windows.authors)[windows.owners]
    for name in sorted({*windows.species} - {""}):
        known = sorted({*authors[species == name]})
        for _ in range(_ROUNDS if len(known) > 1 else 0):
            author = random.choice(known)
            own = np.unique(windows.owners[(species == name) & (authors == author)])
            prototype = windows.sounds[windows.owners == random.choice(own)].mean(axis=0)
            cosine = windows.sounds @ (prototype / max(np.linalg.norm(prototype), 1e-6))
            tested = authors != author
            cosines.append(cosine[tested])
            present.append(species[tested] == name)
    return _fit(cosines, present, "recordings of a species by two recordists")


def fit_rejects(windows: SoundWindows, seed: int = 0) -> LikenessMap:
    """P(it is the rejected sound | cosine with the nearest window of a rejected record).

    A recording's first half is the record, its second is the same sound; all by others is another.

    Raises:
        DatasetError: no recording is long enough.
    """
    random, cosines, present = np.random.default_rng(seed), list[Floats](), list[Flags]()
    authors = np.array(windows.authors)[windows.owners]
    for owner in np.unique(windows.owners):
        (own,) = np.nonzero(windows.owners == owner)
        (others,) = np.nonzero(authors != windows.authors[owner])
        if len(own) < _LEAST or not len(others):
            continue
        record, rest = own[: len(own) // 2], own[len(own) // 2 + 1 :]
        drawn = random.choice(others, _OTHERS * len(rest))
        nearest = (windows.sounds[[*rest, *drawn]] @ windows.sounds[record].T).max(axis=1)
        cosines.append(nearest)
        present.append(np.arange(len(nearest)) < len(rest))
    return _fit(cosines, present, "recordings of two recordists, of some windows each")


def with_maps(
    calibration: Calibration, exemplars: LikenessMap | None, rejects: LikenessMap | None
) -> Calibration:
    """The calibration with those maps that are given."""
    return replace(
        calibration,
        exemplars=exemplars or calibration.exemplars,
        rejects=rejects or calibration.rejects,
    )


def kept_maps(bundle: Bundle, precision: str, name: str, found: Calibration) -> Calibration:
    """A new calibration with the maps that its bundle has: they don't depend on it."""
    before = bundle.calibrated(precision, name)
    return found if before is None else with_maps(found, before.exemplars, before.rejects)


def _fit(cosines: list[Floats], present: list[Flags], expected: str) -> LikenessMap:
    held = np.concatenate(present) if present else np.zeros(0, bool)
    if not held.any() or held.all():
        raise DatasetError(f"the maps of likeness need {expected}; add some")
    knots = isotonic_knots(np.concatenate(cosines), held)
    cosine, probability = (tuple(map(float, part)) for part in knots)
    return LikenessMap(cosine, probability)
