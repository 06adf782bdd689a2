"""Recordings to score: birds alone, two birds over background, and background."""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.contract.audio import Waveform, repeat_pad
from edge.contract.errors import AudioError, DatasetError
from edge.contract.tables import read_table
from edge.contract.taxonomy import slug
from edge.source.recording import read_recording
from edge.source.resampling import resample

_LOG = logging.getLogger(__name__)
_PASSES = 1
"""Mixtures a recording takes part in."""
COLUMNS = ("path", "kind", "scientific_name")


@dataclass(frozen=True)
class LabelledRecording:
    """A recording to score, with the species that are in it."""

    waveform: Waveform
    species_ids: frozenset[str]
    path: Path | None = None
    """The file, if it is one, wherever links to it lie."""
    author: str = ""
    """Recordist, or of synthetic birds the individual, as far as the table tells."""


def read_recordings(
    folder: Path, split: str, rate_hz: int, birds: bool, most: int | None = None
) -> list[LabelledRecording]:
    """The readable recordings of a data set's split; others are named and left out.

    Args:
        folder: holds manifest.csv.
        split: rows of another split are left out; rows without one are taken.
        rate_hz: what to resample to.
        birds: recordings of a species, or else those without a bird.
        most: how many at most, spread over the split; None takes all.

    Raises:
        DatasetError: there is no manifest.csv.
    """
    manifest = folder / "manifest.csv"
    if not manifest.is_file():
        raise DatasetError(f"{folder}: no manifest.csv with {', '.join(COLUMNS)} here")
    rows = [
        row
        for row in read_table(manifest, COLUMNS)
        if row["kind"] == "audio"
        and row.get("split") in (None, "", split)
        and bool(row["scientific_name"]) == birds
    ]
    rows = rows[:: -(-len(rows) // most) or 1] if most else rows
    recordings = (_read_recording(folder, row, rate_hz) for row in tqdm(rows, split, disable=None))
    return [recording for recording in recordings if recording is not None]


def read_background(
    folders: Sequence[Path], split: str, rate_hz: int, most: int | None = None
) -> list[LabelledRecording]:
    """The recordings without a bird of several data sets, `most` of each; see `read_recordings`."""
    found = [read_recordings(folder, split, rate_hz, birds=False, most=most) for folder in folders]
    return [recording for recordings in found for recording in recordings]


def _read_recording(folder: Path, row: dict[str, str], rate_hz: int) -> LabelledRecording | None:
    try:
        waveform = resample(*read_recording(folder / row["path"]), rate_hz)
    except AudioError as error:
        _LOG.warning("%s; skipped", error)
        return None
    named = [slug(row["scientific_name"])] if row["scientific_name"] else []
    author = row.get("individual") or re.split("[,;]", row.get("attribution", ""))[0]
    path = (folder / row["path"]).resolve()
    return LabelledRecording(waveform, frozenset(named), path, author)


def shared_out(several: Sequence[Sequence[LabelledRecording]]) -> list[list[LabelledRecording]]:
    """Each recording in one alone of the lists that hold its file, as evenly as may be.

    What several folds never heard would count several times.
    """
    holders = dict[Path | None, list[int]]()
    for number, recordings in enumerate(several):
        for recording in recordings:
            holders.setdefault(recording.path, []).append(number)
    kept: list[set[Path | None]] = [set() for _ in several]
    for path, numbers in sorted(holders.items(), key=lambda held: (len(held[1]), str(held[0]))):
        min((kept[number] for number in numbers), key=len).add(path)
    return [
        [recording for recording in recordings if recording.path in own]
        for recordings, own in zip(several, kept, strict=True)
    ]


def mixtures(
    birds: list[LabelledRecording], background: list[LabelledRecording], seed: int = 0
) -> Iterator[LabelledRecording]:
    """Two birds at unequal levels over background: what a dawn chorus is made of."""
    random = np.random.default_rng(seed)
    for bird in birds * _PASSES:
        other = birds[random.integers(len(birds))]
        noise = background[random.integers(len(background))]
        parts = [bird.waveform]
        for added, low_db, high_db in ((other, -12, 0), (noise, -30, -6)):
            level = 10 ** (random.uniform(low_db, high_db) / 20)
            parts.append(_fitted(added.waveform, bird.waveform) * np.float32(level))
        mixed: Waveform = np.sum(np.stack(parts), axis=0, dtype=np.float32)
        peak = max(float(np.abs(mixed).max()), 1.0)
        yield LabelledRecording(mixed / np.float32(peak), bird.species_ids | other.species_ids)


def _fitted(waveform: Waveform, like: Waveform) -> Waveform:
    """Another recording, as long and as loud as `like`."""
    cut = repeat_pad(waveform, len(like))[: len(like)]
    loudness = float(np.sqrt(np.square(like).mean() / max(np.square(cut).mean(), 1e-12)))
    return cut * np.float32(loudness)
