"""The gate: windows that hold nothing to hear are counted by reason and go no further."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edge.contract.arrays import Float32s
from edge.contract.audio import Waveform
from edge.dsp.spectra import FRAME, power_spectra
from edge.source.framing import Window

_FRAMES, _AROUND = 64, 16
"""Spectra a window, bins on each side that a bin is compared with."""
_EDGES_HZ = (420, 800, 1170, 1550, 1970, 2530, 3230, 4130, 5250, 6700, 8580, 10_920, 13_970)
"""Bands in which birds sing; each wide enough that noise averages out within it."""


@dataclass(frozen=True)
class GateConfig:
    """Limits of the gate."""

    silence_dbfs: float = -75.0
    """Level below which nothing was recorded, in dB re full scale."""
    dc_ratio: float = 20.0
    """Offset over level from which a silent window is called an offset."""
    clip_level: float = 0.985
    """Magnitude that counts as clipped."""
    clip_share: float = 0.01
    """Share of clipped samples that makes a window clipped."""
    steady_db: float = 1.5
    """A clipped window whose level varies less than this is an overload, not a bird."""
    frames: int = 50
    """Frames over which the level's variation is taken."""
    activity_db: float = 7.5
    """Noise is steady if no band ever rises above its own median level by more than this."""
    crest_db: float = 3.5
    """Noise is smooth if its mean spectrum nowhere stands out of its surroundings by more."""
    louder_db: float = 6.0
    """Steady noise that is louder than what is usual here, in any band, is listened to."""
    settles_db_s: float = 0.2
    """How fast a louder noise becomes the usual one, in dB a second."""
    sample_rate_hz: int = 48_000


@dataclass(frozen=True)
class GateVerdict:
    """Verdict of the gate on a window."""

    reason: str | None
    """Why the window is skipped (`silence`, `dc`, `flat_line`, `clipped`, `noise`), or None."""
    clipped: bool
    """A window with a bird that clips passes with this flag."""
    level_dbfs: float
    """RMS level without the offset, in dB re full scale."""
    floor_db: Float32s | None = field(default=None, compare=False)
    """float32[bands], median level of steady noise; None if it is anything else."""


