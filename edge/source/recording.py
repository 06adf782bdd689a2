"""Recordings as blocks of mono float32, to their true end.

libsndfile reads first; a WAV whose header lies is read by itself, what is left by ffmpeg. Where the
sound ends is for the decoder to say, not for a header.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import chain, islice
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float32s
from edge.contract.audio import Waveform
from edge.contract.errors import AudioError
from edge.contract.float_level import FloatLevel, float_level
from edge.source import ffmpeg_file, libsndfile, raw_wav
from edge.source.block import Block
from edge.source.channels import LOOKED_AT_S, MIX, Mixdown, mixdown
from edge.source.decoding import Decoding
from edge.source.libsndfile import UnknownFormat
from edge.source.links import find_links
from edge.source.riff import misleading_layout

_LOG = logging.getLogger(__name__)
MIN_S, MIN_HZ = 0.1, 1000
_PADDING_S = 0.1
"""Encoders pad: a header may promise up to this much that isn't there."""
_LOOKED_AT = 1 << 24
"""Values, to judge channels by, at most."""


def read_blocks(
    path: Path, channel: str = MIX, span: tuple[int, int] | None = None
) -> Iterator[Block]:
    """Decode a file of any rate, channels and bit depth, a second at a time.

    Floats beyond full scale are turned down; samples that are no numbers are silence, and told.

    Args:
        path: of the file.
        channel: `mix`, `left`, `right`, or a number from 1.
        span: first byte of the recording, and that after its last, in an archive; None: the file.

    Raises:
        AudioError: the file is no audio, too short, or ends before its header says; that and damage
            only once all before it was yielded.
    """
    yield from _long_enough(path, _blocks(path, channel, span))


def read_recording(path: Path) -> tuple[Waveform, int]:
    """A whole file: float32[samples] and its rate in Hz.

    Raises:
        AudioError: as `read_blocks`.
    """
    blocks = list(read_blocks(path))
    return np.concatenate([block.samples for block in blocks]), blocks[0].rate_hz


def count_channels(path: Path) -> int:
    """Channels of a file.

    Raises:
        AudioError: it can't be read.
    """
    with _opened(path)[0][0] as decoding:
        return decoding.channels


def _blocks(path: Path, channel: str, span: tuple[int, int] | None) -> Iterator[Block]:
    opened, is_cut = _opened(path, span)
    begun_s = 0.0
    for link in opened:
        with link as decoding:
            first, length = round(begun_s * decoding.rate_hz), 0
            for samples in _mono(path, decoding, channel, span):
                yield Block(samples, decoding.rate_hz, first + length)
                length += len(samples)
            _check_length(path, decoding, length)
        begun_s += length / decoding.rate_hz
    if is_cut:
        raise AudioError(f"{path}: ends after {begun_s:.1f} s, before its end; copy it again")


def _long_enough(path: Path, blocks: Iterator[Block]) -> Iterator[Block]:
    """The blocks, once there is enough sound in them to hear a bird."""
    held, length_s = list[Block](), 0.0
    for block in blocks:
        held.append(block)
        length_s += block.length_s
        if length_s >= MIN_S:
            yield from held
            yield from blocks
            return
    samples = sum(len(block.samples) for block in held)
    raise AudioError(
        f"{path}: {samples} samples ({length_s:.4f} s) are too short to hear a bird in; "
        f"at least {MIN_S} s is needed"
    )


def _opened(
    path: Path, span: tuple[int, int] | None = None
) -> tuple[list[AbstractContextManager[Decoding]], bool]:
    """The recordings in a file, one unless others were appended; True if the last one is cut."""
    if not path.is_file():
        raise AudioError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: the file is empty (0 bytes)")
    if span is not None:
        return [libsndfile.decode(path, span)], False
    try:
        layout, links = misleading_layout(path), find_links(path)
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror}") from error
    if layout is not None:
        return [raw_wav.decode(path, layout)], False
    if links.is_plain:
        return [_decode(path)], links.is_cut
    first, *others = links.ranges
    opened = [libsndfile.decode(path, first, links.prefix)]
    return [*opened, *(libsndfile.decode(path, link) for link in others)], links.is_cut


@contextmanager
def _decode(path: Path) -> Iterator[Decoding]:
    with suppress(UnknownFormat), libsndfile.decode(path) as decoding:
        yield decoding
        return
    with _by_ffmpeg(path) as decoding:
        yield decoding


def _by_ffmpeg(path: Path) -> AbstractContextManager[Decoding]:
    if not ffmpeg_file.has_ffmpeg():
        raise AudioError(
            f"{path}: not readable as audio without ffmpeg, which may know it: "
            "sudo apt install ffmpeg"
        )
    return ffmpeg_file.decode(path)


def _mono(
    path: Path, decoding: Decoding, channel: str, span: tuple[int, int] | None
) -> Iterator[Waveform]:
    _check_rate(path, decoding.rate_hz)
    parts = decoding.parts
    if decoding.is_float:
        parts = map(_measured(path, span).apply, parts)
    fault = list[AudioError]()
    parts = _until_fault(parts, fault)
    begun = list(islice(parts, _judged_parts(decoding)))
    if begun:
        yield from map(_down(path, begun, channel).apply, chain(begun, parts))
    if fault:
        raise fault[0]


def _judged_parts(decoding: Decoding) -> int:
    """Parts that tell what the channels are worth."""
    if decoding.channels == 1:
        return 1
    return max(1, min(LOOKED_AT_S, _LOOKED_AT // (decoding.rate_hz * decoding.channels)))


def _down(path: Path, begun: Sequence[Float32s], channel: str) -> Mixdown:
    try:
        down = mixdown(channel, np.concatenate(begun))
    except AudioError as error:
        raise AudioError(f"{path}: {error}") from error
    if down.doubts:
        _LOG.warning("%s: %s", path, "; ".join(down.doubts))
    return down


def _measured(path: Path, span: tuple[int, int] | None) -> FloatLevel:
    """Level of a file of floats, read once for it."""
    with _opened(path, span)[0][0] as decoding:
        level = float_level(_until_fault(decoding.parts, []))
    if level.damaged:
        _LOG.warning(
            "%s: %d samples are NaN, infinite or out of all proportion; taken as silence",
            path,
            level.damaged,
        )
    if level.exponent:
        _LOG.info("%s: goes beyond full scale; turned down by %.0f dB", path, -level.gain_db)
    return level


def _until_fault(parts: Iterator[Float32s], fault: list[AudioError]) -> Iterator[Float32s]:
    """The parts before a fault, which is put aside."""
    try:
        yield from parts
    except AudioError as error:
        fault.append(error)


def _check_rate(path: Path, rate_hz: int) -> None:
    if rate_hz < MIN_HZ:
        raise AudioError(
            f"{path}: {rate_hz} samples a second are too few to hear a bird in; "
            f"at least {MIN_HZ} are needed, or the header is damaged"
        )


def _check_length(path: Path, decoding: Decoding, length: int) -> None:
    """Refuse to take for the whole what is less than the header says."""
    promised, rate_hz = decoding.promised, decoding.rate_hz
    if promised is not None and promised - length > _PADDING_S * rate_hz:
        raise AudioError(
            f"{path}: ends after {length / rate_hz:.1f} s of the {promised / rate_hz:.1f} s its "
            "header promises; copy it again"
        )
