"""Clips as the settings have them."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge.clip.extractor import ClipConfig
from edge.clip.sink import ClipSink
from edge.clip.store import ClipStore, ClipStoreConfig
from edge.clip.voice import VoiceGate
from edge.config import Settings
from edge.contract.errors import MissingPackageError
from edge.records.detection import Clip, Record
from edge.records.writer import BatchPace, Writer

_MEGABYTE = 1_000_000
_WAITING = 8
"""Clips held in memory at most, some megabytes each, while others are written."""
_LOG = logging.getLogger(__name__)


@contextmanager
def open_clips(settings: Settings, note: Callable[[Record], None]) -> Iterator[Writer[Clip] | None]:
    """A thread that writes clips; None if none are wanted, or nobody can tell where people speak.

    Args:
        settings: of the run.
        note: takes what the records shall know.
    """
    try:
        sink = ClipSink(_store(settings), _voice(settings), note) if settings.clips else None
    except MissingPackageError as error:
        _LOG.warning("no clips are kept: %s; or allow speech in them: --voices keep", error)
        sink = None
    if sink is None:
        yield None
        return
    with Writer(sink, _WAITING, BatchPace(every_s=0)) as writer:
        yield writer


def clip_config(settings: Settings) -> ClipConfig:
    """Lengths of a clip, as the settings have them."""
    return ClipConfig(settings.clip_before, settings.clip_after, settings.clip_most)


def _voice(settings: Settings) -> VoiceGate | None:
    return None if settings.voices == "keep" else VoiceGate()


def _store(settings: Settings) -> ClipStore:
    config = ClipStoreConfig(
        format=settings.clip_format,
        most_bytes=int(settings.clips_mb * _MEGABYTE),
        most_days=settings.clips_days,
        least=settings.clips_least,
        free_bytes=int(settings.free_mb * _MEGABYTE),
    )
    return ClipStore(settings.station_path, config)
