"""Opening of the live source that the settings name: microphone, stream, or raw PCM on stdin."""

import logging
import threading
from collections.abc import Callable, Iterator

from edge.config import Settings
from edge.contract.errors import ConfigError
from edge.source.block import Block
from edge.source.microphone import Microphone
from edge.source.ring import Ring
from edge.source.schedule import Schedule, read_schedule
from edge.source.stdin import standard_input
from edge.source.stream import Stream, check_ffmpeg, is_url
from edge.source.supervisor import Capture, Supervisor
from edge.system.redaction import redacted_urls

_LOG = logging.getLogger(__name__)


def is_live(source: str | None) -> bool:
    """True if an input sounds now, and can't wait; None is the microphone."""
    return source is None or source == "-" or is_url(source)


def asked_for(settings: Settings) -> str:
    """The live source as the settings name it; without a password."""
    return redacted_urls(settings.input or settings.device or "microphone")


def check_live(settings: Settings) -> None:
    """Check that settings name a source that can be listened to live, without opening it.

    Raises:
        ConfigError: it is none, or its times of rest can't be read.
        AudioError: stdin is closed, or ffmpeg is missing.
    """
    read_times_of_rest(settings)
    if settings.input == "-":
        standard_input()
    elif settings.input is not None and not is_url(settings.input):
        raise ConfigError(f"input: {settings.input!r} is not live; start anew to hear files")
    elif settings.input is not None:
        check_ffmpeg(settings.input)


class Live:
    """The live source that the settings name; it is opened at once, and read ahead.

    Args:
        settings: of the run; its input is live.
        rate_hz: the encoder's, which a device or a stream is asked for.
        stopped: set to end it.
        tap: told of each block as it comes, by the thread that reads; it never fails or waits.

    Raises:
        ConfigError: its times of rest can't be read.
        AudioError: stdin is closed.
    """

    def __init__(
        self,
        settings: Settings,
        rate_hz: int,
        stopped: threading.Event,
        tap: Callable[[Block], None] = lambda block: None,
    ) -> None:
        self._capture = None if settings.input == "-" else _capture(settings, rate_hz)
        self._ring = Ring(_blocks(settings, self._capture, stopped), stopped, tap=tap)
        self._ring.start()

    @property
    def name(self) -> str:
        """Name in records; a device is known once it is open."""
        return "stdin" if self._capture is None else self._capture.name

    @property
    def dropped_s(self) -> float:
        """Seconds of audio lost because inference was too slow."""
        return self._ring.dropped_s

    def blocks(self) -> Iterator[Block]:
        """Its blocks until it ends or is stopped.

        Raises:
            BirdlistenError: there is no such device or stream.
        """
        return self._ring.blocks()

    def close(self) -> None:
        """Let the device go, so that it can be opened again."""
        self._ring.close()


def _blocks(
    settings: Settings, capture: Capture | None, stopped: threading.Event
) -> Iterator[Block]:
    schedule = read_times_of_rest(settings)
    if capture is None:
        return _awake(standard_input().blocks(settings.rate, stopped), schedule)
    return Supervisor(capture, settings.wait, schedule=schedule, stopped=stopped).blocks()


def _awake(blocks: Iterator[Block], schedule: Schedule) -> Iterator[Block]:
    """Blocks of a pipe, which has to be read on: what comes in a time of rest goes unheard."""
    resting = False
    for block in blocks:
        awake = schedule.awake()
        if not awake and not resting:
            _LOG.info("resting: %s", schedule)
        resting = not awake
        yield block if awake else Block.gap(resting=True)


def read_times_of_rest(settings: Settings) -> Schedule:
    """The quiet hours and the duty cycle of the settings.

    Raises:
        ConfigError: they can't be read.
    """
    return read_schedule(settings.quiet_hours, settings.duty, settings.latitude, settings.longitude)


def _capture(settings: Settings, rate_hz: int) -> Capture:
    if settings.input is not None:
        return Stream(settings.input, rate_hz)
    return Microphone(settings.device, rate_hz, settings.backend)
