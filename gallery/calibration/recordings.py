"""Recordings to score: birds alone, two birds over background, and background."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.contract.audio import Waveform, repeat_pad
from edge.contract.errors import AudioError, DatasetError
from edge.contract.taxonomy import Taxonomy
from edge.source.resampling import resample
from gallery.data.corpora import open_dataset
from gallery.data.dataset import LEAST, Dataset, Item
from gallery.data.reading import read_item
from gallery.data.synonyms import aligned

_LOG = logging.getLogger(__name__)
_HELD = 2**27
"""Samples that a split may hold in memory (512 MiB): 46 minutes at 48 kHz."""
_PASSES = 1
"""Mixtures a recording takes part in."""


@dataclass(frozen=True)
class LabelledRecording:
    """A recording to score, with the species that are in it."""

    waveform: Waveform
    species_ids: frozenset[str]
    path: Path | None = None
    """The file, if it is one, wherever links to it lie."""
    author: str = ""
    """Recordist, or of synthetic birds the individual, as far as the table tells."""

    @property
    def samples(self) -> int:
        """Its length."""
        return len(self.waveform)


class StreamedRecording(LabelledRecording):
    """A recording that is decoded whenever its waveform is asked for, and then let go.

    Args:
        item: that has been decoded once, which showed that it can be.
        rate_hz: of the waveform.
        samples: its length.
    """

    def __init__(self, item: Item, rate_hz: int, samples: int) -> None:
        noted = {"species_ids": item.species, "path": item.path.resolve(), "author": item.author}
        for name, value in {**noted, "_item": item, "_rate_hz": rate_hz, "_of": samples}.items():
            object.__setattr__(self, name, value)

    @property
    def waveform(self) -> Waveform:
        """Of the file."""
        return _waveform(self._item, self._rate_hz)

    @property
    def samples(self) -> int:
        """Its length."""
        return self._of

    _item: Item
    _rate_hz: int
    _of: int


def read_recordings(
    data: str | Path,
    split: str,
    rate_hz: int,
    birds: bool,
    most: int | None = None,
    taxonomy: Taxonomy | None = None,
) -> list[LabelledRecording]:
    """The readable recordings of a data set's split; others are named and left out.

    The first ones are held in memory; those beyond are decoded again when they are scored.

    Args:
        data: see `gallery.data.corpora`; a manifest needs `gallery.data.dataset.LEAST`.
        split: items of another split are left out; those without one are taken.
        rate_hz: what to resample to.
        birds: recordings of a species, or else those without a bird.
        most: how many at most, spread over the split; None takes all.
        taxonomy: species go by the names by which it knows them.

    Raises:
        DatasetError: there is no data set.
    """
    items = recorded_items(open_dataset(data, columns=LEAST), split, birds, taxonomy)
    items = items[:: -(-len(items) // most) or 1] if most else items
    recordings = (_read_recording(item, rate_hz) for item in tqdm(items, split, disable=None))
    pairs = zip(items, recordings, strict=True)
    readable = ((item, recording) for item, recording in pairs if recording is not None)
    return list(_held(readable, rate_hz))


def recorded_items(
    dataset: Dataset, split: str, birds: bool, taxonomy: Taxonomy | None = None
) -> list[Item]:
    """Recordings of a split; see `read_recordings`."""
    known = aligned(dataset, taxonomy) if taxonomy else dataset
    return [
        item
        for item in known.items
        if item.kind == "audio" and item.split in ("", split) and bool(item.species) == birds
    ]


def check_recorded(data: str | Path, splits: Sequence[str], birds: bool, purpose: str) -> None:
    """Refuse data without a recording of the kind before anything is decoded or loaded.

    Args:
        data: see `read_recordings`.
        splits: one of which must have some.
        birds: recordings of a species, or else those without a bird.
        purpose: what they are for, to be told.

    Raises:
        DatasetError: there is none; it says what there is.
    """
    opened = open_dataset(data, columns=LEAST)
    if not any(recorded_items(opened, split, birds) for split in splits):
        wanted = "recordings of birds" if birds else "background (recordings without a bird)"
        where = f"in split {' or '.join(splits)}"
        raise DatasetError(f"{data}: {purpose} needs {wanted} {where}; it has {opened.contents}")


def read_background(
    folders: Sequence[str | Path], split: str, rate_hz: int, most: int | None = None
) -> list[LabelledRecording]:
    """The recordings without a bird of several data sets, `most` of each; see `read_recordings`."""
    found = [read_recordings(folder, split, rate_hz, birds=False, most=most) for folder in folders]
    return [recording for recordings in found for recording in recordings]


def _held(
    readable: Iterable[tuple[Item, LabelledRecording]], rate_hz: int
) -> Iterator[LabelledRecording]:
    """Recordings whose waveforms lie in memory, while there are not too many."""
    left = _HELD
    for item, recording in readable:
        left -= recording.samples
        kept = left >= 0
        yield recording if kept else StreamedRecording(item, rate_hz, recording.samples)


def _waveform(item: Item, rate_hz: int) -> Waveform:
    return resample(*read_item(item), rate_hz)


def _read_recording(item: Item, rate_hz: int) -> LabelledRecording | None:
    try:
        waveform = _waveform(item, rate_hz)
    except AudioError as error:
        _LOG.warning("%s; skipped", error)
        return None
    return LabelledRecording(waveform, item.species, item.path.resolve(), item.author)


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
