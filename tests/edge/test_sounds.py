"""What sounds are compared by, and silence, which is like nothing."""

import numpy as np

from edge.contract.bundle import load_bundle
from edge.contract.calibration import Calibration, LikenessMap
from edge.recognition.knowledge import Knowledge, sound_space
from edge.recognition.overlay import Learnt
from edge.recognition.sounds import SoundSpace
from tests.support.factories import unit_rows

OWL = "strix_aluco"
SILENCE, SONG, OTHER = unit_rows(3, 7).astype(np.float32)
MIXED = (SILENCE + 0.4 * OTHER) / np.linalg.norm(SILENCE + 0.4 * OTHER)
"""Of noise: nearly silence."""


def test_what_cannot_be_told_from_silence_is_like_nothing():
    heard = np.stack([SONG, SILENCE, MIXED])
    found = SoundSpace(None, SILENCE).of(heard, None)
    assert np.array_equal(found, np.stack([SONG, 0 * SILENCE, 0 * MIXED]))
    assert SoundSpace(None).of(heard, None) is heard


def test_a_confirmed_sound_that_holds_silence_lets_no_silence_pass(small_bundle):
    bundle = load_bundle(small_bundle.path)

    def surely_owl(silence):
        space = sound_space(bundle, None, silence)
        record = space.of(np.stack([SONG, SILENCE, SILENCE]), None)
        known = Knowledge(
            bundle=bundle,
            chosen=bundle.taxonomy.ids,
            calibration=None,
            background=None,
            learnt=Learnt({OWL: record.astype(np.float16)}),
            silence=silence,
        )
        windows = np.stack([SONG, SILENCE, MIXED])
        heard = known.hear(windows, known.sounds.of(windows, None))
        return heard.similarity[:, known.species_ids.index(OWL)] > 0.8

    assert surely_owl(SILENCE).tolist() == [True, False, False]
    assert surely_owl(None).tolist() == [False, True, True]


def test_a_map_of_likeness_knows_silence_itself(small_bundle):
    bundle, likeness = load_bundle(small_bundle.path), LikenessMap((0.0, 1.0), (0.0, 1.0))
    mapped = Calibration((0.0, 1.0), (0.0, 1.0), 0.5, exemplars=likeness)
    heard = SILENCE[None]
    assert sound_space(bundle, mapped, SILENCE).of(heard, None) is heard
    assert not sound_space(bundle, None, SILENCE).of(heard, None).any()
