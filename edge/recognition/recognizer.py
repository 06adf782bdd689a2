"""Recognition of a window: gate, encoder, search and calibration."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.arrays import Float32s, Float64s, Floats
from edge.contract.bundle import Bundle
from edge.contract.errors import BundleError
from edge.contract.gallery import GalleryRow
from edge.contract.taxonomy import Species
from edge.decision.occurrence import Occurrence, season, weighed
from edge.dsp.gate import GateConfig, GateVerdict, judge
from edge.recognition.doubts import default_threshold, usable_calibration
from edge.recognition.encoder import BATCH, Encoder, choose_precision, open_encoder
from edge.recognition.knowledge import Knowledge
from edge.recognition.learner import Learner
from edge.recognition.overlay import Learnt, Overlay
from edge.recognition.runtime import RuntimeOptions
from edge.source.framing import Window
from edge.system.throttle import RateLimitedLog

_NO_NUMBERS = RateLimitedLog(logging.getLogger(__name__), logging.ERROR)
_TOP, _PICTURES = 5, 3
"""Species and pictures of a match."""
_BIRDLIKE = 0.5
"""Share of the default threshold from which a window is no background."""
_PATIENCE_S = 0.02
"""How long a live source may be held up by learning; the rest is done beside inference."""


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
    sound: Float32s
    """float32[sound_dim], of length 1: tells sounds apart; the embedding itself, if that does."""
    rejected: bool = False
    """It sounds like what a person has rejected here."""
    rival: Species | None = None
    """Outside the chosen species, and more like the window than any of them."""
    sounds_like_a_bird: bool = False
    """Nearly sure of one of all the names that the bundle knows."""

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
        live: hears what sounds now; of a recording the time of the year is given, or not known.
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
        self.calibration = usable_calibration(bundle, self.precision, self.species_set)
        self._known = Knowledge(
            bundle=bundle,
            chosen=species_ids or bundle.species_ids(self.species_set),
            calibration=self.calibration,
            background=bundle.background(self.precision),
            learnt=Learnt() if overlay is None else overlay.load(),
            silence=self._encoder.silence,
        )
        self._ids = self._known.species_ids
        if not self._ids:
            raise BundleError(f"{bundle.path}: knows nothing of any of the chosen species")
        self._table = bundle.taxonomy.by_id()
        self.species: list[Species] = [self._table[species_id] for species_id in self._ids]
        """Those that can be heard, in the order of the score fields."""
        self._gate = GateConfig(sample_rate_hz=bundle.manifest.audio.sample_rate_hz)
        self._occurrence, self._live = occurrence, live
        self._birdlike = _BIRDLIKE * default_threshold(self.calibration)
        self._learner: Learner[Knowledge] | None = None
        if overlay is not None:
            self._learner = Learner(
                changed=overlay.changed,
                learn=lambda known: known.taught(overlay.load()),
                known=self._known,
                patience_s=_PATIENCE_S if live else None,
            )

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
        """Take up what the station has learnt since; a live source is hardly held up by it."""
        if self._learner is not None:
            self._known = self._learner.newest() or self._known

    def recall(self, learnt: Learnt) -> str | None:
        """Count of the species that their names tell with what was learnt; None without names."""
        found = self._known.taught(learnt).recall(self.bundle)
        return None if found is None else "{} of {}".format(*found)

    def warm_up(self) -> None:
        """Run the encoder once, so that the first bird finds it ready."""
        spec = self.bundle.manifest.audio
        self._encoder.encode(np.zeros((1, spec.window_samples), np.float32))

    def score(
        self, windows: Sequence[Window], year_share: float | None = None
    ) -> list[WindowScores]:
        """Score windows; which of them are worth it is for `judge` to say.

        Args:
            windows: as they are heard.
            year_share: when in the year a recording was made; a live source knows it itself.
        """
        embeddings, features = self._heard(windows)
        sounds = self._known.sounds.of(embeddings, features)
        starts = [window.start_sample for window in windows]
        return self._scored(embeddings, sounds, starts, year_share)

    def scores_of(
        self, embeddings: Float32s, starts: Sequence[int], year_share: float | None = None
    ) -> list[WindowScores]:
        """Scores of windows that were encoded before.

        Args:
            embeddings: float32[windows, dim], by this encoder.
            starts: of the windows, in samples at the encoder's rate.
            year_share: as in `score`.
        """
        return self._scored(embeddings, self._known.sounds.of(embeddings, None), starts, year_share)

    def _heard(self, windows: Sequence[Window]) -> tuple[Float32s, Float32s | None]:
        """Embeddings of windows, and the features that the bundle compares sounds by."""
        heard = [
            self._encoder.hear(np.stack([window.samples for window in windows[n : n + BATCH]]))
            for n in range(0, len(windows), BATCH)
        ]
        inner = [told for _, told in heard if told is not None]
        embeddings = _finite(np.concatenate([encoded for encoded, _ in heard]))
        return embeddings, np.concatenate(inner) if inner else None

    def _scored(
        self,
        embeddings: Float32s,
        sounds: Float32s,
        starts: Sequence[int],
        year_share: float | None,
    ) -> list[WindowScores]:
        known = self._known
        heard = known.hear(embeddings, sounds, lambda sure: self._weighed(sure, year_share))
        rejected, names = heard.is_rejected, known.search.species_ids
        rows = list(embeddings)
        heard_as = rows if sounds is embeddings else list(sounds)
        return [
            WindowScores(
                start_sample=start,
                score=heard.score[n],
                similarity=heard.similarity[n],
                probability=None if heard.probability is None else heard.probability[n],
                embedding=rows[n],
                sound=heard_as[n],
                rejected=bool(rejected[n]),
                sounds_like_a_bird=bool(heard.likeliest[n] >= self._birdlike),
                rival=None if heard.rivals[n] < 0 else self._table[names[heard.rivals[n]]],
            )
            for n, start in enumerate(starts)
        ]

    def _weighed(self, probability: Float64s, year_share: float | None) -> Float64s:
        """By how often each species is met at this time of the year."""
        if self._occurrence is None:
            return probability
        moment = season() if self._live else year_share
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
        column = int(self._known.columns[species])
        rows = self._known.search.best_rows(scores.embedding, column, _PICTURES)
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


def _finite(embeddings: Float32s) -> Float32s:
    """A window that the encoder makes no sense of is near to nothing."""
    good = np.isfinite(embeddings).all(axis=1, keepdims=True)
    if good.all():
        return embeddings
    _NO_NUMBERS(f"the encoder gave no numbers for {(~good).sum()} windows; try --precision fp32")
    return np.where(good, embeddings, np.float32(0))
