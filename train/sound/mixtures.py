"""Mixtures that a hint's network hears too, so that there is more to imitate; made by all cores.

All of them before the first step: which is drawn how often depends on what the network makes of
each, and every one is drawn many times, so that making them beside the training saves nothing.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from filelock import FileLock
from numpy.lib.format import open_memmap
from torch import Tensor

from edge.contract.arrays import Array, Float16s
from edge.contract.audio import Waveform
from gallery.data.dataset import Item
from train.engine.progress import progress
from train.model.frontend import LogMel, LogMelSpec
from train.sound.cache import contents, load_each
from train.sound.cores import over_cores
from train.sound.features import read_waveform
from train.sound.hints import Hints
from train.sound.mixer import Mixer, Recording

_ARRAY, _DONE, _LOCK = "array", "done", "mixtures.lock"
"""Files of mixtures: log-mels, hints and maps; notes of the parts that are made; and the lock of
whoever makes some."""
_FAVOURED = 0.5
"""Share of the mixtures whose louder bird is of the favoured species."""


@dataclass(frozen=True, kw_only=True)
class MixtureConfig:
    """Choice of the mixtures."""

    count: int
    birdless: float = 0.0
    """Share that is background alone."""
    favoured: Collection[str] = ()
    """Ids of species whose recordings lead half of the mixtures; empty: by length alone."""
    maps: bool = False
    """Keep what lies between the network's layers, too."""
    seed: int = 0

    @property
    def key(self) -> str:
        """Text that tells what is heard from what others make heard."""
        return repr((self.count, self.birdless, sorted(self.favoured), self.seed))


class Mixtures(NamedTuple):
    """Log-mels that the student hears, and what the network makes of the same sound."""

    log_mels: Tensor
    """float16[mixtures, frames, mel_bins]."""
    hints: Tensor
    """float16[mixtures, 1, dim + labels]."""
    maps: list[Tensor]
    """float16[mixtures, channels, frames, bins] each, from below; none if they are not kept."""


NO_MIXTURES = Mixtures(torch.empty(0), torch.empty(0), [])


def load_mixtures(
    birds: Sequence[Item],
    background: Sequence[Item],
    config: MixtureConfig,
    spec: LogMelSpec,
    hints: Hints,
    cache: Path,
) -> Mixtures:
    """Mixtures of readable recordings, as long as the ear's window; made once and kept.

    What was made before an interruption is not made again.

    Args:
        birds: recordings of birds, their species known or not.
        background: recordings without, may be empty.
        config: which mixtures.
        spec: the student's front end.
        hints: of the ear that hears them.
        cache: where to keep them, and the waveforms.

    Raises:
        DatasetError: no such network.
    """
    mixing = Mixing(
        birds=birds, background=background, config=config, spec=spec, hints=hints, cache=cache
    )
    mixing.read()
    kept = _folder(mixing)
    cache.mkdir(parents=True, exist_ok=True)
    if not kept.is_dir():
        _make_once(mixing, kept)
    log_mels, rows, *maps = (_opened(file) for file in sorted(kept.glob(f"{_ARRAY}*.npy")))
    return Mixtures(log_mels, rows, maps if config.maps else [])


def _folder(mixing: "Mixing") -> Path:
    """Of the mixtures; those with maps serve whoever does without."""
    key = repr((mixing.hints.recipe.name, mixing.config.key, mixing.spec, mixing.contents()))
    plain = mixing.cache / f"mixtures-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    mapped = plain.with_name(f"{plain.name}-maps")
    without = plain.is_dir() or not mapped.is_dir()
    return plain if without and not mixing.config.maps else mapped


def _opened(file: Path) -> Tensor:
    return torch.from_numpy(np.load(file, mmap_mode="c"))


def _make_once(mixing: "Mixing", kept: Path) -> None:
    """Of several processes one makes them; the others wait."""
    with FileLock(mixing.cache / _LOCK):
        if not kept.is_dir():
            begun = kept.with_name(f"{kept.name}.begun")
            _make(mixing, begun)
            begun.rename(kept)


