"""A spectrogram as PNG, with numpy and zlib alone: a recorder has no Pillow."""

import struct
import zlib

import numpy as np
import numpy.typing as npt

from edge.contract.arrays import Float32s, Int16s
from edge.contract.audio import to_mono_float32
from edge.dsp.magma import coloured
from edge.dsp.spectra import FRAME, power_spectra

_WIDTH, _HEIGHT = 512, 192
_RANGE_DB = 70.0
_TOP_HZ = 14_000.0
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def spectrogram_png(samples: Int16s, rate_hz: int) -> bytes:
    """A picture of 512 x 192 points, time to the right, up to 14 kHz upwards.

    Args:
        samples: int16[samples].
        rate_hz: of the samples.
    """
    level = _levels(to_mono_float32(samples), rate_hz)
    loudest = float(level.max())
    shade = np.clip((level - loudest + _RANGE_DB) / _RANGE_DB, 0, 1)
    return _png(coloured(shade[::-1]))


def _levels(samples: Float32s, rate_hz: int) -> Float32s:
    """float32[192, 512] in dB, low pitches first."""
    padded = np.pad(samples, (0, max(FRAME - len(samples), 0)))
    power = power_spectra(padded, np.linspace(0, len(padded) - FRAME, _WIDTH).astype(int))
    hz = np.linspace(0, min(_TOP_HZ, rate_hz / 2), _HEIGHT)
    bins = np.round(hz * FRAME / rate_hz).astype(int)
    return np.asarray(10 * np.log10(np.maximum(power[:, bins].T, 1e-10)), np.float32)


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """uint8[height, width, 3] as a PNG (ISO 15948): header, one stream of rows, end."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b"")
    return _SIGNATURE + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)
