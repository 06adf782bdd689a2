"""`birdlisten identify`: the best species of each recording, without a threshold."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

from edge.contract.errors import AudioError
from edge.recognition.recognizer import Recognizer, WindowScores
from edge.source.framing import frame_blocks
from edge.source.recording import read_blocks

_BATCH = 8


def identify(path: Path, recognizer: Recognizer, top: int) -> dict[str, Any]:
    """The record of one file: `source` and `top`, or `source` and `error`.

    Species rank by the maximum over windows of the species score; gated windows count only if
    there are no others.
    """
    try:
        best = _best_windows(path, recognizer)
    except AudioError as error:
        return {"source": str(path), "error": str(error)}
    order = sorted(best, key=lambda species: -best[species].score[species])[:top]
    return {"source": str(path), "top": [_entry(n, best[n], recognizer) for n in order]}


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
    return json.dumps(record, ensure_ascii=False)


def _best_windows(path: Path, recognizer: Recognizer) -> dict[int, WindowScores]:
    """The window in which each species scores best; a file of any length fits in memory."""
    passing: dict[int, WindowScores] = {}
    gated: dict[int, WindowScores] = {}
    windows = frame_blocks(read_blocks(path), recognizer.bundle.manifest.audio)
    while chunk := list(islice(windows, _BATCH)):
        for window, scores in zip(chunk, recognizer.score(chunk), strict=True):
            _keep_best(gated if recognizer.judge(window).reason else passing, scores)
    return passing or gated


def _keep_best(best: dict[int, WindowScores], scores: WindowScores) -> None:
    for species, score in enumerate(scores.score):
        if species not in best or score > best[species].score[species]:
            best[species] = scores


def _entry(species: int, scores: WindowScores, recognizer: Recognizer) -> dict[str, Any]:
    known = recognizer.species[species]
    rate_hz = recognizer.bundle.manifest.audio.sample_rate_hz
    return {
        "species_id": known.species_id,
        "scientific_name": known.scientific_name,
        "common_name": known.common_name,
        "score": round(float(scores.score[species]), 4),
        "similarity": round(float(scores.similarity[species]), 4),
        "probability": scores.sure(species),
        "start_s": round(scores.start_sample / rate_hz, 3),
    }


def _strength(entry: dict[str, Any]) -> float:
    return float(entry["similarity"] if entry["probability"] is None else entry["probability"])
