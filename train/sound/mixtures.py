"""Mixtures of recordings that the hint's network hears too, so that there is more to imitate.

A network is imitated best by a student that hears the very same sound, and ever new ones:
"function matching" (Beyer et al. 2022, arXiv 2106.05237). Pairs of recordings at other speeds and
levels give thousands of sounds, each with its own hint.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from edge.contract.arrays import Float16s
from edge.contract.audio import Waveform, repeat_pad
from edge.contract.bundle import npy_bytes, write_atomic
from edge.contract.errors import AudioError
from edge.source.resampling import resample
from train.data.dataset import Item
from train.ears.network import EarNetwork
from train.ears.recipe import locate
from train.model.frontend import LogMel, LogMelSpec
from train.sound.cache import file_key
from train.sound.features import read_waveform
from train.sound.hints import STEP_S

Recording = Float16s
"""Samples of one."""
_STEPS = 2
"""Of hints that a mixture is longer than a window."""
_SPEEDS = (36, 40, 44, 48, 48, 48, 52, 56, 60)
"""In 48ths."""
_PAIRED, _PAIR_DB = 0.7, (-12.0, 6.0)
_NOISY, _NOISE_DB = 0.3, (-20.0, 0.0)
_HISSING, _HISS_DB = 0.5, (-45.0, -15.0)
_COLOUR_DB, _COLOURS = 12.0, 8
_PEAK = 0.5
_FILES = ("log-mels.npy", "hints.npy")


@dataclass(frozen=True)
class Mixtures:
    """Log-mels that the student hears, and the network's embeddings of the same sound."""

    log_mels: Tensor
    """float16[mixtures, frames, mel_bins]."""
    hints: Tensor
    """float16[mixtures, 3, dim]."""


def load_mixtures(
    items: Sequence[Item],
    count: int,
    spec: LogMelSpec,
    hint: str,
    cache: Path,
    seed: int,
    birdless: float = 0.0,
) -> Mixtures:
    """Mixtures of readable recordings; made once and kept.

    Args:
        items: recordings of birds, and some without.
        count: how many mixtures.
        spec: the student's front end.
        hint: an ear, as `train.ears.recipe.locate` has it.
        cache: where to keep them.
        seed: makes them repeatable.
        birdless: share of the mixtures that are background alone.

    Raises:
        DatasetError: no such network.
    """
    ear, network = locate(hint)
    keys = [file_key(item.path) for item in items]
    key = repr((ear.name, ear.window_s, count, spec, seed, birdless, keys))
    kept = cache / f"mixtures-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    files = [kept / name for name in _FILES]
    if not all(file.is_file() for file in files):
        length_s = ear.window_s + _STEPS * STEP_S
        mixer = _mixer(
            items, rate_hz=spec.sample_rate_hz, seed=seed, birdless=birdless, length_s=length_s
        )
        arrays = _hear(mixer, count, spec, EarNetwork(ear, network))
        kept.mkdir(parents=True, exist_ok=True)
        for file, array in zip(files, arrays, strict=True):
            write_atomic(file, npy_bytes(array))
    return Mixtures(*(torch.from_numpy(np.load(file, allow_pickle=False)) for file in files))


