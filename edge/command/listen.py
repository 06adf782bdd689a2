"""`birdlisten listen`: choose the source, run the pipeline, print what it finds."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

from edge.analysis.analyst import Analyst
from edge.analysis.inputs import file_below, find_inputs
from edge.analysis.ledger import Ledger, manner_of
from edge.analysis.recording_file import FileState, RecordingFile
from edge.command.analyze import KNOWN_ALREADY, state_of
from edge.command.live import listen_live, tell
from edge.command.opening import open_listener, open_recognizer, open_records
from edge.command.origin import SettingsOrigin
from edge.command.stop import Stop, stopping
from edge.config import Settings
from edge.contract.errors import ConfigError
from edge.contract.text import counted
from edge.records.detection import FileBegun, Record
from edge.records.progress import recordings_done
from edge.source.folder import watched
from edge.source.live import is_live
from edge.system.outlet import unblocked_log

_LOG = logging.getLogger(__name__)


def listen(settings: Settings, origin: SettingsOrigin | None = None, again: bool = False) -> int:
    """Listen to the microphone, or to the settings' input; 1 if a file could not be used.

    Args:
        settings: of the run.
        origin: of the settings, which a live source reads again there.
        again: hear recordings that are known already, too.

    Raises:
        BirdlistenError: bundle or source can't be used.
        KeyboardInterrupt: a Ctrl-C has ended it; everything is written.
    """
    with unblocked_log():
        if settings.input is None or is_live(settings.input):
            listen_live(settings, origin)
            return 0
        return _listen_to_files(settings, Path(settings.input), again)


def _listen_to_files(settings: Settings, path: Path, again: bool) -> int:
    """Listen to a file, or those of a folder, or those that come to it until stopped."""
    if settings.watch and not path.is_dir():
        raise ConfigError(f"watch: {path} is not a folder")
    recognizer = open_recognizer(settings)
    listener = open_listener(settings, recognizer)
    manner = manner_of(settings, recognizer.bundle.manifest.model_id)
    kept = settings.watch or settings.names_station
    results = Counter[bool]()
    with (
        stopping() if settings.watch else nullcontext(Stop()) as stop,
        open_records(settings, kept=kept) as (records, outlet),
    ):

        def write(record: Record) -> None:
            records.write(record)
            outlet.wait_for_room()

        done = recordings_done(settings.station_path, stop.event) if kept else []
        ledger, analyst = Ledger(done, manner), Analyst(settings, listener)
        files = _new_files(path, ledger, stop) if settings.watch else _files(path, ledger, again)
        try:
            for file, state in files:
                results[_heard(file, state, analyst=analyst, ledger=ledger, write=write)] += 1
        finally:
            tell(listener)
    if results[False] and results.total() > 1:
        _LOG.error("%d of %d files could not be used", results[False], results.total())
    if stop.interrupted:
        raise KeyboardInterrupt
    return 1 if results[False] else 0


def _files(path: Path, ledger: Ledger, again: bool) -> Iterator[tuple[RecordingFile, FileState]]:
    """A file that was named; or of a folder those that aren't known, unless again.

    Raises:
        AudioError: the folder holds no recording.
    """
    inputs = find_inputs([path])
    left = inputs.files
    if path.is_dir() and not again:
        left = [file for file in inputs.files if ledger.known(file) is None]
    if known := len(inputs.files) - len(left):
        _LOG.info(KNOWN_ALREADY, counted(known, "recording"))
    yield from ((file, state_of(file)) for file in left)


def _new_files(
    folder: Path, ledger: Ledger, stop: Stop
) -> Iterator[tuple[RecordingFile, FileState]]:
    """Recordings that come, and aren't known; each as it was when its upload had ended."""
    for path in watched(folder, stop.event):
        file = file_below(folder, path)
        with suppress(OSError):  # taken away again
            state = FileState.of(path)
            if ledger.known(file) is None:
                yield file, state


def _heard(
    file: RecordingFile,
    state: FileState,
    analyst: Analyst,
    ledger: Ledger,
    write: Callable[[Record], None],
) -> bool:
    """Hear a recording, in place of what was found in it before; False if it is at fault."""
    write(FileBegun(*file.key))
    analysis = analyst.analyse(file, write)
    if analysis.fault:
        _LOG.error("%s", analysis.said)
    if analysis.counts:
        with suppress(OSError):  # taken away again
            write(ledger.enter(file, state, analysis))
    return not analysis.fault
