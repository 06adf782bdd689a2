"""Mixtures that a hint's network hears too, so that there is more to imitate; made by all cores."""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from edge.contract.arrays import Array, Float16s
from edge.contract.bundle import npy_bytes, write_atomic
from train.data.dataset import Item
from train.model.frontend import LogMel, LogMelSpec
from train.sound.cache import file_key, load_each
from train.sound.cores import over_cores
from train.sound.features import read_waveform
from train.sound.hints import Hints
from train.sound.mixer import Mixer, Recording

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
    seed: int = 0

    @property
    def key(self) -> str:
        """Text that tells it from others."""
        return repr((self.count, self.birdless, sorted(self.favoured), self.seed))


class Mixtures(NamedTuple):
    """Log-mels that the student hears, and what the network makes of the same sound."""

    log_mels: Tensor
    """float16[mixtures, frames, mel_bins]."""
    hints: Tensor
    """float16[mixtures, 1, dim + labels]."""


def load_mixtures(
    birds: Sequence[Item],
    background: Sequence[Item],
    config: MixtureConfig,
    spec: LogMelSpec,
    hints: Hints,
    cache: Path,
) -> Mixtures:
    """Mixtures of readable recordings, as long as the ear's window; made once and kept.

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
    keys = [[file_key(item.path) for item in items] for items in (birds, background)]
    key = repr((hints.recipe.name, config.key, spec, keys))
    kept = cache / f"mixtures-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    files = [kept / f"{name}.npy" for name in Mixtures._fields]
    if not all(file.is_file() for file in files):
        mixing = Mixing(
            birds=birds, background=background, config=config, spec=spec, hints=hints, cache=cache
        )
        made = _all(mixing)
        kept.mkdir(parents=True, exist_ok=True)
        for file, array in zip(files, made, strict=True):
            write_atomic(file, npy_bytes(array))
    return Mixtures(*(torch.from_numpy(np.load(file, mmap_mode="c")) for file in files))


def _all(mixing: "Mixing") -> tuple[Float16s, Float16s]:
    mixing.read()
    parts = range(-(-mixing.config.count // mixing.at_once))
    with over_cores(mixing, len(parts), slow=True) as over:
        found = list(tqdm(over(parts), "mixtures", len(parts), disable=None))
    log_mels, rows = (np.concatenate(column) for column in zip(*found, strict=True))
    return log_mels, rows


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

    def __call__(self, number: int) -> tuple[Float16s, Float16s]:
        """Their log-mels and hints."""
        mixer = self._mixer(number)
        count = min(self.at_once, self.config.count - number * self.at_once)
        log_mels, rows = [], []
        for waveform in (mixer.draw() for _ in range(count)):
            with torch.inference_mode():
                log_mel = self._frontend(torch.from_numpy(waveform)[None])[0, 0]
            log_mels.append(log_mel.half().numpy())
            rows.append(self.hints.of(waveform, self.spec.sample_rate_hz))
        return np.stack(log_mels), np.stack(rows)

    def read(self) -> list[list[tuple[Item, Recording]]]:
        """Birds and background that are readable, memory-mapped; decoded the first time."""
        rate_hz = self.spec.sample_rate_hz
        folder, read = self.cache / f"waveforms-{rate_hz}", Waveforms(rate_hz)
        return [
            [
                (item, waveform)
                for item, waveform in zip(items, load_each(items, folder, read), strict=True)
                if waveform is not None
            ]
            for items in (self.birds, self.background)
        ]

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
