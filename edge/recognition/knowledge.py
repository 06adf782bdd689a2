"""Knowledge of the species: the bundle's evidence, and what the station has learnt of its own."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np

from edge.contract.arrays import Flags, Float16s, Float32s, Float64s, Floats, Places
from edge.contract.bundle import Bundle
from edge.contract.calibration import Calibration
from edge.recognition.background import BackgroundBank, thinned
from edge.recognition.doubts import default_threshold
from edge.recognition.fusion import Fusion
from edge.recognition.overlay import Learnt
from edge.recognition.prototypes import ScoreOfLikeness
from edge.recognition.rejects import LIKELY, Rejects
from edge.recognition.search import Search
from edge.recognition.sounds import SoundSpace


@dataclass(frozen=True)
class Heard:
    """Windows as they were recognised; the score fields are per chosen species."""

    score: Float32s
    """float32[batch, species]."""
    similarity: Float32s
    probability: Float64s | None
    """None when the bundle isn't calibrated."""
    doubt: Float64s | None
    """float64[batch, species]: that it is a sound which a person has rejected; None without any."""
    rivals: Places
    """int[batch]: place, among those that are searched, of a species outside the chosen ones that
    is nearer than any of them; -1 without one."""

    likeliest: Floats
    """float[batch]: confidence in the best of all names that the bundle knows."""

    @property
    def is_rejected(self) -> Flags:
        """bool[batch]: a sound that no species is reported in."""
        if self.doubt is None:
            return np.zeros(len(self.score), bool)
        return np.asarray(self.doubt.min(axis=1) >= LIKELY)


class Knowledge:
    """Search, chosen species and rejected sounds of one moment; learning makes another.

    Args:
        bundle: with gallery and anchors.
        chosen: ids of the species to choose from; those of which nothing is known are left out.
        calibration: says how evidence is weighted.
        background: float16[m, dim] embeddings of windows without a bird, as shipped, or None.
        learnt: by the station.
        silence: float32[dim], the embedding of a mute window; None: not known.

    Raises:
        BundleError: nothing is known of any of the chosen species.
    """

    def __init__(
        self,
        *,
        bundle: Bundle,
        chosen: Sequence[str],
        calibration: Calibration | None,
        background: Float16s | None,
        learnt: Learnt,
        silence: Float32s | None = None,
    ) -> None:
        self.sounds, self._calibration = sound_space(bundle, calibration, silence), calibration
        self.search = _open_search(
            bundle,
            chosen=chosen,
            calibration=calibration,
            bank=background,
            exemplars=learnt.exemplars,
            scale=_scale(calibration, self.sounds),
        )
        place = {species: n for n, species in enumerate(self.search.species_ids)}
        self.species_ids = [species for species in chosen if species in place]
        """Stays, whatever is learnt: records count on its order."""
        self.columns: Places = np.array([place[species] for species in self.species_ids], np.intp)
        """Places of the chosen species among those that are searched."""
        self._shipped = BackgroundBank(background)
        self._own: Float16s | None = None
        self._learn(learnt, gently=False)

    def taught(self, learnt: Learnt) -> "Knowledge":
        """The same species, with what the station knows now, made beside inference."""
        other = copy(self)
        other._learn(learnt, gently=True)
        return other

    def hear(
        self,
        embeddings: Float32s,
        sounds: Float32s,
        weigh: Callable[[Float64s], Float64s] | None = None,
    ) -> Heard:
        """Recognise windows.

        Args:
            embeddings: float32[batch, dim], unit rows.
            sounds: float32[batch, sound_dim] of `sounds`.
            weigh: what is expected here and now, on probabilities; None expects nothing.
        """
        found = self.search.scores(embeddings, sounds)
        score, similarity = (part[:, self.columns] for part in (found.score, found.similarity))
        probability = None if self._calibration is None else self._calibration.probability(score)
        if probability is not None and weigh is not None:
            probability = weigh(probability)
        doubt = self._rejects.doubt(sounds, len(self.species_ids))
        if doubt is not None and probability is not None:
            probability = np.where(doubt >= LIKELY, probability * (1 - doubt), probability)
        elif doubt is not None:
            similarity = np.where(doubt >= LIKELY, np.float32(0), similarity)
        first, best = found.score.argmax(axis=1), found.score.max(axis=1)
        likeliest: Floats = found.similarity.max(axis=1)
        if self._calibration is not None:
            likeliest = self._calibration.probability(best)
        return Heard(
            score=score,
            similarity=similarity,
            probability=probability,
            doubt=doubt,
            rivals=np.where(best > score.max(axis=1), first, -1),
            likeliest=likeliest,
        )

    def recall(self, bundle: Bundle) -> tuple[int, int] | None:
        """Chosen species that their own names tell, and all of those with a name; None without any.

        The anchor of a name, as if it were a window, is the surest that an encoder may hear of it.
        """
        anchors = bundle.anchors_by_id
        named = [n for n, species in enumerate(self.species_ids) if species in anchors]
        if not named:
            return None
        rows = np.stack([anchors[self.species_ids[n]] for n in named]).astype(np.float32)
        silent = np.zeros((len(rows), bundle.manifest.sound_dim), np.float32)
        heard = self.hear(rows, silent)
        sure = heard.similarity if heard.probability is None else heard.probability
        told = sure[np.arange(len(named)), named] >= default_threshold(self._calibration)
        return int((told & (heard.rivals < 0)).sum()), len(named)

    def _learn(self, learnt: Learnt, gently: bool) -> None:
        own, bank = None if learnt.background is None else thinned(learnt.background), None
        if not _same(own, self._own):
            self._own, bank = own, BackgroundBank(own, beside=self._shipped, gently=gently)
        self.search = self.search.taught(learnt.exemplars, bank)
        likeness = self._calibration.rejects if self._calibration else None
        self._rejects = Rejects(
            self.species_ids,
            rejected=learnt.rejected,
            mistaken=learnt.mistaken,
            exemplars=learnt.exemplars,
            likeness=likeness,
        )


