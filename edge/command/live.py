"""Listening to what sounds now, for years: signals, systemd, clips."""

import logging
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain

from edge.command.clips import open_clips, open_cutter
from edge.command.newest import Newest
from edge.command.opening import open_hearing, open_listener, open_store
from edge.command.stop import Stop, stopping
from edge.complaint import Complaint
from edge.config import Settings
from edge.contract.errors import AudioError, BirdlistenError
from edge.contract.manifest import load_manifest
from edge.detection import Clip, Record
from edge.hearing import Hearing
from edge.listener import Listener
from edge.logbook import Logbook
from edge.memory import return_what_is_freed
from edge.reporter import Origin
from edge.service.notify import Notifier
from edge.source.block import Block
from edge.source.live import Live
from edge.source.schedule import read_schedule
from edge.writer import Writer

_LOG = logging.getLogger(__name__)
_LATE = Complaint(_LOG)


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
    with stopping() as stop:
        hearing = _listen(settings, None, stop, notifier)
        while stop.take_reload():
            notifier.reloading()
            settings, hearing = _reloaded(settings, hearing, reread)
            # What was there once is waited for.
            hearing = _listen(replace(settings, wait=True), hearing, stop, notifier)
        notifier.stopping()
    if stop.interrupted:
        raise KeyboardInterrupt


def _listen(settings: Settings, hearing: Hearing | None, stop: Stop, notifier: Notifier) -> Hearing:
    """Listen until a signal comes; the device opens while the bundle is loaded."""
    rate_hz, windows = load_manifest(settings.bundle_path).audio.sample_rate_hz, 0
    with closing(Live(settings, rate_hz, stop.event)) as live:
        newest = Newest(settings, hearing)
        with (
            open_store(settings) as store,
            Writer(Logbook(store, settings.json, settings.explain)) as records,
            open_clips(settings, records.write) as clips,
        ):
            notifier.ready()
            for listener, blocks in newest.listeners(_opened(live.blocks())):
                cutter = open_cutter(settings, listener.spec) if clips else None
                origin = Origin(live.name, socket.gethostname(), live=True)
                found = listener.listen(_fed(blocks, notifier, listener), origin, cutter)
                _write(found, listener, records, clips)
                windows += listener.tally.windows
            stop.disarm()
        if live.dropped_s:
            _LOG.warning("%.1f s of audio were dropped: inference is too slow", live.dropped_s)
        if not windows and stop.signal is None:
            raise AudioError(f"{live.name}: ended without any audio")
    return newest.hearing


def _write(
    found: Iterable[Record | Clip],
    listener: Listener,
    records: Writer[Record],
    clips: Writer[Clip] | None,
) -> None:
    try:
        for one in found:
            if not isinstance(one, Clip):
                records.write(one)
            elif clips and not clips.offer(one):
                _LATE("no clip: the disk, or the recognition of speech, is too slow")
    finally:
        tell(listener)


def _reloaded(
    settings: Settings, hearing: Hearing, reread: Callable[[], Settings] | None
) -> tuple[Settings, Hearing]:
    """Settings as they are now; if these can't be used, those before."""
    try:
        new = reread() if reread else settings
        opened = open_hearing(new, live=True)
        open_listener(new, opened)
        read_schedule(new.quiet_hours, new.duty, new.latitude, new.longitude)
    except BirdlistenError as error:
        _LOG.error("%s; going on with the settings before", error)
        return settings, hearing
    _LOG.info("settings read again")
    return new, opened


def _opened(blocks: Iterator[Block]) -> Iterator[Block]:
    """From the first sound on: by then a device has told its name."""
    first = next((one for one in blocks if len(one.samples)), None)
    return chain(() if first is None else (first,), blocks)


def _fed(blocks: Iterable[Block], notifier: Notifier, listener: Listener) -> Iterator[Block]:
    """Feed the watchdog: who asks for a block is done with the one before."""
    for block in blocks:
        if len(block.samples) or block.resting:
            notifier.alive(listener.tally)
        yield block


def tell(listener: Listener) -> None:
    """Say what has been heard, if anything."""
    if listener.tally.windows:
        _LOG.info("%s", listener.tally)
