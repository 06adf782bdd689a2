"""Scores of embedded recordings over a bundle's species sets, by pictures or by pictures and names.

What `edge.recognition.recognizer` does window by window, for many recordings at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.arrays import Flags, Float16s, Float32s, Places
from edge.contract.bundle import Bundle
from edge.contract.calibration import Weights
from edge.contract.errors import DatasetError
from edge.recognition.encoder import Encoder
from edge.recognition.fusion import Fusion
from edge.recognition.search import Search
from gallery.calibration.row_file import RowFile
from gallery.calibration.scored_windows import ScoredWindows

Scored = dict[str, ScoredWindows]
"""By species set."""
WEIGHTS = tuple(Weights(1 - share, share) for share in (0.5, 0.75, 0.25, 1.0, 0.0))
"""Of pictures and names; of equally good ones the first is taken."""
_AT_ONCE = 512
"""Windows that are scored at a time."""


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
    embeddings: Float32s | RowFile
    """float32[windows, dim]."""
    owners: Places
    """int[windows]: the recording."""
    audible: Flags
    """bool[windows]: the gate lets it pass."""
    starts: Places
    """int[windows]: samples since the recording's start."""
    mixed: bool = False
    """Two birds at a time."""

    def blocks(self) -> Iterator["EmbeddedRecordings"]:
        """They, some windows at a time, with embeddings in memory."""
        for begin in range(0, len(self.owners), _AT_ONCE):
            own = slice(begin, begin + _AT_ONCE)
            yield replace(
                self,
                embeddings=self.embeddings[own],
                owners=self.owners[own],
                audible=self.audible[own],
                starts=self.starts[own],
            )

    def windows(self, score: Float32s, ids: Sequence[str]) -> ScoredWindows:
        """With their scores, float32[windows, species]."""
        place = {species: n for n, species in enumerate(ids)}
        own, row = np.unique(self.owners, return_inverse=True)
        present = np.zeros((len(own), len(ids)), bool)
        for found, recording in zip(present, own, strict=True):
            found[[place[name] for name in self.species_ids[recording] if name in place]] = True
        background = np.array([not names for names in self.species_ids])
        mixed = np.full(len(self.owners), self.mixed)
        spec = self.model.bundle.manifest.audio
        return ScoredWindows(
            score=score,
            present=present[row],
            recording=self.owners,
            mixed=mixed,
            background=background[self.owners],
            audible=self.audible,
            start=self.starts,
            spec=spec,
        )


Scorer = Callable[[EmbeddedRecordings], Scored]


def score(part: EmbeddedRecordings, target: Bundle, weights: Weights | None) -> Scored:
    """The windows over each of the target's species sets; without weights by pictures alone."""
    return scorer(part.model, target, weights)(part)


def scorer(model: ScoringModel, target: Bundle, weights: Weights | None) -> Scorer:
    """Scores what a model has embedded; see `score`."""
    return _by_pictures(model, target) if weights is None else _fused(model, target, weights)


def _by_pictures(model: ScoringModel, target: Bundle) -> Scorer:
    gallery, top = model.bundle.gallery, model.bundle.manifest.top_pictures
    searches = {
        name: Search(gallery, target.species_ids(name), top, model.bank)
        for name in target.manifest.species_sets
    }

    def scored(part: EmbeddedRecordings) -> Scored:
        return {
            name: part.windows(search.scores(part.embeddings[:]).score, search.species_ids)
            for name, search in searches.items()
        }

    return scored


def _fused(model: ScoringModel, target: Bundle, weights: Weights) -> Scorer:
    """A window in which a species outside the set scores best passes for nobody in it."""
    fusion = _fusion(model, target.taxonomy.ids, weights)
    place = {species: n for n, species in enumerate(fusion.species_ids)}
    sets = {
        name: [species for species in target.species_ids(name) if species in place]
        for name in target.manifest.species_sets
    }

    def scored(part: EmbeddedRecordings) -> Scored:
        whole = fusion.scores(part.embeddings[:]).score
        best, found = whole.max(axis=1), Scored()
        for name, ids in sets.items():
            own = whole[:, [place[species] for species in ids]]
            first = replace(part, audible=part.audible & (own.max(axis=1) >= best))
            found[name] = first.windows(own, ids)
        return found

    return scored


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
