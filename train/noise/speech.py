"""Speech by espeak-ng: no real voice, but a voice's pitch, formants and rhythm."""

import io
import shutil
import subprocess
from collections.abc import Sequence

import numpy as np
import soundfile
from numpy.random import Generator

from edge.contract.errors import MissingPackageError
from edge.source.resampling import resample
from train.aviary.song import RATE_HZ, Waveform

PROGRAM = "espeak-ng"
_WORDS = (
    "the wood is quiet this morning and nobody has seen an owl since we came down to river "
    "perhaps it went away could you hold my coat while I look at map they say rain will come "
    "before noon let us walk on dog where are children call them back quickly one two three four"
).split()
VOICES = {
    "calibration": ("en-gb", "de", "fr", "es", "sv", "pl"),
    "test": ("en-us", "it", "nl", "pt", "ru", "fi", "en-gb-scotland"),
}
"""None in common."""


def available() -> bool:
    """True if espeak-ng is installed."""
    return shutil.which(PROGRAM) is not None


def speech(count: int, voices: Sequence[str], rng: Generator) -> Waveform:
    """Return float32[count] of somebody talking: one voice, sentences of random words.

    Raises:
        MissingPackageError: espeak-ng is not installed.
    """
    if not available():
        raise MissingPackageError(f"{PROGRAM} is not installed: sudo apt install {PROGRAM}")
    voice = f"{rng.choice(voices)}+{rng.choice(['m1', 'm3', 'm7', 'f1', 'f2', 'f4'])}"
    pitch, pace = str(rng.integers(20, 85)), str(rng.integers(110, 220))
    sentences = count / RATE_HZ / 4 + 1
    text = " ".join(_sentence(rng) for _ in range(int(sentences)))
    done = subprocess.run(
        [PROGRAM, "-v", voice, "-p", pitch, "-s", pace, "--stdout", text],
        check=True,
        capture_output=True,
    )
    waveform, rate_hz = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
    return np.resize(resample(waveform, rate_hz, RATE_HZ), count)


def _sentence(rng: Generator) -> str:
    return " ".join(rng.choice(_WORDS, rng.integers(4, 12))) + ". "
