"""`birdlisten identify`: the best species of each recording, without a threshold."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.arrays import Float32s, Float64s, Places
from edge.contract.errors import AudioError
from edge.contract.gallery import GalleryRow
from edge.contract.text import json_line
from edge.recognition.encoder import BATCH
from edge.recognition.recognizer import Recognizer, WindowScores
from edge.source.framing import frame_blocks
from edge.source.recording import read_blocks
from edge.source.tree import find_recordings
from edge.system.redaction import redacted, redacted_text
from edge.system.throttle import reason


def recordings(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are named, and for a folder all recordings below it.

    Raises:
        AudioError: a folder holds none.
    """
    for path in paths:
        yield from find_recordings(path) if path.is_dir() else [path]


def identify(path: Path, recognizer: Recognizer, top: int) -> dict[str, Any]:
    """The record of one file: `source` and `top`, or `source` and `error`.

    Species rank by the maximum over windows of the species score; gated windows count only if
    there are no others.
    """
    return _identified(path, recognizer, top)[0]


def identify_shown(
    path: Path, recognizer: Recognizer, top: int
) -> tuple[dict[str, Any], list[GalleryRow]]:
    """The same, and the pictures of the best species that are nearest to where it is best."""
    record, best = _identified(path, recognizer, top)
    return record, [] if best is None else best.pictures(recognizer)


def _identified(
    path: Path, recognizer: Recognizer, top: int
) -> "tuple[dict[str, Any], _BestWindows | None]":
    source = redacted(str(path))
    try:
        best = _best_windows(path, recognizer)
    except Exception as error:  # whatever it is, it is of this file, and others are left
        told = str(error) if isinstance(error, AudioError) else f"{path}: {reason(error)}"
        return {"source": source, "error": redacted_text(told, str(path))}, None
    return {"source": source, "top": [] if best is None else best.top(recognizer, top)}, best


def to_text(record: dict[str, Any]) -> str:
    """The record as a line a person reads."""
    if "error" in record:
        return f"{record['source']}: not identified"
    names = (
        f"{entry['common_name']} ({entry['scientific_name']}) {_strength(entry):.2f}"
        for entry in record["top"]
    )
    return f"{record['source']}: " + ", ".join(names)


def to_json(record: dict[str, Any]) -> str:
    """The record as one JSON line."""
    return json_line(record)


@dataclass(frozen=True)
class _BestWindows:
    """The window in which each species scores best; as large for a day as for a minute."""

    score: Float32s
    similarity: Float32s
    probability: Float64s | None
    start_sample: Places
    """int[species], as the others."""
    best: WindowScores
    """The window with the best score of all."""

    @classmethod
    def of(cls, scores: WindowScores) -> "_BestWindows":
        """Those of the first window."""
        start = np.full(len(scores.score), scores.start_sample)
        return cls(
            score=scores.score,
            similarity=scores.similarity,
            probability=scores.probability,
            start_sample=start,
            best=scores,
        )

    def or_better(self, scores: WindowScores) -> "_BestWindows":
        """Those with one more window."""
        other, better = _BestWindows.of(scores), scores.score > self.score
        sure = self.probability
        if sure is not None and other.probability is not None:
            sure = np.where(better, other.probability, sure)
        return _BestWindows(
            score=np.where(better, other.score, self.score),
            similarity=np.where(better, other.similarity, self.similarity),
            probability=sure,
            start_sample=np.where(better, other.start_sample, self.start_sample),
            best=scores if scores.score.max() > self.best.score.max() else self.best,
        )

    def pictures(self, recognizer: Recognizer) -> list[GalleryRow]:
        """Pictures of the best species, those nearest to its best window first."""
        match = recognizer.match(self.best, int(self.score.argmax()))
        return [row for row, _ in match.pictures]

    def top(self, recognizer: Recognizer, count: int) -> list[dict[str, Any]]:
        """Entries of the best species."""
        order = np.argsort(-self.score, kind="stable")[:count]
        return [self._entry(int(species), recognizer) for species in order]

    def _entry(self, species: int, recognizer: Recognizer) -> dict[str, Any]:
        known, sure = recognizer.species[species], self.probability
        rate_hz = recognizer.bundle.manifest.audio.sample_rate_hz
        return {
            "species_id": known.species_id,
            "scientific_name": known.scientific_name,
            "common_name": known.common_name,
            "score": round(float(self.score[species]), 4),
            "similarity": round(float(self.similarity[species]), 4),
            "probability": None if sure is None else round(float(sure[species]), 4),
            "start_s": round(int(self.start_sample[species]) / rate_hz, 3),
        }


def _best_windows(path: Path, recognizer: Recognizer) -> _BestWindows | None:
    """Of the windows that pass the gate, or of all if none does; None if there is no window."""
    passing: _BestWindows | None = None
    gated: _BestWindows | None = None
    windows = frame_blocks(read_blocks(path), recognizer.bundle.manifest.audio)
    while chunk := list(islice(windows, BATCH)):
        for window, scores in zip(chunk, recognizer.score(chunk), strict=True):
            if recognizer.judge(window).reason:
                gated = _better(gated, scores)
            else:
                passing = _better(passing, scores)
    return passing or gated


def _better(best: _BestWindows | None, scores: WindowScores) -> _BestWindows:
    return _BestWindows.of(scores) if best is None else best.or_better(scores)


def _strength(entry: dict[str, Any]) -> float:
    return float(entry["similarity"] if entry["probability"] is None else entry["probability"])
