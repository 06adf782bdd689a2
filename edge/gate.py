"""The gate: windows that hold nothing to hear are counted by reason and go no further."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.audio import Waveform
from edge.source.framing import Window


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


@dataclass(frozen=True)
class GateVerdict:
    """What the gate says of a window."""

    reason: str | None
    """Why the window is skipped (`silence`, `dc`, `flat_line`, `clipped`), or None to go on."""
    clipped: bool
    """A lively window that clips passes with this flag."""
    level_dbfs: float
    """RMS level without the offset, in dB re full scale."""


def judge(samples: Waveform, config: GateConfig) -> GateVerdict:
    """Judge one window, float32[samples]."""
    offset = float(samples.mean(dtype=np.float64))
    centred = samples - np.float32(offset)
    rms = math.sqrt(float(centred @ centred) / len(centred))
    level_dbfs = 20 * float(np.log10(max(rms, 1e-9)))
    clipped = float((np.abs(samples) >= config.clip_level).mean()) > config.clip_share
    return GateVerdict(
        _reason(samples, offset, rms, level_dbfs, clipped, config), clipped, level_dbfs
    )


def lively(windows: Sequence[Window], config: GateConfig) -> Sequence[Window]:
    """The windows of a recording that pass; all of them if none does, as `identify` has it."""
    passed = [one for one in windows if judge(one.samples, config).reason is None]
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
