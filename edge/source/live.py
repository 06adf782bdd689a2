"""Which live source the settings name: a microphone, a stream, or raw PCM on stdin."""

import logging
from collections.abc import Iterator

from edge.config import Settings
from edge.source.block import Block
from edge.source.microphone import Microphone
from edge.source.ring import Ring
from edge.source.stream import is_url, stdin_blocks, url_blocks

_LOG = logging.getLogger(__name__)


def is_live(source: str | None) -> bool:
    """Whether an input sounds now, and can't wait; None is the microphone."""
    return source is None or source == "-" or is_url(source)


def open_live(settings: Settings, rate_hz: int) -> tuple[Iterator[Block], str]:
    """The blocks of a live source, and its name.

    Args:
        settings: of the run; its input is live.
        rate_hz: the encoder's, which a device or a stream is asked for.

    Raises:
        BirdlistenError: there is no such device or stream.
    """
    if settings.input == "-":
        return stdin_blocks(settings.rate), "stdin"
    if settings.input is not None:
        return _ahead(url_blocks(settings.input, rate_hz)), settings.input
    microphone = Microphone(settings.device, rate_hz, settings.wait)
    return _ahead(microphone.blocks()), microphone.name


def _ahead(blocks: Iterator[Block]) -> Iterator[Block]:
    """Read ahead by a thread, so that slow inference drops audio instead of stalling a device."""
    ring = Ring(blocks)
    try:
        yield from ring.blocks()
    finally:
        if ring.dropped_s:
            _LOG.warning("%.1f s of audio were dropped: inference is too slow", ring.dropped_s)