def sound_space(
    bundle: Bundle, calibration: Calibration | None, silence: Float32s | None
) -> SoundSpace:
    """The space in which a bundle's sounds are compared; a map of likeness knows silence itself."""
    mapped = calibration is not None and calibration.exemplars is not None
    return SoundSpace(bundle.features(), None if mapped else silence)


def _same(one: Float16s | None, other: Float16s | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def _scale(calibration: Calibration | None, sounds: SoundSpace) -> ScoreOfLikeness | None:
    """The score whose probability is that of a likeness; a bundle of features needs its map."""
    likeness = calibration.exemplars if calibration else None
    if calibration is not None and likeness is not None:
        scores = calibration.score(np.array(likeness.probabilities))
        return lambda cosine: np.interp(cosine, likeness.cosines, scores)
    return _nothing if sounds.is_of_features else None


def _nothing(cosine: Float32s) -> Float32s:
    return np.full_like(cosine, -np.inf)


def _open_search(
    bundle: Bundle,
    chosen: Sequence[str],
    calibration: Calibration | None,
    bank: Float16s | None,
    exemplars: Mapping[str, Float16s],
    scale: ScoreOfLikeness | None,
) -> Search | Fusion:
    """The search of a bundle: the chosen species, or all names if it was calibrated so.

    Without weights in the calibration it is by pictures alone.
    """
    top = bundle.manifest.top_pictures
    anchors = bundle.anchors_by_id
    weights = calibration.weights if calibration else None
    if weights is None:
        return Search(
            bundle.gallery,
            chosen,
            top_pictures=top,
            background=bank,
            anchors=anchors,
            exemplars=exemplars,
            scale=scale,
        )
    return Fusion(
        gallery=bundle.gallery,
        species_ids=bundle.taxonomy.ids,
        top_pictures=top,
        weights=weights,
        anchors=anchors,
        background=bank,
        exemplars=exemplars,
        scale=scale,
    )