class Mixer:
    """Draws mixtures.

    Args:
        birds: float16[samples] a recording; longer ones are drawn more often, by the square root.
        background: recordings without a bird, may be empty.
        rate_hz: of all.
        seed: makes the sequence repeatable.
        birdless: share of the mixtures that are background alone; a bird-sound network tells much
            of it from birds, which is worth imitating, too.
        length_s: of a mixture.
    """

    def __init__(
        self,
        birds: Sequence[Recording],
        background: Sequence[Recording],
        rate_hz: int,
        seed: int,
        birdless: float = 0.0,
        length_s: float = 4.0,
    ) -> None:
        self._samples = round(length_s * rate_hz)
        self._birds, self._background, self._rate_hz = birds, background, rate_hz
        self._birdless = birdless if background else 0.0
        self._random = np.random.default_rng(seed)
        roots = np.sqrt([len(bird) for bird in birds])
        self._shares = roots / roots.sum()

    def draw(self) -> Waveform:
        """Birds, one or two, some over background; or background alone; float32[samples]."""
        alone = self._birdless and self._random.random() < self._birdless
        mixed = self._colour(self._alone() if alone else self._song())
        if self._random.random() < _HISSING:
            hiss = self._random.standard_normal(len(mixed), np.float32)
            mixed = self._add(mixed, hiss, _HISS_DB)
        scaled: Waveform = mixed * np.float32(_PEAK / max(float(np.abs(mixed).max()), 1e-6))
        return scaled

    def _song(self) -> Waveform:
        mixed = self._bird()
        if self._random.random() < _PAIRED:
            mixed = self._add(mixed, self._bird(), _PAIR_DB)
        if self._background and self._random.random() < _NOISY:
            mixed = self._add(mixed, self._noise(), _NOISE_DB)
        return mixed

    def _alone(self) -> Waveform:
        mixed = self._varied(self._quiet())
        if self._random.random() < _PAIRED:
            mixed = self._add(mixed, self._noise(), _PAIR_DB)
        return mixed

    def _noise(self) -> Waveform:
        return self._cut(self._quiet(), self._samples)

    def _quiet(self) -> Recording:
        return self._background[int(self._random.integers(len(self._background)))]

    def _bird(self) -> Waveform:
        return self._varied(self._birds[self._random.choice(len(self._birds), p=self._shares)])

    def _varied(self, chosen: Recording) -> Waveform:
        """A cut, mostly at another speed."""
        speed = int(self._random.choice(_SPEEDS))
        samples = self._samples
        cut = self._cut(chosen, -(-samples * speed // 48) + 1)
        if speed == 48:
            return cut[:samples]
        faster = resample(cut, self._rate_hz * speed // 48, self._rate_hz)
        return repeat_pad(faster, samples)[:samples]

    def _colour(self, waveform: Waveform) -> Waveform:
        """As another microphone, wood and distance would colour it: a curve over the octaves."""
        spectrum = np.fft.rfft(waveform)
        octaves = np.log2(np.arange(len(spectrum)) + 1)
        knots = np.linspace(octaves[-1] - _COLOURS, octaves[-1], _COLOURS)
        gains_db = np.interp(
            octaves, knots, self._random.uniform(-_COLOUR_DB, _COLOUR_DB, _COLOURS)
        )
        coloured = np.fft.irfft(spectrum * 10 ** (gains_db / 20), len(waveform))
        return coloured.astype(np.float32)

    def _cut(self, recording: Recording, samples: int) -> Waveform:
        whole = repeat_pad(recording.astype(np.float32), samples)
        start = self._random.integers(len(whole) - samples + 1)
        return whole[start : start + samples]

    def _add(self, first: Waveform, other: Waveform, levels_db: tuple[float, float]) -> Waveform:
        loudness = np.sqrt(np.square(first).mean() / max(float(np.square(other).mean()), 1e-10))
        level = 10 ** (self._random.uniform(*levels_db) / 20)
        return first + other * np.float32(loudness * level)


def _mixer(
    items: Sequence[Item], rate_hz: int, seed: int, birdless: float, length_s: float
) -> Mixer:
    birds: list[Recording] = []
    background: list[Recording] = []
    for item in tqdm(items, "recordings to mix", disable=None):
        try:
            waveform = read_waveform(item, rate_hz).numpy().astype(np.float16)
        except AudioError:
            continue  # load_features has named it
        (birds if item.species_id else background).append(waveform)
    return Mixer(
        birds=birds,
        background=background,
        rate_hz=rate_hz,
        seed=seed,
        birdless=birdless,
        length_s=length_s,
    )


def _hear(
    mixer: Mixer, count: int, spec: LogMelSpec, network: EarNetwork
) -> tuple[Float16s, Float16s]:
    frontend = LogMel(spec)
    log_mels, hints = [], []
    for _ in tqdm(range(count), "mixtures", disable=None):
        waveform = mixer.draw()
        with torch.inference_mode():
            log_mels.append(frontend(torch.from_numpy(waveform)[None])[0, 0].half().numpy())
        hints.append(network.embed(waveform, spec.sample_rate_hz, STEP_S))
    return np.stack(log_mels), np.stack(hints)
