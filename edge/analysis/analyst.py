"""Analyst: hears whole recordings with one listener, each at its own time."""

import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from edge.analysis.encoded import EncodedBy, EncodedRecording, WindowLog
from edge.analysis.recording_file import RecordingFile
from edge.config import Settings
from edge.contract.errors import AudioError
from edge.pipeline.builder import Origin
from edge.pipeline.listener import Listener
from edge.pipeline.tally import Tally
from edge.records.detection import Clip, Record
from edge.source.block import Block
from edge.source.channels import EACH
from edge.source.live import read_times_of_rest
from edge.source.recorded import Recorded, recorded
from edge.source.recording import count_channels, read_blocks
from edge.source.schedule import Schedule
from edge.system.throttle import reason
from edge.system.zone import named_zone

_LOG = logging.getLogger(__name__)
_BLOCK_GAP = Block.gap()


@dataclass
class Analysis:
    """Outcome of a recording."""

    records: list[Record] = field(default_factory=list)
    length_s: float = 0.0
    """Seconds of sound in it."""
    fault: str | None = None
    """What is wrong with it; what was found before the fault counts."""
    begun_ms: int | None = None
    """UTC of its first sample, in milliseconds, where that is known."""
    lacks_zone: bool = False
    """It is dated, but nobody knows in which time zone."""
    tally: Tally = field(default_factory=Tally)
    """Of its windows."""
    encoded: EncodedRecording | None = None
    """Its windows, where they are kept."""
    told: list[tuple[int, str]] = field(default_factory=list)
    """Messages for the log, with their levels."""

    @property
    def counts(self) -> bool:
        """False of a recording of which nothing could be heard: it is tried again next time."""
        return self.fault is None or self.length_s > 0

    @property
    def said(self) -> str:
        """The fault, and what became of the recording."""
        return f"{self.fault}; {'what lies before that was heard' if self.length_s else 'skipped'}"


class Analyst:
    """Hears recordings.

    Args:
        settings: channel, time zone and quiet hours.
        listener: made of the same settings.
        keeps_embeddings: an analysis has its encoded windows, too.

    Raises:
        ConfigError: the time zone, or the quiet hours, can't be read.
    """

    def __init__(
        self, settings: Settings, listener: Listener, keeps_embeddings: bool = False
    ) -> None:
        self._listener, self._channel = listener, settings.channel
        self._keeps_embeddings = keeps_embeddings
        self._zone = None if settings.time_zone is None else named_zone(settings.time_zone)
        self._rest = read_times_of_rest(settings)

    def analyse(
        self, file: RecordingFile, found: Callable[[Record], object] = lambda record: None
    ) -> Analysis:
        """Everything that is found in a recording, whatever that is.

        Args:
            file: the recording.
            found: told each record at once.

        Raises:
            BrokenPipeError: nobody reads what is found any more.
        """
        analysis, before = Analysis(), self._listener.tally
        self._listener.tally = analysis.tally
        try:
            with file.fetched() as here:
                for record in self._records(here, analysis):
                    analysis.records.append(record)
                    found(record)
        except BrokenPipeError:
            raise
        except Exception as error:  # whatever it is, it is of this file, and others are left
            _LOG.debug("%s", file, exc_info=error)
            analysis.fault = told(error, file)
        finally:
            self._listener.tally = before
            before.add(analysis.tally)
        return analysis

    def _records(self, file: RecordingFile, analysis: Analysis) -> Iterator[Record]:
        """Yield what is found in a recording, as soon as it is; its time and length are noted."""
        made = recorded(file.path, self._zone)
        analysis.begun_ms, analysis.lacks_zone = made.begun_ms, made.lacks_zone
        log = WindowLog() if self._keeps_embeddings else None
        try:
            yield from self._records_of_channels(file, analysis, made, log)
        finally:
            if log is not None:
                analysis.encoded = log.recording(encoded_by(self._listener), made)

    def _records_of_channels(
        self, file: RecordingFile, analysis: Analysis, made: Recorded, log: WindowLog | None
    ) -> Iterator[Record]:
        for channel, number in self._channels(file):
            if log is not None:
                log.channel = number
            origin = Origin(
                source=file.source,
                station=socket.gethostname(),
                live=False,
                recorded=made,
                root=file.root,
                volume=file.volume,
                channel=number,
            )
            blocks = _counted(read_blocks(file.path, channel), analysis)
            for found in self._listener.listen(self._awake(blocks, made), origin, monitor=log):
                if not isinstance(found, Clip):  # of which a file has none
                    yield found

    def _channels(self, file: RecordingFile) -> Iterator[tuple[str, int | None]]:
        """Channels to hear one after the other, as chosen, and their numbers in records."""
        if self._channel != EACH:
            yield self._channel, int(self._channel) if self._channel.isdecimal() else None
            return
        for number in range(1, count_channels(file.path) + 1):
            yield str(number), number

    def _awake(self, blocks: Iterator[Block], made: Recorded) -> Iterator[Block]:
        """Without those of quiet hours, if the recording's time is known."""
        if self._rest.quiet is None or made.begun_ms is None:
            return blocks
        begun = datetime.fromtimestamp(made.begun_ms / 1000, timezone.utc)
        return _outside(blocks, self._rest, begun)


def encoded_by(listener: Listener) -> EncodedBy:
    """The encoder of a listener, and how it cuts windows."""
    identity, spec = listener.recognizer.identity, listener.spec
    return EncodedBy(
        model_id=identity.model_id,
        precision=identity.precision,
        dim=listener.recognizer.bundle.manifest.embedding_dim,
        window_samples=spec.window_samples,
        hop_samples=spec.hop_samples,
    )


def told(error: Exception, file: RecordingFile) -> str:
    """A fault of a recording in words."""
    return str(error) if isinstance(error, AudioError) else f"{file}: {reason(error)}"


def _counted(blocks: Iterator[Block], analysis: Analysis) -> Iterator[Block]:
    for block in blocks:
        analysis.length_s = max(analysis.length_s, block.end_sample / block.rate_hz)
        yield block


def _outside(blocks: Iterator[Block], rest: Schedule, begun: datetime) -> Iterator[Block]:
    for block in blocks:
        moment = begun + timedelta(seconds=block.first_sample / block.rate_hz)
        yield _BLOCK_GAP if rest.is_quiet(moment) else block
