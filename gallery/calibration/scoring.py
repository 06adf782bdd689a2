"""Scores of embedded recordings over a bundle's species sets, by pictures or by pictures and names.

What `edge.recognition.recognizer` does window by window, for many recordings at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.arrays import Flags, Float16s, Float32s, Places
from edge.contract.bundle import Bundle
from edge.contract.calibration import Weights
from edge.contract.errors import DatasetError
from edge.recognition.encoder import Encoder
from edge.recognition.fusion import Fusion
from edge.recognition.search import Search
from gallery.calibration.threshold import ScoredWindows

Scored = dict[str, ScoredWindows]
"""By species set."""
WEIGHTS = tuple(Weights(1 - share, share) for share in (0.5, 0.75, 0.25, 1.0, 0.0))
"""Of pictures and names; of equally good ones the first is taken."""


@dataclass(frozen=True)
class ScoringModel:
    """A bundle, one of its encoders, and background as it hears it."""

    bundle: Bundle
    encoder: Encoder
    bank: Float16s


@dataclass(frozen=True)
class EmbeddedRecordings:
    """Windows of some recordings."""

    model: ScoringModel
    species_ids: tuple[frozenset[str], ...]
    """The species in each recording."""
    embeddings: Float32s
    """float32[windows, dim]."""
    owners: Places
    """int[windows]: the recording."""
    audible: Flags
    """bool[windows]: the gate lets it pass."""
    starts: Places
    """int[windows]: samples since the recording's start."""
    mixed: bool = False
    """Two birds at a time."""

    def windows(self, score: Float32s, ids: Sequence[str]) -> ScoredWindows:
        """With their scores, float32[windows, species]."""
        place = {species: n for n, species in enumerate(ids)}
        present = np.zeros((len(self.species_ids), len(ids)), bool)
        for recording, names in enumerate(self.species_ids):
            present[recording, [place[name] for name in names if name in place]] = True
        background = np.array([not names for names in self.species_ids])
        mixed = np.full(len(self.owners), self.mixed)
        spec = self.model.bundle.manifest.audio
        return ScoredWindows(
            score=score,
            present=present[self.owners],
            recording=self.owners,
            mixed=mixed,
            background=background[self.owners],
            audible=self.audible,
            start=self.starts,
            spec=spec,
        )


def score(part: EmbeddedRecordings, target: Bundle, weights: Weights | None) -> Scored:
    """The windows over each of the target's species sets; without weights by pictures alone."""
    found = _by_pictures(part, target) if weights is None else _fused(part, target, weights)
    return dict(found)


def _by_pictures(part: EmbeddedRecordings, target: Bundle) -> Iterator[tuple[str, ScoredWindows]]:
    gallery, top = part.model.bundle.gallery, part.model.bundle.manifest.top_pictures
    for name in target.manifest.species_sets:
        search = Search(gallery, target.species_ids(name), top, part.model.bank)
        found = search.scores(part.embeddings).score
        yield name, part.windows(found, search.species_ids)


def _fused(
    part: EmbeddedRecordings, target: Bundle, weights: Weights
) -> Iterator[tuple[str, ScoredWindows]]:
    """A window in which a species outside the set scores best passes for nobody in it."""
    fusion = _fusion(part.model, target.taxonomy.ids, weights)
    whole = fusion.scores(part.embeddings).score
    best = whole.max(axis=1)
    place = {species: n for n, species in enumerate(fusion.species_ids)}
    for name in target.manifest.species_sets:
        ids = [species for species in target.species_ids(name) if species in place]
        found = whole[:, [place[species] for species in ids]]
        first = replace(part, audible=part.audible & (found.max(axis=1) >= best))
        yield name, first.windows(found, ids)


def _fusion(model: ScoringModel, ids: Sequence[str], weights: Weights) -> Fusion:
    bundle = model.bundle
    if bundle.anchors is None:
        raise DatasetError(f"{bundle.path}: has no text anchors; calibrate without --fuse")
    top = bundle.manifest.top_pictures
    return Fusion(
        gallery=bundle.gallery,
        species_ids=ids,
        top_pictures=top,
        weights=weights,
        anchors=bundle.anchors_by_id,
        background=model.bank,
    )
