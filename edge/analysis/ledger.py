"""Ledger of the recordings that were analysed: what is known is not heard again."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge.analysis.analyst import Analysis
from edge.analysis.recording_file import FileState, RecordingFile, digest
from edge.config import Settings
from edge.recognition.overlay import FOLDER
from edge.records.detection import FileDone

_HEARD_BY = (
    *("species", "include", "exclude", "threshold", "caution", "overrides", "occurrence"),
    *("latitude", "longitude", "hop", "quiet_hours", "channel", "time_zone"),
)
"""Settings that make a difference to what is found."""
_TABLES = ("species", "include", "exclude", "overrides", "occurrence")
"""Those that may name a file, whose content counts."""


class Ledger:
    """Entries of recordings that were heard, by their place.

    Args:
        done: as the records have it.
        manner: how they would be heard now.
    """

    def __init__(self, done: Iterable[FileDone], manner: str) -> None:
        self._done = {known.key: known for known in done}
        self.manner = manner

    def known(self, file: RecordingFile) -> FileDone | None:
        """The entry of a recording that was heard in this manner, and is the same still.

        Its size and time tell; where these differ its content does, for cards are copied.
        """
        known = self._done.get(file.key)
        if known is None or known.manner != self.manner:
            return None
        try:
            return known if _is_same(file, known) else None
        except OSError:
            return None

    def entry(self, file: RecordingFile) -> FileDone | None:
        """The entry of a recording, however it was heard."""
        return self._done.get(file.key)

    def enter(self, file: RecordingFile, state: FileState, analysis: Analysis) -> FileDone:
        """Enter a recording that was heard.

        Args:
            file: the recording.
            state: before it was heard.
            analysis: what came of it.

        Raises:
            OSError: it has gone meanwhile.
        """
        entry = FileDone(
            source=file.source,
            size=state.size,
            modified_ns=state.modified_ns,
            root=file.root,
            volume=file.volume,
            sha256=file.digest(),
            length_s=round(analysis.length_s, 3),
            manner=self.manner,
            fault=analysis.fault,
            begun_ms=analysis.begun_ms,
        )
        self._done[file.key] = entry
        return entry


def _is_same(file: RecordingFile, known: FileDone) -> bool:
    state = file.state()
    if state == FileState(known.size, known.modified_ns):
        return True
    return known.size == state.size and known.sha256 is not None and known.sha256 == file.digest()


def manner_of(settings: Settings, model_id: str) -> str:
    """Digest of everything that makes a difference to what is found in a recording.

    Settings, the tables that they name, and what the station was taught.
    """
    values = {name: getattr(settings, name) for name in _HEARD_BY}
    files = [Path(values[name]) for name in _TABLES if values[name] is not None]
    contents = [digest(file) for file in files if file.is_file()]
    taught = [*_states_below(settings.station_path / FOLDER)]
    text = repr((model_id, sorted(values.items(), key=lambda pair: pair[0]), contents, taught))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _states_below(folder: Path) -> Iterator[tuple[str, FileState]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return ((str(path.relative_to(folder)), FileState.of(path)) for path in files)
