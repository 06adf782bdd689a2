"""Listening to what sounds now, for years: signals, systemd, clips."""

import logging
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain

from edge.command.clips import clip_config, open_clips
from edge.command.opening import open_listener, open_recognizer, open_records
from edge.command.stop import Stop, stopping
from edge.config import Settings
from edge.contract.errors import AudioError, BirdlistenError
from edge.contract.manifest import FILE_NAME, load_manifest
from edge.pipeline.builder import Origin
from edge.pipeline.listener import Listener
from edge.pipeline.reload import BundleReloader
from edge.recognition.recognizer import Recognizer
from edge.records.detection import Clip, Record
from edge.records.writer import Writer
from edge.service.notify import Notifier
from edge.source.block import Block
from edge.source.live import Live
from edge.source.schedule import read_schedule
from edge.system.memory import return_what_is_freed
from edge.system.outlet import unblocked_log
from edge.system.throttle import RateLimitedLog

_LOG = logging.getLogger(__name__)
_LATE = RateLimitedLog(_LOG)


def listen_live(settings: Settings, reread: Callable[[], Settings] | None = None) -> None:
    """Listen until a signal ends it; SIGHUP begins again with the settings as they are now.

    Args:
        settings: of the run.
        reread: gives the settings as they are now; None keeps them.

    Raises:
        BirdlistenError: bundle or source can't be used.
        KeyboardInterrupt: a Ctrl-C has ended it; everything is written.
    """
    return_what_is_freed()
    notifier = Notifier()
    with stopping() as stop, unblocked_log():
        recognizer = _listen(settings, None, stop, notifier)
        while stop.take_reload():
            notifier.reloading()
            settings, recognizer = _reloaded(settings, recognizer, reread)
            # What was there once is waited for.
            recognizer = _listen(replace(settings, wait=True), recognizer, stop, notifier)
        notifier.stopping()
    if stop.interrupted:
        raise KeyboardInterrupt


def _listen(
    settings: Settings, recognizer: Recognizer | None, stop: Stop, notifier: Notifier
) -> Recognizer:
    """Listen until a signal comes; the device opens while the bundle is loaded."""
    rate_hz, windows = load_manifest(settings.bundle_path).audio.sample_rate_hz, 0
    with closing(Live(settings, rate_hz, stop.event)) as live:
        reloader = BundleReloader(
            settings.bundle_path / FILE_NAME,
            load=lambda: open_recognizer(settings, live=True),
            listener=lambda recognizer: open_listener(settings, recognizer),
            alive=notifier.alive,
            recognizer=recognizer,
        )
        with (
            open_records(settings, again=recognizer is not None) as (records, _),
            open_clips(settings, records.write) as clips,
        ):
            notifier.ready()
            for listener, blocks in reloader.listeners(_opened(live.blocks())):
                origin = Origin(live.name, socket.gethostname(), live=True)
                found = listener.listen(blocks, origin, clip_config(settings) if clips else None)
                _write(found, listener, records, clips)
                windows += listener.tally.windows
            stop.disarm()
        if live.dropped_s:
            _LOG.warning("%.1f s of audio were dropped: inference is too slow", live.dropped_s)
        if not windows and stop.signal is None:
            raise AudioError(f"{live.name}: ended without any audio")
    return reloader.recognizer


def _write(
    found: Iterable[Record | Clip],
    listener: Listener,
    records: Writer[Record],
    clips: Writer[Clip] | None,
) -> None:
    try:
        for record in found:
            if not isinstance(record, Clip):
                records.write(record)
            elif clips and not clips.offer(record):
                _LATE("no clip: the disk, or the recognition of speech, is too slow")
    finally:
        tell(listener)


def _reloaded(
    settings: Settings, recognizer: Recognizer, reread: Callable[[], Settings] | None
) -> tuple[Settings, Recognizer]:
    """Settings as they are now; if these can't be used, those before."""
    try:
        new = reread() if reread else settings
        opened = open_recognizer(new, live=True)
        open_listener(new, opened)
        read_schedule(new.quiet_hours, new.duty, new.latitude, new.longitude)
    except BirdlistenError as error:
        _LOG.error("%s; going on with the settings before", error)
        return settings, recognizer
    _LOG.info("settings read again")
    return new, opened


def _opened(blocks: Iterator[Block]) -> Iterator[Block]:
    """From the first sound on: by then a device has told its name."""
    first = next((block for block in blocks if len(block.samples)), None)
    return chain(() if first is None else (first,), blocks)


def tell(listener: Listener) -> None:
    """Say what has been heard, if anything."""
    if listener.tally.windows:
        _LOG.info("%s", listener.tally)
