"""A folder of recordings that grows: each once it has come wholly."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.source.completeness import Completeness, completeness
from edge.source.tree import list_recordings

_POLL_S = 2.0
_LOOKS = {Completeness.WHOLE: 1, Completeness.UNKNOWN: 3, Completeness.CUT: 30}
"""Looks that a file is unchanged for, until it is taken: an upload may stall."""
_State = tuple[int, int]


@dataclass
class SeenFile:
    """A file as it was seen, and for how many looks it has been so."""

    state: _State
    looks: int = 0
    taken: bool = False


def watched(folder: Path, stopped: threading.Event, poll_s: float = _POLL_S) -> Iterator[Path]:
    """Files that are there, then those that come, until stopped.

    A file has come when neither its size nor its time has changed from one look to the next, and it
    is whole as far as it says itself; one that is cut short is waited for a minute. One that is
    written anew is yielded again.

    Args:
        folder: and all below it.
        stopped: set to end.
        poll_s: seconds between two looks.
    """
    seen: dict[Path, SeenFile] = {}
    while not stopped.is_set():
        found = _states(folder)
        # What was removed is forgotten: memory stays bounded where files are moved away.
        seen = {path: seen[path] for path in found if path in seen}
        for path, state in found.items():
            file = seen.get(path)
            if file is None or file.state != state:
                seen[path] = SeenFile(state)
                continue
            file.looks += 1
            if not file.taken and _has_come(path, file.looks):
                file.taken = True
                yield path
        stopped.wait(poll_s)


def _has_come(path: Path, looks: int) -> bool:
    return looks >= max(_LOOKS.values()) or looks >= _LOOKS[completeness(path)]


def _states(folder: Path) -> dict[Path, _State]:
    """Size and time of every recording."""
    states = ((path, _state(path)) for path in list_recordings(folder))
    return {path: state for path, state in states if state is not None}


def _state(path: Path) -> _State | None:
    """Size in bytes and time in nanoseconds of a file; None if it has gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