def _make(mixing: "Mixing", folder: Path) -> None:
    parts = range(-(-mixing.config.count // mixing.at_once))
    left = [number for number in parts if not (folder / f"{_DONE}{number}").exists()]
    _allocate(mixing, folder)
    with over_cores(Filing(mixing, folder), len(left), slow=True) as over:
        for _ in progress(over(left), "mixtures", len(left)):
            pass


def _allocate(mixing: "Mixing", folder: Path) -> None:
    """Files of the final size, of which each part is a slice."""
    if folder.is_dir():
        return
    new = folder.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    single = replace(mixing, config=replace(mixing.config, count=1))
    for number, array in enumerate(single(0)):
        shape = (mixing.config.count, *array.shape[1:])
        open_memmap(new / f"{_ARRAY}{number}.npy", "w+", array.dtype, shape)
    new.rename(folder)


@dataclass(frozen=True)
class Filing:
    """The job of writing the mixtures of a number to where they belong."""

    mixing: "Mixing"
    folder: Path

    def __call__(self, number: int) -> None:
        """Write them, and note that they are there."""
        begin = number * self.mixing.at_once
        for n, array in enumerate(self.mixing(number)):
            whole = open_memmap(self.folder / f"{_ARRAY}{n}.npy", "r+")
            whole[begin : begin + len(array)] = array
            whole.flush()
        (self.folder / f"{_DONE}{number}").touch()


class Waveforms:
    """Reads a whole recording at a rate, float16[samples]."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz

    def __call__(self, item: Item) -> Array:
        """One recording's."""
        return read_waveform(item, self._rate_hz).numpy().astype(np.float16)


@dataclass(frozen=True, kw_only=True)
class Mixing:
    """The job of making the mixtures of a number; what it loads serves the next ones."""

    birds: Sequence[Item]
    background: Sequence[Item]
    config: MixtureConfig
    spec: LogMelSpec
    hints: Hints
    cache: Path
    at_once: int = 250
    """Mixtures that are drawn with a seed of their own, by one core."""

    def __call__(self, number: int) -> list[Float16s]:
        """Their log-mels, hints and maps."""
        mixer = self._mixer(number)
        count = min(self.at_once, self.config.count - number * self.at_once)
        made = [self._heard(mixer.draw()) for _ in range(count)]
        return [np.stack(column) for column in zip(*made, strict=True)]

    def _heard(self, waveform: Waveform) -> list[Float16s]:
        with torch.inference_mode():
            log_mel = self._frontend(torch.from_numpy(waveform)[None])[0, 0].half().numpy()
        if not self.config.maps:
            return [log_mel, self.hints.of(waveform, self.spec.sample_rate_hz)]
        row, maps = self.hints.with_maps(waveform)
        return [log_mel, row, *maps]

    def read(self) -> list[list[tuple[Item, Recording]]]:
        """Birds and background that are readable, memory-mapped; decoded the first time."""
        read = Waveforms(self.spec.sample_rate_hz)
        return [
            [
                (item, waveform)
                for item, waveform in zip(items, load_each(items, self._kept, read), strict=True)
                if waveform is not None
            ]
            for items in (self.birds, self.background)
        ]

    def contents(self) -> list[list[str]]:
        """sha256 of birds and background, once they have been read."""
        return [contents(items, self._kept) for items in (self.birds, self.background)]

    @property
    def _kept(self) -> Path:
        """Folder of the waveforms."""
        return self.cache / f"waveforms-{self.spec.sample_rate_hz}"

    @cached_property
    def _recordings(self) -> list[list[tuple[Item, Recording]]]:
        return self.read()

    @cached_property
    def _frontend(self) -> LogMel:
        return LogMel(self.spec)

    def _mixer(self, number: int) -> Mixer:
        birds, background = self._recordings
        return Mixer(
            birds=[waveform for _, waveform in birds],
            background=[waveform for _, waveform in background],
            rate_hz=self.spec.sample_rate_hz,
            seed=(self.config.seed, number),
            birdless=self.config.birdless,
            length_s=self.hints.recipe.window_s,
            weights=_weights(birds, self.config.favoured),
        )


def _weights(birds: Sequence[tuple[Item, Recording]], favoured: Collection[str]) -> list[float]:
    """Weight of each as a leader: the favoured species share _FAVOURED among them, equally."""
    counts = Counter(item.species_id for item, _ in birds if item.species_id in favoured)
    if not counts:
        return []
    roots = [float(np.sqrt(len(waveform))) for _, waveform in birds]
    others = sum(
        root for root, (item, _) in zip(roots, birds, strict=True) if item.species_id not in counts
    )
    share = _FAVOURED / len(counts)
    return [
        share / counts[item.species_id]
        if item.species_id in counts
        else (1 - _FAVOURED) * root / others
        for root, (item, _) in zip(roots, birds, strict=True)
    ]