class Gate:
    """The gate of one source: it learns how loud the noise is there.

    Args:
        sample_rate_hz: of the windows.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._config = GateConfig(sample_rate_hz=sample_rate_hz)
        self._texture = Texture(self._config)
        self._heard_to = 0
        self._usual_db: Float32s | None = None

    def judge(self, window: Window) -> GateVerdict:
        """Judge the next window."""
        verdict, before = _judged(window, self._config, self._texture), self._heard_to
        self._heard_to = window.end_sample
        if verdict.floor_db is None:
            return verdict
        passed_s = (self._heard_to - before) / self._config.sample_rate_hz
        rise_db = self._config.settles_db_s * passed_s
        usual = verdict.floor_db if self._usual_db is None else self._usual_db + rise_db
        self._usual_db = np.minimum(verdict.floor_db, usual)
        new = float((verdict.floor_db - usual).max()) > self._config.louder_db
        return replace(verdict, reason=None) if new else verdict


def judge(samples: Waveform, config: GateConfig) -> GateVerdict:
    """Judge one window, float32[samples], by itself."""
    return _judged(Window(0, samples), config, Texture(config))


def _judged(window: Window, config: GateConfig, texture: "Texture") -> GateVerdict:
    samples = window.samples
    offset = float(np.einsum("i->", samples)) / len(samples)  # a third of what mean() costs
    rms = math.sqrt(_power(samples, offset))
    level_dbfs = 20 * float(np.log10(max(rms, 1e-9)))
    clipped = _clipped(samples, config)
    reason = _reason(
        samples, offset=offset, rms=rms, level_dbfs=level_dbfs, clipped=clipped, config=config
    )
    if reason is None and len(samples) >= FRAME:
        floor_db = texture.steady_floor_db(window)
        if floor_db is not None:
            return GateVerdict("noise", clipped, level_dbfs, floor_db)
    return GateVerdict(reason, clipped, level_dbfs)


def passing(windows: Sequence[Window], config: GateConfig) -> Sequence[Window]:
    """The windows of a recording that pass; all of them if none does, as `identify` has it."""
    passed = [window for window in windows if judge(window.samples, config).reason is None]
    return passed or windows


def _reason(
    samples: Waveform,
    offset: float,
    rms: float,
    level_dbfs: float,
    clipped: bool,
    config: GateConfig,
) -> str | None:
    if rms == 0:
        return "flat_line" if offset == 0 else "dc"
    if level_dbfs < config.silence_dbfs:
        return "dc" if abs(offset) > config.dc_ratio * rms else "silence"
    if clipped and _level_variation_db(samples, config.frames) < config.steady_db:
        return "clipped"
    return None


def _level_variation_db(samples: Waveform, frames: int) -> float:
    length = len(samples) // frames
    power = np.square(samples[: frames * length].reshape(frames, length)).mean(axis=1)
    return float(np.std(10 * np.log10(np.maximum(power, 1e-12))))


def _power(samples: Waveform, offset: float) -> float:
    """Mean square about the offset; a copy of the window is made only if that matters."""
    power = float(samples @ samples) / len(samples)
    if offset**2 <= 1e-3 * power:
        return power - offset**2
    centred = samples - np.float32(offset)
    return float(centred @ centred) / len(centred)


def _clipped(samples: Waveform, config: GateConfig) -> bool:
    if max(samples.max(), -samples.min()) < config.clip_level:
        return False  # counting costs six times as much
    return float((np.abs(samples) >= config.clip_level).mean()) > config.clip_share


class Texture:
    """Tells even noise; frames lie at fixed places of a stream, so that windows share them.

    Args:
        config: limits and rate.
    """

    def __init__(self, config: GateConfig) -> None:
        edges = np.round(np.array(_EDGES_HZ) * FRAME / config.sample_rate_hz).astype(int)
        edges = edges[edges <= FRAME // 2]
        # An offset stays below the lowest band: of Hann's window it reaches two bins only.
        self._bins, self._bands = slice(edges[0], edges[-1]), edges[:-1] - edges[0]
        self._config, self._places = config, range(0)
        self._power, self._levels = np.empty((0, 0), np.float32), np.empty((0, 0), np.float32)

    def steady_floor_db(self, window: Window) -> Float32s | None:
        """float32[bands], the median levels of steady and smooth noise; None of anything else."""
        self._move(window)
        floor = _medians(self._levels)
        if float((self._levels - floor).max()) >= self._config.activity_db:
            return None
        smooth = _crest_db(self._power.mean(axis=0)) < self._config.crest_db
        return floor if smooth else None

    def _move(self, window: Window) -> None:
        """Have the frames of a window: those of the last one are kept, and only new ones made."""
        places, before = _places(window), self._places
        tiled = window.real_samples is not None  # what repeats lies at no place of the stream
        shared = not tiled and before.step == places.step and places.start in before
        known = (places.start - before.start) // before.step if shared else len(before)
        starts = np.array(places[len(before) - known :], np.intp) - window.start_sample
        power = power_spectra(window.samples, starts, self._bins)
        levels = _decibels(np.add.reduceat(power, self._bands, axis=1))
        if shared:
            power = np.concatenate([self._power[known:], power])
            levels = np.concatenate([self._levels[known:], levels])
        self._power, self._levels = power, levels
        self._places = range(0) if tiled else places


def _places(window: Window) -> range:
    """Places in the stream at which the frames in a window begin."""
    last = window.start_sample + len(window.samples) - FRAME
    step = max((len(window.samples) - FRAME) // (_FRAMES - 1), 1)
    return range(-(-window.start_sample // step) * step, last + 1, step)


def _medians(bands: Float32s) -> Float32s:
    """Median of each column, at a fifth of what numpy's costs."""
    ordered, rows = np.sort(bands, axis=0), len(bands)
    medians: Float32s = (ordered[(rows - 1) // 2] + ordered[rows // 2]) / 2
    return medians


def _crest_db(power: Float32s) -> float:
    """Height of the bin that stands out most of those around it."""
    level = _decibels(power)
    width = 2 * _AROUND + 1
    padded = np.pad(level, _AROUND, mode="reflect", reflect_type="odd")
    around = np.convolve(padded, np.full(width, 1 / width), mode="valid")
    return float((level - around).max())


def _decibels(power: Float32s) -> Float32s:
    return 10 * np.log10(np.maximum(power, 1e-12))
