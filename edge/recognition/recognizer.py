"""Recognition of a window: gate, encoder, search and calibration."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.arrays import Float16s, Float32s, Float64s, Floats, Places
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
_TOP, _PICTURES = 5, 3
"""Species and pictures of a match."""


@dataclass(frozen=True)
class WindowScores:
    """One window as it was heard; the score fields are per species, in `Recognizer.species`."""

    start_sample: int
    """Of the window, at the encoder's rate."""
    score: Float32s
    similarity: Float32s
    probability: Float64s | None
    """None when the bundle isn't calibrated."""
    embedding: Float32s
    """float32[dim], of length 1."""
    rejected: bool = False
    """It sounds like what a person has rejected here."""
    rival: Species | None = None
    """Outside the chosen species, and more like the window than any of them."""

    @property
    def confidence(self) -> Floats:
        """Number that the threshold is compared with: probability, or cosine if not calibrated."""
        return self.similarity if self.probability is None else self.probability

    def sure(self, species: int) -> float | None:
        """Probability of a species, rounded; None when the bundle isn't calibrated."""
        return None if self.probability is None else round(float(self.probability[species]), 4)


@dataclass(frozen=True, kw_only=True)
class Match:
    """A species in a window, as a record shows it; figures are rounded."""

    species: Species
    score: float
    similarity: float
    probability: float | None
    pictures: list[tuple[GalleryRow, float]]
    """Those nearest to the window, with their cosine, best first."""
    best: list[tuple[Species, float, float | None]]
    """The species of the window with score and probability, best first."""


@dataclass(frozen=True)
class Identity:
    """Identity of the model that is in use."""

    bundle: str
    model_id: str
    precision: str
    provider: str
    """The onnxruntime provider that is really in use."""


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
        self._rejected: Float32s | None = None
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

    @property
    def identity(self) -> Identity:
        """Identity of the model, for the records."""
        manifest = self.bundle.manifest
        return Identity(manifest.name, manifest.model_id, self.precision, self.provider)

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
        return open_search(
            self.bundle,
            chosen=self._ids,
            calibration=self.calibration,
            bank=bank,
            exemplars=learnt.exemplars,
        )

    def _chosen_columns(self) -> Places:
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
                start_sample=window.start_sample,
                score=chosen[n],
                similarity=similarity[n],
                probability=None if probability is None else probability[n],
                embedding=embeddings[n],
                rejected=self._was_rejected(embeddings[n]),
                rival=self._rival(scores.score[n], float(chosen[n].max())),
            )
            for n, window in enumerate(windows)
        ]

    def _rival(self, score: Float32s, best: float) -> Species | None:
        """The species outside the chosen ones that a window is more like than any of them."""
        first = int(score.argmax())
        if score[first] <= best:
            return None
        return self._table[self._search.species_ids[first]]

    def _was_rejected(self, embedding: Float32s) -> bool:
        rejected = self._rejected
        return rejected is not None and bool((rejected @ embedding).max() >= LIKENESS)

    def _probability(self, score: Float32s) -> Float64s | None:
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

    def match(self, scores: WindowScores, species: int) -> Match:
        """A species in a window, with its nearest pictures and the best species beside it.

        Args:
            scores: of the window.
            species: place in the score fields.
        """
        column = int(self._columns[species])
        rows = self._search.best_rows(scores.embedding, column, _PICTURES)
        order = np.argsort(-scores.score, kind="stable")[:_TOP]
        return Match(
            species=self.species[species],
            score=round(float(scores.score[species]), 4),
            similarity=round(float(scores.similarity[species]), 4),
            probability=scores.sure(species),
            pictures=[(self.bundle.gallery.table[row], cosine) for row, cosine in rows],
            best=[
                (self.species[n], round(float(scores.score[n]), 4), scores.sure(n)) for n in order
            ],
        )


def open_search(
    bundle: Bundle,
    chosen: Sequence[str],
    calibration: Calibration | None,
    bank: Float16s | None,
    exemplars: Mapping[str, Float16s] | None = None,
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
    anchors = bundle.anchors_by_id
    weights = calibration.weights if calibration else None
    if weights is None:
        return Search(bundle.gallery, chosen, top, bank, anchors=anchors, exemplars=exemplars)
    return Fusion(
        gallery=bundle.gallery,
        species_ids=bundle.taxonomy.ids,
        top_pictures=top,
        weights=weights,
        anchors=anchors,
        background=bank,
        exemplars=exemplars,
    )


def _finite(embeddings: Float32s) -> Float32s:
    """A window that the encoder makes no sense of is near to nothing."""
    good = np.isfinite(embeddings).all(axis=1, keepdims=True)
    if good.all():
        return embeddings
    _LOG.error("the encoder gave no numbers for %d windows; try --precision fp32", (~good).sum())
    return np.where(good, embeddings, np.float32(0))
