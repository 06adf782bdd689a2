"""Clips as the settings have them."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge.clip.cutter import ClipConfig, Cutter
from edge.clip.keeper import Keeper
from edge.clip.shelf import Shelf, ShelfConfig
from edge.clip.voice import VoiceGate
from edge.config import Settings
from edge.contract.audio import AudioSpec
from edge.contract.errors import MissingPackageError
from edge.detection import Clip, Record
from edge.writer import Writer

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
        keeper = Keeper(_shelf(settings), _voice(settings), note) if settings.clips else None
    except MissingPackageError as error:
        _LOG.warning("no clips are kept: %s; or allow speech in them: --voices keep", error)
        keeper = None
    if keeper is None:
        yield None
        return
    with Writer(keeper, _WAITING) as writer:
        yield writer


def open_cutter(settings: Settings, spec: AudioSpec) -> Cutter:
    """Cuts clips with the settings' lengths."""
    return Cutter(spec, ClipConfig(settings.clip_before, settings.clip_after, settings.clip_most))


def _voice(settings: Settings) -> VoiceGate | None:
    return None if settings.voices == "keep" else VoiceGate()


def _shelf(settings: Settings) -> Shelf:
    config = ShelfConfig(
        settings.clip_format,
        int(settings.clips_mb * _MEGABYTE),
        settings.clips_days,
        settings.clips_least,
        int(settings.free_mb * _MEGABYTE),
    )
    return Shelf(settings.station_path, config)
