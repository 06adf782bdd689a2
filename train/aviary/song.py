"""Notes and their synthesis: pitch contours with partials, vibrato, tremolo, roughness, strikes.

A song is a list of ``Note``; what a species sings is in ``repertoire``. The acoustics are stylised:
contours, lengths and rates follow published descriptions (Cramp et al., *Birds of the Western
Palearctic*, and typical xeno-canto sonograms), not measurements of single recordings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.arrays import Float32s, Float64s

RATE_HZ = 48_000
"""Sample rate of everything in the aviary."""

Waveform = Float32s

_CEILING_HZ = 20_000.0
"""No partial is made above this pitch."""


@dataclass(frozen=True)
class Note:
    """One syllable and the silence after it."""

    contour_hz: tuple[float, ...]
    """Pitch at equally spaced moments; straight lines in log frequency between them."""
    length_s: float
    pause_s: float = 0.05
    level: float = 1.0
    partials: tuple[float, ...] = (1.0, 0.12)
    """Amplitude of the fundamental, the second harmonic, ..."""
    vibrato: tuple[float, float] = (0.0, 0.0)
    """Rate in hertz and depth as a share of the pitch."""
    tremolo: tuple[float, float] = (0.0, 0.0)
    """Rate in hertz and depth from 0 to 1."""
    roughness: float = 0.0
    """Standard deviation of the pitch noise as a share of the pitch: 0 pure, 0.1 hoarse."""
    attack_s: float = 0.012
    decay_s: float = 0.0
    """0: sustained; otherwise the time constant of an exponential decay (a strike)."""

    @property
    def period_s(self) -> float:
        """Time from this note's start to the next one's."""
        return self.length_s + self.pause_s

    def varied(self, pitch: float, tempo: float, brightness: float, level: float = 1.0) -> "Note":
        """Return the note with pitch, speed, overtones and level multiplied."""
        return replace(
            self,
            contour_hz=tuple(hz * pitch for hz in self.contour_hz),
            length_s=self.length_s / tempo,
            pause_s=self.pause_s / tempo,
            level=self.level * level,
            partials=tuple(a * brightness**k for k, a in enumerate(self.partials)),
        )


def samples(seconds: float) -> int:
    """Convert seconds to a number of samples."""
    return round(seconds * RATE_HZ)


def smooth_noise(count: int, rate_hz: float, rng: np.random.Generator) -> Float64s:
    """Return float64[count] normal noise that changes about ``rate_hz`` times a second."""
    knots = rng.standard_normal(int(count * rate_hz / RATE_HZ) + 2)
    moments = np.arange(count) * (rate_hz / RATE_HZ)
    return np.asarray(np.interp(moments, np.arange(len(knots)), knots), np.float64)


def _pitch(note: Note, count: int, rng: np.random.Generator) -> Float64s:
    """Return the pitch of every sample in hertz."""
    knots = np.linspace(0, max(count - 1, 1), len(note.contour_hz))
    pitch = np.exp(np.interp(np.arange(count), knots, np.log(note.contour_hz)))
    rate_hz, depth = note.vibrato
    if depth:
        pitch *= 1 + depth * np.sin(np.arange(count) * (2 * np.pi * rate_hz / RATE_HZ))
    if note.roughness:
        pitch *= 1 + note.roughness * np.clip(smooth_noise(count, 900.0, rng), -3, 3)
    return pitch


def _envelope(note: Note, count: int) -> Float64s:
    """Return float64[count]: raised cosine flanks, tremolo, decay."""
    time_s = np.arange(count) / RATE_HZ
    attack_s = min(note.attack_s, note.length_s / 2)
    release_s = min(max(attack_s, 0.008), note.length_s / 2)
    flank = np.minimum(time_s / attack_s, (note.length_s - time_s) / release_s)
    envelope = 0.5 - 0.5 * np.cos(np.pi * np.clip(flank, 0, 1))
    rate_hz, depth = note.tremolo
    if depth:
        envelope *= 1 - depth * (0.5 + 0.5 * np.cos(2 * np.pi * rate_hz * time_s))
    if note.decay_s:
        envelope *= np.exp(-time_s / note.decay_s)
    return envelope


def sound(note: Note, rng: np.random.Generator) -> Waveform:
    """Synthesise one note.

    Args:
        note: What to sing.
        rng: Source of the roughness.

    Returns:
        float32[samples(note.length_s)], without the pause.
    """
    count = samples(note.length_s)
    pitch = _pitch(note, count, rng)
    cycles = np.cumsum(pitch) / RATE_HZ
    wave = np.zeros(count, np.float32)
    for order, amplitude in enumerate(note.partials, start=1):
        if amplitude > 0.004 and order * pitch.max(initial=0.0) < _CEILING_HZ:
            angle = ((order * cycles) % 1.0).astype(np.float32) * np.float32(2 * np.pi)
            wave += np.float32(amplitude) * np.sin(angle)
    return (wave * (note.level * _envelope(note, count))).astype(np.float32)


def perform(notes: Sequence[Note], rng: np.random.Generator) -> Waveform:
    """Synthesise notes one after the other.

    Args:
        notes: The song; the pause of the last note is left out.
        rng: Source of roughness and of the small unevenness of every performance.

    Returns:
        float32[count] from the start of the first note to the end of the last.
    """
    starts_s = np.cumsum([0.0, *(note.period_s for note in notes)])
    total = samples(starts_s[-1] - notes[-1].pause_s) + 2 if notes else 0
    wave = np.zeros(total, np.float32)
    for note, start_s in zip(notes, starts_s[:-1], strict=True):
        uneven = note.varied(float(np.exp(rng.normal(0, 0.006))), 1.0, 1.0, rng.uniform(0.8, 1.0))
        piece = sound(uneven, rng)[: total - samples(start_s)]
        wave[samples(start_s) : samples(start_s) + len(piece)] += piece
    return wave
