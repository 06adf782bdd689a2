"""What one window is like: gate, encoder, search and calibration, in that order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge import clock
from edge.contract.bundle import Bundle
from edge.contract.calibration import Calibration
from edge.contract.gallery import GalleryRow
from edge.contract.taxonomy import Species
from edge.decision.occurrence import Occurrence, weighed
from edge.encoder import Encoder, choose_precision, open_encoder
from edge.gate import GateConfig, GateVerdict, judge
from edge.search import Search
from edge.session import Running
from edge.source.framing import Window


@dataclass(frozen=True)
class Heard:
    """One window as it was heard; the score fields are per species, in `Hearing.species`."""

    start_sample: int
    """Of the window, at the encoder's rate."""
    score: npt.NDArray[np.float32]
    similarity: npt.NDArray[np.float32]
    probability: npt.NDArray[np.float64] | None
    """None when the bundle isn't calibrated."""
    embedding: npt.NDArray[np.float32]
    """float32[dim], of length 1."""

    @property
    def confidence(self) -> npt.NDArray[np.floating]:
        """What the threshold is compared with: probability, or cosine if not calibrated."""
        return self.similarity if self.probability is None else self.probability


class Hearing:
    """A bundle made ready to hear.

    Args:
        bundle: the bundle.
        precision: `auto` or one that the bundle ships.
        running: how the encoder is run.
        species_set: name of a species set, for the calibration.
        species_ids: the species to choose from.
        occurrence: how often they are met at the station.
        live: hears what sounds now; a recording may be of any time of the year.

    Raises:
        BirdlistenError: bundle, precision or provider can't be used.
    """

    def __init__(
        self,
        bundle: Bundle,
        precision: str = "auto",
        running: Running | None = None,
        species_set: str | None = None,
        species_ids: Sequence[str] | None = None,
        occurrence: Occurrence | None = None,
        live: bool = False,
    ) -> None:
        self.bundle = bundle
        running = running or Running()
        self.precision = choose_precision(bundle, precision, running.provider)
        self.species_set = species_set or bundle.manifest.default_species_set
        self._encoder: Encoder = open_encoder(bundle, self.precision, running)
        ids = species_ids or bundle.species_ids(self.species_set)
        background = bundle.background(self.precision)
        self._search = Search(bundle.gallery, ids, bundle.manifest.top_pictures, background)
        self.calibration: Calibration | None = bundle.calibrated(self.precision, self.species_set)
        self._gate = GateConfig()
        self._occurrence, self._live = occurrence, live

    @property
    def provider(self) -> str:
        """The onnxruntime provider that is really in use."""
        return self._encoder.provider

    @property
    def species(self) -> list[Species]:
        """The species that can be heard, in the order of the score fields."""
        table = self.bundle.taxonomy.by_id()
        return [table[one] for one in self._search.species_ids]

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        """Score windows; which of them are worth it is for `judge` to say."""
        samples = np.stack([window.samples for window in windows])
        embeddings = self._encoder.encode(samples)
        scores = self._search.scores(embeddings)
        probability = self._probability(scores.score)
        return [
            Heard(
                window.start_sample,
                scores.score[n],
                scores.similarity[n],
                None if probability is None else probability[n],
                embeddings[n],
            )
            for n, window in enumerate(windows)
        ]

    def _probability(self, score: npt.NDArray[np.float32]) -> npt.NDArray[np.float64] | None:
        if self.calibration is None:
            return None
        probability = self.calibration.probability(score)
        if self._occurrence is None:
            return probability
        moment = clock.year_share() if self._live else None
        return weighed(probability, self._occurrence.odds(self._search.species_ids, moment))

    def judge(self, window: Window) -> GateVerdict:
        """What the gate says of a window, at a small part of the encoder's cost."""
        return judge(window.samples, self._gate)

    def nearest(self, heard: Heard, species: int, count: int) -> list[tuple[GalleryRow, float]]:
        """The pictures of a species nearest to a window, with their cosine, best first."""
        best = self._search.best_rows(heard.embedding, species, count)
        return [(self.bundle.gallery.table[row], similarity) for row, similarity in best]
