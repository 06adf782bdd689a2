"""`birdlisten identify`: the best species of each recording, without a threshold."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

from edge.contract.errors import AudioError
from edge.hearing import Heard, Hearing
from edge.source.framing import frame_blocks
from edge.source.recording import read_blocks

_BATCH = 8


def identify(path: Path, hearing: Hearing, top: int) -> dict[str, Any]:
    """The record of one file: `source` and `top`, or `source` and `error`.

    Species rank by the maximum over windows of the species score; gated windows count only if
    there are no others.
    """
    try:
        best = _best_windows(path, hearing)
    except AudioError as error:
        return {"source": str(path), "error": str(error)}
    order = sorted(best, key=lambda species: -best[species].score[species])[:top]
    return {"source": str(path), "top": [_entry(n, best[n], hearing) for n in order]}


def to_text(record: dict[str, Any]) -> str:
    """The record as a line a person reads."""
    if "error" in record:
        return f"{record['source']}: not identified"
    names = (
        f"{one['common_name']} ({one['scientific_name']}) {_strength(one):.2f}"
        for one in record["top"]
    )
    return f"{record['source']}: " + ", ".join(names)


def to_json(record: dict[str, Any]) -> str:
    """The record as one JSON line."""
    return json.dumps(record, ensure_ascii=False)


def _best_windows(path: Path, hearing: Hearing) -> dict[int, Heard]:
    """The window in which each species scores best; a file of any length fits in memory."""
    lively: dict[int, Heard] = {}
    gated: dict[int, Heard] = {}
    windows = frame_blocks(read_blocks(path), hearing.bundle.manifest.audio)
    while chunk := list(islice(windows, _BATCH)):
        for window, heard in zip(chunk, hearing.hear(chunk), strict=True):
            _keep_best(gated if hearing.judge(window).reason else lively, heard)
    return lively or gated


def _keep_best(best: dict[int, Heard], heard: Heard) -> None:
    for species, score in enumerate(heard.score):
        if species not in best or score > best[species].score[species]:
            best[species] = heard


def _entry(species: int, heard: Heard, hearing: Hearing) -> dict[str, Any]:
    known = hearing.species[species]
    probability = None if heard.probability is None else float(heard.probability[species])
    rate_hz = hearing.bundle.manifest.audio.sample_rate_hz
    return {
        "species_id": known.species_id,
        "scientific_name": known.scientific_name,
        "common_name": known.common_name,
        "score": round(float(heard.score[species]), 4),
        "similarity": round(float(heard.similarity[species]), 4),
        "probability": None if probability is None else round(probability, 4),
        "start_s": round(heard.start_sample / rate_hz, 3),
    }


def _strength(entry: dict[str, Any]) -> float:
    return float(entry["similarity"] if entry["probability"] is None else entry["probability"])
