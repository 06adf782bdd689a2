"""Audio files as blocks of mono float32, and back; the only module that touches soundfile."""

import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.arrays import Float32s, Int16s
from edge.contract.audio import Waveform, to_mono_float32
from edge.contract.errors import AudioError
from edge.contract.float_level import FloatLevel, float_level
from edge.source.block import Block
from edge.source.resampling import resample

_LOG = logging.getLogger(__name__)
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".caf")
_FORMATS = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}
_OPUS_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
_MIN_S, _MIN_HZ = 0.1, 1000
_BLOCK_S, _BLOCK_MOST = 1.0, 1 << 20
"""Length of a block; and samples at most, whatever rate a header claims."""
_FLOATS = ("FLOAT", "DOUBLE")
"""Encodings that may go beyond full scale, and hold NaN."""
_PADDING_S = 0.1
"""Encoders pad: the header of a whole OGG or MP3 may promise up to this much that isn't there."""


def read_blocks(path: Path) -> Iterator[Block]:
    """Decode a file of any rate, channels and bit depth, a second at a time.

    Floats beyond full scale are turned down; samples that are no numbers are silence, and told.

    Raises:
        AudioError: the file is no audio, too short, or ends before its header says.
    """
    level = _measured(path)
    with _open(path) as file:
        position = 0
        for samples in _parts(path, file):
            mono = to_mono_float32(level.apply(samples) if level else samples)
            yield Block(mono, file.samplerate, position)
            position += len(mono)
        if file.frames - position > _PADDING_S * file.samplerate:
            raise AudioError(
                f"{path}: ends after {position / file.samplerate:.1f} s of the "
                f"{file.frames / file.samplerate:.1f} s its header promises; copy it again"
            )


def read_recording(path: Path) -> tuple[Waveform, int]:
    """A whole file: float32[samples] and its rate in Hz.

    Raises:
        AudioError: as `read_blocks`.
    """
    blocks = list(read_blocks(path))
    return np.concatenate([block.samples for block in blocks]), blocks[0].rate_hz


def encode(samples: Int16s, rate_hz: int, format_: str) -> bytes:
    """A whole file of int16[samples], as `flac` or `opus`."""
    import soundfile

    kind, subtype = _FORMATS[format_]
    if format_ == "opus" and rate_hz not in _OPUS_HZ:
        faster = resample(samples.astype(np.float32), rate_hz, 48_000)
        samples, rate_hz = np.clip(faster, -32768, 32767).astype(np.int16), 48_000
    with io.BytesIO() as file:
        soundfile.write(file, samples, rate_hz, format=kind, subtype=subtype)
        return file.getvalue()


def find_recordings(folder: Path) -> list[Path]:
    """Every audio file below a folder, sorted.

    Raises:
        AudioError: there is none.
    """
    found = list_recordings(folder)
    if not found:
        raise AudioError(f"{folder}: no audio files here; expected {', '.join(SUFFIXES[:6])}")
    return found


def list_recordings(folder: Path) -> list[Path]:
    """Every audio file below a folder, sorted; none if there is none."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def _open(path: Path) -> Any:
    import soundfile

    if not path.is_file():
        raise AudioError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: the file is empty (0 bytes)")
    try:
        with _silent_decoder():
            file = soundfile.SoundFile(os.fsencode(path))
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError(f"{path}: not readable as audio ({_reason(error)})") from error
    # soundfile seeks after every read; in an MP3 that silences the next 50 ms.
    file.seekable = lambda: False
    return file


@contextmanager
def _silent_decoder() -> Iterator[None]:
    """libmpg123 writes its doubts about a header to file descriptor 2, past Python."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _measured(path: Path) -> FloatLevel | None:
    """Level of a file of floats, read once for it; None for what can't go beyond full scale."""
    with _open(path) as file:
        _check_sound(path, file.frames, file.samplerate)
        if file.subtype not in _FLOATS:
            return None
        level = float_level(_until_fault(_parts(path, file)))
        samples = file.frames * file.channels
    if level.damaged:
        _LOG.warning(
            "%s: %d of %d samples are NaN, infinite or out of all proportion; taken as silence",
            path,
            level.damaged,
            samples,
        )
    if level.exponent:
        _LOG.info("%s: goes beyond full scale; turned down by %.0f dB", path, -level.gain_db)
    return level


def _until_fault(parts: Iterator[Float32s]) -> Iterator[Float32s]:
    """The parts before a fault; of that, whoever reads the file for its sound is told."""
    with suppress(AudioError):
        yield from parts


def _parts(path: Path, file: Any) -> Iterator[Float32s]:
    """float32[samples, channels], a second at a time, or less."""
    # Not file.blocks(): where a file ends early it repeats what it read before.
    while len(part := _read(path, file)):
        yield part


def _read(path: Path, file: Any) -> Any:
    import soundfile

    try:
        most = min(int(file.samplerate * _BLOCK_S), _BLOCK_MOST)
        return file.read(most, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path}: damaged ({_reason(error)}); copy it again") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).rstrip(". ")


def _check_sound(path: Path, frames: int, rate_hz: int) -> None:
    if rate_hz < _MIN_HZ:
        raise AudioError(
            f"{path}: {rate_hz} samples a second are too few to hear a bird in; "
            f"at least {_MIN_HZ} are needed, or the header is damaged"
        )
    if frames < rate_hz * _MIN_S:
        raise AudioError(
            f"{path}: {frames} samples ({frames / rate_hz:.4f} s) are too short to hear a bird in; "
            f"at least {_MIN_S} s is needed"
        )
