"""`birdlisten listen`: choose the source, run the pipeline, print what it finds."""

import logging
import socket
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path

from edge.command.live import listen_live, tell
from edge.command.opening import open_hearing, open_listener, open_store
from edge.config import Settings
from edge.contract.errors import (
    AudioError,
)
from edge.listener import Listener
from edge.logbook import Logbook
from edge.reporter import Origin
from edge.source.live import is_live
from edge.source.recording import find_recordings, read_blocks
from edge.writer import Writer

_LOG = logging.getLogger(__name__)
ENGINES = "engines"
"""Folder in the station: what TensorRT has compiled."""


def listen(settings: Settings, reread: Callable[[], Settings] | None = None) -> int:
    """Listen to the microphone, or to the settings' input; 1 if a file could not be used.

    Args:
        settings: of the run.
        reread: gives the settings as they are now, asked for by SIGHUP.

    Raises:
        BirdlistenError: bundle or source can't be used.
        KeyboardInterrupt: a Ctrl-C has ended it; everything is written.
    """
    if settings.input is None or is_live(settings.input):
        listen_live(settings, reread)
        return 0
    return _listen_to_files(settings, Path(settings.input))


def listen_to_file(path: Path, listener: Listener, write: Callable[..., None]) -> bool:
    """Run a file through a listener.

    Returns:
        False if the file is bad; what was found before the fault is written.
    """
    try:
        for found in listener.listen(
            read_blocks(path), Origin(str(path), socket.gethostname(), live=False)
        ):
            write(found)
    except AudioError as error:
        _LOG.error("%s; skipped", error)
        return False
    return True


def _listen_to_files(settings: Settings, path: Path) -> int:
    listener = open_listener(settings, open_hearing(settings))
    files = find_recordings(path) if path.is_dir() else [path]
    store = open_store(settings)
    kept = closing(store) if store else nullcontext()
    try:
        with kept, Writer(Logbook(store, settings.json, settings.explain)) as writer:
            failed = [file for file in files if not listen_to_file(file, listener, writer.write)]
    finally:
        tell(listener)
    if failed and len(files) > 1:
        _LOG.error("%d of %d files could not be used", len(failed), len(files))
    return 1 if failed else 0
