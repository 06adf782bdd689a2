"""Channels of a recording: which of them are heard, and what is wrong with the others.

The mean of two channels of opposite phase is silence, that with a dead one half as loud, that with
a broken one noise. So the mean is of those that are sound, by the first seconds of the file.
"""

from dataclasses import dataclass

import numpy as np

from edge.contract.arrays import Flags, Float32s
from edge.contract.audio import Waveform
from edge.contract.errors import AudioError
from edge.contract.text import counted

MIX, EACH = "mix", "each"
_SIDES = {"left": 0, "right": 1}
LOOKED_AT_S = 20
"""Of a recording, to judge its channels by."""
_DEAD_DB, _SILENCE = -40.0, 1e-6
"""Of a channel beside the loudest one; and a level that is none at all."""
_LOUD_DB, _FLAT = 6.0, 0.5
"""Noise is broken electronics if it is louder than the other channels, and as flat as this."""
_OPPOSITE = -0.9
"""Correlation."""
_SPECTRUM = 1024
_LOWEST_BIN = 8
"""Below it there is wind."""


@dataclass(frozen=True)
class Mixdown:
    """Weights of a recording's channels, and what there is to say of them."""

    weights: Float32s
    """float32[channels], of sum 1."""
    doubts: tuple[str, ...] = ()

    def apply(self, samples: Float32s) -> Waveform:
        """float32[samples, channels] to float32[samples]."""
        if len(self.weights) == 1:
            return samples[:, 0]
        mixed: Waveform = samples @ self.weights
        return mixed


def mixdown(chosen: str, begun: Float32s) -> Mixdown:
    """The weights by which a recording's channels become one.

    Args:
        chosen: `mix`, `left`, `right`, or a number from 1.
        begun: float32[samples, channels], its first seconds.

    Raises:
        AudioError: it has no such channel.
    """
    channels = begun.shape[1]
    if channels == 1 and chosen in (MIX, *_SIDES):
        return _only(0, 1)
    if chosen == MIX:
        return _of_sound_ones(begun)
    place = _SIDES.get(chosen, int(chosen) - 1 if chosen.isdecimal() else -1)
    if not 0 <= place < channels:
        raise AudioError(f"has {counted(channels, 'channel')}, not the asked for {chosen}")
    return _only(place, channels)


def _only(place: int, channels: int) -> Mixdown:
    weights = np.zeros(channels, np.float32)
    weights[place] = 1
    return Mixdown(weights)


def _of_sound_ones(begun: Float32s) -> Mixdown:
    """The mean of the channels that have nothing wrong with them."""
    moved = begun - begun.mean(axis=0)
    levels = np.sqrt((moved * moved).mean(axis=0))
    dead = _dead(levels)
    broken = _broken(moved, levels) & ~dead
    doubts = [f"channel {place + 1} is silent" for place in np.flatnonzero(dead)]
    doubts += [f"channel {place + 1} is nothing but noise" for place in np.flatnonzero(broken)]
    heard = np.flatnonzero(~(dead | broken))
    if _cancel_out(moved[:, heard], levels[heard]):
        doubts.append("its channels are of opposite phase")
        heard = heard[:1]
    weights = np.zeros(begun.shape[1], np.float32)
    weights[heard] = 1 / len(heard)
    if doubts:
        doubts.append(f"heard: {', '.join(str(place + 1) for place in heard)}")
    return Mixdown(weights, tuple(doubts))


def _dead(levels: Float32s) -> Flags:
    """bool[channels]; none where all are silent."""
    loudest = levels.max()
    if loudest < _SILENCE:
        return np.zeros(len(levels), bool)
    dead: Flags = levels < max(loudest * 10 ** (_DEAD_DB / 20), _SILENCE)
    return dead


def _broken(moved: Float32s, levels: Float32s) -> Flags:
    """bool[channels]: white noise beside a channel that is none, and louder than that."""
    whole = moved[: len(moved) // _SPECTRUM * _SPECTRUM]
    if not len(whole) or moved.shape[1] == 1:
        return np.zeros(moved.shape[1], bool)
    frames = whole.reshape(-1, _SPECTRUM, moved.shape[1]) * np.hanning(_SPECTRUM)[:, None]
    power = (np.abs(np.fft.rfft(frames, axis=1)) ** 2).mean(axis=0)[_LOWEST_BIN:] + 1e-20
    flat = np.exp(np.log(power).mean(axis=0)) / power.mean(axis=0) > _FLAT
    if flat.all():
        return np.zeros(len(levels), bool)
    quieter = levels[~flat].max() * 10 ** (_LOUD_DB / 20)
    broken: Flags = flat & (levels > quieter)
    return broken


def _cancel_out(moved: Float32s, levels: Float32s) -> bool:
    """True if channels take each other away."""
    if moved.shape[1] < 2 or levels.min() < _SILENCE:
        return False
    mean = moved.mean(axis=1)
    level = float(np.sqrt((mean * mean).mean()))
    # Two of correlation r have a mean of sqrt((1 + r) / 2) of their level.
    return level < float(levels.mean()) * float(((1 + _OPPOSITE) / 2) ** 0.5)
