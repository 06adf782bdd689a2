"""Progress through recordings: which of them a station has analysed to their end."""

import logging
import threading
import time
from pathlib import Path

from edge.contract.errors import StoreError
from edge.records.backlog import waiting_records
from edge.records.detection import FileBegun, FileDone
from edge.records.reader import open_records
from edge.records.schema import FILE_NAME

_LOG = logging.getLogger(__name__)
_PATIENCE_S = 60.0
"""Records that can't be read are waited for as long, and then done without."""


def recordings_done(station: Path, stopped: threading.Event) -> list[FileDone]:
    """Recordings that are done, by a station's records and those that wait to be kept.

    Args:
        station: the station's folder; without records nothing is done yet.
        stopped: set to end.
    """
    done = {file.key: file for file in _kept(station, stopped)}
    for record in waiting_records(station):
        if isinstance(record, FileDone):
            done[record.key] = record
        elif isinstance(record, FileBegun):
            done.pop(record.key, None)
    return list(done.values())


def _kept(station: Path, stopped: threading.Event) -> list[FileDone]:
    """Those of the records; none where there are none, or none can be read for long."""
    until = time.monotonic() + _PATIENCE_S
    while (station / FILE_NAME).exists() and not stopped.is_set():
        try:
            with open_records(station) as records:
                return records.files_done()
        except StoreError as error:
            if time.monotonic() > until:
                _LOG.error("%s; files may be analysed again", error)
                break
            stopped.wait(1)
    return []
