"""`birdlisten listen`: choose the source, run the pipeline, print what it finds."""

import logging
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from edge.command.live import listen_live, tell
from edge.command.opening import open_listener, open_recognizer, open_records
from edge.command.stop import Stop, stopping
from edge.config import Settings
from edge.contract.errors import AudioError, ConfigError
from edge.contract.text import well_formed
from edge.pipeline.builder import Origin
from edge.pipeline.listener import Listener
from edge.records.detection import Clip, FileDone, Record
from edge.records.progress import FolderProgress
from edge.source.folder import file_state, watched
from edge.source.live import is_live
from edge.source.recording import read_blocks
from edge.source.tree import find_recordings
from edge.system.outlet import unblocked_log
from edge.system.throttle import reason

_LOG = logging.getLogger(__name__)


def listen(settings: Settings, reread: Callable[[], Settings] | None = None) -> int:
    """Listen to the microphone, or to the settings' input; 1 if a file could not be used.

    Args:
        settings: of the run.
        reread: gives the settings as they are now, asked for by SIGHUP.

    Raises:
        BirdlistenError: bundle or source can't be used.
        KeyboardInterrupt: a Ctrl-C has ended it; everything is written.
    """
    with unblocked_log():
        if settings.input is not None and not is_live(settings.input):
            return _listen_to_files(settings, Path(settings.input))
        listen_live(settings, reread)
    return 0


def listen_to_file(path: Path, listener: Listener, write: Callable[[Record], None]) -> bool:
    """Run a file through a listener.

    Returns:
        False if the file is at fault; what was found before the fault is written.

    Raises:
        BrokenPipeError: nobody reads the results any more.
    """
    try:
        for found in listener.listen(
            read_blocks(path), Origin(str(path), socket.gethostname(), live=False)
        ):
            if not isinstance(found, Clip):  # of which a file has none
                write(found)
    except BrokenPipeError:
        raise
    except Exception as error:  # whatever it is, it is of this file, and others are left
        _LOG.debug("%s", path, exc_info=error)
        told = error if isinstance(error, AudioError) else f"{path}: {reason(error)}"
        _LOG.error("%s; skipped", told)
        return False
    return True


def _listen_to_files(settings: Settings, path: Path) -> int:
    listener = open_listener(settings, open_recognizer(settings))
    if settings.watch and not path.is_dir():
        raise ConfigError(f"watch: {path} is not a folder")
    with stopping() if settings.watch else nullcontext(Stop()) as stop:
        files, failed = _work_off(settings, path, listener, stop)
    if failed and files > 1:
        _LOG.error("%d of %d files could not be used", failed, files)
    if stop.interrupted:
        raise KeyboardInterrupt
    return 1 if failed else 0


def _work_off(settings: Settings, path: Path, listener: Listener, stop: Stop) -> tuple[int, int]:
    """Count of files, and of the bad ones."""
    results = Counter[bool]()
    try:
        with open_records(settings) as (records, outlet):

            def write(record: Record) -> None:
                records.write(record)
                outlet.wait_for_room()

            if settings.watch:
                progress = FolderProgress(settings.station_path, stop.event)
                results.update(_watch(path, progress, stop, listener=listener, write=write))
            else:
                files = find_recordings(path) if path.is_dir() else [path]
                results.update(listen_to_file(file, listener, write) for file in files)
    finally:
        tell(listener)
    return results.total(), results[False]


def _watch(
    folder: Path,
    progress: FolderProgress,
    stop: Stop,
    listener: Listener,
    write: Callable[[Record], None],
) -> Iterator[bool]:
    """Listen to files as they come, without what was done before a restart."""
    for file in watched(folder, stop.event, progress.is_done):
        state, resumed = file_state(file), progress.resumed(file)
        yield listen_to_file(file, listener, partial(resumed.write, write))
        if state is not None:
            write(FileDone(well_formed(str(file)), *state))
