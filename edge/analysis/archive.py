"""Archive of analysed recordings: their records, and which of them are known."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from edge.analysis.analyst import Analysis
from edge.analysis.encoded import EncodedFolder
from edge.analysis.ledger import Ledger
from edge.analysis.recording_file import FileState, RecordingFile
from edge.records.detection import FileBegun, FileDone, Record
from edge.records.lock import StationLock
from edge.records.reader import told
from edge.records.store import Store


class Archive:
    """Keeps recordings whole or not at all: a run that is killed goes on with the next one.

    Args:
        store: of the records.
        manner: how recordings are heard.
    """

    def __init__(self, store: Store, manner: str) -> None:
        self.records = store
        self.encoded = EncodedFolder(store.station)
        self._ledger = Ledger(store.files_done(), manner)

    def known(self, file: RecordingFile) -> FileDone | None:
        """The entry of a recording that need not be heard again."""
        return self._ledger.known(file)

    def entries(self, files: Iterable[RecordingFile]) -> list[FileDone]:
        """The entries of recordings that were heard, in order."""
        return [entry for file in files if (entry := self._ledger.entry(file)) is not None]

    def keep(self, file: RecordingFile, state: FileState, analysis: Analysis) -> None:
        """Replace what was known of a recording by what was found now, if that counts.

        Raises:
            StoreError: it can't be kept.
        """
        if not analysis.counts:
            return
        with told(file.path):
            done = self._ledger.enter(file, state, analysis)
        if analysis.encoded is not None:
            with told(self.encoded.folder):
                self.encoded.write(file.key, analysis.encoded)
        begun = FileBegun(*file.key)
        self.records.write_all([begun, *analysis.records, done])

    def keep_matched(self, done: FileDone, records: Sequence[Record]) -> FileDone:
        """Replace what was known of a recording by what its encoded windows are now; its entry.

        Raises:
            StoreError: it can't be kept.
        """
        entry = replace(done, manner=self._ledger.manner)
        self.records.write_all([FileBegun(*done.key), *records, entry])
        return entry


@contextmanager
def open_archive(folder: Path, manner: str, names: Mapping[str, str]) -> Iterator[Archive]:
    """The archive in a folder, made if need be; nobody else writes it meanwhile.

    Args:
        folder: of the records.
        manner: how recordings are heard.
        names: common names by species id, to be told in place of those that were kept.

    Raises:
        StoreError: the folder can't be written, or another process has it.
    """
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with StationLock(folder), closing(Store(folder, names=names)) as store:
        yield Archive(store, manner)
