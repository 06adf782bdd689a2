"""Decoding and encoding by libsndfile; the only module that touches soundfile."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.arrays import Float32s, Int16s
from edge.contract.errors import AudioError
from edge.source.byte_range import ByteRange
from edge.source.decoding import Decoding, part_samples
from edge.source.resampling import resample

_FORMATS = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}
_OPUS_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
FLOATS = ("FLOAT", "DOUBLE")
"""Encodings that may go beyond full scale, and hold NaN."""
_UNRELIABLE = ("FLAC", "OGG", "MP3", "MPEG")
"""Forms whose header may hold no length, or a wrong one, of a file that is whole."""


class UnknownFormat(AudioError):
    """The file is of no form that libsndfile knows."""


@contextmanager
def decode(
    path: Path, link: tuple[int, int] | None = None, prefix: bytes = b""
) -> Iterator[Decoding]:
    """Open a file, or a link of it.

    Args:
        path: of the file.
        link: first byte of a part of it, and that after the last.
        prefix: bytes that this part lacks.

    Raises:
        UnknownFormat: it can't be read.
        AudioError: while it is read, it is damaged.
    """
    import soundfile

    source = os.fsencode(path) if link is None else ByteRange(path, *link, prefix)
    try:
        with _silent_decoder():
            file = soundfile.SoundFile(source)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        where = path if link is None else f"{path}, bytes {link[0]} to {link[1]}"
        raise UnknownFormat(f"{where}: not readable as audio ({_reason(error)})") from error
    # soundfile seeks after every read; in an MP3 that silences the next 50 ms.
    file.seekable = lambda: False
    with file:
        yield Decoding(
            rate_hz=file.samplerate,
            channels=file.channels,
            parts=_parts(path, file),
            promised=None if file.format in _UNRELIABLE else file.frames,
            is_float=file.subtype in FLOATS,
        )


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


def _parts(path: Path, file: Any) -> Iterator[Float32s]:
    # Not file.blocks(): where a file ends early it repeats what it read before.
    while len(part := _read(path, file)):
        yield part


def _read(path: Path, file: Any) -> Any:
    import soundfile

    try:
        return file.read(part_samples(file.samplerate), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path}: damaged ({_reason(error)}); copy it again") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).rstrip(". ")
