"""Songs of a species: the windows of a recording that it is to be known by."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float16s
from edge.contract.errors import AudioError
from edge.contract.taxonomy import Species
from edge.recognition.encoder import BATCH
from edge.recognition.recognizer import Recognizer, WindowScores
from edge.source.framing import Window, frame_blocks
from edge.source.recording import read_blocks

_WINDOWS = 3
"""Those most like any bird: a recording holds much else."""


@dataclass(frozen=True)
class Song:
    """The best windows of a recording."""

    windows: Sequence[Window]
    rows: Float16s
    """float16[windows, sound_dim], unit length: their sounds."""
    nearest: Species
    """The known species that they are most like."""


def read_song(recognizer: Recognizer, path: Path) -> Song:
    """The windows of a recording that are most like any bird.

    Raises:
        AudioError: unreadable, or nothing in it passes the gate.
    """
    windows = frame_blocks(read_blocks(path), recognizer.bundle.manifest.audio)
    heard = list(audible(windows, recognizer))
    if not heard:
        raise AudioError(f"{path}: nothing in it sounds like a bird; cut out the song")
    best = sorted(heard, key=lambda pair: -float(pair[1].score.max()))[:_WINDOWS]
    score = np.mean([scores.score for _, scores in best], axis=0)
    return Song(
        windows=[window for window, _ in best],
        rows=np.stack([scores.sound for _, scores in best]).astype(np.float16),
        nearest=recognizer.species[int(score.argmax())],
    )


def audible(
    windows: Iterable[Window], recognizer: Recognizer
) -> Iterator[tuple[Window, WindowScores]]:
    """Windows that pass the gate, with their scores; none that can't be told from silence."""
    passing = (window for window in windows if not recognizer.judge(window).reason)
    while chunk := list(islice(passing, BATCH)):
        for window, scores in zip(chunk, recognizer.score(chunk), strict=True):
            if scores.sound.any():
                yield window, scores
