"""Recognition of a window: gate, encoder, search and calibration."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.contract.bundle import Bundle
from edge.contract.calibration import Calibration
from edge.contract.errors import BundleError
from edge.contract.gallery import GalleryRow
from edge.contract.taxonomy import Species
from edge.decision.occurrence import Occurrence, weighed
from edge.dsp.gate import GateConfig, GateVerdict, judge
from edge.recognition.encoder import Encoder, choose_precision, open_encoder
from edge.recognition.fusion import Fusion
from edge.recognition.overlay import Learnt, Overlay
from edge.recognition.runtime import RuntimeOptions
from edge.recognition.search import Search
from edge.source.framing import Window
from edge.system import clock

_LOG = logging.getLogger(__name__)
LIKENESS = 0.9
"""Cosine from which two windows are of one sound: half of the windows of one recording are that
near to each other, and one in a hundred of those of others (the starter's encoder, real birds)."""


@dataclass(frozen=True)
class WindowScores:
    """One window as it was heard; the score fields are per species, in `Recognizer.species`."""

    start_sample: int
    """Of the window, at the encoder's rate."""
    score: npt.NDArray[np.float32]
    similarity: npt.NDArray[np.float32]
    probability: npt.NDArray[np.float64] | None
    """None when the bundle isn't calibrated."""
    embedding: npt.NDArray[np.float32]
    """float32[dim], of length 1."""
    rejected: bool = False
    """It sounds like what a person has rejected here."""
    rival: Species | None = None
    """Outside the chosen species, and more like the window than any of them."""

    @property
    def confidence(self) -> npt.NDArray[np.floating]:
        """Number that the threshold is compared with: probability, or cosine if not calibrated."""
        return self.similarity if self.probability is None else self.probability


class Recognizer:
    """A bundle made ready to hear.

    Args:
        bundle: the bundle.
        precision: `auto` or one that the bundle ships.
        runtime: how the encoder is run.
        species_set: name of a species set, for the calibration.
        species_ids: the species to choose from.
        occurrence: how often they are met at the station.
        live: hears what sounds now; a recording may be of any time of the year.
        overlay: what the station has learnt of its own.

    Raises:
        BirdlistenError: bundle, precision or provider can't be used.
    """

    def __init__(
        self,
        bundle: Bundle,
        precision: str = "auto",
        runtime: RuntimeOptions | None = None,
        species_set: str | None = None,
        species_ids: Sequence[str] | None = None,
        occurrence: Occurrence | None = None,
        live: bool = False,
        overlay: Overlay | None = None,
    ) -> None:
        self.bundle = bundle
        runtime = runtime or RuntimeOptions()
        self.precision = choose_precision(bundle, precision, runtime.provider)
        self.species_set = species_set or bundle.manifest.default_species_set
        self._encoder: Encoder = open_encoder(bundle, self.precision, runtime)
        self._ids: Sequence[str] = species_ids or bundle.species_ids(self.species_set)
        self._overlay = overlay
        self.calibration: Calibration | None = bundle.calibrated(self.precision, self.species_set)
        self._rejected: npt.NDArray[np.float32] | None = None
        self._search = self._searched()
        known = set(self._search.species_ids)
        self._ids = [
            species_id for species_id in self._ids if species_id in known
        ]  # stays: records count on its order
        if not self._ids:
            raise BundleError(f"{bundle.path}: knows nothing of any of the chosen species")
        self._columns = self._chosen_columns()
        self._table = bundle.taxonomy.by_id()
        self.species: list[Species] = [self._table[species_id] for species_id in self._ids]
        """Those that can be heard, in the order of the score fields."""
        self._gate = GateConfig(sample_rate_hz=bundle.manifest.audio.sample_rate_hz)
        self._occurrence, self._live = occurrence, live

    @property
    def provider(self) -> str:
        """The onnxruntime provider that is really in use."""
        return self._encoder.provider

    def refresh(self) -> None:
        """Take up what the station has learnt since; costs nothing if that is nothing."""
        if self._overlay is not None and self._overlay.changed():
            self._search = self._searched()
            self._columns = self._chosen_columns()

    def _searched(self) -> Search | Fusion:
        learnt = Learnt() if self._overlay is None else self._overlay.load()
        shipped = self.bundle.background(self.precision)
        banks = [bank for bank in (shipped, learnt.background) if bank is not None]
        known = learnt.rejected
        self._rejected = None if known is None else known.astype(np.float32)
        bank = np.concatenate(banks) if banks else None
        return open_search(self.bundle, self._ids, self.calibration, bank, learnt.exemplars)

    def _chosen_columns(self) -> npt.NDArray[np.intp]:
        """Places of the chosen species among those that are searched."""
        place = {species: n for n, species in enumerate(self._search.species_ids)}
        return np.array([place[species] for species in self._ids], np.intp)

    def warm_up(self) -> None:
        """Run the encoder once, so that the first bird finds it ready."""
        spec = self.bundle.manifest.audio
        self._encoder.encode(np.zeros((1, spec.window_samples), np.float32))

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Score windows; which of them are worth it is for `judge` to say."""
        samples = np.stack([window.samples for window in windows])
        embeddings = _finite(self._encoder.encode(samples))
        scores = self._search.scores(embeddings)
        chosen, similarity = (
            values[:, self._columns] for values in (scores.score, scores.similarity)
        )
        probability = self._probability(chosen)
        return [
            WindowScores(
                window.start_sample,
                chosen[n],
                similarity[n],
                None if probability is None else probability[n],
                embeddings[n],
                self._was_rejected(embeddings[n]),
                self._rival(scores.score[n], float(chosen[n].max())),
            )
            for n, window in enumerate(windows)
        ]

    def _rival(self, score: npt.NDArray[np.float32], best: float) -> Species | None:
        """The species outside the chosen ones that a window is more like than any of them."""
        first = int(score.argmax())
        if score[first] <= best:
            return None
        return self._table[self._search.species_ids[first]]

    def _was_rejected(self, embedding: npt.NDArray[np.float32]) -> bool:
        rejected = self._rejected
        return rejected is not None and bool((rejected @ embedding).max() >= LIKENESS)

    def _probability(self, score: npt.NDArray[np.float32]) -> npt.NDArray[np.float64] | None:
        if self.calibration is None:
            return None
        probability = self.calibration.probability(score)
        if self._occurrence is None:
            return probability
        moment = clock.year_share() if self._live else None
        return weighed(probability, self._occurrence.odds(self._ids, moment))

    def judge(self, window: Window) -> GateVerdict:
        """Judge a window by itself, at a small part of the encoder's cost."""
        return judge(window.samples, self._gate)

    def nearest(
        self, scores: WindowScores, species: int, count: int
    ) -> list[tuple[GalleryRow, float]]:
        """The pictures of a species nearest to a window, with their cosine, best first."""
        best = self._search.best_rows(scores.embedding, int(self._columns[species]), count)
        return [(self.bundle.gallery.table[row], similarity) for row, similarity in best]


def open_search(
    bundle: Bundle,
    chosen: Sequence[str],
    calibration: Calibration | None,
    bank: npt.NDArray[np.float16] | None,
    exemplars: Mapping[str, npt.NDArray[np.float16]] | None = None,
) -> Search | Fusion:
    """Open the search of a bundle: the chosen species, or all names if it was calibrated so.

    Args:
        bundle: with gallery and anchors.
        chosen: ids of species.
        calibration: says how evidence is weighted; None, or one without weights: by pictures alone.
        bank: float16[m, dim] embeddings of windows without a bird, or None.
        exemplars: confirmed sounds by species id.
    """
    top = bundle.manifest.top_pictures
    known = bundle.taxonomy.ids
    anchors = {} if bundle.anchors is None else dict(zip(known, bundle.anchors, strict=True))
    weights = calibration.weights if calibration else None
    if weights is None:
        return Search(bundle.gallery, chosen, top, bank, anchors=anchors, exemplars=exemplars)
    return Fusion(bundle.gallery, known, top, weights, anchors, bank, exemplars)


def _finite(embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A window that the encoder makes no sense of is near to nothing."""
    good = np.isfinite(embeddings).all(axis=1, keepdims=True)
    if good.all():
        return embeddings
    _LOG.error("the encoder gave no numbers for %d windows; try --precision fp32", (~good).sum())
    return np.where(good, embeddings, np.float32(0))
