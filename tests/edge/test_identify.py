"""Identification of a recording needs no more memory for a long one than for a short one."""

import tracemalloc

import numpy as np
import pytest
import soundfile

from edge.command.identify import identify
from edge.contract.bundle import load_bundle
from edge.recognition.recognizer import Recognizer


@pytest.fixture
def recognizer(bundle_path):
    """One that knows 20,000 species, whose scores are drawn by chance."""
    found = Recognizer(load_bundle(bundle_path), "fp32")
    many, chance, score = 20_000, np.random.default_rng(0), found.score
    found.species = (found.species * many)[:many]

    def drawn(windows):
        heard = score(windows)
        for scores in heard:
            object.__setattr__(scores, "score", chance.normal(size=many).astype(np.float32))
            object.__setattr__(scores, "similarity", scores.score / 9)
            object.__setattr__(scores, "probability", chance.random(many))
        return heard

    found.score = drawn
    return found


def peak_bytes(path, recognizer):
    tracemalloc.start()
    try:
        identify(path, recognizer, 5)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_recording(recognizer, tmp_path):
    peaks = []
    for seconds in (20, 20, 120):  # the first finds nothing warm
        noise = 0.1 * np.random.default_rng(1).standard_normal(seconds * 48_000)
        soundfile.write(tmp_path / f"{seconds}.wav", noise, 48_000)
        peaks.append(peak_bytes(tmp_path / f"{seconds}.wav", recognizer))
    assert peaks[2] < peaks[1] + 2_000_000
