"""Waterfall of the newest sound: a spectrogram that grows with the blocks of a source."""

import numpy as np

from edge.contract.arrays import Float32s, Floats, UInt8s
from edge.dsp.spectra import FRAME, power_spectra
from edge.source.block import Block

FLOOR_DBFS, STEP_DB = -120.0, 0.5
"""Level of the value 1 of a column, and from one value to the next; 0 is a gap."""
BANDS = 64
_COLUMNS = 1200
"""A minute of columns."""
_A_SECOND, _FRAMES = 20, 2
"""Columns a second, and frames of each, of which the louder one counts."""
_BAND_HZ = (200.0, 15_000.0)
_SINE_POWER = (FRAME / 4) ** 2
"""Of the bin of a sine of full scale under Hann's window."""
_MOST_S = 4.0
"""Sound worked off at once; of more, as of a pipe that is faster than time, the newest."""


class Waterfall:
    """Columns of the newest minute of one source, in mel bands.

    Its blocks may have any rate and length; where sound lacks, columns are 0.
    """

    def __init__(self) -> None:
        self._begin(1)

    def add(self, blocks: list[Block]) -> None:
        """Take the next blocks; those without samples say nothing."""
        for block in blocks:
            if block.rate_hz != self._rate_hz and len(block.samples):
                self._begin(block.rate_hz)
            if len(block.samples):
                self._join(block)
        self._work_off()

    @property
    def is_empty(self) -> bool:
        """True before the first column."""
        return self.end == 0

    @property
    def column_s(self) -> float:
        """Length of a column."""
        return self._step / self._rate_hz

    @property
    def behind_s(self) -> float:
        """Seconds of sound that have come after the newest column."""
        return (self._at + self._length) / self._rate_hz - self.end * self.column_s

    def columns(self) -> UInt8s:
        """uint8[columns, bands] oldest first, at most a minute of them; the last one ends at `end`.

        Their numbers count from the source's start.
        """
        newest = self.end % _COLUMNS
        ordered = np.concatenate([self._ring[newest:], self._ring[:newest]])
        held: UInt8s = ordered[_COLUMNS - min(self.end - self._first, _COLUMNS) :]
        return held

    def _begin(self, rate_hz: int) -> None:
        self._rate_hz, self._step = rate_hz, max(round(rate_hz / _A_SECOND), _FRAMES)
        self.bands_hz, self._weights = _mel_bands(rate_hz)
        self._ring = np.zeros((_COLUMNS, BANDS), np.uint8)
        self.end = self._first = 0
        """Number of the column after the newest one, and of the first of all."""
        self._clear(0)

    def _clear(self, at: int) -> None:
        self._pieces: list[Float32s] = []
        self._at, self._length = at, 0

    def _join(self, block: Block) -> None:
        """Hold a block; after a gap, or of too much, from its first whole column on."""
        is_gap = block.first_sample != self._at + self._length
        if is_gap or self._length > _MOST_S * self._rate_hz:
            self._clear(block.first_sample)
        self._pieces.append(block.samples)
        self._length += len(block.samples)

    def _work_off(self) -> None:
        first = -(-self._at // self._step)
        hop = self._step // _FRAMES
        reach = (_FRAMES - 1) * hop + FRAME
        count = (self._at + self._length - first * self._step - reach) // self._step + 1
        if count <= 0:
            return
        samples = np.concatenate(self._pieces)
        starts = first * self._step - self._at + np.arange(count)[:, None] * self._step
        frames = (starts + np.arange(_FRAMES) * hop).ravel()
        power = power_spectra(samples, frames) @ self._weights
        self._enter(first, _levels(power.reshape(count, _FRAMES, BANDS).max(axis=1)))
        rest = min((first + count) * self._step - self._at, self._length)
        self._at, self._pieces = self._at + rest, [samples[rest:]]
        self._length = len(self._pieces[0])

    def _enter(self, first: int, levels: UInt8s) -> None:
        """Put columns where they belong; those between the end and them are a gap."""
        if self.end == 0 or first < self.end:
            self._first = self.end = first
            self._ring[:] = 0
        gap = min(first - self.end, _COLUMNS)
        self._ring[np.arange(first - gap, first) % _COLUMNS] = 0
        self.end = first + len(levels)
        self._ring[np.arange(first, self.end) % _COLUMNS] = levels


def _levels(power: Float32s) -> UInt8s:
    """Power as uint8, from 1 on."""
    dbfs = 10 * np.log10(np.maximum(power / _SINE_POWER, 1e-20))
    values = np.clip(np.round((dbfs - FLOOR_DBFS) / STEP_DB) + 1, 1, 255)
    return np.asarray(values, np.uint8)


def _mel_bands(rate_hz: int) -> tuple[tuple[float, ...], Float32s]:
    """Centres of the bands, and the weights of bins in them, float32[FRAME // 2 + 1, bands]."""
    low, high = (
        min(hz, share * rate_hz / 2) for hz, share in zip(_BAND_HZ, (0.1, 0.95), strict=True)
    )
    edges = _hertz(np.linspace(_mel(low), _mel(high), BANDS + 2))
    bins = np.arange(FRAME // 2 + 1) * rate_hz / FRAME
    # No band is narrower than a bin: else some would hold none.
    wide = np.maximum(np.diff(edges), rate_hz / FRAME)
    below = (bins[:, None] - edges[1:-1]) / wide[:-1]
    above = (bins[:, None] - edges[1:-1]) / wide[1:]
    weights = np.where(below < 0, 1 + below, 1 - above)
    return tuple(np.round(edges[1:-1], 1).tolist()), np.maximum(weights, 0).astype(np.float32)


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _hertz(mel: Floats) -> Floats:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))
