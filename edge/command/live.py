"""Listening to what sounds now, for years: signals, systemd, clips."""

import logging
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import chain

from edge.command.clips import clip_config, open_clips
from edge.command.opening import open_listener, open_recognizer, open_records, shows_status
from edge.command.origin import SettingsOrigin, reloading
from edge.command.page_beside import check_page, page_beside
from edge.command.stop import Stop, stopping
from edge.config import Settings
from edge.contract.errors import AudioError
from edge.contract.manifest import load_manifest
from edge.pipeline.builder import Origin
from edge.pipeline.listener import Listener
from edge.pipeline.live_writer import LiveWriter
from edge.pipeline.monitor import Monitor
from edge.pipeline.reload import BundleReloader, LoadedBundle
from edge.recognition.own_species import TaughtWatch, own_tables
from edge.records.detection import Clip, Record
from edge.records.live_file import LiveFile
from edge.records.live_line import live_line
from edge.records.live_state import LiveState
from edge.records.writer import Writer
from edge.service.notify import Notifier
from edge.source.block import Block
from edge.source.live import Live, asked_for, check_live
from edge.system.memory import return_what_is_freed
from edge.system.status_line import StatusLine
from edge.system.throttle import FaultBarrier, RateLimitedLog

_LOG = logging.getLogger(__name__)
_LATE = RateLimitedLog(_LOG)


def listen_live(settings: Settings, origin: SettingsOrigin | None = None) -> None:
    """Listen until a signal ends it; SIGHUP, or another config.yaml, begins again with that.

    Args:
        settings: of the run.
        origin: of the settings, which are read again there; None keeps them.

    Raises:
        BirdlistenError: bundle or source can't be used.
        KeyboardInterrupt: a Ctrl-C has ended it; everything is written.
    """
    return_what_is_freed()
    notifier = Notifier()
    given = origin.given(settings.station_path) if origin else ()
    page_barrier = FaultBarrier(_LOG, "web", "the page stays as it was", logging.ERROR)
    with stopping() as stop, page_beside(settings) as page, reloading(origin) as watch:
        loaded = _listen(settings, None, stop, notifier, given=given)
        while stop.take_reload():
            notifier.reloading()
            if watch:
                watch.seen()
            with notifier.loading():
                settings, loaded = _reloaded(settings, loaded, origin.read if origin else None)
                with page_barrier:
                    page.follow(settings)
            # What was there once is waited for.
            again = replace(settings, wait=True)
            loaded = _listen(again, loaded, stop, notifier, given=given)
        notifier.stopping()
    if stop.interrupted:
        raise KeyboardInterrupt


def _listen(
    settings: Settings,
    loaded: LoadedBundle | None,
    stop: Stop,
    notifier: Notifier,
    given: Sequence[str],
) -> LoadedBundle:
    """Listen until a signal comes; the device opens while the bundle is loaded."""
    # A copy may lie half done there by now: it is not read again for what is known.
    folder = loaded.recognizer.bundle.path if loaded else settings.bundle_path
    manifest = loaded.recognizer.bundle.manifest if loaded else load_manifest(folder)
    windows = 0
    monitor = Monitor(socket.gethostname(), settings.station_path, given)
    rate_hz = manifest.audio.sample_rate_hz
    with closing(Live(settings, rate_hz, stop.event, monitor.sound)) as live:
        with notifier.loading():
            station = settings.station_path
            reloader = BundleReloader(
                folder,
                lambda: _load(settings),
                notifier,
                loaded=loaded,
                tables=own_tables(station),
                taught=TaughtWatch(station),
            )
        _follow(monitor, reloader.loaded)
        with (
            open_records(settings, again=loaded is not None) as (records, _),
            open_clips(settings, records.write) as clips,
            _status_line(settings) as show,
            LiveWriter(
                LiveFile(settings.station_path, asked_for(settings)),
                lambda: monitor.state(live.name, live.dropped_s),
                show,
            ),
        ):
            notifier.ready()
            for listener, blocks in reloader.listeners(_opened(live.blocks(), notifier)):
                _follow(monitor, reloader.loaded)
                origin = Origin(live.name, socket.gethostname(), live=True)
                cut = clip_config(settings) if clips else None
                found = listener.listen(blocks, origin, cut, monitor)
                _write(found, listener, records, clips)
                windows += listener.tally.windows
            stop.disarm()
        if live.dropped_s:
            _LOG.warning("%.1f s of audio were dropped: inference is too slow", live.dropped_s)
        if not windows and stop.signal is None:
            raise AudioError(f"{live.name}: ended without any audio")
    return reloader.loaded


@contextmanager
def _status_line(settings: Settings) -> Iterator[Callable[[LiveState], None]]:
    """Shows states at the bottom of the terminal, if a person looks at one."""
    if not shows_status(settings):
        yield lambda state: None
        return
    with StatusLine() as line:
        yield lambda state: line.show(live_line(state))


def _follow(monitor: Monitor, loaded: LoadedBundle) -> None:
    listener = loaded.listener
    monitor.uses(loaded.recognizer, listener.spec, listener.tally)


def _load(settings: Settings) -> LoadedBundle:
    recognizer = open_recognizer(settings, live=True)
    listener = open_listener(settings, recognizer)
    recognizer.warm_up()
    return LoadedBundle(recognizer, listener)


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
    settings: Settings, loaded: LoadedBundle, reread: Callable[[], Settings] | None
) -> tuple[Settings, LoadedBundle]:
    """Settings as they are now; if these can't be used, those before, and nothing read again."""
    barrier = FaultBarrier(_LOG, "reload", "going on with the settings before", logging.ERROR)
    with barrier:
        new = reread() if reread else settings
        check_live(new)
        check_page(new)
        opened = _load(new)
        _LOG.info("settings read again")
        return new, opened
    return settings, loaded


def _opened(blocks: Iterator[Block], notifier: Notifier) -> Iterator[Block]:
    """From the first sound on: by then a device has told its name; rest shows life meanwhile."""
    for block in blocks:
        if len(block.samples):
            return chain((block,), blocks)
        if block.resting:
            notifier.alive("resting")
    return blocks


def tell(listener: Listener) -> None:
    """Say what has been heard, if anything."""
    if listener.tally.windows:
        _LOG.info("%s", listener.tally)
